/** A backlog of several batches: the ledger remembers heads on the way, so that lines are read once. */
import assert from "node:assert/strict";
import test from "node:test";
import { World } from "./harness.ts";

const SEAL_BYTES = 4_000;

async function backlog(world: World) {
  const one = await world.start();
  for (let n = 0; n < 40; n += 1) await one.append("a", [world.event({ text: "x".repeat(300) })]);
  return one;
}

async function batches(world: World) {
  const rows = await world.index.seals("a", { from: 0, limit: 1_000, order: "asc" });
  return rows.map(({ count }) => count);
}

test("a backlog becomes batches of the size that is wanted, each of its lines read once", async () => {
  const world = new World({ settings: { sealBytes: SEAL_BYTES } });
  const one = await backlog(world);
  let read = 0;
  one.gate.fault = ({ name, args }) => {
    if (name === "index.chunks" && args[0] === "a") read += 1;
    return undefined;
  };
  await one.seal("a");
  const counts = await batches(world);
  assert.equal(one.sealed("a"), 40);
  assert.ok(counts.length >= 6, `${counts.length} batches`);
  assert.equal(read, counts.length);
  await world.check();
});

test("after a restart nobody remembers, and the backlog is sealed all the same", async () => {
  const world = new World({ settings: { sealBytes: SEAL_BYTES } });
  await backlog(world);
  world.crash();
  const two = await world.start();
  await two.append("a", [world.event()]);
  await two.seal("a");
  assert.equal(two.sealed("a"), 41);
  assert.ok((await batches(world)).length >= 6);
  await world.check();
});
