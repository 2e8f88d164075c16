/**
 * JSON at the door (FORMAT §1) and its canonical form (RFC 8785). `parseJson` is strict; `encodeJson` writes what it
 * returned, and reading that text again (`readJson` is enough for that) and encoding it gives the same text.
 */
export { encodeJson, encodeString } from "./json-encode.ts";
export { DEPTH_MAX, LINE_DEPTH_MAX, parseJson } from "./json-parse.ts";
export { readJson } from "./json-read.ts";
export { isJsonObject, newJsonObject, type Json, type JsonObject } from "./json-value.ts";
