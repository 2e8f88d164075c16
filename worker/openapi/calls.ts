/** What each call of the table of routes takes and gives, by the route's name; `document.ts` makes one description of both. */
import { NDJSON_TYPE, TEXT_TYPE } from "../answer.ts";
import { ARRAY_EVENTS_MAX } from "../events.ts";
import { METRICS_TYPE } from "../metrics.ts";
import { AuditRequestShape } from "../routes/audits.ts";
import { DecisionShape } from "../routes/approvals.ts";
import { CheatShape } from "../routes/cheats.ts";
import { LogChangeShape, NewLogShape } from "../routes/logs.ts";
import { SignInShape } from "../routes/session.ts";
import { NewTokenShape, RotationShape } from "../token-shape.ts";
import {
  NewWebhookShape,
  RedeliveryShape,
  WebhookPatchShape,
  WebhookRotationShape,
} from "../webhook-shape.ts";
import { listOf, objectWith, ref, schemaOf, type Schema } from "./schemas.ts";

/** Schemas by media type; `null`: bytes or text of which JSON Schema has nothing to say. */
export type Content = Readonly<Record<string, Schema | null>>;

export interface CallDescription {
  /** Unique; what generated clients call it. */
  readonly id: string;
  readonly summary: string;
  readonly body?: Content;
  readonly isBodyOptional?: true;
  /** By status; an empty one has no body. */
  readonly answers: Readonly<Record<number, Content>>;
}

const JSON_TYPE = "application/json";
const json = (schema: Schema): Content => ({ [JSON_TYPE]: schema });
const page = (name: string, items: Schema, more: Readonly<Record<string, Schema>> = {}): Schema =>
  objectWith({ [name]: listOf(items), next_cursor: { type: ["string", "null"] }, ...more });
/** With a filter it says how far the search has looked; with `prove`, what it can be held against. */
const ENTRIES = page("entries", ref("Entry"));
const FOUND: Schema = {
  ...ENTRIES,
  properties: {
    ...(ENTRIES["properties"] as Schema),
    searched_to: { type: "integer" },
    proof: ref("AnswerProof"),
  },
};
const TEXT: Content = { [TEXT_TYPE]: null };

export const CALLS: Readonly<Record<string, CallDescription>> = {
  "POST /v1/logs/:log/entries": {
    id: "appendEntries",
    summary: "One event, a list of them, or lines of NDJSON: all or nothing",
    body: {
      [JSON_TYPE]: {
        anyOf: [ref("Event"), { ...listOf(ref("Event")), minItems: 1, maxItems: ARRAY_EVENTS_MAX }],
      },
      [NDJSON_TYPE]: null,
    },
    answers: { 201: json(ref("Appended")) },
  },
  "GET /v1/logs/:log/entries": {
    id: "listEntries",
    summary:
      "Entries, all or those that a filter asks for, newest first; with a filter and prove=true also a proof, by which whoever can read the sealed batches sees whether none was left out (FORMAT §10); without a filter and with Accept: application/x-ndjson a stream of exact lines",
    answers: { 200: { ...json(FOUND), [NDJSON_TYPE]: null } },
  },
  "GET /v1/entries": {
    id: "searchEntries",
    summary: "The entries that a filter asks for in all logs that the token may read, by time",
    answers: { 200: json(page("entries", ref("Entry"), { searched_to: { type: "object" } })) },
  },
  "GET /v1/logs/:log/stats": {
    id: "countEntries",
    summary: "Counts of what a filter asks for: over time, and the values that occur most",
    answers: { 200: json(ref("Stats")) },
  },
  "GET /v1/logs/:log/entries/:seq": {
    id: "getEntry",
    summary: "One entry; with Accept: application/x-ndjson its exact line",
    answers: { 200: { ...json(ref("Entry")), [NDJSON_TYPE]: null } },
  },
  "GET /v1/logs/:log/entries/:seq/proof": {
    id: "getReceipt",
    summary: "The entry's receipt (c2sp.org/tlog-proof); a writer gets those of its own entries",
    answers: { 200: TEXT },
  },
  "GET /v1/logs/:log/checkpoint": {
    id: "getCheckpoint",
    summary: "The latest sealed checkpoint; ?committed the latest committed one",
    answers: { 200: TEXT },
  },
  "GET /v1/logs/:log/consistency": {
    id: "getConsistency",
    summary: "The proof that the log of `from` entries is the beginning of that of `to`",
    answers: { 200: json(ref("Consistency")) },
  },
  "GET /v1/logs/:log/export": {
    id: "exportEntries",
    summary:
      "What a filter asks for, of the sealed part, to be taken home: as evidence (jsonl), as a table (csv), as OCSF events (ocsf). One that broke off goes on with `from` one beyond its last seq and the `to` of the header Indelible-To",
    answers: { 200: { [NDJSON_TYPE]: ref("ExportLine"), "text/csv": ref("ExportTable") } },
  },
  "GET /v1/logs/:log/seals": {
    id: "listSeals",
    summary: "What is sealed, in which object and version, until when",
    answers: { 200: json(page("seals", ref("Seal"))) },
  },
  "GET /v1/logs/:log/seals/:first": {
    id: "getSeal",
    summary: "The sealed object itself",
    answers: { 200: { "application/gzip": null } },
  },
  "GET /v1/logs/:log/seals/:first/lock": {
    id: "getSealLock",
    summary: "How the store locks the sealed version now, and how many versions lie under its name",
    answers: { 200: json(ref("SealLock")) },
  },
  "POST /v1/logs/:log/seal": {
    id: "sealNow",
    summary: "Seals what waits; 204 if nothing does",
    answers: { 200: json(ref("Seal")), 204: {} },
  },
  "GET /v1/logs/:log": { id: "getLog", summary: "A log", answers: { 200: json(ref("Log")) } },
  "PATCH /v1/logs/:log": {
    id: "changeLog",
    summary: "Changes a log; its retention can only grow",
    body: json(schemaOf(LogChangeShape)),
    answers: { 200: json(ref("Log")), 202: json(ref("Waiting")) },
  },
  "GET /v1/logs": {
    id: "listLogs",
    summary: "The logs that the token is bound to",
    answers: { 200: json(objectWith({ logs: listOf(ref("Log")) })) },
  },
  "POST /v1/logs": {
    id: "createLog",
    summary: "Makes a log",
    body: json(schemaOf(NewLogShape)),
    answers: { 201: json(ref("Log")), 202: json(ref("Waiting")) },
  },
  "POST /v1/tokens": {
    id: "createToken",
    summary: "Makes a token, which is shown this once",
    body: json(schemaOf(NewTokenShape)),
    answers: { 201: json(ref("Token")), 202: json(ref("Waiting")) },
  },
  "GET /v1/tokens": {
    id: "listTokens",
    summary: "The tokens that the administrator may manage",
    answers: { 200: json(objectWith({ tokens: listOf(ref("Token")) })) },
  },
  "POST /v1/tokens/:id/rotate": {
    id: "rotateToken",
    summary: "A new token of the same rights; the old one works until the overlap ends",
    body: json(schemaOf(RotationShape)),
    isBodyOptional: true,
    answers: { 201: json(ref("Token")) },
  },
  "DELETE /v1/tokens/:id": {
    id: "revokeToken",
    summary: "Revokes a token at once",
    answers: {
      200: json(objectWith({ id: { type: "string" }, sealed: { type: "boolean" } })),
    },
  },
  "GET /v1/approvals": {
    id: "listApprovals",
    summary: "What waits for a second administrator, or did",
    answers: { 200: json(objectWith({ approvals: listOf(ref("Approval")) })) },
  },
  "POST /v1/approvals/:id": {
    id: "decideApproval",
    summary: "Approves or refuses what another administrator asked for",
    body: json(schemaOf(DecisionShape)),
    answers: {
      200: json(objectWith({ approval: ref("Approval"), sealed: { type: "boolean" } })),
    },
  },
  "POST /v1/logs/:log/cheats": {
    id: "cheat",
    summary:
      "Try it: only on an instance that is tried out, and only for the log demo; elsewhere 404",
    body: json(schemaOf(CheatShape)),
    answers: { 200: json({ type: "object" }) },
  },
  "GET /v1/session": {
    id: "getSession",
    summary:
      "Who asks, by the page's session or a token, and what they may; nobody in particular is an answer too",
    answers: { 200: json(ref("Session")) },
  },
  "POST /v1/session": {
    id: "signIn",
    summary: "For the page: swaps a token or a link's secret for a session's cookie",
    body: json(schemaOf(SignInShape)),
    answers: { 200: json(ref("Session")) },
  },
  "GET /v1/sessions": {
    id: "listSessions",
    summary: "Who is signed in to the page, for administrators of everything",
    answers: { 200: json(objectWith({ sessions: listOf({ type: "object" }) })) },
  },
  "DELETE /v1/sessions/:id": {
    id: "endSession",
    summary: "Signs somebody out of the page",
    answers: { 204: {} },
  },
  "DELETE /v1/session": { id: "signOut", summary: "Ends the page's session", answers: { 204: {} } },
  "POST /v1/audits": {
    id: "requestAudit",
    summary: "Audits all logs, one, or the entries from `from` up to, not including, `to` of one",
    body: json(schemaOf(AuditRequestShape)),
    isBodyOptional: true,
    answers: { 202: json(ref("Audit")) },
  },
  "GET /v1/audits": {
    id: "listAudits",
    summary: "Audits, newest first, with the first of their findings",
    answers: { 200: json(page("audits", ref("Audit"))) },
  },
  "GET /v1/audits/:audit": {
    id: "getAudit",
    summary: "One audit: what was asked for, looked at and found",
    answers: { 200: json(ref("Audit")) },
  },
  "GET /v1/findings": {
    id: "listFindings",
    summary: "What is known to be wrong now",
    answers: {
      200: json(objectWith({ findings: listOf(ref("OpenFinding")), more: { type: "integer" } })),
    },
  },
  "POST /v1/webhooks": {
    id: "createWebhook",
    summary: "Adds an address where alerts go; its secret is shown this once",
    body: json(schemaOf(NewWebhookShape)),
    answers: { 201: json(ref("Webhook")) },
  },
  "GET /v1/webhooks": {
    id: "listWebhooks",
    summary: "Where alerts go, those of the operator's file too, and how delivery goes",
    answers: { 200: json(objectWith({ webhooks: listOf(ref("Webhook")) })) },
  },
  "PATCH /v1/webhooks/:id": {
    id: "changeWebhook",
    summary: "Changes a webhook; `enabled` true also takes up one that said it was gone",
    body: json(schemaOf(WebhookPatchShape)),
    answers: { 200: json(ref("Webhook")), 202: json(ref("Waiting")) },
  },
  "DELETE /v1/webhooks/:id": {
    id: "deleteWebhook",
    summary: "Removes a webhook with all that waits for it",
    answers: {
      200: json(objectWith({ id: { type: "string" }, sealed: { type: "boolean" } })),
      202: json(ref("Waiting")),
    },
  },
  "POST /v1/webhooks/:id/rotate": {
    id: "rotateWebhook",
    summary: "A new secret; until the overlap ends both sign",
    body: json(schemaOf(WebhookRotationShape)),
    isBodyOptional: true,
    answers: { 201: json(ref("Webhook")) },
  },
  "POST /v1/webhooks/:id/test": {
    id: "testWebhook",
    summary: "Sends a test alert now and says what came back",
    answers: { 200: json(ref("AlertTest")) },
  },
  "GET /v1/webhooks/:id/deliveries": {
    id: "listDeliveries",
    summary: "What was sent there, newest first: when, which alert, what came back",
    answers: { 200: json(page("deliveries", ref("Delivery"))) },
  },
  "POST /v1/webhooks/:id/redeliver": {
    id: "redeliver",
    summary: "Dead letters, all or those named, wait to be sent again",
    body: json(schemaOf(RedeliveryShape)),
    isBodyOptional: true,
    answers: { 200: json(objectWith({ count: { type: "integer", minimum: 0 } })) },
  },
  "GET /tlog/:log/checkpoint": {
    id: "getTlogCheckpoint",
    summary: "The sealed checkpoint, for transparency-log tools (c2sp.org/tlog-tiles)",
    answers: { 200: TEXT },
  },
  "GET /tlog/:log/tile/:rest{.+}": {
    id: "getTlogTile",
    summary: "A tile of the sealed tree (c2sp.org/tlog-tiles); {rest} may hold slashes",
    answers: { 200: { "application/octet-stream": null } },
  },
  "GET /healthz": {
    id: "getHealth",
    summary: "The program runs",
    answers: { 200: json(objectWith({ status: { const: "alive" } })) },
  },
  "GET /readyz": {
    id: "getReadiness",
    summary: "Whether entries are taken and sealed, and what is wrong with which part",
    answers: { 200: json(ref("Readiness")), 503: json(ref("Readiness")) },
  },
  "GET /metrics": {
    id: "getMetrics",
    summary: "Numbers for Prometheus; without a token for the machine itself",
    answers: { 200: { [METRICS_TYPE]: null } },
  },
  "GET /openapi.json": {
    id: "getDescription",
    summary: "This description",
    answers: { 200: json({ type: "object" }) },
  },
};
