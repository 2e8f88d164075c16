/** Opening logs (PROTOCOL §4): the rows of the table after which a log goes on, each found by a real start. */
import assert from "node:assert/strict";
import test from "node:test";
import { ID_LIFE_MS } from "../../storage/flow/append.ts";
import { MemoryIndex } from "../index/memory-index.ts";
import { Died, World } from "./harness.ts";
import { count, entries, past, refused, settled } from "./past.ts";

void test("load: nothing happened: goes on", async () => {
  const { world } = await past(1);
  const one = await world.start();
  await one.append("a", [world.event()]);
  await one.seal("a");
  assert.equal(count(world, "_system", "instance.unproven"), 0);
  assert.equal(count(world, "a", "log.recovered"), 0);
  await world.check();
});

void test("load: V extends I, M = V: brought up, ids and all", async () => {
  const { world, old, event } = await past();
  world.index = new MemoryIndex(old);
  const one = await world.start();
  assert.equal(one.size("a"), 4);
  assert.equal(one.sealed("a"), 4);
  assert.equal((await one.append("a", [event])).places[0]?.duplicate, true);
  assert.equal(count(world, "a", "log.recovered"), 0);
  assert.equal(count(world, "_system", "instance.unproven"), 0);
  await world.check();
});

for (const memo of ["missing", "old", "without the log"] as const) {
  void test(`load: V beyond I, M ${memo}: log.recovered, and nothing else until it is sealed`, async () => {
    const { world, old, event } = await past();
    world.index = new MemoryIndex(old);
    const kept = world.memo;
    assert.ok(kept);
    if (memo === "missing") world.memo = null;
    if (memo === "old") kept.set("a", { size: 1, leaf: entries(world, "a")[1]?.prev ?? "" });
    if (memo === "without the log") kept.delete("a");
    world.vault.hooks.put = () => "refused";
    const one = await world.start();
    assert.equal(one.size("a"), 5);
    const details = entries(world, "a")[4]?.eventJson["details"];
    assert.equal(entries(world, "a")[4]?.action, "log.recovered");
    const retired =
      memo === "missing"
        ? null
        : memo === "old"
          ? { size: 1, leaf: entries(world, "a")[1]?.prev }
          : { size: 0, leaf: "0".repeat(64) };
    assert.deepEqual(JSON.parse(JSON.stringify(details)), {
      log: "a",
      reason: "unproven",
      kept: 4,
      missing_from: 4,
      missing_to: null,
      memo: retired,
    });
    await assert.rejects(one.append("a", [world.event()]), refused("frozen"));
    await one.append("b", [world.event()]);
    await world.check();
    world.vault.hooks = {};
    await settled(world, one);
    assert.equal((await one.append("a", [event])).places[0]?.duplicate, true);
    assert.equal(count(world, "_system", "log.recovered", "a"), 1);
    await world.check();
    world.crash();
    const two = await world.start();
    await two.append("a", [world.event()]);
    assert.equal(count(world, "a", "log.recovered"), 1);
    assert.equal(count(world, "_system", "log.recovered", "a"), 1);
    await world.check();
  });
}

void test("load: I extends V, M missing: one instance.unproven, nothing in the log, never again", async () => {
  const { world } = await past(2);
  world.memo = null;
  const one = await world.start();
  assert.equal(count(world, "_system", "instance.unproven"), 1);
  const [entry] = entries(world, "_system").filter(({ action }) => action === "instance.unproven");
  assert.deepEqual(JSON.parse(JSON.stringify(entry?.eventJson["details"])), {
    logs: ["_system", "a", "b"],
  });
  await one.append("a", [world.event()]);
  await one.seal("a");
  world.crash();
  await world.start();
  assert.equal(count(world, "_system", "instance.unproven"), 1);
  assert.equal(count(world, "a", "log.recovered"), 0);
  await world.check();
});

void test("load: I extends V, M missing: said before the first entry, also where the start died before", async () => {
  const { world } = await past(2);
  world.memo = null;
  let commits = 0;
  const dying = world.start(({ name }) => {
    if (name !== "index.commit") return undefined;
    commits += 1;
    return commits === 1 ? "before" : undefined;
  });
  await assert.rejects(dying, Died);
  world.crash();
  await world.start();
  assert.equal(count(world, "_system", "instance.unproven"), 1);
  await world.check();
});

void test("load: brought up over an id that an old index still remembers from its life before", async () => {
  const world = new World();
  const one = await world.start();
  await one.append("a", [world.event({ id: "i" })]);
  await one.seal("a");
  const old = world.index.store.copy();
  world.nowMs += ID_LIFE_MS + 1_000;
  const again = world.event({ id: "i" });
  assert.equal((await one.append("a", [again])).count, 1);
  await one.seal("a");
  world.crash();
  world.index.store.chunks.set("a", old.chunks.get("a") ?? []);
  world.index.store.heads.set("a", old.heads.get("a") as never);
  world.index.store.seals.set("a", old.seals.get("a") ?? []);
  world.index.store.events.clear();
  for (const [key, record] of old.events) world.index.store.events.set(key, record);
  const two = await world.start();
  assert.equal((await two.append("a", [again])).places[0]?.duplicate, true);
  await world.check();
});

void test("load: what could not be said at the start is said before the next entry", async () => {
  const { world } = await past(1);
  world.memo = null;
  let away = true;
  const one = await world.start(({ name }) =>
    away && name === "index.commit" ? "refuse" : undefined,
  );
  assert.equal(count(world, "_system", "instance.unproven"), 0);
  await assert.rejects(one.append("a", [world.event()]), refused("index_unavailable"));
  away = false;
  await one.append("a", [world.event()]);
  const actions = entries(world, "_system").map(({ action }) => action);
  assert.deepEqual(actions.slice(-2), ["instance.unproven", "key.announced"]);
  await world.check();
});
