/**
 * The strict reader of JSON (RFC 8259, narrowed by FORMAT §1): one pass over the text, by character codes and slices. It
 * refuses invalid UTF-8, a byte order mark, trailing bytes, a member named twice, lone surrogates, numbers that a double
 * would change beyond recognition, and deep nesting; each refusal names the place as a JSON pointer and a byte offset.
 */
import { decodeUtf8, utf8FaultAt, utf8Length } from "./bytes.ts";
import { LogError, pointerStep } from "./errors.ts";
import { loneSurrogateAt, newJsonObject, type Json, type JsonObject } from "./json-value.ts";

/** How deep objects and arrays of an event may nest, the event itself being level 1. */
export const DEPTH_MAX = 32;
/** A line holds an event one level deeper. */
export const LINE_DEPTH_MAX = DEPTH_MAX + 1;
/** A double is told apart from its neighbours by 17 significant decimal digits; more say what it cannot keep. */
const SIGNIFICANT_DIGITS_MAX = 17;
/** Integers of this many digits are all below 2^53 and can be summed up digit by digit. */
const PLAIN_DIGITS_MAX = 15;

export interface ParseOptions {
  /** Levels of objects and arrays allowed; `DEPTH_MAX` unless given. */
  readonly depthMax?: number;
  /** True where a list of events may come: an array at the top then does not count as a level. */
  readonly list?: boolean;
}

/** The value of a JSON text; throws `invalid_json` with one place. Objects of the result inherit nothing. */
export function parseJson(input: Uint8Array | string, options: ParseOptions = {}): Json {
  return new Parser(typeof input === "string" ? input : textOf(input), options).document();
}

function textOf(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes);
  } catch (cause) {
    const detail = `not UTF-8, at byte ${utf8FaultAt(bytes)}`;
    throw new LogError("invalid_json", detail, { errors: [{ pointer: "", detail }], cause });
  }
}

class Parser {
  private readonly text: string;
  private readonly depthMax: number;
  private at = 0;
  private depth = 0;
  /** The member or index that is being read, per level: what a pointer is made of should it be needed. */
  private readonly path: (string | number)[] = [];

  constructor(text: string, options: ParseOptions) {
    this.text = text;
    this.depthMax = options.depthMax ?? DEPTH_MAX;
    if (options.list === true && this.next() === 0x5b) this.depthMax++;
  }

  document(): Json {
    if (this.text.charCodeAt(0) === 0xfeff) this.fail("a byte order mark");
    if (Number.isNaN(this.next())) this.fail("empty");
    const value = this.value(this.next());
    if (!Number.isNaN(this.next())) this.fail("something follows the value");
    return value;
  }

  /** The code of the next character that is not white space, which becomes the current one; NaN at the end. */
  private next(): number {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code;
      this.at++;
    }
  }

  private value(code: number): Json {
    if (code === 0x22) return this.string();
    if (code === 0x7b) return this.object();
    if (code === 0x5b) return this.array();
    if (code === 0x2d || (code >= 0x30 && code <= 0x39)) return this.number();
    if (code === 0x74) return this.word("true", true);
    if (code === 0x66) return this.word("false", false);
    if (code === 0x6e) return this.word("null", null);
    return this.fail(
      Number.isNaN(code) ? "it ends where a value was expected" : "not a JSON value",
    );
  }

  private word(word: string, value: Json): Json {
    if (!this.text.startsWith(word, this.at)) this.fail("not a JSON value");
    this.at += word.length;
    return value;
  }

  private object(): JsonObject {
    this.enter();
    const object = newJsonObject();
    let code = this.next();
    if (code !== 0x7d) {
      for (;;) {
        if (code !== 0x22) this.fail("a member name in double quotes was expected", 1);
        const nameAt = this.at;
        const name = this.string(1);
        this.path[this.depth - 1] = name;
        if (name in object) this.fail("the member is named twice", 0, nameAt);
        if (this.next() !== 0x3a) this.fail("a colon was expected");
        this.at++;
        object[name] = this.value(this.next());
        code = this.next();
        if (code === 0x7d) break;
        if (code !== 0x2c) this.fail("a comma or the end of the object was expected", 1);
        this.at++;
        code = this.next();
      }
    }
    this.at++;
    this.depth--;
    return object;
  }

  private array(): Json[] {
    this.enter();
    const array: Json[] = [];
    let code = this.next();
    if (code !== 0x5d) {
      for (;;) {
        this.path[this.depth - 1] = array.length;
        array.push(this.value(code));
        code = this.next();
        if (code === 0x5d) break;
        if (code !== 0x2c) this.fail("a comma or the end of the array was expected", 1);
        this.at++;
        code = this.next();
      }
    }
    this.at++;
    this.depth--;
    return array;
  }

  private enter(): void {
    if (this.depth === this.depthMax) this.fail(`nested deeper than ${DEPTH_MAX} levels`);
    this.depth++;
    this.at++;
  }

  /** `unread` is 1 while a member's name is read: the pointer then ends at the object. */
  private string(unread = 0): string {
    const start = this.at + 1;
    for (let i = start; ; i++) {
      const code = this.text.charCodeAt(i);
      if (code === 0x22) {
        this.at = i + 1;
        return this.text.slice(start, i);
      }
      if (code >= 0x20 && code !== 0x5c && (code < 0xd800 || code > 0xdfff)) continue;
      return this.hardString(start, i, unread);
    }
  }

  /** A string with something that is not one plain character: an escape, a surrogate, or a fault. */
  private hardString(start: number, from: number, unread: number): string {
    let value = "";
    let kept = start;
    for (let i = from; ; i++) {
      const code = this.text.charCodeAt(i);
      if (code === 0x22) {
        value += this.text.slice(kept, i);
        if (loneSurrogateAt(value) >= 0) this.fail("a lone surrogate", unread);
        this.at = i + 1;
        return value;
      }
      if (code === 0x5c) {
        value += this.text.slice(kept, i) + this.escape(i, unread);
        i += this.text.charCodeAt(i + 1) === 0x75 ? 5 : 1;
        kept = i + 1;
      } else if (!(code >= 0x20)) {
        this.at = Math.min(i, this.text.length);
        this.fail(
          code < 0x20 ? "a control character in a string" : "it ends inside a string",
          unread,
        );
      }
    }
  }

  private escape(at: number, unread: number): string {
    const letter = this.text.charAt(at + 1);
    if (letter === "u") {
      const digits = this.text.slice(at + 2, at + 6);
      if (/^[0-9A-Fa-f]{4}$/.test(digits)) return String.fromCharCode(Number.parseInt(digits, 16));
    } else {
      const short = SHORT_ESCAPES.get(letter);
      if (short !== undefined) return short;
    }
    this.at = at;
    return this.fail("an escape that JSON does not have", unread);
  }

  private number(): number {
    const start = this.at;
    const negative = this.text.charCodeAt(start) === 0x2d;
    let i = negative ? start + 1 : start;
    const digits = i;
    let sum = 0;
    let code = this.text.charCodeAt(i);
    for (; code >= 0x30 && code <= 0x39; code = this.text.charCodeAt(++i))
      sum = sum * 10 + code - 0x30;
    if (i === digits || (i > digits + 1 && this.text.charCodeAt(digits) === 0x30)) {
      this.fail("not a number as JSON writes it");
    }
    if (code === 0x2e || code === 0x65 || code === 0x45 || i - digits > PLAIN_DIGITS_MAX) {
      return this.hardNumber(start);
    }
    this.at = i;
    return negative && sum !== 0 ? -sum : sum;
  }

  private hardNumber(start: number): number {
    NUMBER.lastIndex = start;
    const match = NUMBER.exec(this.text);
    if (match === null || /[.eE]/.test(this.text.charAt(NUMBER.lastIndex))) {
      return this.fail("not a number as JSON writes it");
    }
    const value = Number(match[0]);
    const significant = significantDigits(match[1]! + (match[2] ?? ""));
    if (!(Math.abs(value) <= Number.MAX_SAFE_INTEGER))
      this.fail("a number beyond 2^53-1 in magnitude");
    if (value === 0 && significant > 0) this.fail("a number so small that it would become zero");
    if (significant > SIGNIFICANT_DIGITS_MAX) {
      this.fail(`a number of more than ${SIGNIFICANT_DIGITS_MAX} significant digits`);
    }
    this.at = start + match[0].length;
    return value === 0 ? 0 : value;
  }

  private fail(what: string, unread = 0, at = this.at): never {
    const pointer = this.path
      .slice(0, this.depth - unread)
      .map(pointerStep)
      .join("");
    const detail = `${what}, at byte ${utf8Length(this.text.slice(0, at))}`;
    throw new LogError("invalid_json", detail, { errors: [{ pointer, detail }] });
  }
}

/** How many digits stand from the first to the last that is not zero. By hand: a regex is quadratic here. */
function significantDigits(digits: string): number {
  let first = 0;
  let end = digits.length;
  while (digits.charCodeAt(first) === 0x30) first++;
  while (end > first && digits.charCodeAt(end - 1) === 0x30) end--;
  return end - first;
}

const NUMBER = /-?(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE][+-]?[0-9]+)?/y;

const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);
