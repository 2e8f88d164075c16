/**
 * Reads on record: each one's entry, a minute's entry for what is summed up, waiting while `_access` cannot be written, and
 * what is lost counted. Time moves only as a test says.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { isSummedUp, readEvent, type AccessRecord } from "../../storage/flow/access-events.ts";
import { AccessLog, QUEUE_MAX } from "../../storage/flow/access-log.ts";
import {
  AccessMinutes,
  KINDS_ALL_MAX,
  KINDS_MAX,
  MINUTE_MS,
} from "../../storage/flow/access-minutes.ts";
import { frozenFinding } from "../../storage/flow/load.ts";
import { Refusal } from "../../storage/flow/refusal.ts";
import { LINE_BYTES_MAX } from "../../storage/log/entry.ts";
import { parseJson, type JsonObject } from "../../storage/log/json.ts";
import { START_MS, until, World, type Process } from "./harness.ts";

const READ: AccessRecord = {
  ...{ by: "token:reader", action: "entry.read", log: "a", timeMs: START_MS, status: 200 },
  ...{ ip: "192.0.2.7", userAgent: "curl/8", requestId: "request-1", requests: 1 },
  shown: { first: 5, last: 5, count: 1 },
};
const OWN: AccessRecord = { ...READ, log: "_access", action: "entries.read" };

/** Pauses pass a hundred times faster: ten seconds. */
const PATIENCE_MS = 1_000_000;

interface Running {
  readonly world: World;
  readonly process: Process;
  readonly access: AccessLog;
  readonly alarms: number[];
  /** Fails each append while it says why. */
  readonly fault: { reason: string | null };
}

async function start(world = new World()): Promise<Running> {
  const process = await world.start();
  const { ledger } = process;
  const alarms: number[] = [];
  const fault: { reason: string | null } = { reason: null };
  const access = new AccessLog(
    {
      open: (log) => ledger.open(log),
      append: (job) =>
        fault.reason === null
          ? ledger.append(job)
          : Promise.reject(new Refusal("index_unavailable", fault.reason)),
    },
    {
      clock: { nowMs: () => world.nowMs },
      alarm: { at: async (timeMs) => void alarms.push(timeMs) },
      report: (level, message, fields = {}) => void world.reports.push({ level, message, fields }),
    },
  );
  return { world, process, access, alarms, fault };
}

interface Entry {
  readonly by: string;
  readonly event: JsonObject;
}

/** The entries of `_access`. */
function entries({ world }: Running): Entry[] {
  const chunks = world.index.store.chunks.get("_access") ?? [];
  return chunks.flatMap(({ lines }) => lines.split("\n").map((line) => JSON.parse(line) as Entry));
}

const written = (one: Running, count: number) =>
  until(() => entries(one).length >= count, `${count} entries of _access`);

const messages = ({ world }: Running) =>
  world.reports.filter(({ message }) => message.startsWith("reads ")).map((each) => each.message);

test("a read is one entry: who, what, which log, range, from where", async () => {
  const one = await start();
  const query = { order: "asc", limit: "2" };
  one.access.take([
    READ,
    {
      ...READ,
      by: "token:other",
      action: "entries.read",
      shown: { query, first: 0, last: 1, count: 2 },
    },
    { ...READ, log: "b", requests: 3 },
  ]);
  await written(one, 3);
  const [first, second, third] = entries(one);
  assert.equal(first!.by, "token:reader");
  assert.deepEqual(first!.event, {
    action: "entry.read",
    actor: { id: "token:reader", type: "token" },
    context: { ip: "192.0.2.7", request_id: "request-1", user_agent: "curl/8" },
    details: { status: 200, first: 5, last: 5, count: 1 },
    occurred_at: "2026-03-01T00:00:00.000Z",
    outcome: "success",
    targets: [{ id: "a", type: "log" }],
  });
  // One job for each who asked: what the same one read stands together.
  assert.deepEqual(second!.event["targets"], [{ id: "b", type: "log" }]);
  assert.deepEqual(second!.event["details"], {
    status: 200,
    first: 5,
    last: 5,
    count: 1,
    requests: 3,
  });
  assert.deepEqual(
    [third!.by, third!.event["details"]],
    ["token:other", { status: 200, query, first: 0, last: 1, count: 2 }],
  );
  await one.process.seal("_access");
  await one.world.check();
});

test("reads of the own logs, refusals and public reads are one entry a minute for each", async () => {
  const one = await start();
  const denied = { ...READ, status: 403, shown: {} };
  const gone = { ...READ, status: 404, shown: {} };
  const anybody = { ...READ, by: null, ip: null, userAgent: null, log: "b" };
  for (let n = 0; n < 30; n += 1) {
    one.access.take([OWN, { ...OWN, log: "_system", ip: "192.0.2.8" }, denied, gone, anybody]);
    one.world.nowMs += 1_000;
    one.access.runDue();
  }
  assert.deepEqual(entries(one), [], "the minute is not over");
  assert.ok(one.alarms.includes(START_MS + MINUTE_MS));
  one.world.nowMs = START_MS + MINUTE_MS;
  one.access.runDue();
  await written(one, 4);
  const found = entries(one).map(({ by, event }) => {
    const { requests, reads } = event["details"] as { requests: number; reads: unknown[] };
    return [by, event["action"], event["outcome"], requests, reads.length, event["targets"]];
  });
  const log = (id: string) => ({ id, type: "log" });
  assert.deepEqual(found, [
    ["token:reader", "reads.summed_up", "success", 60, 2, [log("_access"), log("_system")]],
    ["token:reader", "reads.summed_up", "denied", 30, 1, [log("a")]],
    ["token:reader", "reads.summed_up", "failure", 30, 1, [log("a")]],
    ["system", "reads.summed_up", "success", 30, 1, [log("b")]],
  ]);
  const details = entries(one)[0]!.event["details"] as { reads: unknown[] };
  assert.deepEqual(details.reads[0], {
    ...{ action: "entries.read", log: "_access", requests: 30, status: 200, count: 30 },
    ...{ ip: "192.0.2.7", user_agent: "curl/8" },
  });
  // It rests: nothing is read, nothing is written, nobody asks to be woken.
  const alarms = one.alarms.length;
  for (let n = 0; n < 10; n += 1) {
    one.world.nowMs += MINUTE_MS;
    one.access.runDue();
  }
  await one.process.seal("_access");
  assert.equal(entries(one).length, 4);
  assert.equal(one.alarms.length, alarms);
  await one.world.check();
});

test("what cannot be written waits, and is on record when it can be", async () => {
  const one = await start();
  one.fault.reason = "the index is away";
  one.access.take([READ, OWN]);
  one.access.take([READ], 3);
  await until(() => messages(one).length === 2, "reports");
  one.access.take([READ]);
  assert.equal(one.access.waiting, 3);
  await assert.rejects(one.access.write([READ]), /the index is away/);
  await assert.rejects(one.access.write([OWN]), /reads wait to be put on record/);
  one.fault.reason = null;
  await written(one, 3);
  await until(() => one.access.waiting === 0, "an empty queue");
  assert.equal(one.access.unrecorded, 3);
  assert.deepEqual(messages(one), [
    "reads are not put on record",
    "reads wait to be put on record",
    "reads are put on record again",
  ]);
  await one.access.write([READ, OWN]);
  assert.equal(entries(one).length, 4);
});

test("a frozen _access keeps reads waiting and refuses exports", async () => {
  const one = await start();
  const state = await one.process.ledger.open("_access");
  const { head } = state;
  one.process.ledger.freeze(state, frozenFinding("_access", "index_behind", head, head));
  one.access.take([READ]);
  for (const record of [READ, OWN]) {
    await assert.rejects(
      one.access.write([record]),
      (error) => error instanceof Refusal && error.code === "frozen",
    );
  }
  assert.deepEqual([entries(one).length, one.access.waiting], [0, 1]);
});

test("no more than so many wait: others are counted, and the operator hears of it once", async () => {
  const one = await start();
  one.fault.reason = "the index is away";
  for (let n = 0; n < QUEUE_MAX + 50; n += 1) one.access.take([READ]);
  assert.deepEqual([one.access.waiting, one.access.unrecorded], [QUEUE_MAX, 50]);
  assert.equal(messages(one).filter((each) => each.includes("not put")).length, 1);
  one.fault.reason = null;
  await until(() => one.access.waiting === 0, "an empty queue");
  assert.equal(entries(one).length, QUEUE_MAX);
});

test("a drain writes what is summed up; a crash loses it, and no more", async () => {
  const one = await start();
  one.access.take([OWN, READ]);
  await one.access.drain(PATIENCE_MS);
  assert.deepEqual(
    entries(one).map(({ event }) => event["action"]),
    ["entry.read", "reads.summed_up"],
  );
  one.world.crash();
  const two = await start(one.world);
  two.access.take([OWN, READ]);
  await written(two, 3);
  two.world.crash();
  const three = await start(one.world);
  three.world.nowMs += MINUTE_MS;
  three.access.runDue();
  await three.access.write([READ]);
  assert.equal(entries(three).length, 4);
  await three.world.check();
});

test("a drain that cannot write says how many are lost", async () => {
  const one = await start();
  one.fault.reason = "the index is away";
  one.access.take([READ, OWN]);
  await one.access.drain(PATIENCE_MS);
  assert.deepEqual([one.access.waiting, one.access.unrecorded], [0, 2]);
  assert.ok(messages(one).includes("reads are not put on record"));
});

test("kinds are bounded, and so is the line that lists them", () => {
  const minutes = new AccessMinutes();
  // Escaped, each character is six bytes.
  const wide = { userAgent: "\u0001".repeat(256), log: "x".repeat(64), ip: "f".repeat(39) };
  for (let n = 0; n < KINDS_MAX + 30; n += 1) {
    const record = {
      ...READ,
      ...wide,
      by: `oidc:${"é".repeat(507)}`,
      action: `entries.export${n}`,
    };
    assert.deepEqual(minutes.add({ ...record, status: 403 }, START_MS), []);
  }
  const [event] = minutes.end(START_MS + MINUTE_MS);
  const { details } = JSON.parse(event!.text) as { details: { reads: unknown[]; more: number } };
  assert.deepEqual([details.reads.length, details.more], [KINDS_MAX, 30]);
  assert.ok(Buffer.byteLength(event!.text) < LINE_BYTES_MAX - 3_000);
  assert.equal(minutes.dueMs, null);
  // More readers than there is room for: their minutes end early, nothing is lost.
  let ended = 0;
  for (let n = 0; n < 2 * KINDS_ALL_MAX; n += 1) {
    ended += minutes.add({ ...OWN, by: `token:${n}` }, START_MS).length;
  }
  assert.equal(ended + minutes.end(Infinity).length, 2 * KINDS_ALL_MAX);
});

test("a read's entry is bounded and keeps what was sent as it was sent", () => {
  const userAgent = `</script><img src=x onerror="alert('1')">\u202e\u0000🦊`;
  const query = Object.fromEntries(
    Array.from({ length: 8 }, (_, n) => [`p${n}`, "\u0001".repeat(256)]),
  );
  const event = readEvent({ ...READ, userAgent, shown: { query, tile: "t", brokenOff: true } });
  const text = parseJson(event.text) as { context: JsonObject; outcome: string };
  assert.equal(text.context["user_agent"], userAgent);
  assert.equal(text.outcome, "failure");
  assert.ok(Buffer.byteLength(event.text) < LINE_BYTES_MAX / 2);
  assert.equal(isSummedUp({ ...READ, log: null }), true);
  assert.equal(isSummedUp(READ), false);
});
