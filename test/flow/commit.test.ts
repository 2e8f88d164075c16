/** ★ Commit 1 when its outcome is not known (PROTOCOL §2.4), alone and beside another worker on the same database. */
import assert from "node:assert/strict";
import test from "node:test";
import { ChunkBuilder, EMPTY_HEAD } from "../../storage/flow/chunk.ts";
import { commitSurely } from "../../storage/flow/commit.ts";
import { Refusal } from "../../storage/flow/refusal.ts";
import { encodeUtf8 } from "../../storage/log/bytes.ts";
import { leafHash } from "../../storage/log/hash.ts";
import { IndexError, type ChunkCommit, type Index } from "../../storage/ports.ts";
import { MemoryIndex } from "../index/memory-index.ts";
import type { Call, Fault } from "./gate.ts";
import { once, until, World, type Process } from "./harness.ts";

const frozen = (error: unknown) => error instanceof Refusal && error.code === "frozen";

async function warmed(): Promise<[World, Process]> {
  const world = new World();
  const one = await world.start();
  await one.append("a", [world.event()]);
  await one.append("b", [world.event()]);
  return [world, one];
}

/** A second worker that has announced its keys already. */
async function another(world: World): Promise<Process> {
  const two = await world.start();
  await two.append("a", [world.event()]);
  await two.append("b", [world.event()]);
  return two;
}

for (const fault of ["lose", "keep", "late"] as const) {
  void test(`commit: answer lost (${fault}), then fine`, async () => {
    const [world, one] = await warmed();
    one.gate.fault = once("index.commit", fault);
    const done = await one.append("a", [world.event({ id: "i" }), world.event()]);
    assert.deepEqual(
      done.places.map(({ seq, duplicate }) => [seq, duplicate]),
      [
        [1, false],
        [2, false],
      ],
    );
    await world.check();
    world.crash();
    await world.arrive();
    await world.check();
    const two = await world.start();
    await two.append("a", [world.event()]);
    assert.equal(two.size("a"), 4);
    await world.check();
    world.crash();
  });

  void test(`commit: answer lost (${fault}), and another worker moves the log meanwhile`, async () => {
    const [world, one] = await warmed();
    const two = await another(world);
    await world.check();
    let other: Promise<unknown> | undefined;
    const lost = once("index.commit", fault);
    one.gate.fault = (call) => {
      const found = lost(call);
      if (found !== undefined) other = two.append("a", [world.event()]);
      return found;
    };
    await one.append("a", [world.event({ id: "i" }), world.event()]);
    await other;
    await world.check();
    await Promise.all([one.append("b", [world.event()]), two.append("b", [world.event()])]);
    await world.check();
    assert.ok(world.reports.some(({ message }) => message.includes("another worker")));
    world.crash();
  });

  void test(`commit: answer lost (${fault}), the process dies in doubt`, async () => {
    const [world, one] = await warmed();
    const event = world.event({ id: "i" });
    let commits = 0;
    one.gate.fault = ({ name }) => {
      if (name !== "index.commit") return undefined;
      commits += 1;
      return commits === 1 ? fault : "before";
    };
    await assert.rejects(one.append("a", [event]), /died/);
    world.crash();
    const two = await world.start();
    await world.check();
    // Asked again with the same id, it is there once.
    const { places } = await two.append("a", [event]);
    assert.equal(places[0]?.seq, 1);
    assert.equal(places[0]?.duplicate, fault !== "lose");
    await world.check();
    world.crash();
  });
}

void test("commit: an index away for a while in doubt; what comes meanwhile is told that it was not tried", async () => {
  const [world, one] = await warmed();
  let away = 40;
  let first = true;
  one.gate.fault = ({ name }) => {
    if (!name.startsWith("index.") || away === 0 || (first && name !== "index.commit")) {
      return undefined;
    }
    away -= 1;
    const fault: Fault = first ? "keep" : "refuse";
    first = false;
    return fault;
  };
  const doubtful = one.append("a", [world.event({ id: "i" })]);
  await until(() => !first, "a commit whose answer is lost");
  await until(() => world.reports.length > 0, "a report of the doubt");
  await assert.rejects(one.append("b", [world.event()]), /was not tried/);
  away = 0;
  assert.equal((await doubtful).places[0]?.seq, 1);
  await one.append("b", [world.event()]);
  await world.check();
  world.crash();
});

void test("commit: callers hear of a long doubt, the commit goes on being sent", async () => {
  const [world, one] = await warmed();
  let away = true;
  one.gate.fault = ({ name }) => (away && name === "index.commit" ? "keep" : undefined);
  const event = world.event({ id: "i" });
  const doubtful = one.append("a", [event]);
  const behind = until(() => world.reports.length === 0, "the beginning").then(() =>
    one.append("b", [world.event()]),
  );
  await assert.rejects(doubtful, /may have happened/);
  await assert.rejects(behind, /was not tried/);
  away = false;
  await until(() => one.size("a") === 2, "the commit in doubt");
  const { places } = await one.append("a", [event]);
  assert.deepEqual([places[0]?.seq, places[0]?.duplicate], [1, true]);
  await world.check();
  world.crash();
});

void test("commit: two workers write by turns and at once", async () => {
  const [world, one] = await warmed();
  const two = await another(world);
  for (let round = 0; round < 10; round += 1) {
    await Promise.all([
      one.append("a", [world.event({ id: `one ${round}` }), world.event()]),
      two.append("a", [world.event({ id: `two ${round}` })]),
      one.append("b", [world.event()]),
      two.append("b", [world.event()]),
    ]);
    await world.check();
  }
  assert.equal(world.index.store.heads.get("a")?.size, 2 + 30);
  world.crash();
});

void test("commit: two workers, one id at once: the second finds it", async () => {
  const [world, one] = await warmed();
  const two = await another(world);
  const event = world.event({ id: "i" });
  const done = await Promise.all([one.append("a", [event]), two.append("a", [event])]);
  const duplicates = done.map(({ places }) => places[0]?.duplicate);
  assert.deepEqual(duplicates.toSorted(), [false, true]);
  assert.equal(done[0]?.places[0]?.seq, done[1]?.places[0]?.seq);
  await world.check();
  world.crash();
});

void test("commit: an index that goes back under a running ledger freezes the log at once", async () => {
  const [world, one] = await warmed();
  const old = world.index.store.copy();
  await one.append("a", [world.event()]);
  world.index = new MemoryIndex(old);
  const [a, b] = await Promise.allSettled([
    one.append("a", [world.event()]),
    one.append("b", [world.event()]),
  ]);
  assert.ok(a.status === "rejected" && frozen(a.reason));
  assert.equal(b.status, "fulfilled", "the other log goes on");
  assert.equal(one.ledger.state("a")?.frozen?.code, "index_behind");
  world.forgive();
  await world.check();
  world.crash();
});

void test("commit: an index that went back and on, otherwise, freezes the log too", async () => {
  const [world, one] = await warmed();
  const old = world.index.store.copy();
  await one.append("a", [world.event()]);
  // Somebody else goes on from the old state, beyond what this worker has seen.
  const elsewhere = new World();
  elsewhere.vault = world.vault;
  elsewhere.index = new MemoryIndex(old);
  elsewhere.memo = null;
  const other = await elsewhere.start();
  await other.append("a", [elsewhere.event({ n: -1 }), elsewhere.event({ n: -2 })]);
  world.index = elsewhere.index;
  await assert.rejects(one.append("a", [world.event()]), frozen);
  assert.equal(one.ledger.state("a")?.frozen?.code, "index_behind");
  world.crash();
  elsewhere.crash();
});

void test("commit: a crash right before or after it", async () => {
  for (const point of ["before", "after"] as const) {
    const [world, one] = await warmed();
    one.gate.fault = once("index.commit", point);
    const event = world.event({ id: "i" });
    await assert.rejects(one.append("a", [event, world.event()]), /died/);
    await world.check();
    world.crash();
    const two = await world.start();
    const { places } = await two.append("a", [event]);
    assert.equal(places[0]?.duplicate, point === "after");
    await world.check();
    world.crash();
  }
});

void test("commit: the statements sent again are the same ones", async () => {
  const [world, one] = await warmed();
  const sent: ChunkCommit[][] = [];
  let left = 3;
  one.gate.fault = ({ name, args }: Call) => {
    if (name !== "index.commit") return undefined;
    sent.push(args[0] as ChunkCommit[]);
    left -= 1;
    return left >= 0 ? "lose" : undefined;
  };
  await one.append("a", [world.event()]);
  assert.equal(sent.length, 4);
  for (const commit of sent) assert.equal(commit, sent[0]);
  world.crash();
});

void test("commit: an index that knows only heads: ours if our line stands there, else another's", async () => {
  const builder = new ChunkBuilder("a", EMPTY_HEAD);
  const time = "2026-03-01T00:00:00.000Z";
  const [text, other] = ["one", "two"];
  builder.add(text, encodeUtf8(text), time);
  const chunks = builder.take();
  for (const ours of [true, false]) {
    const leaf = leafHash(encodeUtf8(ours ? text : other));
    const head = { size: 2, leaf: "", frontier: "", time };
    let calls = 0;
    const index = {
      heads: async () => new Map([["a", head]]),
      chunks: async () => [{ log: "a", first: 0, count: 1, lines: "", leaves: leaf }],
      commit: async () => {
        calls += 1;
        if (calls === 1) throw new IndexError("lost", "unknown");
        return { kind: "moved", logs: ["a"] };
      },
    } as unknown as Index;
    const result = await commitSurely(index, chunks);
    assert.equal(result.kind, ours ? "committed" : "moved");
  }
});
