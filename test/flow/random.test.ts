/**
 * Random histories. After every step the whole instance is checked; at the end of each history it must be well again.
 */
import test from "node:test";
import fc from "fast-check";
import { History, seen, step } from "./history.ts";
import { withinTime } from "./within-time.ts";

const SEED = Number(process.env["PROPERTY_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const HISTORIES = 60;
const STEPS = 50;
/** A slow machine does fewer histories rather than taking longer. */
const TIME_MS_MAX = 20_000;

void test("random histories", { timeout: 10 * TIME_MS_MAX }, async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const histories = fc.asyncProperty(
    fc.array(step, { minLength: STEPS, maxLength: STEPS }),
    withinTime(TIME_MS_MAX, async (steps) => {
      const history = new History();
      for (const one of steps) await history.play(one);
      await history.heal();
    }),
  );
  await fc.assert(histories, {
    seed: SEED,
    numRuns: HISTORIES,
    endOnFailure: true,
  });
  t.diagnostic(JSON.stringify(seen));
});
