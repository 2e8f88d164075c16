/**
 * What follows the `?`, strictly: a name that the route does not know, and one that is given twice,
 * is refused by name. A misspelt `limit` that is silently ignored is worse than none.
 */
import { invalidRequest } from "./problem.ts";

const NOTHING: ReadonlyMap<string, string> = new Map();

/** RFC 9110 §4.1 wants 8,000 of everybody; our longest, with a cursor, has a few hundred. */
const URL_CHARS_MAX = 8_192;

export class Query {
  readonly #values: ReadonlyMap<string, string>;

  /** Reads the query of a URL; `names` are those that the route knows. */
  constructor(url: string, names: readonly string[]) {
    if (url.length > URL_CHARS_MAX) {
      throw invalidRequest(`an address here has at most ${URL_CHARS_MAX} characters`);
    }
    const at = url.indexOf("?");
    this.#values = at < 0 || at === url.length - 1 ? NOTHING : read(url.slice(at + 1), names);
  }

  text(name: string): string | null {
    return this.#values.get(name) ?? null;
  }

  /** All that were given, by name. */
  entries(): Record<string, string> {
    return Object.fromEntries(this.#values);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** True for `?name` and `?name=true`, false where it is not there. */
  flag(name: string): boolean {
    const value = this.text(name);
    if (value === null) return false;
    if (value === "" || value === "true") return true;
    throw wrong(name, "has no value");
  }

  /** One of `values`, or `null`. */
  oneOf<T extends string>(name: string, values: readonly T[]): T | null {
    const text = this.text(name);
    if (text === null) return null;
    const value = values.find((known) => known === text);
    if (value === undefined) throw wrong(name, `is one of: ${values.join(", ")}`);
    return value;
  }

  /** A whole number from `min` to `max`, or `null`. */
  integer(name: string, min: number, max: number): number | null {
    const text = this.text(name);
    if (text === null) return null;
    const value = parseInteger(text);
    if (value === null || value < min || value > max) {
      throw wrong(name, `is a whole number from ${min} to ${max}`);
    }
    return value;
  }
}

/** A whole number in decimal, without sign or leading zeros, at most 2^53 − 1; else `null`. */
export function parseInteger(text: string): number | null {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}

function read(text: string, names: readonly string[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(text)) {
    if (!names.includes(name)) {
      const known = names.length === 0 ? "this call takes none" : `known: ${names.join(", ")}`;
      throw wrong(name, `is no parameter of this call (${known})`);
    }
    if (values.has(name)) throw wrong(name, "is given twice");
    values.set(name, value);
  }
  return values;
}

/** A refusal that names the parameter, or its beginning: a name that nobody knows may be as long as an address. */
export function wrong(name: string, detail: string): Error {
  const shown = name.slice(0, NAME_CHARS_MAX);
  return invalidRequest(`the query parameter ${JSON.stringify(shown)} ${detail}`, `?${shown}`);
}

const NAME_CHARS_MAX = 64;
