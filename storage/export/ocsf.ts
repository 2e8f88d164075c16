/**
 * Entries as events of the Open Cybersecurity Schema Framework, class API Activity (6003), in the words of version 1.2, which later ones of
 * 1.x keep: one JSON object a line. It is no evidence. The mapping:
 *
 *   time, metadata.original_time     occurred_at, otherwise the entry's time; metadata.logged_time is the entry's time
 *   metadata                         uid: the leaf · sequence: the seq · log_name, log_provider: the log and its origin · event_code: the action
 *   api.operation                    the action; activity_id by its last word (`created` 1, `read` 2, `updated` 3, `deleted` 4), otherwise 99
 *   status_id                        success 1, failure and denied 2 (status_detail says which), absent 0
 *   actor.user, actor.session.uid    the actor, context.session_id
 *   src_endpoint                     ip: context.ip; where that is no address, name: its text, or `unknown`
 *   http_request.user_agent, api.request.uid, metadata.correlation_uid      context.user_agent, .request_id, .trace_id
 *   resources                        the targets
 *   unmapped                         by, event_id, location, details
 *
 * The last line is an event, too: the export itself, by who asked for it, with `unmapped.export_end` (count, SHA-256 of all bytes
 * before the line). A file without it is not whole.
 */
import { isJsonObject, type Json, type JsonObject } from "../log/json.ts";
import { parseRfc3339Ms, parseTimeMs } from "../log/time.ts";
import { textAt, type ExportedEntry } from "./entry.ts";

const VERSION = "1.2.0";
const CLASS_UID = 6003;
const PRODUCT = { name: "Indelible", vendor_name: "Indelible" };

/** Which log it is from. */
export interface OcsfSource {
  readonly log: string;
  /** `<instance origin>/<log>`. */
  readonly origin: string;
}

/** One event; a line of the file without its newline. */
export function ocsfLine(source: OcsfSource, entry: ExportedEntry): string {
  return JSON.stringify(ocsfEvent(source, entry));
}

export function ocsfEvent(source: OcsfSource, { seq, hash, by, time, event }: ExportedEntry) {
  const action = textAt(event, "action") ?? "";
  const occurredAt = textAt(event, "occurred_at");
  const context = (name: string): string | null => textAt(event["context"], name);
  const loggedMs = parseTimeMs(time);
  const requestId = context("request_id");
  const userAgent = context("user_agent");
  const resources = resourcesOf(event["targets"]);
  return {
    ...classified(action),
    time: occurredAt === null ? loggedMs : parseRfc3339Ms(occurredAt),
    ...statusOf(textAt(event, "outcome")),
    metadata: {
      ...metadataOf(source),
      ...{ uid: hash, sequence: seq, logged_time: loggedMs, event_code: action },
      ...present({ original_time: occurredAt, correlation_uid: context("trace_id") }),
    },
    actor: {
      user: userOf(event["actor"]),
      ...(context("session_id") === null ? {} : { session: { uid: context("session_id") } }),
    },
    api: {
      operation: action,
      ...(requestId === null ? {} : { request: { uid: requestId } }),
    },
    src_endpoint: endpointOf(context("ip")),
    ...(userAgent === null ? {} : { http_request: { user_agent: userAgent } }),
    ...(resources.length === 0 ? {} : { resources }),
    unmapped: {
      by,
      ...present({ event_id: textAt(event, "id"), location: context("location") }),
      ...(event["details"] === undefined ? {} : { details: event["details"] }),
    },
  };
}

/** Who took an export, and of what. */
export interface OcsfEnd {
  readonly source: OcsfSource;
  readonly filter: Readonly<Record<string, string>>;
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly sha256: string;
  readonly by: string;
  readonly timeMs: number;
}

/** The last line, without its newline. */
export function ocsfEndLine({ source, by, timeMs, ...end }: OcsfEnd): string {
  const operation = "entries.export";
  return JSON.stringify({
    ...classified("entries.read"),
    time: timeMs,
    ...statusOf("success"),
    metadata: { ...metadataOf(source), event_code: operation },
    actor: { user: { uid: by, ...userTypeOf(null) } },
    api: { operation },
    src_endpoint: endpointOf(null),
    resources: [{ uid: source.log, type: "log" }],
    unmapped: { export_end: end },
  });
}

/** Last words of actions, by what they do to a thing. */
const ACTIVITIES: readonly (readonly [id: number, name: string, words: RegExp])[] = [
  [1, "Create", /^(?:create|add|insert|upload|register|issue|invite)(?:e?d)?$/],
  [2, "Read", /^(?:read|view(?:ed)?|list(?:ed)?|get|download(?:ed)?|export(?:ed)?|search(?:ed)?)$/],
  [3, "Update", /^(?:update|change|edit|modify|modifi|rename|rotate)(?:e?d)?$|^set$/],
  [4, "Delete", /^(?:delete|remove|revoke|purge|destroy)(?:e?d)?$/],
];

function classified(action: string) {
  const word = /[^._:/ -]*$/.exec(action.toLowerCase())![0];
  const [id, name] = ACTIVITIES.find(([, , words]) => words.test(word)) ?? [99, action];
  return {
    ...{ category_uid: 6, category_name: "Application Activity" },
    ...{ class_uid: CLASS_UID, class_name: "API Activity" },
    ...{ activity_id: id, activity_name: name },
    ...{ type_uid: CLASS_UID * 100 + id, severity_id: 1, severity: "Informational" },
  };
}

function statusOf(outcome: string | null) {
  if (outcome === null) return { status_id: 0, status: "Unknown" };
  if (outcome === "success") return { status_id: 1, status: "Success" };
  return { status_id: 2, status: "Failure", status_detail: outcome };
}

function metadataOf({ log, origin }: OcsfSource) {
  return { version: VERSION, product: PRODUCT, log_name: log, log_provider: origin };
}

function userOf(actor: Json | undefined) {
  const name = textAt(actor, "name");
  return {
    uid: textAt(actor, "id") ?? "",
    ...(name === null || name === "" ? {} : { name }),
    ...userTypeOf(textAt(actor, "type")),
  };
}

/** Types of users that the schema knows; any other is kept in its own word. */
const USER_TYPES: ReadonlyMap<string, readonly [id: number, caption: string]> = new Map([
  ["user", [1, "User"]],
  ["admin", [2, "Admin"]],
  ["system", [3, "System"]],
]);

function userTypeOf(type: string | null) {
  if (type === null) return { type_id: 0, type: "Unknown" };
  const [type_id, caption] = USER_TYPES.get(type) ?? [99, type];
  return { type_id, type: caption };
}

function resourcesOf(targets: Json | undefined) {
  const list = Array.isArray(targets) ? targets.filter(isJsonObject) : [];
  return list.map((target) =>
    present({
      uid: textAt(target, "id"),
      name: textAt(target, "name"),
      type: textAt(target, "type"),
    }),
  );
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(?:\.(?!$)|$)){4}$/;
const IPV6_GROUPS = 8;

/** RFC 4291 §2.2, without the form that ends in an IPv4 address and without zones: such a text is kept as a name. */
function isIpv6(text: string): boolean {
  const halves = text.split("::");
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  if (halves.length > 2 || !groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return false;
  return halves.length === 2 ? groups.length < IPV6_GROUPS : groups.length === IPV6_GROUPS;
}

function endpointOf(ip: string | null) {
  if (ip === null || ip === "") return { name: "unknown" };
  return IPV4.test(ip) || isIpv6(ip) ? { ip } : { name: ip };
}

function present(members: Readonly<Record<string, string | null>>): JsonObject {
  const given = Object.entries(members).filter(([, text]) => text !== null);
  return Object.fromEntries(given) as JsonObject;
}
