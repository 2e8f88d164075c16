/**
 * Bodies of `POST …/entries` to canonical events (FORMAT §1–2): one event, an array of up to 1,000, or
 * up to 10,000 lines of NDJSON. All or nothing: the first body that does not parse, or every wrong
 * place of every event (at most 20), is the refusal. Pointers begin with the event's index where
 * several may be sent.
 */
import { LINE_BYTES_MAX } from "../storage/log/entry.ts";
import { LogError, type ErrorPlace } from "../storage/log/errors.ts";
import { parseEvent, PLACES_MAX, type Event } from "../storage/log/event.ts";
import { isJsonObject, newJsonObject, parseJson, type Json } from "../storage/log/json.ts";
import { invalidRequest, ProblemError } from "./problem.ts";

export const ARRAY_EVENTS_MAX = 1_000;
export const NDJSON_EVENTS_MAX = 10_000;
/** Types that an append takes. */
export const EVENT_TYPES = ["application/json", "application/x-ndjson"] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export interface SentEvents {
  /** In the order sent, at least one. */
  readonly events: readonly Event[];
  /** True for one event that is no list of one: pointers into it begin at itself. */
  readonly single: boolean;
}

/** So much is parsed, and so many are checked, in some milliseconds; then others may have the thread. */
const STEP_BYTES = 512 * 1024;
const STEP_EVENTS = 1_000;

/** What the body says. Throws `LogError` and `ProblemError` with the places; `key` is the Idempotency-Key. */
export async function parseEvents(
  type: EventType,
  body: Uint8Array,
  key: string | null,
): Promise<SentEvents> {
  const steps = parseInSteps(type, body, key);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

function* parseInSteps(
  type: EventType,
  body: Uint8Array,
  key: string | null,
): Generator<void, SentEvents, undefined> {
  if (key !== null && !IDEMPOTENCY_KEY.test(key)) {
    throw invalidRequest("Idempotency-Key has 1 to 128 characters of printable ASCII");
  }
  if (type === "application/x-ndjson") {
    if (key !== null) throw keyOfMany();
    const values = yield* parseLines(body);
    return { events: yield* checkEvents(values), single: false };
  }
  const value = parseJson(body, { list: true });
  if (!Array.isArray(value)) return { events: [parseOne(value, key)], single: true };
  if (key !== null) throw keyOfMany();
  if (value.length > ARRAY_EVENTS_MAX) throw tooMany("an array", ARRAY_EVENTS_MAX);
  return { events: yield* checkEvents(value), single: false };
}

/** An id's length and characters (FORMAT §2), as far as a header can carry them. */
const IDEMPOTENCY_KEY = /^[ -~]{1,128}$/;

function keyOfMany(): ProblemError {
  return invalidRequest("Idempotency-Key names one event: give each event of a list its own id");
}

function parseOne(value: Json, key: string | null): Event {
  const event = parseEvent(key === null ? value : withId(value, key));
  assertNotTooLarge(event, "");
  return event;
}

/** The event with the key as its id. What is no object is left for `parseEvent` to refuse. */
function withId(value: Json, id: string): Json {
  if (!isJsonObject(value)) return value;
  if (value["id"] !== undefined && value["id"] !== id) {
    throw invalidRequest("the event's id is not the Idempotency-Key", "/id");
  }
  return Object.assign(newJsonObject(), value, { id });
}

function* parseLines(body: Uint8Array): Generator<void, Json[], undefined> {
  const values: Json[] = [];
  for (let start = 0; start < body.length;) {
    if (start > 0) yield;
    start = parseSome(body, start, values);
  }
  return values;
}

/** A step's lines from `start` on; where the next one begins. */
function parseSome(body: Uint8Array, from: number, values: Json[]): number {
  let start = from;
  while (start < body.length && start - from < STEP_BYTES) {
    const newline = body.indexOf(0x0a, start);
    const end = newline < 0 ? body.length : newline;
    if (values.length === NDJSON_EVENTS_MAX) throw tooMany("a body of lines", NDJSON_EVENTS_MAX);
    values.push(parseLine(body.subarray(start, end), values.length));
    start = end + 1;
  }
  return start;
}

function parseLine(line: Uint8Array, index: number): Json {
  try {
    return parseJson(line);
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    const places = error.errors.length > 0 ? error.errors : [{ pointer: "", detail: error.detail }];
    throw new LogError("invalid_json", `line ${index + 1}: ${error.detail}`, {
      errors: places.map(({ pointer, detail }) => ({ pointer: `/${index}${pointer}`, detail })),
      cause: error,
    });
  }
}

function* checkEvents(values: readonly Json[]): Generator<void, Event[], undefined> {
  if (values.length === 0) throw invalidRequest("there is no event in it", "");
  const events: Event[] = [];
  const wrong: LogError[] = [];
  for (let from = 0; from < values.length; from += STEP_EVENTS) {
    if (from > 0) yield;
    checkSome(values, from, Math.min(from + STEP_EVENTS, values.length), events, wrong);
  }
  if (wrong.length > 0) throw together(wrong);
  return events;
}

/** Those of `from` … `to` − 1, until enough is wrong. */
function checkSome(
  values: readonly Json[],
  from: number,
  to: number,
  events: Event[],
  wrong: LogError[],
): void {
  let places = wrong.reduce((sum, { errors }) => sum + errors.length, 0);
  for (let index = from; index < to && places < PLACES_MAX; index++) {
    try {
      const event = parseEvent(values[index]!, `/${index}`);
      assertNotTooLarge(event, `/${index}`);
      events.push(event);
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      wrong.push(error);
      places += error.errors.length;
    }
  }
}

/** One refusal for all: the first one's code and words, everybody's places. */
function together(wrong: readonly LogError[]): LogError {
  const [first] = wrong;
  const errors: ErrorPlace[] = wrong.flatMap((error) => [...error.errors]).slice(0, PLACES_MAX);
  return new LogError(first!.code, first!.detail, { errors });
}

/** The ledger measures the line exactly; what is longer than any line is not worth the way there. */
function assertNotTooLarge(event: Event, pointer: string): void {
  if (event.text.length <= LINE_BYTES_MAX) return;
  const detail = `the line of an entry has at most ${LINE_BYTES_MAX} bytes`;
  throw new LogError("entry_too_large", detail, { errors: [{ pointer, detail }] });
}

function tooMany(what: string, max: number): ProblemError {
  return new ProblemError("too_many_events", `${what} holds at most ${max} events`);
}
