/** Random JSON values that FORMAT §1 lets in. */
import fc from "fast-check";
import type { Json } from "../../storage/log/json.ts";

/** Values that the door lets in: doubles that FORMAT §1 allows, well-formed strings, any member names. */
const text = fc.string({ unit: "binary" });
const number = fc
  .oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.maxSafeInteger())
  .filter((value) => Math.abs(value) <= Number.MAX_SAFE_INTEGER);
export const json = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(null, true, false),
    number,
    text,
    fc.array(tie("value"), { maxLength: 6 }),
    fc.dictionary(
      fc.oneof(text, fc.constantFrom("__proto__", "constructor", "1", "10", "2")),
      tie("value"),
      {
        maxKeys: 6,
      },
    ) as fc.Arbitrary<Json>,
  ),
})).value;
