/** The auditor: what it finds of each kind of tampering, what it tells and when, and that a restart loses nothing of it. */
import assert from "node:assert/strict";
import test from "node:test";
import { World } from "./harness.ts";
import { Watcher } from "./watcher.ts";

/** Two logs with three batches each, and two entries that are not sealed. */
async function sealedWorld(): Promise<World> {
  const world = new World();
  const one = await world.start();
  for (const log of ["a", "b"]) {
    for (const count of [2, 1, 3]) {
      await one.append(
        log,
        Array.from({ length: count }, () => world.event()),
      );
      await one.seal(log);
    }
    await one.append(log, [world.event(), world.event()]);
  }
  await one.seal("_system");
  return world;
}

void test("an instance that is well: one run on record, and then quiet", async () => {
  const world = await sealedWorld();
  const watcher = await new Watcher(world).start();
  await watcher.pass();
  assert.deepEqual(watcher.told(), []);
  const [run] = watcher.records;
  assert.equal(run?.state, "finished");
  assert.deepEqual(run.findings, []);
  assert.equal(run.coverage.logs, 4, "_access is one, too");
  await watcher.forMs(3_600_000);
  assert.equal(watcher.records.length, 1, "no entry for each quiet pass");
  assert.ok(watcher.auditor.stats().passes > 30);
});
