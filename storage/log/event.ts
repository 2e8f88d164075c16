/**
 * What an application sends (FORMAT §2).
 *
 *   action       required   1-256 characters
 *   actor        required   {id 1-256, type? 1-64, name? 0-256}
 *   targets                 1-32 of the same shape
 *   outcome                 success | failure | denied
 *   occurred_at             RFC 3339, kept as sent
 *   id                      1-128 characters
 *   context                 {ip, user_agent, location, request_id, session_id, trace_id}, each at most 512
 *   details                 any object
 *
 * Characters are code points; `action`, ids and types hold no control characters; null is a value like any other.
 */
import { LogError, pointerStep, type ErrorPlace } from "./errors.ts";
import { encodeJson, isJsonObject, type Json, type JsonObject } from "./json.ts";
import { isRfc3339 } from "./time.ts";

/** An event that was checked, as the canonical text that goes into its line. */
export interface Event {
  readonly text: string;
  readonly id: string | null;
  readonly action: string;
}

export const ACTION_CHARS_MAX = 256;
export const PARTY_ID_CHARS_MAX = 256;
export const PARTY_TYPE_CHARS_MAX = 64;
export const PARTY_NAME_CHARS_MAX = 256;
export const TARGETS_MAX = 32;
export const EVENT_ID_CHARS_MAX = 128;
export const CONTEXT_CHARS_MAX = 512;
export const OUTCOMES: readonly string[] = ["success", "failure", "denied"];
export const CONTEXT_NAMES: readonly string[] = [
  "ip",
  "user_agent",
  "location",
  "request_id",
  "session_id",
  "trace_id",
];
/** A refusal names at most so many places; more help nobody. */
export const PLACES_MAX = 20;

/** Checks one event and makes it canonical; throws `invalid_event` with every place that is wrong (at most 20). */
export function parseEvent(value: Json, pointer = ""): Event {
  const check = new EventCheck();
  check.event(value, pointer);
  if (check.places.length > 0) throw refusal(check.places);
  const event = value as JsonObject;
  const id = event["id"];
  return {
    text: encodeJson(event),
    id: id === undefined ? null : (id as string),
    action: event["action"] as string,
  };
}

function refusal(places: readonly ErrorPlace[]): LogError {
  const [first] = places;
  const where = first!.pointer === "" ? "the event" : first!.pointer;
  const more = places.length > 1 ? ` (and ${places.length - 1} more)` : "";
  return new LogError("invalid_event", `${where}: ${first!.detail}${more}`, { errors: places });
}

interface TextRule {
  readonly min: number;
  readonly max: number;
  /** True where control characters are refused. */
  readonly plain: boolean;
}

const ACTION: TextRule = { min: 1, max: ACTION_CHARS_MAX, plain: true };
const PARTY_ID: TextRule = { min: 1, max: PARTY_ID_CHARS_MAX, plain: true };
const PARTY_TYPE: TextRule = { min: 1, max: PARTY_TYPE_CHARS_MAX, plain: true };
const PARTY_NAME: TextRule = { min: 0, max: PARTY_NAME_CHARS_MAX, plain: false };
const EVENT_ID: TextRule = { min: 1, max: EVENT_ID_CHARS_MAX, plain: true };
const CONTEXT: TextRule = { min: 0, max: CONTEXT_CHARS_MAX, plain: false };

class EventCheck {
  readonly places: ErrorPlace[] = [];

  event(value: Json, at: string): void {
    if (!isJsonObject(value)) return this.refuse(at, null, "an event is an object");
    for (const name in value) this.member(name, value[name]!, at);
    if (value["action"] === undefined) this.refuse(at, "action", "required");
    if (value["actor"] === undefined) this.refuse(at, "actor", "required");
  }

  private member(name: string, value: Json, at: string): void {
    if (value === null) return this.refuse(at, name, "null is not absence: leave the member out");
    switch (name) {
      case "action":
        return this.text(value, ACTION, at, name);
      case "actor":
        return this.party(value, at, name);
      case "targets":
        return this.targets(value, at + "/targets");
      case "outcome":
        if (typeof value === "string" && OUTCOMES.includes(value)) return;
        return this.refuse(at, name, `one of ${OUTCOMES.join(", ")}`);
      case "occurred_at":
        if (typeof value === "string" && isRfc3339(value)) return;
        return this.refuse(
          at,
          name,
          "a time that exists, as in 2026-01-31T23:59:59.123Z (RFC 3339)",
        );
      case "id":
        return this.text(value, EVENT_ID, at, name);
      case "context":
        return this.context(value, at + "/context");
      case "details":
        if (isJsonObject(value)) return;
        return this.refuse(at, name, "an object");
      default:
        return this.refuse(at, name, "an event has no such member: put it into details");
    }
  }

  private party(value: Json, parent: string, step: string | number): void {
    if (!isJsonObject(value)) return this.refuse(parent, step, "an object with an id");
    for (const name in value) {
      const rule = partyRule(name);
      if (rule !== null && fits(value[name]!, rule)) continue;
      const at = parent + pointerStep(step);
      if (rule === null) this.refuse(at, name, "it has id, type and name only");
      else this.text(value[name]!, rule, at, name);
    }
    if (value["id"] === undefined) this.refuse(parent + pointerStep(step), "id", "required");
  }

  private targets(value: Json, at: string): void {
    if (!Array.isArray(value) || value.length === 0 || value.length > TARGETS_MAX) {
      return this.refuse(at, null, `a list of 1 to ${TARGETS_MAX} targets`);
    }
    for (let i = 0; i < value.length; i++) this.party(value[i]!, at, i);
  }

  private context(value: Json, at: string): void {
    if (!isJsonObject(value)) return this.refuse(at, null, "an object");
    for (const name in value) {
      if (CONTEXT_NAMES.includes(name)) this.text(value[name]!, CONTEXT, at, name);
      else
        this.refuse(at, name, `context has ${CONTEXT_NAMES.join(", ")} only: put it into details`);
    }
  }

  private text(value: Json, rule: TextRule, at: string, name: string): void {
    if (fits(value, rule)) return;
    const without = rule.plain ? ", without control characters" : "";
    this.refuse(at, name, `a string of ${rule.min} to ${rule.max} characters${without}`);
  }

  private refuse(at: string, step: string | number | null, detail: string): void {
    if (this.places.length === PLACES_MAX) return;
    this.places.push({ pointer: step === null ? at : at + pointerStep(step), detail });
  }
}

function partyRule(name: string): TextRule | null {
  if (name === "id") return PARTY_ID;
  if (name === "type") return PARTY_TYPE;
  return name === "name" ? PARTY_NAME : null;
}

function fits(value: Json, rule: TextRule): boolean {
  if (typeof value !== "string" || value.length < rule.min) return false;
  if (value.length > rule.max && codePoints(value) > rule.max) return false;
  return !rule.plain || !hasControl(value);
}

/** How many code points a well-formed string has. */
export function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) === 0xdc00) count--;
  return count;
}

/** True if the text holds U+0000-U+001F or U+007F. */
export function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
