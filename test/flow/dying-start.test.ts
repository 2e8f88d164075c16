/** Starts that die at any of their calls, and are repeated: nothing is lost, and nothing is said twice that is said once. */
import assert from "node:assert/strict";
import test from "node:test";
import type { Call } from "./gate.ts";
import { MemoryIndex } from "../index/memory-index.ts";
import { Died, type Process, type World } from "./harness.ts";
import { count, entries, past, settled } from "./past.ts";

/** Calls after which the world is another one: dying after any other is dying before the next. */
const WRITES = new Set(["index.commit", "index.addSeal", "vault.put", "memo.store"]);

/** Starts again and again, dying at the first call, then at the second, until a start gets through. */
async function dieEverywhere(
  make: () => Promise<World>,
  verify: (world: World, one: Process) => Promise<void>,
): Promise<number> {
  let calls = 0;
  let name = "";
  for (let at = 1; ; at += 1) {
    for (const point of ["before", "after"] as const) {
      if (point === "after" && !WRITES.has(name)) continue;
      const world = await make();
      calls = 0;
      let dead = true;
      const fault = (call: Call) => {
        calls += 1;
        if (calls !== at) return undefined;
        ({ name } = call);
        return point;
      };
      try {
        const one = await world.start(fault);
        await settled(world, one);
        dead = calls >= at;
        if (dead) await one.gate.died;
      } catch (error) {
        if (!(error instanceof Died)) throw error;
      }
      world.crash();
      const two = await world.start();
      await settled(world, two);
      for (const log of world.logs) await two.append(log, [world.event()]);
      for (const log of ["_system", ...world.logs]) {
        world.nowMs += 60_000;
        await two.seal(log);
      }
      await world.check();
      await verify(world, two);
      world.crash();
      if (!dead) return at;
    }
  }
}

void test("load: a start that brings up and recovers may die at any call", async () => {
  const steps = await dieEverywhere(
    async () => {
      const { world, old } = await past();
      world.index = new MemoryIndex(old);
      world.memo = null;
      return world;
    },
    async (world) => {
      assert.equal(count(world, "a", "log.recovered"), 1);
      assert.equal(count(world, "_system", "log.recovered", "a"), 1);
      const named = entries(world, "_system").flatMap(({ action, eventJson }) =>
        action === "instance.unproven" ? (eventJson["details"] as { logs: string[] }).logs : [],
      );
      for (const log of ["_system", "b"]) {
        // Again only where the memo did not get to know that it was said.
        const times = named.filter((name) => name === log).length;
        assert.ok(times === 1 || times === 2, `${log} was not proven, said ${times} times`);
      }
    },
  );
  assert.ok(steps > 30, `${steps} calls`);
});

void test("load: a start on an empty index without memo may die at any call", async () => {
  const steps = await dieEverywhere(
    async () => {
      const { world } = await past();
      world.index = new MemoryIndex();
      world.memo = null;
      return world;
    },
    async (world) => {
      for (const log of ["a", "b"]) {
        assert.equal(count(world, log, "log.recovered"), 1, log);
        assert.equal(count(world, "_system", "log.recovered", log), 1, log);
      }
      assert.equal(count(world, "_system", "log.recovered", "_system"), 1);
    },
  );
  assert.ok(steps > 50, `${steps} calls`);
});
