/** JSON as values: what the reader makes, the writer takes, and the checks in between look at. */

export type Json = null | boolean | number | string | Json[] | JsonObject;

/** An object that inherits nothing, so that a member may be called `__proto__` or `constructor`. */
export interface JsonObject {
  [name: string]: Json;
}

/**
 * Makes an empty JsonObject. Its prototype is an empty object without a prototype: nothing is inherited, and engines
 * keep it as fast as an object of a class, which they do not do for `Object.create(null)`.
 */
export function newJsonObject(): JsonObject {
  return new Bag();
}

const Bag = function () {} as unknown as { new (): JsonObject; prototype: object };
Bag.prototype = Object.freeze(Object.create(null) as object);

/** True for a JSON object, false for null, arrays and everything else. */
export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The index of the first surrogate that is not half of a pair, or -1. */
export function loneSurrogateAt(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0xd800 || code > 0xdfff) continue;
    const next = text.charCodeAt(i + 1);
    if (code > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return i;
    i++;
  }
  return -1;
}
