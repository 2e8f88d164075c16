/** Shapes of bodies and answers as JSON Schema (2020-12), for the description of the API. Nothing is checked with them. */
import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import {
  ACTION_CHARS_MAX,
  CONTEXT_CHARS_MAX,
  CONTEXT_NAMES,
  EVENT_ID_CHARS_MAX,
  OUTCOMES,
  PARTY_ID_CHARS_MAX,
  PARTY_NAME_CHARS_MAX,
  PARTY_TYPE_CHARS_MAX,
  TARGETS_MAX,
} from "../../storage/log/event.ts";
import { FINDING_CODES } from "../../storage/log/findings.ts";
import { isLogName, LOG_NAME_CHARS_MAX } from "../../storage/log/entry.ts";
import { isPattern } from "../../storage/token-rules.ts";
import { CHANNEL_FORMATS } from "../../storage/alerts/channel.ts";
import { PROBLEMS } from "../problem.ts";
import { APPROVAL_STATES } from "../routes/approvals.ts";
import { ANSWER_PROOF, EXPORT_LINE, EXPORT_TABLE } from "./taken-home.ts";

export type Schema = Readonly<Record<string, unknown>>;

type Check = Pick<v.CheckAction<unknown, string>, "type" | "message" | "requirement">;

export const LOG_NAME: Schema = {
  ...{ type: "string", maxLength: LOG_NAME_CHARS_MAX },
  pattern: "^(_system|_access|[a-z0-9]+([._-][a-z0-9]+)*)$",
};

/** Rules that are functions, as far as JSON Schema can say them too. */
const SAID: ReadonlyMap<unknown, Schema> = new Map<unknown, Schema>([
  [isLogName, LOG_NAME],
  [isPattern, { pattern: "^(_system|_access|[a-z0-9]+([._-][a-z0-9]+)*|([a-z0-9]+[._-]?)*\\*)$" }],
]);

/** A valibot shape; a rule that JSON Schema cannot say is there in its own words. */
export function schemaOf(shape: v.GenericSchema): Schema {
  const { $schema: _, ...schema } = toJsonSchema(shape, {
    target: "draft-2020-12",
    typeMode: "input",
    errorMode: "ignore",
    overrideAction: ({ valibotAction, jsonSchema }) => {
      const { type, message, requirement } = valibotAction as Partial<Check>;
      if (type !== "check" || typeof message !== "string") return null;
      return { ...jsonSchema, ...SAID.get(requirement), description: message };
    },
  });
  return schema;
}

const STRING: Schema = { type: "string" };
const BOOLEAN: Schema = { type: "boolean" };
const COUNT: Schema = { type: "integer", minimum: 0 };
const TIME: Schema = { type: "string", format: "date-time" };
const HASH: Schema = { type: "string", pattern: "^[0-9a-f]{64}$" };
const ROOT: Schema = { type: "string", contentEncoding: "base64" };
const ANY_OBJECT: Schema = { type: "object" };

export const ref = (name: keyof typeof SCHEMAS): Schema => ({
  $ref: `#/components/schemas/${name}`,
});
export const listOf = (items: Schema): Schema => ({ type: "array", items });
const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: "null" }] });

/** An object with all of these members, and later perhaps others. */
export function objectWith(properties: Readonly<Record<string, Schema>>): Schema {
  return { type: "object", properties, required: Object.keys(properties) };
}

/** One without control characters, as ids must be. */
const plain = (maxLength: number): Schema => ({
  ...{ type: "string", minLength: 1, maxLength },
  pattern: "^[^\\u0000-\\u001f\\u007f]+$",
});
const text = (maxLength: number): Schema => ({ type: "string", maxLength });

const PARTY: Schema = {
  type: "object",
  properties: {
    id: plain(PARTY_ID_CHARS_MAX),
    type: plain(PARTY_TYPE_CHARS_MAX),
    name: text(PARTY_NAME_CHARS_MAX),
  },
  required: ["id"],
  additionalProperties: false,
};

/** FORMAT §2; what JSON Schema cannot say (depth, the range of numbers, the length of the line) stands there. */
const EVENT: Schema = {
  type: "object",
  properties: {
    action: plain(ACTION_CHARS_MAX),
    actor: PARTY,
    targets: { type: "array", items: PARTY, minItems: 1, maxItems: TARGETS_MAX },
    outcome: { enum: OUTCOMES },
    occurred_at: TIME,
    id: plain(EVENT_ID_CHARS_MAX),
    context: {
      type: "object",
      properties: Object.fromEntries(CONTEXT_NAMES.map((name) => [name, text(CONTEXT_CHARS_MAX)])),
      additionalProperties: false,
    },
    details: ANY_OBJECT,
  },
  required: ["action", "actor"],
  additionalProperties: false,
};

const TOP = listOf(objectWith({ value: STRING, count: COUNT }));
const STATS = objectWith({
  ...{ total: COUNT, from: orNull(TIME), to: orNull(TIME), bin_ms: COUNT },
  bins: listOf(objectWith({ start: TIME, count: COUNT })),
  top: objectWith({ action: TOP, actor: TOP, target: TOP, outcome: TOP }),
  searched_to: COUNT,
});

const SEAL = objectWith({
  ...{ first: COUNT, count: COUNT, key: STRING, version_id: STRING, sha256: HASH, bytes: COUNT },
  ...{ sealed_at: TIME, retain_until: TIME, checkpoint: STRING },
});

const SEAL_LOCK = objectWith({
  ...{ first: COUNT, key: STRING, version_id: STRING, versions: COUNT, markers: COUNT },
  ...{ mode: { enum: ["COMPLIANCE", "GOVERNANCE", "none"] }, retain_until: orNull(TIME) },
  read_at: TIME,
});

const TROUBLE = objectWith({ code: STRING, detail: STRING });

const LOG = objectWith({
  ...{ name: STRING, description: STRING, public: BOOLEAN, size: COUNT, sealed_size: COUNT },
  ...{ retention_days: COUNT, origin: STRING, vkey: STRING, receipt_vkey: STRING },
  last_seal: orNull(SEAL),
  trouble: orNull(TROUBLE),
});

const TOKEN = objectWith({
  ...{ id: STRING, state: STRING, roles: listOf(STRING), logs: listOf(STRING) },
  ...{ expires_at: orNull(TIME), networks: listOf(STRING), description: STRING, created_at: TIME },
  ...{ revoked_at: orNull(TIME) },
});

const APPROVAL = objectWith({
  ...{ id: STRING, state: { enum: APPROVAL_STATES }, action: STRING, change: ANY_OBJECT },
  ...{ because: STRING, requested_by: STRING, requested_at: TIME, expires_at: TIME },
  ...{ decided_by: orNull(STRING), decided_at: orNull(TIME), reason: orNull(STRING) },
});

/** API §6. */
const FINDING = {
  ...{ code: { enum: FINDING_CODES }, log: orNull(STRING), first: orNull(COUNT) },
  ...{ last: orNull(COUNT), object: orNull(STRING), version: orNull(STRING) },
  ...{ expected: STRING, found: STRING, hint: STRING },
};

const COVERAGE = objectWith({
  ...{ logs: COUNT, entries: COUNT, batches: COUNT, bytes: COUNT, unsealed: COUNT, locks: COUNT },
});

const AUDIT = objectWith({
  ...{ id: STRING, kind: { enum: ["scheduled", "requested", "sealed"] }, by: STRING },
  scope: objectWith({ log: orNull(STRING), from: orNull(COUNT), to: orNull(COUNT) }),
  state: { enum: ["waiting", "running", "finished", "failed"] },
  ...{ why: orNull(STRING), asked_at: TIME, started_at: orNull(TIME), finished_at: orNull(TIME) },
  ...{ duration_ms: { type: "number" }, work_ms: { type: "number" }, passes: COUNT },
  /** Null for who may not see all that it looked at. */
  coverage: orNull(COVERAGE),
  ...{ findings: listOf(objectWith(FINDING)), finding_count: COUNT, unchecked: listOf(STRING) },
});

const ATTEMPT = objectWith({
  ...{ at: TIME, outcome: { enum: ["delivered", "away", "refused", "gone"] } },
  ...{ status: orNull({ type: "integer" }), detail: STRING },
});

const WEBHOOK = objectWith({
  ...{ id: STRING, source: { enum: ["api", "file"] }, format: { enum: CHANNEL_FORMATS } },
  ...{ severity: STRING, description: STRING, address: STRING },
  state: { enum: ["active", "disabled", "gone", "incomplete"] },
  ...{ created_at: orNull(TIME), created_by: orNull(STRING), rotated_until: orNull(TIME) },
  ...{ waiting: COUNT, dead: COUNT, forgotten: COUNT },
  ...{ last_delivered: orNull(ATTEMPT), last_error: orNull(ATTEMPT) },
  ...{ failures: COUNT, next_at: orNull(TIME) },
});

const DELIVERY = objectWith({
  ...{ number: COUNT, state: { enum: ["waiting", "delivered", "failed", "dead"] } },
  ...{ alert: STRING, kind: STRING, severity: STRING, at: TIME, since: TIME, source: STRING },
  ...{ code: STRING, log: orNull(STRING), first: orNull(COUNT), last: orNull(COUNT) },
  ...{ tries: COUNT, attempts: listOf(ATTEMPT), dead: orNull(STRING) },
});

/** By name, under `components`. */
export const SCHEMAS = {
  Event: EVENT,
  Appended: objectWith({
    ...{ log: STRING, first: orNull(COUNT), count: COUNT, checkpoint: STRING },
    entries: listOf(objectWith({ seq: COUNT, hash: HASH, time: TIME, duplicate: BOOLEAN })),
  }),
  Entry: objectWith({ seq: COUNT, hash: HASH, sealed: BOOLEAN, entry: ANY_OBJECT }),
  Stats: STATS,
  AnswerProof: ANSWER_PROOF,
  ExportLine: EXPORT_LINE,
  ExportTable: EXPORT_TABLE,
  Seal: SEAL,
  SealLock: SEAL_LOCK,
  Log: LOG,
  Token: TOKEN,
  Approval: APPROVAL,
  Audit: AUDIT,
  OpenFinding: objectWith({
    ...FINDING,
    severity: { enum: ["critical", "warning"] },
    ...{ since: TIME, seen: TIME },
  }),
  Webhook: WEBHOOK,
  Delivery: DELIVERY,
  AlertTest: objectWith({
    ...{ alert: STRING, delivered: BOOLEAN, outcome: STRING },
    ...{ status: orNull({ type: "integer" }), detail: STRING, ms: COUNT },
  }),
  /** Nothing has changed yet: a second administrator has to approve. */
  Waiting: objectWith({ approval: APPROVAL, sealed: BOOLEAN }),
  Consistency: objectWith({
    ...{ from: COUNT, to: COUNT, hashes: listOf(ROOT), from_root: ROOT, to_root: ROOT },
  }),
  Session: objectWith({
    now: STRING,
    signed_in: BOOLEAN,
    expires_at: { type: ["string", "null"] },
    tokens: listOf({ type: "object" }),
    logs: listOf(objectWith({ name: STRING, roles: listOf(STRING) })),
    cheats: { type: ["object", "null"] },
  }),
  Readiness: objectWith({
    state: { enum: ["ready", "taking, not sealing", "not taking"] },
    detail: STRING,
    parts: {
      type: "object",
      additionalProperties: {
        type: "object",
        // When it was last tested, of parts that are tested now and then.
        properties: { ok: BOOLEAN, problems: listOf(STRING), tested_at: TIME },
        required: ["ok", "problems"],
      },
    },
  }),
  /** RFC 9457. */
  Problem: {
    type: "object",
    properties: {
      code: { enum: Object.keys(PROBLEMS) },
      ...{ title: STRING, status: COUNT, detail: STRING, request_id: STRING },
      errors: listOf(objectWith({ pointer: STRING, detail: STRING })),
    },
    required: ["code", "title", "status", "detail", "request_id"],
  },
} satisfies Record<string, Schema>;
