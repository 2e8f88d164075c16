/**
 * The entry line (FORMAT §3): canonical JSON without a newline, at most 65,535 bytes, hashed as it stands.
 *
 *   by      who wrote it: `token:<id>`, `oidc:<issuer>#<subject>` or `system`; at most 512 characters
 *   event   a canonical event
 *   log     the log's name
 *   prev    the leaf of the entry before, 64 hex digits; zeros for the first
 *   salt    16 random bytes, base64url without padding
 *   seq     0, 1, 2, …
 *   time    the server's clock, never less than the entry's before it
 *   v       1
 */
import { fromBase64Url, isHashHex, utf8Length } from "./bytes.ts";
import { LogError } from "./errors.ts";
import { codePoints, hasControl, parseEvent, type Event } from "./event.ts";
import {
  encodeJson,
  encodeString,
  isJsonObject,
  LINE_DEPTH_MAX,
  readJson,
  type Json,
  type JsonObject,
} from "./json.ts";
import { parseTimeMs, TIME_LENGTH } from "./time.ts";

/** tlog-tiles writes a line's length as a uint16. */
export const LINE_BYTES_MAX = 65_535;
export const BY_CHARS_MAX = 512;
export const LOG_NAME_CHARS_MAX = 64;
export const SALT_BYTES = 16;
/** 16 bytes in base64url: 128 bits in characters of 6. */
export const SALT_LENGTH = 22;
export const ENTRY_VERSION = 1;
/** The instance's own logs, whose names no other log can have. */
export const SYSTEM_LOG = "_system";
export const ACCESS_LOG = "_access";

/** What a line is made of. `event` is canonical text, `prev` 64 hex digits, `salt` 22 characters of base64url. */
export interface EntryFields {
  readonly by: string;
  readonly event: string;
  readonly log: string;
  readonly prev: string;
  readonly salt: string;
  readonly seq: number;
  readonly time: string;
}

/** A line that was read and checked. */
export interface Entry extends EntryFields {
  readonly line: string;
  readonly timeMs: number;
  readonly id: string | null;
  readonly action: string;
  /** The parsed event. */
  readonly eventJson: JsonObject;
}

/** `[a-z0-9]+` groups joined by one of `. _ -`, at most 64 characters; or one of the instance's own logs. */
export function isLogName(name: string): boolean {
  if (name === SYSTEM_LOG || name === ACCESS_LOG) return true;
  return name.length <= LOG_NAME_CHARS_MAX && LOG_NAME.test(name);
}

const LOG_NAME = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/;

/** True for `system`, `token:<id>` and `oidc:<issuer>#<subject>` of at most 512 characters, no control characters. */
export function isBy(by: string): boolean {
  if (by === "system") return true;
  if ((by.length > BY_CHARS_MAX && codePoints(by) > BY_CHARS_MAX) || hasControl(by)) return false;
  return (by.startsWith("token:") && by.length > 6) || OIDC.test(by);
}

const OIDC = /^oidc:[^#]+#./su;

/** The line of an entry. The event is trusted to be canonical; throws `entry_too_large`, or `invalid_entry` for the rest. */
export function encodeLine(fields: EntryFields): string {
  const line =
    '{"by":' +
    encodeString(fields.by) +
    ',"event":' +
    fields.event +
    ',"log":"' +
    fields.log +
    '","prev":"' +
    fields.prev +
    '","salt":"' +
    fields.salt +
    '","seq":' +
    fields.seq +
    ',"time":"' +
    fields.time +
    '","v":1}';
  if (fields.prev.length !== 64 || fields.salt.length !== SALT_LENGTH) throw bad("prev or salt");
  if (fields.time.length !== TIME_LENGTH) throw bad("time");
  if (!Number.isSafeInteger(fields.seq) || fields.seq < 0) throw bad("seq");
  assertFits(line, fields.seq);
  return line;
}

function bad(what: string): LogError {
  return new LogError("invalid_entry", `${what} is not what a line is made of`);
}

function assertFits(line: string, seq?: number): void {
  // A character takes at most three bytes of UTF-8 for each of its UTF-16 units.
  if (line.length * 3 <= LINE_BYTES_MAX) return;
  const lengthBytes = utf8Length(line);
  if (lengthBytes <= LINE_BYTES_MAX) return;
  const detail = `the entry's line has ${lengthBytes} bytes, the limit is ${LINE_BYTES_MAX}`;
  throw new LogError("entry_too_large", detail, seq === undefined ? {} : { seq });
}

/**
 * Throws `entry_too_large` if an event cannot become a line at `seq`. The door asks with seq 0, the ledger with the
 * real one: a line grows by the digits of its seq.
 */
export function assertLineFits(fields: Pick<EntryFields, "by" | "event" | "log">, seq = 0): void {
  const rest = {
    prev: "0".repeat(64),
    salt: "A".repeat(SALT_LENGTH),
    time: "0".repeat(TIME_LENGTH),
  };
  encodeLine({ ...fields, ...rest, seq });
}

const MEMBERS = "by,event,log,prev,salt,seq,time,v";

/** The entry of a line, every rule of FORMAT §1-3 checked; throws `invalid_entry` or `entry_too_large`. */
export function decodeLine(line: string): Entry {
  assertFits(line);
  const value = parsed(line);
  if (!isJsonObject(value)) throw wrong("", "a line is an object");
  if (Object.keys(value).sort().join() !== MEMBERS)
    throw wrong("", `a line has exactly ${MEMBERS}`);
  const text = (name: string, holds: (text: string) => boolean, rule: string): string => {
    const member = value[name]!;
    if (typeof member !== "string" || !holds(member)) throw wrong(`/${name}`, rule);
    return member;
  };
  const by = text("by", isBy, "token:<id>, oidc:<issuer>#<subject> or system");
  const log = text("log", isLogName, "a log's name");
  const prev = text("prev", isHashHex, "64 lower-case hex digits");
  const salt = text("salt", isSalt, "16 bytes in base64url without padding");
  const time = text("time", (t) => !Number.isNaN(parseTimeMs(t)), "YYYY-MM-DDTHH:MM:SS.mmmZ");
  const seq = value["seq"]!;
  if (typeof seq !== "number" || !Number.isSafeInteger(seq) || seq < 0) {
    throw wrong("/seq", "a whole number from 0 to 2^53-1");
  }
  if (value["v"] !== ENTRY_VERSION) throw wrong("/v", `this reader knows version ${ENTRY_VERSION}`);
  const event = checkedEvent(value["event"]!);
  if (encodeJson(value) !== line) throw wrong("", "not in canonical form");
  return {
    line,
    by,
    log,
    prev,
    salt,
    seq,
    time,
    timeMs: parseTimeMs(time),
    event: event.text,
    id: event.id,
    action: event.action,
    eventJson: value["event"] as JsonObject,
  };
}

function parsed(line: string): Json {
  try {
    return readJson(line, LINE_DEPTH_MAX);
  } catch (cause) {
    throw asInvalidEntry(cause);
  }
}

function checkedEvent(value: Json): Event {
  try {
    return parseEvent(value, "/event");
  } catch (cause) {
    throw asInvalidEntry(cause);
  }
}

function asInvalidEntry(cause: unknown): unknown {
  if (!(cause instanceof LogError)) return cause;
  return new LogError("invalid_entry", cause.detail, { errors: cause.errors, cause });
}

function wrong(pointer: string, detail: string): LogError {
  const where = pointer === "" ? "" : `${pointer}: `;
  return new LogError("invalid_entry", where + detail, { errors: [{ pointer, detail }] });
}

function isSalt(text: string): boolean {
  if (text.length !== SALT_LENGTH) return false;
  try {
    return fromBase64Url(text).length === SALT_BYTES;
  } catch {
    return false;
  }
}
