/**
 * A quick look at a line's bytes, for who reads millions. `scanLine` is true only if `decodeLine` would accept the line;
 * false says nothing: some lines that are right (a member name in details with an escape or beyond ASCII, say) are left
 * to the full reader, which alone refuses. One pass, nothing allocated but for numbers with a fraction and `occurred_at`.
 */
import { encodeUtf8, hexDigit, utf8SequenceLength } from "./bytes.ts";
import {
  ACTION_CHARS_MAX,
  CONTEXT_CHARS_MAX,
  EVENT_ID_CHARS_MAX,
  PARTY_ID_CHARS_MAX,
  PARTY_NAME_CHARS_MAX,
  PARTY_TYPE_CHARS_MAX,
  TARGETS_MAX,
} from "./event.ts";
import { BY_CHARS_MAX, LINE_BYTES_MAX } from "./entry.ts";
import { LINE_DEPTH_MAX } from "./json.ts";
import { isRfc3339At, parseTimeMsAt, TIME_LENGTH } from "./time.ts";

const literals = (...texts: string[]): readonly Uint8Array[] => texts.map(encodeUtf8);

const BY = encodeUtf8('{"by":"');
const BY_KINDS = literals("token:", "oidc:", 'system"');
const EVENT_ACTION = encodeUtf8(',"event":{"action":"');
const ACTOR = encodeUtf8(',"actor":');
const PARTY = encodeUtf8('{"id":"');
const PARTY_NAME = encodeUtf8(',"name":"');
const PARTY_TYPE = encodeUtf8(',"type":"');
const CONTEXT = encodeUtf8(',"context":{');
const CONTEXT_MEMBERS = literals(
  '"ip":"',
  '"location":"',
  '"request_id":"',
  '"session_id":"',
  '"trace_id":"',
  '"user_agent":"',
);
const DETAILS = encodeUtf8(',"details":');
const ID = encodeUtf8(',"id":"');
const OCCURRED_AT = encodeUtf8(',"occurred_at":"');
const OUTCOME = encodeUtf8(',"outcome":"');
const OUTCOMES = literals('denied"', 'failure"', 'success"');
const TARGETS = encodeUtf8(',"targets":[');
const PREV = encodeUtf8('","prev":"');
const SALT = encodeUtf8('","salt":"');
const SEQ = encodeUtf8('","seq":');
const TIME = encodeUtf8(',"time":"');
const END = encodeUtf8('","v":1}');
const TRUE = encodeUtf8("true");
const FALSE = encodeUtf8("false");
const NULL = encodeUtf8("null");

const SALT_LENGTH = 22;
const PLAIN_DIGITS_MAX = 15;
/** The line is level 1, the event level 2, its details level 3. */
const DETAILS_LEVEL = 3;

/** Reads the lines of one log, one after the other. */
export class LineScanner {
  /** Of the line that was accepted last: its time, in milliseconds since 1970. */
  timeMs = 0;

  private readonly log: Uint8Array;
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;
  private end = 0;

  constructor(log: string) {
    this.log = encodeUtf8(`},"log":"${log}`);
  }

  /** True if `bytes[start..end)` is surely the line of this log at `seq` after the leaf `prev` (32 bytes). */
  scan(bytes: Uint8Array, start: number, end: number, seq: number, prev: Uint8Array): boolean {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    return (
      end - start <= LINE_BYTES_MAX &&
      this.by() &&
      this.event() &&
      this.literal(this.log) &&
      this.literal(PREV) &&
      this.hex(prev) &&
      this.literal(SALT) &&
      this.salt() &&
      this.literal(SEQ) &&
      this.decimal(seq) &&
      this.literal(TIME) &&
      this.time() &&
      this.literal(END) &&
      this.at === this.end
    );
  }

  private by(): boolean {
    if (!this.literal(BY)) return false;
    if (this.literal(BY_KINDS[2]!)) return true;
    const start = this.at;
    if (this.literal(BY_KINDS[0]!)) return this.text(1, BY_CHARS_MAX - 6, true);
    if (!this.literal(BY_KINDS[1]!) || !this.text(3, BY_CHARS_MAX - 5, true)) return false;
    // issuer#subject, neither empty: the first # is the mark, since an issuer has no fragment.
    const mark = this.bytes.indexOf(0x23, start + 5);
    return mark > start + 5 && mark < this.at - 2;
  }

  private event(): boolean {
    if (!this.literal(EVENT_ACTION) || !this.text(1, ACTION_CHARS_MAX, true)) return false;
    if (!this.literal(ACTOR) || !this.party()) return false;
    if (this.literal(CONTEXT) && !this.context()) return false;
    if (this.literal(DETAILS) && !this.details()) return false;
    if (this.literal(ID) && !this.text(1, EVENT_ID_CHARS_MAX, true)) return false;
    if (this.literal(OCCURRED_AT) && !this.occurredAt()) return false;
    if (this.literal(OUTCOME) && !OUTCOMES.some((outcome) => this.literal(outcome))) return false;
    return !this.literal(TARGETS) || this.targets();
  }

  private party(): boolean {
    if (!this.literal(PARTY) || !this.text(1, PARTY_ID_CHARS_MAX, true)) return false;
    if (this.literal(PARTY_NAME) && !this.text(0, PARTY_NAME_CHARS_MAX, false)) return false;
    if (this.literal(PARTY_TYPE) && !this.text(1, PARTY_TYPE_CHARS_MAX, true)) return false;
    return this.byte(0x7d);
  }

  private targets(): boolean {
    for (let count = 1; count <= TARGETS_MAX; count++) {
      if (!this.party()) return false;
      if (this.byte(0x5d)) return true;
      if (!this.byte(0x2c)) return false;
    }
    return false;
  }

  private context(): boolean {
    if (this.byte(0x7d)) return true;
    for (let i = 0; i < CONTEXT_MEMBERS.length; i++) {
      if (!this.literal(CONTEXT_MEMBERS[i]!)) continue;
      if (!this.text(0, CONTEXT_CHARS_MAX, false)) return false;
      if (this.byte(0x7d)) return true;
      if (!this.byte(0x2c)) return false;
    }
    return false;
  }

  private details(): boolean {
    return this.bytes[this.at] === 0x7b && this.value(DETAILS_LEVEL);
  }

  private occurredAt(): boolean {
    const start = this.at;
    return this.text(20, 35, true) && isRfc3339At(this.bytes, start, this.at - 1);
  }

  private time(): boolean {
    this.timeMs = parseTimeMsAt(this.bytes, this.at);
    this.at += TIME_LENGTH;
    return !Number.isNaN(this.timeMs);
  }

  private salt(): boolean {
    for (let i = 0; i < SALT_LENGTH; i++) {
      if (!isBase64Url(this.bytes[this.at + i]!)) return false;
    }
    this.at += SALT_LENGTH;
    // 128 bits leave four of the last character's six unused: only A, Q, g and w have them clear.
    const last = this.bytes[this.at - 1];
    return last === 0x41 || last === 0x51 || last === 0x67 || last === 0x77;
  }

  private hex(hash: Uint8Array): boolean {
    for (let i = 0; i < 32; i++) {
      const byte = hash[i]!;
      if (hexDigit(this.bytes[this.at + 2 * i]!) !== byte >> 4) return false;
      if (hexDigit(this.bytes[this.at + 2 * i + 1]!) !== (byte & 15)) return false;
    }
    this.at += 64;
    return true;
  }

  private decimal(expected: number): boolean {
    const start = this.at;
    let value = 0;
    for (; isDigit(this.bytes[this.at]!); this.at++)
      value = value * 10 + this.bytes[this.at]! - 0x30;
    const digits = this.at - start;
    return (
      value === expected &&
      digits > 0 &&
      digits <= 16 &&
      (digits === 1 || this.bytes[start] !== 0x30)
    );
  }

  private literal(literal: Uint8Array): boolean {
    const { bytes, at } = this;
    for (let i = 0; i < literal.length; i++) if (bytes[at + i] !== literal[i]) return false;
    this.at = at + literal.length;
    return true;
  }

  private byte(byte: number): boolean {
    if (this.bytes[this.at] !== byte) return false;
    this.at++;
    return true;
  }

  /** The rest of a string whose opening quote was read; `min` to `max` code points, `plain` without controls. */
  private text(min: number, max: number, plain: boolean): boolean {
    const { bytes, end } = this;
    let count = 0;
    let i = this.at;
    for (; i < end; count++) {
      const byte = bytes[i]!;
      if (byte === 0x22) {
        this.at = i + 1;
        return count >= min && count <= max;
      }
      if (byte >= 0x80) {
        const length = utf8SequenceLength(bytes, i);
        if (length === 0) return false;
        i += length;
      } else if (byte === 0x5c) {
        const length = escapeLength(bytes, i, plain);
        if (length === 0) return false;
        i += length;
      } else if (byte < 0x20 || (plain && byte === 0x7f)) {
        return false;
      } else {
        i++;
      }
    }
    return false;
  }

  private value(level: number): boolean {
    const byte = this.bytes[this.at]!;
    if (byte === 0x22) {
      this.at++;
      return this.text(0, LINE_BYTES_MAX, false);
    }
    if (byte === 0x7b) return level <= LINE_DEPTH_MAX && this.object(level + 1);
    if (byte === 0x5b) return level <= LINE_DEPTH_MAX && this.array(level + 1);
    if (byte === 0x74) return this.literal(TRUE);
    if (byte === 0x66) return this.literal(FALSE);
    if (byte === 0x6e) return this.literal(NULL);
    return this.number();
  }

  private array(inner: number): boolean {
    this.at++;
    if (this.byte(0x5d)) return true;
    for (;;) {
      if (!this.value(inner)) return false;
      if (this.byte(0x5d)) return true;
      if (!this.byte(0x2c)) return false;
    }
  }

  private object(inner: number): boolean {
    this.at++;
    if (this.byte(0x7d)) return true;
    let before = -1;
    let beforeEnd = -1;
    for (;;) {
      if (!this.byte(0x22)) return false;
      const name = this.at;
      if (!this.plainName()) return false;
      const nameEnd = this.at - 1;
      if (before >= 0 && !this.follows(before, beforeEnd, name, nameEnd)) return false;
      before = name;
      beforeEnd = nameEnd;
      if (!this.byte(0x3a) || !this.value(inner)) return false;
      if (this.byte(0x7d)) return true;
      if (!this.byte(0x2c)) return false;
    }
  }

  /** A member name of ASCII without escapes, where the order of bytes is the order of UTF-16 units. */
  private plainName(): boolean {
    for (; this.at < this.end; this.at++) {
      const byte = this.bytes[this.at]!;
      if (byte === 0x22) {
        this.at++;
        return true;
      }
      if (byte < 0x20 || byte === 0x5c || byte >= 0x80) return false;
    }
    return false;
  }

  private follows(a: number, aEnd: number, b: number, bEnd: number): boolean {
    for (; a < aEnd && b < bEnd; a++, b++) {
      if (this.bytes[a] !== this.bytes[b]) return this.bytes[a]! < this.bytes[b]!;
    }
    return a === aEnd && b < bEnd;
  }

  private number(): boolean {
    const start = this.at;
    const negative = this.byte(0x2d);
    const digits = this.at;
    while (isDigit(this.bytes[this.at]!)) this.at++;
    const count = this.at - digits;
    const next = this.bytes[this.at];
    if (next === 0x2e && this.fraction(digits, count)) return true;
    if (next === 0x2e || next === 0x65 || count > PLAIN_DIGITS_MAX) return this.hardNumber(start);
    if (this.bytes[digits] === 0x30) return count === 1 && !negative;
    return count > 0;
  }

  /**
   * A point and digits behind `count` others, as money is written. Up to 15 digits no two such numbers share a double, so what
   * does not end in a zero is the shortest; and from 0.1 on ECMAScript writes no exponent. Anything else is looked at twice.
   */
  private fraction(digits: number, count: number): boolean {
    const { bytes } = this;
    const first = this.at + 1;
    let end = first;
    while (isDigit(bytes[end]!)) end++;
    if (end === first || bytes[end] === 0x65 || bytes[end - 1] === 0x30) return false;
    if (count === 0 || count + end - first > PLAIN_DIGITS_MAX) return false;
    if (bytes[digits] === 0x30 && (count > 1 || bytes[first] === 0x30)) return false;
    this.at = end;
    return true;
  }

  /** What is not a short integer: it is canonical if ECMAScript writes the number just so. */
  private hardNumber(start: number): boolean {
    while (isNumberByte(this.bytes[this.at]!)) this.at++;
    const text = this.ascii(start, this.at);
    const value = Number(text);
    return Math.abs(value) <= Number.MAX_SAFE_INTEGER && "" + value === text;
  }

  private ascii(start: number, end: number): string {
    let text = "";
    for (let i = start; i < end; i++) text += String.fromCharCode(this.bytes[i]!);
    return text;
  }
}

/** The length of a canonical escape at `at`; 0 if it is none, or a control character where none may be. */
function escapeLength(bytes: Uint8Array, at: number, plain: boolean): number {
  const letter = bytes[at + 1]!;
  if (letter === 0x22 || letter === 0x5c) return 2;
  if (plain) return 0;
  if (letter === 0x62 || letter === 0x66 || letter === 0x6e || letter === 0x72 || letter === 0x74)
    return 2;
  if (letter !== 0x75 || bytes[at + 2] !== 0x30 || bytes[at + 3] !== 0x30) return 0;
  const high = bytes[at + 4]! - 0x30;
  const low = hexDigit(bytes[at + 5]!);
  if ((high !== 0 && high !== 1) || low < 0) return 0;
  // \b \t \n \f \r have a shorter form, which is the canonical one.
  const code = high * 16 + low;
  return code === 8 || code === 9 || code === 10 || code === 12 || code === 13 ? 0 : 6;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isNumberByte(byte: number): boolean {
  return isDigit(byte) || byte === 0x2e || byte === 0x65 || byte === 0x2b || byte === 0x2d;
}

function isBase64Url(byte: number): boolean {
  const letter = byte | 0x20;
  return (letter >= 0x61 && letter <= 0x7a) || isDigit(byte) || byte === 0x2d || byte === 0x5f;
}
