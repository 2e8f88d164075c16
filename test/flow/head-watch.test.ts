/** Heads of the index against those seen committed: every way to go back is named, and no honest race is. */
import assert from "node:assert/strict";
import test from "node:test";
import { lookAtHeads } from "../../storage/flow/head-watch.ts";
import type { MemoryStore } from "../index/memory-index.ts";
import { World, type Process } from "./harness.ts";

async function begun(): Promise<{ world: World; one: Process; old: MemoryStore }> {
  const world = new World();
  const one = await world.start();
  await one.append("a", [world.event(), world.event()]);
  await one.append("b", [world.event()]);
  const old = world.index.store.copy();
  await one.append("a", [world.event(), world.event()]);
  return { world, one, old };
}

async function look({ world, one }: { world: World; one: Process }) {
  const states = ["_system", "a", "b"].flatMap((log) => one.ledger.state(log) ?? []);
  return (await lookAtHeads(world.index, states)).back;
}

const places = (back: Awaited<ReturnType<typeof look>>) =>
  back.map(({ state, finding: { code, log, first, last } }) => [
    state.name,
    code,
    log,
    first,
    last,
  ]);

test("an index that has what was committed went nowhere", async () => {
  assert.deepEqual(await look(await begun()), []);
});

test("an old index: the logs that were longer, and what they lack", async () => {
  const begin = await begun();
  for (const part of ["heads", "chunks"] as const) {
    begin.world.index.store[part].set("a", begin.old[part].get("a") as never);
  }
  assert.deepEqual(places(await look(begin)), [["a", "index_behind", "a", 2, 3]]);
  begin.world.index.store.heads.delete("b");
  assert.deepEqual(places(await look(begin)), [
    ["a", "index_behind", "a", 2, 3],
    ["b", "index_behind", "b", 0, 0],
  ]);
});

test("a head of the same size with another leaf: the last entry is another one", async () => {
  const begin = await begun();
  const { heads } = begin.world.index.store;
  heads.set("a", { ...heads.get("a")!, leaf: "f".repeat(64) });
  assert.deepEqual(places(await look(begin)), [["a", "entry_altered", "a", 3, 3]]);
});

test("a longer index whose entries before are others", async () => {
  const begin = await begun();
  const { heads, chunks } = begin.world.index.store;
  heads.set("a", { ...heads.get("a")!, size: 6, leaf: "e".repeat(64) });
  const last = chunks.get("a")!.at(-1)!;
  last.leaves.fill(1);
  assert.deepEqual(places(await look(begin)), [["a", "entry_altered", "a", 3, 3]]);
});

test("another worker's entries behind ours are no reason to worry", async () => {
  const begin = await begun();
  const two = await begin.world.start();
  await two.append("a", [begin.world.event()]);
  assert.equal(begin.one.ledger.state("a")!.head.size, 4);
  assert.deepEqual(await look(begin), []);
});

test("a commit between the look at memory and the look at the index is none either", async () => {
  const { world, one } = await begun();
  const states = [one.ledger.state("a")!];
  const index = {
    heads: async () => {
      await one.append("a", [world.event()]);
      return world.index.heads();
    },
    chunks: () => assert.fail("nothing has to be read"),
  };
  assert.deepEqual((await lookAtHeads(index, states)).back, []);
});

test("a frozen log has said what it is", async () => {
  const begin = await begun();
  begin.world.index.store.heads.delete("a");
  const [back] = await look(begin);
  begin.one.ledger.freeze(back!.state, back!.finding);
  assert.deepEqual(await look(begin), []);
});
