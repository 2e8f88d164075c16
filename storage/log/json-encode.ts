/**
 * Canonical JSON (RFC 8785): members sorted by UTF-16 code units, numbers as ECMAScript writes them, the fewest escapes,
 * no white space.
 */
import { LogError } from "./errors.ts";
import { loneSurrogateAt, type Json, type JsonObject } from "./json-value.ts";

/** The canonical text; throws `invalid_json` for what `parseJson` would not have let in. */
export function encodeJson(value: Json): string {
  if (typeof value === "string") return encodeString(value);
  if (typeof value === "number") return encodeNumber(value);
  if (value === true) return "true";
  if (value === false) return "false";
  if (value === null) return "null";
  if (typeof value !== "object") throw new LogError("invalid_json", `JSON has no ${typeof value}`);
  return Array.isArray(value) ? encodeArray(value) : encodeObject(value);
}

function encodeObject(value: JsonObject): string {
  const names = Object.keys(value);
  for (let i = 1; i < names.length; i++) {
    if (names[i]! < names[i - 1]!) {
      names.sort();
      break;
    }
  }
  let text = "{";
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    if (i > 0) text += ",";
    text += encodeString(name) + ":" + encodeJson(value[name]!);
  }
  return text + "}";
}

function encodeArray(items: readonly Json[]): string {
  let text = "[";
  for (let i = 0; i < items.length; i++) {
    if (i > 0) text += ",";
    text += encodeJson(items[i]!);
  }
  return text + "]";
}

function encodeNumber(value: number): string {
  if (!(Math.abs(value) <= Number.MAX_SAFE_INTEGER)) {
    throw new LogError("invalid_json", "a number is beyond 2^53-1 in magnitude");
  }
  return "" + value;
}

/** A string as canonical JSON, quotes included; throws `invalid_json` for a lone surrogate. */
export function encodeString(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x22 || code === 0x5c || (code >= 0xd800 && code <= 0xdfff)) {
      return encodeHardString(text);
    }
  }
  return '"' + text + '"';
}

/** JSON.stringify escapes just what RFC 8785 §3.2.2.2 escapes, and lone surrogates, which are refused here. */
function encodeHardString(text: string): string {
  if (loneSurrogateAt(text) >= 0) throw new LogError("invalid_json", "a lone surrogate");
  return JSON.stringify(text);
}
