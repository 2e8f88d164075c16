/** Appending (PROTOCOL §2): groups, ids, time, limits. The whole log is checked after every step. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { ID_LIFE_MS, type NewEvent } from "../../storage/flow/append.ts";
import { CHUNK_BYTES_MAX } from "../../storage/flow/chunk.ts";
import { Refusal } from "../../storage/flow/refusal.ts";
import { once, START_MS, until, World, type Process } from "./harness.ts";

const refused = (code: string, pointer?: string) => (error: unknown) =>
  error instanceof Refusal &&
  error.code === code &&
  (pointer === undefined || error.errors?.[0]?.pointer === pointer);

async function started(world = new World()): Promise<[World, Process]> {
  return [world, await world.start()];
}

async function ended(world: World): Promise<void> {
  await world.check();
  world.crash();
}

const seqs = (done: { places: readonly { seq: number; duplicate: boolean }[] }) =>
  done.places.map(({ seq, duplicate }) => (duplicate ? -seq : seq));

void test("append: jobs of several logs that wait become one commit, answered apart", async () => {
  const [world, one] = await started();
  for (const log of ["a", "b"]) await one.append(log, [world.event()]);
  let commits = 0;
  one.gate.fault = ({ name }) => {
    if (name === "index.commit") commits += 1;
    return undefined;
  };
  const done = await Promise.all([
    one.append("a", [world.event(), world.event()]),
    one.append("b", [world.event()]),
    one.append("a", [world.event()]),
  ]);
  assert.equal(commits, 1);
  assert.deepEqual(done.map(seqs), [[1, 2], [1], [3]]);
  assert.deepEqual(
    done.map(({ size }) => size),
    [4, 2, 4],
  );
  assert.equal(done[0]?.checkpoint, done[2]?.checkpoint);
  await ended(world);
});

void test("append: a job is refused whole, those beside it are not", async () => {
  const [world, one] = await started();
  const taken = world.event({ id: "i" });
  await one.append("a", [taken]);
  const [conflict, fine] = await Promise.allSettled([
    one.append("a", [world.event(), world.event({ id: "new" }), world.event({ id: "i" })]),
    one.append("a", [world.event()]),
  ]);
  assert.ok(conflict.status === "rejected" && refused("id_conflict", "/2/id")(conflict.reason));
  assert.equal(fine.status, "fulfilled");
  assert.equal(one.size("a"), 2);
  // Nothing of the refused job is remembered either.
  assert.deepEqual(seqs(await one.append("a", [world.event({ id: "new" })])), [2]);
  await ended(world);
});

void test("append: the same id and event again is where it was", async () => {
  const [world, one] = await started();
  const event = world.event({ id: "i" });
  const first = await one.append("a", [event]);
  await one.append("a", [world.event()]);
  const again = await one.append("a", [event, world.event()]);
  assert.deepEqual(seqs(again), [-0, 2]);
  assert.deepEqual({ ...again.places[0], duplicate: false }, first.places[0]);
  assert.equal(again.first, 2);
  assert.equal(again.count, 1);
  const alone = await one.append("a", [event]);
  assert.equal(alone.first, null);
  assert.equal(alone.count, 0);
  assert.equal(alone.size, 3, "the checkpoint is today's");
  // An id belongs to its log and its sender.
  assert.equal((await one.append("b", [event])).count, 1);
  assert.equal((await one.append("a", [world.event({ id: "i" })], "token:other")).count, 1);
  await ended(world);
});

void test("append: twice in one request, and in two of one group", async () => {
  const [world, one] = await started();
  const event = world.event({ id: "i" });
  assert.deepEqual(seqs(await one.append("a", [event, world.event(), event])), [0, 1, -0]);
  const other = world.event({ id: "j" });
  const both = await Promise.all([one.append("a", [other]), one.append("a", [other])]);
  assert.deepEqual(both.map(seqs), [[2], [-2]]);
  const conflict = one.append("a", [world.event({ id: "k" }), world.event({ id: "k" })]);
  await assert.rejects(conflict, refused("id_conflict", "/1/id"));
  assert.equal(one.size("a"), 3);
  await ended(world);
});

void test("append: an id is free again when its life is over, not before", async () => {
  const [world, one] = await started();
  const event = world.event({ id: "i" });
  await one.append("a", [event]);
  world.nowMs = START_MS + ID_LIFE_MS;
  world.vault.clock = () => world.nowMs;
  assert.deepEqual(seqs(await one.append("a", [event])), [-0]);
  world.nowMs += 1;
  const next = world.event({ id: "i" });
  assert.deepEqual(seqs(await one.append("a", [next])), [1]);
  assert.deepEqual(seqs(await one.append("a", [next])), [-1]);
  await ended(world);
});

void test("append: an id at the end of its life, while the clock is a little behind the log", async () => {
  const [world, one] = await started();
  const event = world.event({ id: "i" });
  await one.append("a", [event]);
  world.nowMs = START_MS + ID_LIFE_MS + 2_000;
  await one.append("a", [world.event()]);
  // By the log's time its life is over, by the clock it is not: one answer or the other, no dead end.
  world.nowMs -= 3_000;
  assert.deepEqual(seqs(await one.append("a", [event])), [-0]);
  await ended(world);
});

void test("append: the life of an id outlives a restart", async () => {
  const [world, one] = await started();
  const event = world.event({ id: "i" });
  await one.append("a", [event]);
  world.crash();
  const two = await world.start();
  assert.deepEqual(seqs(await two.append("a", [event])), [-0]);
  await ended(world);
});

void test("append: time never goes back, and a clock far behind stops its log alone", async () => {
  const [world, one] = await started();
  world.nowMs += 10_000;
  await one.append("a", [world.event()]);
  world.nowMs -= 5_000;
  const [place] = (await one.append("a", [world.event()])).places;
  assert.equal(place?.time, new Date(START_MS + 10_000).toISOString(), "5 s are adjusted");
  world.nowMs -= 1;
  const [a, b] = await Promise.allSettled([
    one.append("a", [world.event()]),
    one.append("b", [world.event()]),
  ]);
  assert.ok(a.status === "rejected" && refused("clock_backwards")(a.reason));
  assert.equal(b.status, "fulfilled");
  world.nowMs += 1;
  await one.append("a", [world.event()]);
  await ended(world);
});

void test("append: one entry too large refuses its request and names it", async () => {
  const [world, one] = await started();
  const large = world.event({ text: "x".repeat(65_535) });
  const request = one.append("a", [world.event(), large, world.event()]);
  await assert.rejects(request, refused("entry_too_large", "/1"));
  assert.equal(one.size("a"), 0);
  // Beside lines whose length needs no look: characters of three bytes count as three.
  const wide = world.event({ text: "…".repeat(21_800) });
  await assert.rejects(one.append("a", [wide]), refused("entry_too_large", "/0"));
  await one.append("a", [world.event({ text: "…".repeat(21_600) })]);
  await ended(world);
});

void test("append: more than a chunk holds is cut, in one commit", async () => {
  const [world, one] = await started();
  const events = Array.from({ length: 130 }, () => world.event({ text: "y".repeat(60_000) }));
  await one.append("a", [world.event()]);
  await one.append("a", events);
  const chunks = (await world.index.chunks("a", { from: 1, to: 1_000, bytesMax: 1e9 })).slice(0);
  assert.equal(chunks.length, 3);
  for (const { lines } of chunks) assert.ok(Buffer.byteLength(lines) <= CHUNK_BYTES_MAX + 1);
  await ended(world);
});

void test("append: a full queue turns callers away until it is shorter", async () => {
  const [world, one] = await started();
  await one.append("a", [world.event()]);
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  world.index.hooks.onCommit = () => held;
  const text = "z".repeat(60_000);
  const mebibytes16: NewEvent[] = Array.from({ length: 278 }, () => world.event({ text }));
  const jobs = [0, 1, 2].map(() => one.append("a", mebibytes16.slice()));
  // One waits; no more fit into the log's 32 MiB, while another log is heard.
  const outcomes = Promise.allSettled([...jobs, one.append("b", mebibytes16.slice())]);
  await assert.rejects(one.append("a", mebibytes16.slice()), refused("overloaded"));
  release();
  world.index.hooks = {};
  const kinds = (await outcomes).map(({ status }) => status);
  assert.deepEqual(kinds, ["fulfilled", "rejected", "rejected", "fulfilled"]);
  await one.append("b", [world.event()]);
  world.crash();
});

void test("append: what waits when the index goes away for a moment is written once it is back", async () => {
  const [world, one] = await started();
  await one.append("a", [world.event()]);
  let away = true;
  one.gate.fault = ({ name }) => (away && name.startsWith("index.") ? "refuse" : undefined);
  const waiting = Promise.all([
    one.append("a", [world.event()]),
    one.append("a", [world.event({ id: "i" })]),
  ]);
  await until(() => world.reports.length > 0, "a report that the index is away");
  away = false;
  await waiting;
  assert.equal(one.size("a"), 3);
  assert.deepEqual(
    world.reports.map(({ level }) => level),
    ["error", "info"],
  );
  await ended(world);
});

void test("append: an index that stays away is said so, and nothing was written", async () => {
  const [world, one] = await started();
  await one.append("a", [world.event()]);
  one.gate.fault = ({ name }) => (name.startsWith("index.") ? "refuse" : undefined);
  await assert.rejects(one.append("a", [world.event()]), refused("index_unavailable"));
  one.gate.fault = once("index.none", "refuse");
  assert.deepEqual(seqs(await one.append("a", [world.event()])), [1]);
  await ended(world);
});

void test("append: a record of an id that somebody put beside the entries acknowledges nothing", async () => {
  const world = new World({ logs: ["a"] });
  const one = await world.start();
  const [first, second, never] = ["i-1", "i-2", "i-3"].map((id) => world.event({ id }));
  await one.append("a", [first!, second!]);
  const records = world.index.store.events;
  const [key, there] = [...records].find(([, { id }]) => id === "i-2")!;
  const digest = createHash("sha256").update(never!.text).digest("hex");
  // He knows the event that is to be lost, and points to an entry that is there, or to none.
  for (const seq of [0, 1, 99]) {
    const [record] = [...records.values()].filter((known) => known.seq === seq);
    const forged = { ...there, id: "i-3", digest, seq, hash: record?.hash ?? there.hash };
    records.set(key.replace("i-2", "i-3"), forged);
    await assert.rejects(one.append("a", [never!]), { code: "entry_altered" });
    const { falseId } = one.ledger.state("a")!;
    assert.deepEqual([falseId?.first, falseId?.object], [seq, "table event_id"]);
  }
  const together = await Promise.allSettled([
    one.append("a", [world.event()]),
    one.append("a", [never!]),
    one.append("a", [second!]),
  ]);
  assert.deepEqual(
    together.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
    "others go on, and what is true is true",
  );
});
