/**
 * A property as a test: many random values, the seed printed so that a run can be repeated
 * (`PROPERTY_SEED=<seed>`), and named in the failure.
 */
import test from "node:test";
import fc from "fast-check";

const RUNS = 300;
const seed = Number(process.env["PROPERTY_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

export function property<T>(
  name: string,
  values: fc.Arbitrary<T>,
  holds: (value: T) => void | Promise<void>,
  runs = RUNS,
): void {
  test(name, async (t) => {
    t.diagnostic(`seed ${seed}`);
    await fc.assert(
      fc.asyncProperty(values, async (value) => holds(value)),
      { seed, numRuns: runs },
    );
  });
}
