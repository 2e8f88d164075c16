/**
 * Entries of `_access`: who looked at what. One request is one entry; what is only about the instance's own logs, what
 * was refused, and what anybody may read without a token is summed up, so that looking at the log of looks does not
 * feed it (`access-minutes.ts`).
 */
import { ACCESS_LOG, SYSTEM_LOG } from "../log/entry.ts";
import { parseEvent, TARGETS_MAX, type Event } from "../log/event.ts";
import type { Json, JsonObject } from "../log/json.ts";
import { actorOf } from "../log/system.ts";
import { formatTime, type NewEvent } from "./append.ts";

/** What one request read, or several that are alike (`requests`). */
export interface AccessRecord {
  /** The `by` of who asked; null: nobody in particular, who read a public log. */
  readonly by: string | null;
  /** The word for the read, such as `entry.read`. */
  readonly action: string;
  /** The log that was read; null where no log has the name that was asked for. */
  readonly log: string | null;
  /** All that were searched, where they are several. */
  readonly logs?: readonly string[];
  /** When it was answered, milliseconds since 1970; the first of several. */
  readonly timeMs: number;
  /** Of the answer (HTTP). */
  readonly status: number;
  readonly ip: string | null;
  /** At most `USER_AGENT_CHARS_MAX` characters. */
  readonly userAgent: string | null;
  /** Of the first request, where they are several. */
  readonly requestId: string;
  readonly requests: number;
  readonly shown: Shown;
}

/** What was asked for, and what of it was shown. */
export interface Shown {
  /** The query's parameters by name: a range, a filter. */
  readonly query?: Readonly<Record<string, string>>;
  /** The first and the last entry that was shown, or for which something was proven (seq). */
  readonly first?: number;
  readonly last?: number;
  /** How many items the answer held: entries, seals, logs, tokens, hashes. */
  readonly count?: number;
  /** The tile's path. */
  readonly tile?: string;
  /** The answer broke off: `last` and `count` say how far it came. */
  readonly brokenOff?: true;
}

export type AccessOutcome = "success" | "failure" | "denied";

/** An event of `_access`, and who it is by. */
export interface AccessEvent extends NewEvent {
  readonly by: string;
}

/** Enough to know a browser and its version; with 4 bytes a character 1 kB of a line. */
export const USER_AGENT_CHARS_MAX = 256;

/** A route has five parameters at most; one that is longer than this is cut. */
const QUERY_CHARS_MAX = 256;

export function outcomeOf({ status, shown }: AccessRecord): AccessOutcome {
  if (status === 401 || status === 403) return "denied";
  return status >= 400 || shown.brokenOff === true ? "failure" : "success";
}

/** True for what is summed up, one entry a minute. */
export function isSummedUp({ by, status, log }: AccessRecord): boolean {
  return by === null || status >= 400 || log === null || log === SYSTEM_LOG || log === ACCESS_LOG;
}

/** The entry of one read. */
export function readEvent(record: AccessRecord): AccessEvent {
  const { by, action, log, logs, timeMs, status, ip, userAgent, requestId, requests, shown } =
    record;
  const { query, first, last, count, tile, brokenOff } = shown;
  const context = {
    ...(ip === null ? {} : { ip }),
    request_id: requestId,
    ...(userAgent === null ? {} : { user_agent: userAgent }),
  };
  const details = {
    status,
    ...(query === undefined || Object.keys(query).length === 0 ? {} : { query: { ...query } }),
    ...present({ first, last, count, tile }),
    ...(brokenOff === true ? { broken_off: true } : {}),
    ...(logs !== undefined && logs.length > TARGETS_MAX ? { logs: logs.length } : {}),
    ...(requests > 1 ? { requests } : {}),
  };
  return accessEvent(by, {
    action,
    context,
    details,
    occurred_at: formatTime(timeMs),
    outcome: outcomeOf(record),
    ...targetsOf(logs ?? (log === null ? [] : [log])),
  });
}

/** An event with its actor: nobody in particular is said by the instance. */
export function accessEvent(by: string | null, members: JsonObject): AccessEvent {
  const actor: Json = by === null ? { id: "anonymous", type: "anonymous" } : { ...actorOf(by) };
  const event: Event = parseEvent({ ...members, actor });
  return { by: by ?? "system", text: event.text, id: null };
}

export function targetsOf(logs: readonly string[]): { targets?: Json[] } {
  const targets = logs.slice(0, TARGETS_MAX).map((id) => ({ id, type: "log" }));
  return targets.length === 0 ? {} : { targets };
}

/** At most so many characters (code points), and nothing that is half of one. What was cut keeps nothing of the whole alive. */
export function cut(text: string, charsMax: number): string {
  // A code point has two units at most.
  const short = text.length <= charsMax ? text : firstOf(text.slice(0, 2 * charsMax), charsMax);
  return short.replace(/\p{Surrogate}/gu, "\ufffd");
}

function firstOf(text: string, charsMax: number): string {
  return [...text].slice(0, charsMax).join("");
}

/** The parameters, each no longer than a record keeps them. */
export function cutAll(query: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => [name, cut(value, QUERY_CHARS_MAX)]),
  );
}

function present(members: Readonly<Record<string, Json | undefined>>): JsonObject {
  const kept = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept) as JsonObject;
}
