/**
 * The outbox with a clock in hand: what becomes of an alert when channels take it, are away, refuse it, are gone, and when the
 * process ends in the middle.
 */
import assert from "node:assert/strict";
import test from "node:test";
import type { Channel } from "../../storage/alerts/channel.ts";
import { Outbox } from "../../storage/alerts/outbox.ts";
import { DEAD_MAX, DONE_MAX, RAISED_MAX, WAITING_MAX } from "../../storage/alerts/records.ts";
import { AWAY, DELIVERED, FakeChannel, GONE, makeAlert, REFUSED } from "./alerts.ts";
import { MemoryGuardStore } from "./memory-store.ts";

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

class Clock {
  ms = Date.parse("2026-11-23T10:00:00.000Z");
}

function open(channels: readonly Channel[], store = new MemoryGuardStore(), clock = new Clock()) {
  const outbox = new Outbox({ store, channels: () => channels, nowMs: () => clock.ms });
  return { outbox, store, clock };
}

const alerts = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => makeAlert(`a${String(from + i).padStart(5, "0")}`));

test("each alert goes to each channel that wants it, once and in order", async () => {
  const all = new FakeChannel("all");
  const critical = new FakeChannel("critical", { severity: "critical" });
  const { outbox } = open([all, critical]);
  const given = [
    makeAlert("a1"),
    makeAlert("a2", { severity: "warning" }),
    makeAlert("a3", { kind: "cleared" }),
    makeAlert("a4", { kind: "test", severity: "warning" }),
  ];
  await outbox.raise(given);
  await outbox.raise([given[0]!, given[0]!]);
  assert.equal(await outbox.run(), null);
  assert.deepEqual(all.got, [["a1"], ["a2"], ["a3"], ["a4"]]);
  assert.deepEqual(critical.got, [["a1"], ["a3"], ["a4"]]);
  await outbox.raise(given);
  assert.equal(await outbox.run(), null);
  assert.equal(all.got.length, 4, "what was raised before is not raised again");
  const shown = await outbox.book.deliveries("all", { limit: 10 });
  assert.deepEqual(
    shown.map(({ delivery, drawer }) => [delivery.alert.id, drawer]),
    [
      ["a4", "done"],
      ["a3", "done"],
      ["a2", "done"],
      ["a1", "done"],
    ],
  );
});

test("a channel that is away rests for growing pauses, keeps the order, and gives up after a day", async () => {
  const channel = new FakeChannel("c");
  channel.answer = () => AWAY;
  const { outbox, clock } = open([channel]);
  await outbox.raise(alerts(2));
  const pauses: number[] = [];
  for (;;) {
    const next = await outbox.run();
    if (next === null) break;
    pauses.push((next - clock.ms) / SECOND_MS);
    clock.ms = next;
  }
  assert.deepEqual(pauses.slice(0, 6), [5, 30, 120, 600, 3600, 10_800]);
  const total = pauses.reduce((sum, pause) => sum + pause, 0);
  assert.ok(total > 86_400 && total < 1.5 * 86_400, String(total));
  // The second one waited behind the first, and its day is over, too.
  assert.deepEqual(channel.got.at(-1), ["a00001"]);
  assert.ok(channel.got.slice(0, -1).every(([id]) => id === "a00000"));
  const state = (await outbox.book.state("c"))!;
  assert.deepEqual([state.waiting, state.dead], [0, 2]);
  const [newest] = await outbox.book.deliveries("c", { limit: 1 });
  assert.match(newest!.delivery.dead!, /given up after 1 attempts/);
});

test("what is there again gets all that waits at once", async () => {
  const channel = new FakeChannel("c");
  channel.answer = () => AWAY;
  const { outbox, clock } = open([channel]);
  await outbox.raise(alerts(3));
  clock.ms = (await outbox.run())!;
  clock.ms = (await outbox.run())!;
  channel.answer = () => DELIVERED;
  assert.equal(await outbox.run(), null);
  assert.deepEqual(channel.got.slice(2), [["a00000"], ["a00001"], ["a00002"]]);
  assert.equal((await outbox.book.state("c"))!.failures, 0);
});

test("Retry-After is respected, and bounded", async () => {
  const channel = new FakeChannel("c");
  const { outbox, clock } = open([channel]);
  await outbox.raise(alerts(1));
  channel.answer = () => ({ ...AWAY, retryAfterMs: 77 * SECOND_MS });
  assert.equal(await outbox.run(), clock.ms + 77 * SECOND_MS);
  clock.ms += 77 * SECOND_MS;
  channel.answer = () => ({ ...AWAY, retryAfterMs: 1_000 * HOUR_MS });
  assert.equal(await outbox.run(), clock.ms + 6 * HOUR_MS);
});

test("a message that is refused does not hold up the others, and comes again by itself", async () => {
  const channel = new FakeChannel("c");
  channel.answer = ([id]) => (id === "a00000" ? REFUSED : DELIVERED);
  const { outbox, clock } = open([channel]);
  await outbox.raise(alerts(3));
  const next = await outbox.run();
  assert.equal(next, clock.ms + 5 * SECOND_MS);
  assert.deepEqual(channel.got, [["a00000"], ["a00001"], ["a00002"]]);
  clock.ms = next;
  assert.equal(await outbox.run(), clock.ms + 30 * SECOND_MS);
  channel.answer = () => DELIVERED;
  clock.ms += 30 * SECOND_MS;
  assert.equal(await outbox.run(), null);
  const [, , first] = await outbox.book.deliveries("c", { limit: 3 });
  assert.deepEqual(
    first!.delivery.attempts.map(({ outcome }) => outcome),
    ["refused", "refused", "delivered"],
  );
});

test("410 ends the channel: what waits is dead, what comes too, until somebody revives it", async () => {
  const channel = new FakeChannel("c");
  channel.answer = () => GONE;
  const { outbox } = open([channel]);
  await outbox.raise(alerts(3));
  assert.equal(await outbox.run(), null);
  await outbox.raise(alerts(1, 3));
  assert.equal(await outbox.run(), null);
  assert.equal(channel.got.length, 1);
  assert.equal((await outbox.book.state("c"))!.dead, 4);
  assert.equal(await outbox.resend("c", null), 0);
  await outbox.book.revive("c");
  channel.answer = () => DELIVERED;
  assert.equal(await outbox.resend("c", [1]), 1);
  assert.equal(await outbox.run(), null);
  assert.deepEqual(channel.got.slice(1), [["a00001"]]);
  assert.equal(await outbox.resend("c", null), 3);
  assert.equal(await outbox.run(), null);
  assert.deepEqual(channel.got.slice(2), [["a00000"], ["a00002"], ["a00003"]]);
});

test("a channel that hangs holds up no other", async () => {
  const [slow, fast] = [new FakeChannel("slow"), new FakeChannel("fast")];
  let answerSlow: (() => void) | undefined;
  slow.answer = () => new Promise((resolve) => (answerSlow = () => resolve(DELIVERED)));
  const { outbox } = open([slow, fast]);
  await outbox.raise(alerts(1));
  const first = outbox.run();
  await outbox.raise(alerts(1, 1));
  const second = outbox.run();
  while (fast.got.length < 2) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(slow.got, [["a00000"]]);
  slow.answer = () => DELIVERED;
  answerSlow!();
  assert.deepEqual(await Promise.all([first, second]), [null, null]);
  assert.deepEqual(slow.got, [["a00000"], ["a00001"]]);
});

test("a restart in the middle loses nothing, and repeats with the same id", async () => {
  const channel = new FakeChannel("c");
  const first = open([channel]);
  await first.outbox.raise(alerts(3));
  // The answer came, the process ended before it was booked.
  channel.answer = () => {
    first.store.failure = new Error("the process ends");
    return DELIVERED;
  };
  await first.outbox.run();
  assert.deepEqual(channel.got, [["a00000"]]);
  channel.answer = () => DELIVERED;
  const second = open([channel], new MemoryGuardStore(first.store.records), first.clock);
  assert.equal(await second.outbox.run(), null);
  assert.deepEqual(channel.got.slice(1), [["a00000"], ["a00001"], ["a00002"]]);
  await second.outbox.raise(alerts(3));
  await second.outbox.run();
  assert.equal(channel.got.length, 4);
});

test("what raise could not write was not raised", async () => {
  const channel = new FakeChannel("c");
  const { outbox, store } = open([channel]);
  store.failure = new Error("disk full");
  await assert.rejects(outbox.raise(alerts(2)), /disk full/);
  await outbox.raise(alerts(2));
  await outbox.run();
  assert.deepEqual(channel.got, [["a00000"], ["a00001"]]);
});

test("a storm becomes few messages where a message can hold many", async () => {
  const channel = new FakeChannel("c", { alertsMax: 200 });
  const { outbox } = open([channel]);
  await outbox.raise(alerts(450));
  assert.equal(await outbox.run(), null);
  assert.deepEqual(
    channel.got.map(({ length }) => length),
    [200, 200, 50],
  );
});

test("every list has a bound", async () => {
  const channel = new FakeChannel("c", { alertsMax: 100 });
  const quiet = new FakeChannel("quiet", { alertsMax: 100 });
  channel.answer = () => AWAY;
  const { outbox, store } = open([channel, quiet]);
  const count = WAITING_MAX + DEAD_MAX + 300;
  for (let from = 0; from < count; from += 100) {
    await outbox.raise(alerts(100, from));
    await outbox.run();
  }
  const state = (await outbox.book.state("c"))!;
  assert.deepEqual([state.waiting, state.dead], [WAITING_MAX, DEAD_MAX]);
  assert.equal(state.waiting + state.dead + state.forgotten, count);
  assert.equal((await outbox.book.state("quiet"))!.done, DONE_MAX);
  const keys = [...store.records.keys()];
  const within = (prefix: string) => keys.filter((key) => key.startsWith(prefix)).length;
  assert.equal(within("alerts/waiting/c/"), WAITING_MAX);
  assert.equal(within("alerts/dead/c/"), DEAD_MAX);
  assert.equal(within("alerts/done/quiet/"), DONE_MAX);
  await outbox.book.remove("c");
  assert.equal([...store.records.keys()].filter((key) => key.includes("/c/")).length, 0);
});

test("of ids that were raised the last are remembered", async () => {
  const { outbox, store } = open([]);
  for (let i = 0; i < 10; i++) store.records.set(`alerts/raised/old${i}`, String(i));
  for (let i = 0; i < 10; i++) {
    store.records.set(`alerts/raised-at/${String(i).padStart(16, "0")}`, `"old${i}"`);
  }
  store.records.set("alerts/queue", JSON.stringify({ next: 10, raised: RAISED_MAX }));
  await outbox.raise(alerts(4));
  const raised = [...store.records.keys()].filter((key) => key.startsWith("alerts/raised/"));
  assert.equal(raised.length, 10);
  assert.ok(!raised.includes("alerts/raised/old3") && raised.includes("alerts/raised/old4"));
  assert.deepEqual(await store.get("alerts/queue"), { next: 14, raised: RAISED_MAX });
});

test("a clock that goes back does not silence a channel", async () => {
  const channel = new FakeChannel("c");
  channel.answer = () => AWAY;
  const { outbox, clock } = open([channel]);
  await outbox.raise(alerts(1));
  await outbox.run();
  clock.ms -= 1_000 * HOUR_MS;
  channel.answer = () => DELIVERED;
  assert.equal(await outbox.run(), null);
  assert.equal(channel.got.length, 2);
});

test("a test goes past the queue and is on record, whatever came of it", async () => {
  const channel = new FakeChannel("c");
  const { outbox } = open([channel]);
  channel.answer = () => REFUSED;
  const alert = makeAlert("t1", { kind: "test" });
  assert.equal((await outbox.sendNow(channel, alert)).outcome, "refused");
  channel.answer = () => DELIVERED;
  await outbox.sendNow(channel, { ...alert, id: "t2" });
  const state = (await outbox.book.state("c"))!;
  assert.deepEqual([state.lastDelivered?.status, state.lastError?.status], [200, 400]);
  const shown = await outbox.book.deliveries("c", { limit: 9, before: 1 });
  assert.deepEqual(
    shown.map(({ delivery }) => delivery.attempts[0]!.outcome),
    ["refused"],
  );
});
