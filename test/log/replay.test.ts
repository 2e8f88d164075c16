/** Batches in a row: what continues, what does not, and which of two versions counts. */
import assert from "node:assert/strict";
import test from "node:test";
import {
  checkBatch,
  decodeBatch,
  encodeBatch,
  type CheckedBatch,
} from "../../storage/log/batch.ts";
import { LogError } from "../../storage/log/errors.ts";
import { FINDING_CODES, findingOf, newFinding } from "../../storage/log/findings.ts";
import { longestVersion, Replay } from "../../storage/log/replay.ts";
import { DemoLog, logKey, logSigner } from "./demo-log.ts";
import { nodeVerify } from "./node-verify.ts";

const START_MS = Date.UTC(2026, 9, 24);

async function sealed(log: DemoLog, count: number, timeMs = START_MS): Promise<CheckedBatch> {
  const bytes = encodeBatch(await log.seal(count, logSigner, timeMs));
  return checkBatch(decodeBatch(bytes), [logKey], { verify: nodeVerify });
}

async function row(log: DemoLog, ...counts: number[]): Promise<CheckedBatch[]> {
  const batches: CheckedBatch[] = [];
  for (const count of counts) batches.push(await sealed(log, count));
  return batches;
}

const findings = (replay: Replay, batches: readonly CheckedBatch[]) =>
  batches
    .flatMap((batch) => replay.take(batch))
    .map(({ code, first, last }) => [code, first, last]);

test("batches that continue each other give no finding, from the start or from a state", async () => {
  const log = new DemoLog();
  const batches = await row(log, 1, 5, 2, 9);
  const replay = new Replay("demo");
  assert.deepEqual(findings(replay, batches.slice(0, 2)), []);
  const resumed = new Replay("demo", replay.state);
  assert.deepEqual(findings(resumed, batches.slice(2)), []);
  assert.deepEqual(resumed.head, { size: 17, leaf: log.leaves[16] });
  assert.deepEqual(resumed.state.frontier, log.store.tree.frontier());
  assert.equal(resumed.state.timeMs, START_MS + 16);
});

test("a batch that is left out is named once", async () => {
  const [a, , c, d] = await row(new DemoLog(), 2, 3, 4, 5);
  assert.deepEqual(findings(new Replay("demo"), [a!, c!, d!]), [["entry_missing", 2, 4]]);
  assert.deepEqual(findings(new Replay("demo"), [c!]), [["entry_missing", 0, 4]]);
});

test("a batch of another history does not continue this one", async () => {
  const [ours] = await row(new DemoLog(1), 2);
  const [, theirs, after] = await row(new DemoLog(2), 2, 3, 4);
  assert.deepEqual(findings(new Replay("demo"), [ours!, theirs!, after!]), [
    ["chain_broken", 2, 4],
  ]);
});

test("the same last leaf over another tree is seen by the frontier", async () => {
  const [a, b] = await row(new DemoLog(), 3, 2);
  const [foreign] = await row(new DemoLog(7), 3);
  const replay = new Replay("demo");
  replay.take({ ...a!, frontier: foreign!.frontier });
  assert.deepEqual(findings(replay, [b!]), [["root_mismatch", 3, 4]]);
});

test("batches that overlap or come again are a fork", async () => {
  const log = new DemoLog();
  const batches = await row(log, 4, 4);
  const again = new DemoLog();
  const [, late] = await row(again, 2, 9);
  const replay = new Replay("demo");
  assert.deepEqual(findings(replay, [...batches, late!]), [["fork", 2, 10]]);
  assert.equal(replay.head.size, 11, "it goes on after what it was given last");
  assert.deepEqual(findings(replay, [batches[1]!]), [["fork", 4, 7]]);
  assert.equal(replay.head.size, 11);
});

test("time that goes back between batches is named", async () => {
  const log = new DemoLog();
  const batches = [await sealed(log, 2), await sealed(log, 2, START_MS - 10), await sealed(log, 1)];
  assert.deepEqual(findings(new Replay("demo"), batches), [["clock_backwards", 2, 3]]);
});

test("a batch of another log or origin is not taken", async () => {
  const [a, b] = await row(new DemoLog(), 2, 2);
  const replay = new Replay("demo");
  replay.take(a!);
  const foreign = { ...b!, header: { ...b!.header, origin: "else.example/demo" } };
  assert.deepEqual(findings(replay, [foreign]), [["batch_altered", 2, 3]]);
  assert.equal(replay.head.size, 2);
  assert.deepEqual(findings(replay, [b!]), []);
  assert.deepEqual(findings(new Replay("other"), [a!]), [["batch_altered", 0, 1]]);
});

test("of versions of a slot the longest counts if all the others begin it", async () => {
  const [short] = await row(new DemoLog(), 2);
  const [long] = await row(new DemoLog(), 5);
  const [foreign] = await row(new DemoLog(3), 3);
  const [, later] = await row(new DemoLog(), 1, 3);
  assert.equal(longestVersion([short!, long!, short!]), long);
  assert.equal(longestVersion([short!]), short);
  assert.equal(longestVersion([short!, foreign!]), null);
  assert.equal(longestVersion([foreign!, long!]), null);
  assert.equal(longestVersion([short!, later!]), null);
});

test("findings say where, and what to do", () => {
  const place = { log: "demo", object: "demo/x", version: "v" };
  const finding = newFinding("fork", { ...place, first: 3 }, "one", "two");
  assert.deepEqual([finding.first, finding.last, finding.version], [3, 3, "v"]);
  const seen = new Set(FINDING_CODES.map((code) => newFinding(code, {}, "", "").hint));
  assert.equal(seen.size, FINDING_CODES.length);
  const altered = findingOf(new LogError("invalid_entry", "bad", { seq: 7 }), place);
  assert.deepEqual([altered.code, altered.first, altered.found], ["entry_altered", 7, "bad"]);
  assert.equal(findingOf(new LogError("invalid_batch", "bad"), place).code, "batch_unreadable");
  assert.equal(findingOf(new LogError("invalid_checkpoint", "bad"), place).code, "batch_altered");
  for (const code of ["root_mismatch", "chain_broken", "signature_invalid"] as const) {
    assert.equal(findingOf(new LogError(code, "bad"), place).code, code);
  }
});
