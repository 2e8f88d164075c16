/**
 * No false alarm: an auditor that looks on at any moment while an instance takes, seals, fails, dies and starts again, and
 * itself is not answered, and is started again. In the end it must not have told anybody of anything.
 */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { IndexError, VaultError } from "../../storage/ports.ts";
import type { World } from "./harness.ts";
import { History, LOGS, step } from "./history.ts";
import { Watcher, type WatcherOptions } from "./watcher.ts";
import { withinTime } from "./within-time.ts";

const SEED = Number(process.env["PROPERTY_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const HISTORIES = 40;
const STEPS = 40;
/** A slow machine does fewer histories rather than taking longer. */
const TIME_MS_MAX = 5_000;

/** What the auditor does beside a step: how often it is called, how late it is answered, and whether it is started anew. */
const look = fc.record({
  turns: fc.integer({ min: 0, max: 4 }),
  late: fc.integer({ min: 0, max: 3 }),
  refused: fc.integer({ min: 0, max: 12 }),
  again: fc.integer({ min: 0, max: 9 }),
  seconds: fc.integer({ min: 0, max: 90 }),
});

/** Histories of an honest operator: an index that comes back old is for the auditor to tell. */
const honest = step.filter(({ kind }) => kind !== "old index");

const seen = { passes: 0, seals: 0, refused: 0 };

/** Answers of index and vault that come late, or not at all, as often as `now` says. */
function slowParts(world: World, now: { late: number; refused: number }): WatcherOptions {
  let calls = 0;
  const answer = async <T>(read: () => Promise<T>, error: () => Error): Promise<T> => {
    for (let at = 0; at < now.late; at += 1) await new Promise((resolve) => setImmediate(resolve));
    calls += 1;
    if (now.refused > 8 && calls % now.refused === 0) {
      seen.refused += 1;
      throw error();
    }
    return read();
  };
  const unreachable = () => new VaultError("vault_unreachable", "the vault does not answer");
  const unavailable = () => new IndexError("the index does not answer", "nothing");
  return {
    vault: {
      get: (key, version) => answer(() => world.vault.get(key, version), unreachable),
      lock: (key, version) => answer(() => world.vault.lock(key, version), unreachable),
      async *versions(prefix, after) {
        await answer(async () => {}, unreachable);
        yield* world.vault.versions(prefix, after);
      },
    },
    view: {
      heads: () => answer(() => world.index.heads(), unavailable),
      chunks: (log, range) => answer(() => world.index.chunks(log, range), unavailable),
      tiles: (log) => (level, at, width) =>
        answer(async () => world.index.tiles(log)(level, at, width), unavailable),
      seals: (log, range) => answer(() => world.index.seals(log, range), unavailable),
    },
  };
}

void test("an honest instance is never told of", { timeout: 10 * TIME_MS_MAX }, async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const histories = fc.asyncProperty(
    fc.array(fc.tuple(honest, look), { minLength: STEPS, maxLength: STEPS }),
    withinTime(TIME_MS_MAX, async (steps) => {
      const history = new History();
      const now = { late: 0, refused: 0 };
      const settings = { minPauseMs: 5_000, unreachableMs: 3_600_000 };
      const parts = slowParts(history.world, now);
      const watcher = await new Watcher(history.world, { settings, ...parts }).start();
      for (const [one, { turns, late, refused, again, seconds }] of steps) {
        Object.assign(now, { late, refused });
        if (again === 0) await watcher.start();
        if (one.kind === "seal") watcher.auditor.sealed(one.log);
        const looking = async () => {
          for (let turn = 0; turn < turns; turn += 1) await watcher.auditor.run();
        };
        await Promise.all([looking(), history.play(one)]);
        history.world.nowMs += seconds * 1_000;
      }
      Object.assign(now, { late: 0, refused: 0 });
      await history.heal();
      for (const log of ["_system", ...LOGS]) watcher.auditor.sealed(log);
      await watcher.pass();
      const { passes, sealsChecked } = watcher.auditor.stats();
      seen.passes += passes;
      seen.seals += sealsChecked;
      assert.deepEqual(watcher.told(), []);
      assert.deepEqual(watcher.open(), []);
    }),
  );
  await fc.assert(histories, {
    seed: SEED,
    numRuns: HISTORIES,
    endOnFailure: true,
  });
  t.diagnostic(JSON.stringify(seen));
  assert.ok(seen.passes > 0 && seen.refused > 0, "it looked, and was not always answered");
});
