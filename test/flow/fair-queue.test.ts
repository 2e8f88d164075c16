/** Fair shares among what waits for its commit: turns, order, bounds; and through the whole appender. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  FairQueue,
  GROUP_BYTES_MAX,
  LOG_QUEUE_BYTES_MAX,
  QUEUE_BYTES_MAX,
  SENDER_BYTES_SURE,
  SHARED_GROUP_BYTES_MAX,
  type Queued,
} from "../../storage/flow/fair-queue.ts";
import { Refusal } from "../../storage/flow/refusal.ts";
import { property } from "../log/property.ts";
import { World } from "./harness.ts";

const MIB = 1024 * 1024;

interface Item extends Queued {
  readonly n: number;
}

let count = 0;
const item = (log: string, bytes: number, by = "t"): Item => ({
  ...{ job: { log, by }, bytes },
  n: count++,
});

const names = (group: readonly Item[]) => group.map(({ job }) => job.log + job.by).join(" ");

void test("fair queue: what fits goes together, in order of arrival", () => {
  const queue = new FairQueue<Item>();
  const items = [item("b", 5), item("a", 5), item("b", 5, "s"), item("a", 5)];
  for (const one of items) assert.ok(queue.push(one));
  assert.deepEqual([queue.count, queue.bytes], [4, 20]);
  assert.deepEqual(queue.takeGroup(), items);
  assert.deepEqual([queue.count, queue.bytes, queue.takeGroup()], [0, 0, []]);
});

void test("fair queue: one log alone gets whole groups, beside others small ones", () => {
  const queue = new FairQueue<Item>();
  for (let n = 0; n < 20; n += 1) assert.ok(queue.push(item("a", MIB)));
  assert.equal(queue.takeGroup().length, GROUP_BYTES_MAX / MIB);
  queue.push(item("b", 100));
  assert.equal(names(queue.takeGroup()), "at bt");
  assert.equal(names(queue.takeGroup().slice(0, 2)), "at at");
});

void test("fair queue: who comes seldom is in the next group, and who was passed over is first in the one after", () => {
  const queue = new FairQueue<Item>();
  const mad = () => assert.ok(queue.push(item("a", 8 * MIB)));
  mad();
  mad();
  mad();
  assert.equal(names(queue.takeGroup()), "at");
  queue.push(item("b", 100));
  queue.push(item("c", 100));
  assert.equal(names(queue.takeGroup()), "bt ct", "before the second of the one that was served");
  // However often the others come, the large job has its turn.
  queue.push(item("b", 100));
  assert.equal(names(queue.takeGroup()), "at");
  queue.push(item("c", 100));
  assert.equal(names(queue.takeGroup()), "bt ct");
});

void test("fair queue: turns within a log are by sender", () => {
  const queue = new FairQueue<Item>();
  for (let n = 0; n < 3; n += 1) queue.push(item("a", 8 * MIB, "mad"));
  assert.equal(names(queue.takeGroup()), "amad");
  queue.push(item("a", 100, "calm"));
  assert.equal(names(queue.takeGroup()), "acalm");
  assert.equal(names(queue.takeGroup()), "amad");
});

void test("fair queue: a full log, and a full queue, turn away whom they must", () => {
  const queue = new FairQueue<Item>();
  const fill = (log: string, by = "t") => {
    let taken = 0;
    while (queue.push(item(log, 4 * MIB, by))) taken += 4 * MIB;
    return taken;
  };
  assert.equal(fill("a"), LOG_QUEUE_BYTES_MAX);
  // Another sender of the same log has his sure part.
  assert.ok(queue.push(item("a", SENDER_BYTES_SURE, "calm")));
  assert.ok(!queue.push(item("a", 1, "calm")));
  // Others go on, until all is full; also then each is heard.
  fill("b");
  assert.ok(queue.bytes <= QUEUE_BYTES_MAX);
  assert.ok(queue.push(item("c", 8 * MIB)));
  assert.ok(!queue.push(item("c", 1)));
  for (let n = 0; n < 1_024; n += 1) assert.ok(queue.push(item("d", SENDER_BYTES_SURE / 1_024)));
  assert.ok(!queue.push(item("d", 1)));
  // What was taken makes room.
  queue.takeAll();
  assert.equal(fill("a"), LOG_QUEUE_BYTES_MAX);
});

const step = fc.oneof(
  fc.record({
    log: fc.constantFrom("a", "b", "c"),
    by: fc.constantFrom("s", "t"),
    bytes: fc.constantFrom(100, 100_000, MIB, 3 * MIB, 11 * MIB),
  }),
  fc.constant("take" as const),
);

property(
  "fair queue: nothing is lost or doubled, a sender's jobs keep their order, nobody waits for more than all the others",
  fc.array(step, { maxLength: 80 }),
  (steps) => {
    const queue = new FairQueue<Item>();
    let waiting: Item[] = [];
    /** Groups that went by without a sender, since one of his jobs waits. */
    const passed = new Map<string, number>();
    const key = ({ job }: Item) => job.log + job.by;
    const take = () => {
      const group = queue.takeGroup();
      assert.equal(group.length > 0, waiting.length > 0);
      for (const one of group) {
        const oldest = waiting.find((other) => key(other) === key(one));
        assert.equal(one, oldest, "out of its sender's order");
        waiting = waiting.filter((other) => other !== one);
        passed.delete(key(one));
      }
      const ns = group.map(({ n }) => n);
      assert.deepEqual(
        ns,
        ns.toSorted((a, b) => a - b),
        "not in order of arrival",
      );
      const bytes = group.reduce((sum, one) => sum + one.bytes, 0);
      const shared = new Set([...waiting, ...group].map(({ job }) => job.log)).size > 1;
      const bytesMax = shared ? SHARED_GROUP_BYTES_MAX : GROUP_BYTES_MAX;
      assert.ok(group.length <= 1 || bytes <= bytesMax);
      for (const one of new Set(waiting.map(key))) {
        passed.set(one, (passed.get(one) ?? 0) + 1);
        assert.ok(passed.get(one)! <= 12, `${one} has waited for ${passed.get(one)} groups`);
      }
    };
    for (const one of steps) {
      if (one === "take") take();
      else {
        const pushed = item(one.log, one.bytes, one.by);
        if (queue.push(pushed)) waiting.push(pushed);
      }
      assert.equal(queue.count, waiting.length);
      assert.equal(
        queue.bytes,
        waiting.reduce((sum, { bytes }) => sum + bytes, 0),
      );
    }
    while (waiting.length > 0) take();
    assert.deepEqual([queue.count, queue.bytes], [0, 0]);
  },
);

void test("append: a writer gone mad is turned away alone, and another log's entries are committed in between", async () => {
  const world = new World();
  const one = await world.start();
  for (const log of ["a", "b"]) await one.append(log, [world.event()]);
  const text = "z".repeat(60_000);
  const order: string[] = [];
  const send = (log: string, events: number) => {
    const job = Array.from({ length: events }, () => world.event(events > 1 ? { text } : {}));
    return one.append(log, job).then(
      () => void order.push(log),
      (error: unknown) => {
        assert.ok(error instanceof Refusal && error.code === "overloaded", String(error));
        order.push(`${log} refused`);
      },
    );
  };
  const mads = Array.from({ length: 8 }, () => send("a", 139));
  const calm = send("b", 1);
  await Promise.all([...mads, calm]);
  // 8 MiB and a little each: three of them fit into the log's 32 MiB.
  const done = order.filter((what) => what !== "a refused");
  assert.deepEqual(done.toSorted(), ["a", "a", "a", "b"]);
  assert.ok(done.indexOf("b") <= 1, `b came after ${done.indexOf("b")} groups of a`);
  world.crash();
});
