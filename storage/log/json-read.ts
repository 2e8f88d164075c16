/**
 * Reading JSON that has to be canonical. The engine's own reader makes the value; who asks writes it again (`encodeJson`) and
 * compares: only a canonical text comes back as it was, so a member named twice, white space, a lone surrogate, an escape or
 * a number in another form need no rule of their own. What comes to the door is read by `parseJson`, which says where a
 * text is wrong.
 */
import { attempt, LogError } from "./errors.ts";
import type { Json } from "./json-value.ts";

/** The value of a text, nested to `depthMax` levels at most; throws `invalid_json`. Nothing else is checked. */
export function readJson(text: string, depthMax: number): Json {
  const value = attempt("invalid_json", "not JSON", () => JSON.parse(text) as Json);
  if (isWithin(value, depthMax)) return value;
  throw new LogError("invalid_json", `nested deeper than ${depthMax} levels`);
}

function isWithin(value: Json, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((member) => isWithin(member, levels - 1));
}
