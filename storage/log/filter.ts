/**
 * Which entries a search is for. One meaning, used by the server, by who checks an answer, and in the browser: an entry is a hit if
 * it meets every condition that is given.
 *
 *   action     the event's action, whole; or every action that begins with what stands before a final `*`: `invoice.*`
 *   actor      the actor's id, whole
 *   target     the id of one of the targets, whole
 *   outcome    success, failure or denied
 *   since      RFC 3339; the entry's `time` (the server's clock) is this or later
 *   until      RFC 3339; the entry's `time` is earlier than this
 *   q          words, each of which occurs in the entry (`words.ts`)
 */
import { LogError, type LogErrorCode } from "./errors.ts";
import { ACTION_CHARS_MAX, codePoints, hasControl, OUTCOMES, PARTY_ID_CHARS_MAX } from "./event.ts";
import { isJsonObject, type Json, type JsonObject } from "./json-value.ts";
import { parseRfc3339Ms, parseTimeMs } from "./time.ts";
import { WORD_CHARS_MAX, wordsOf, wordsOfEvent } from "./words.ts";

/** Names of the conditions, as query parameters and as flags. */
export const FILTER_NAMES = [
  ...["action", "actor", "target", "outcome", "since", "until", "q"],
] as const;

export interface Filter {
  /** The whole action, or its beginning. */
  readonly action: { readonly text: string; readonly isPrefix: boolean } | null;
  readonly actor: string | null;
  readonly target: string | null;
  readonly outcome: string | null;
  /** `sinceMs` ≤ time < `untilMs`, milliseconds since 1970. */
  readonly sinceMs: number | null;
  readonly untilMs: number | null;
  /** Distinct, sorted; empty where none are asked for. */
  readonly words: readonly string[];
}

/** What a filter looks at in an entry. */
export interface Searched {
  readonly timeMs: number;
  readonly event: JsonObject;
}

/** A condition that cannot be one: which, and why. */
export class FilterError extends Error {
  override readonly name = "FilterError";
  /** One of `FILTER_NAMES`. */
  readonly parameter: string;
  readonly detail: string;

  constructor(parameter: string, detail: string) {
    super(`${parameter} ${detail}`);
    this.parameter = parameter;
    this.detail = detail;
  }
}

/** As long as the longest id, so that every id can be asked for by its words. */
export const QUERY_CHARS_MAX = PARTY_ID_CHARS_MAX;
/** Each word is a look-up of its own; an id of groups of digits and letters has a handful. */
export const QUERY_WORDS_MAX = 16;

export const EVERYTHING: Filter = {
  ...{ action: null, actor: null, target: null, outcome: null },
  ...{ sinceMs: null, untilMs: null, words: [] },
};

/** The filter that an export or an answer says it is of; throws LogError with this code. */
export function readFilter(
  conditions: Readonly<Record<string, string>>,
  code: LogErrorCode,
): Filter {
  try {
    return parseFilter((name) => conditions[name] ?? null);
  } catch (cause) {
    if (!(cause instanceof FilterError)) throw cause;
    throw new LogError(code, `its filter: ${cause.message}`, { cause });
  }
}

/** The filter of these conditions, texts as people give them; what is `null` is not asked for. Throws `FilterError`. */
export function parseFilter(given: (name: string) => string | null): Filter {
  const filter: Filter = {
    action: parseAction(given("action")),
    actor: parseText("actor", given("actor"), PARTY_ID_CHARS_MAX),
    target: parseText("target", given("target"), PARTY_ID_CHARS_MAX),
    outcome: parseOutcome(given("outcome")),
    sinceMs: parseTime("since", given("since")),
    untilMs: parseTime("until", given("until")),
    words: parseQuery(given("q")),
  };
  const { sinceMs, untilMs } = filter;
  if (sinceMs !== null && untilMs !== null && untilMs <= sinceMs) {
    throw new FilterError("until", "is not later than since");
  }
  return filter;
}

/** True if the filter asks for nothing: every entry is a hit. */
export function isEverything(filter: Filter): boolean {
  return formatFilter(filter) === "";
}

/**
 * The filter as one text, the same for two filters only if they ask for the same: `name=value` joined by `&`, in the order of
 * `FILTER_NAMES`, values escaped as in an address. For fingerprints and records.
 */
export function formatFilter(filter: Filter): string {
  const { action, actor, target, outcome, sinceMs, untilMs, words } = filter;
  const given: Record<(typeof FILTER_NAMES)[number], string | null> = {
    action: action === null ? null : action.text + (action.isPrefix ? "*" : ""),
    ...{ actor, target, outcome },
    since: sinceMs === null ? null : String(sinceMs),
    until: untilMs === null ? null : String(untilMs),
    q: words.length === 0 ? null : words.join(" "),
  };
  return FILTER_NAMES.flatMap((name) => {
    const value = given[name];
    return value === null ? [] : [`${name}=${escapeValue(value)}`];
  }).join("&");
}

/** encodeURIComponent is no part of the language alone; these are the characters that would end a value. */
function escapeValue(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("&", "%26");
}

/** Whether an entry is a hit. */
export function matches(filter: Filter, { timeMs, event }: Searched): boolean {
  const { action, sinceMs, untilMs, outcome } = filter;
  if (sinceMs !== null && timeMs < sinceMs) return false;
  if (untilMs !== null && timeMs >= untilMs) return false;
  if (action !== null && !matchesAction(action, event["action"])) return false;
  if (outcome !== null && event["outcome"] !== outcome) return false;
  if (filter.actor !== null && idOf(event["actor"]) !== filter.actor) return false;
  if (filter.target !== null && !targetIds(event).includes(filter.target)) return false;
  if (filter.words.length === 0) return true;
  const words = wordsOfEvent(event);
  return filter.words.every((word) => words.has(word));
}

/** The same of a line (FORMAT §3) that is known to be right; another one is no hit, or throws SyntaxError. */
export function matchesLine(filter: Filter, line: string): boolean {
  const searched = searchedOf(line);
  return searched !== null && matches(filter, searched);
}

/** What a filter looks at in a line that is known to be right; null for what cannot be a line. Throws SyntaxError. */
export function searchedOf(line: string): Searched | null {
  const entry = JSON.parse(line) as Json;
  if (!isJsonObject(entry)) return null;
  const { time, event } = entry;
  if (typeof time !== "string" || !isJsonObject(event)) return null;
  return { timeMs: parseTimeMs(time), event };
}

/** The ids of an event's targets, in order, repeated where they are. */
export function targetIds(event: JsonObject): string[] {
  const targets = event["targets"];
  if (!Array.isArray(targets)) return [];
  return targets.flatMap((target) => idOf(target) ?? []);
}

function idOf(party: Json | undefined): string | null {
  const id = isJsonObject(party) ? party["id"] : undefined;
  return typeof id === "string" ? id : null;
}

export function matchesAction(
  wanted: NonNullable<Filter["action"]>,
  action: Json | undefined,
): boolean {
  if (typeof action !== "string") return false;
  return wanted.isPrefix ? action.startsWith(wanted.text) : action === wanted.text;
}

function parseAction(text: string | null): Filter["action"] {
  if (text === null) return null;
  if (!text.endsWith("*"))
    return { text: parseText("action", text, ACTION_CHARS_MAX)!, isPrefix: false };
  const prefix = text.slice(0, -1);
  if (prefix === "")
    throw new FilterError("action", "has nothing before its *: leave it out for every action");
  return { text: parseText("action", prefix, ACTION_CHARS_MAX)!, isPrefix: true };
}

function parseText(name: string, text: string | null, charsMax: number): string | null {
  if (text === null) return null;
  if (text === "" || (text.length > charsMax && codePoints(text) > charsMax)) {
    throw new FilterError(name, `is a text of 1 to ${charsMax} characters`);
  }
  if (hasControl(text))
    throw new FilterError(name, "holds a control character: no entry does there");
  return text;
}

function parseOutcome(text: string | null): string | null {
  if (text === null || OUTCOMES.includes(text)) return text;
  throw new FilterError("outcome", `is one of: ${OUTCOMES.join(", ")}`);
}

function parseTime(name: string, text: string | null): number | null {
  if (text === null) return null;
  const timeMs = parseRfc3339Ms(text);
  if (!Number.isNaN(timeMs)) return timeMs;
  const hint = text.includes(" ") ? "; in an address + is written %2B" : "";
  throw new FilterError(
    name,
    `is a time that exists, as in 2026-01-31T23:59:59Z (RFC 3339)${hint}`,
  );
}

function parseQuery(text: string | null): string[] {
  if (text === null) return [];
  if (text.length > QUERY_CHARS_MAX && codePoints(text) > QUERY_CHARS_MAX) {
    throw new FilterError("q", `is a text of at most ${QUERY_CHARS_MAX} characters`);
  }
  const words = [...new Set(wordsOf(text))].sort();
  if (words.length === 0)
    throw new FilterError("q", "has no word in it: a word is letters and digits");
  if (words.some((word) => word.length > WORD_CHARS_MAX)) {
    throw new FilterError("q", `has a word of more than ${WORD_CHARS_MAX} characters`);
  }
  if (words.length > QUERY_WORDS_MAX) {
    throw new FilterError("q", `has ${words.length} words; ${QUERY_WORDS_MAX} is the most`);
  }
  return words;
}
