/** A folder of batches with every kind of damage that a folder can have: each has its finding, at its place. */
import assert from "node:assert/strict";
import { cp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { seedSigner } from "../../storage/keys.ts";
import { BATCH_INFLATED_BYTES_MAX } from "../../storage/log/batch.ts";
import { nodeGzip } from "../../storage/gzip.ts";
import { buildInstance, type BuiltInstance } from "./build-instance.ts";
import { buildLog, logSigner, ORIGIN, putInFolder, START_MS } from "./build-log.ts";
import {
  batchFiles,
  briefs,
  checkFolder,
  findingsOf,
  keysOfText,
  kept,
  rewrite,
  temporaryFolder,
} from "./check.ts";

const SIZES = [3, 4, 5];

async function build(t: TestContext): Promise<BuiltInstance & { folder: string }> {
  const folder = await temporaryFolder(t);
  return { folder, ...(await buildInstance({ put: putInFolder(folder), logs: { demo: SIZES } })) };
}

test("the demo log of the vectors holds", async () => {
  const vkey = await readFile("test/vectors/demo.vkey", "utf8");
  const report = await checkFolder("test/vectors", vkey);
  assert.deepEqual(briefs(report), []);
  const [demo] = report.logs;
  assert.equal(report.logs.length, 1);
  assert.equal(demo?.entries, 300);
  assert.equal(demo?.batches, 4);
  assert.equal(demo?.head.size, 300);
});

test("a whole instance holds, with one key of it or all", async (t) => {
  const { folder, vkeys, logs } = await build(t);
  for (const keys of [vkeys, `${logs["demo"]!.vkey}\n`]) {
    const report = await checkFolder(folder, keys);
    assert.deepEqual(briefs(report), []);
    assert.deepEqual(
      report.logs.map(({ log, entries }) => [log, entries]),
      [
        ["_system", 5],
        ["demo", 12],
      ],
    );
  }
});

test("no byte of an object can be another one", async (t) => {
  const { folder, vkeys } = await build(t);
  const path = (await batchFiles(folder))[1]!;
  const object = await readFile(path);
  const content = await nodeGzip.gunzip(object, BATCH_INFLATED_BYTES_MAX);
  let harmless = 0;
  for (let at = 0; at < object.length; at++) {
    const damaged = Uint8Array.from(object);
    damaged[at]! ^= 1 << (at % 8);
    await writeFile(path, damaged);
    const findings = briefs(await checkFolder(folder, vkeys, { only: "demo" }));
    if (findings.length > 0) continue;
    assert.deepEqual(await nodeGzip.gunzip(damaged, BATCH_INFLATED_BYTES_MAX), content);
    harmless += 1;
  }
  // In the gzip header, how hard it was tried and on which system; and unused bits at the end of its data.
  assert.ok(harmless <= 3, `${harmless} bytes`);
});

test("no byte of a batch's content can be another one, packed again", async (t) => {
  const { folder, vkeys } = await build(t);
  const path = (await batchFiles(folder))[0]!;
  const object = await readFile(path);
  const content = await nodeGzip.gunzip(object, BATCH_INFLATED_BYTES_MAX);
  const codes = new Set<string>();
  // How long it has to be kept is not signed: the lock itself and _system are held against it.
  const days = Buffer.from(content).indexOf('"retention_days":1') + '"retention_days":'.length;
  for (let at = 0; at < content.length; at++) {
    const damaged = Uint8Array.from(content);
    damaged[at]! ^= 1 << (at % 7);
    await writeFile(path, await nodeGzip.gzip(damaged));
    const findings = findingsOf(await checkFolder(folder, vkeys, { only: "demo" }));
    assert.ok(findings.length > 0 || at === days, `byte ${at}`);
    for (const { code } of findings) codes.add(code);
  }
  for (const code of ["entry_altered", "chain_broken", "signature_invalid", "batch_unreadable"]) {
    assert.ok(codes.has(code), `${code} is none of ${[...codes].join()}`);
  }
});

test("an entry that was changed is named", async (t) => {
  const { folder, vkeys } = await build(t);
  const path = (await batchFiles(folder))[1]!;
  await rewrite(path, (bytes) =>
    Buffer.from(Buffer.from(bytes).toString().replace("user-", "User-")),
  );
  const report = await checkFolder(folder, vkeys);
  // The changed line is valid by itself: what it breaks is the chain, at the next entry.
  assert.deepEqual(briefs(report), ["chain_broken demo 4"]);
});

test("batches that are missing", async (t) => {
  const { folder, vkeys, logs } = await build(t);
  const files = await batchFiles(folder);
  await rename(files[1]!, join(folder, "aside"));
  assert.deepEqual(briefs(await checkFolder(folder, vkeys)), ["batch_missing demo 3-6"]);
  await rm(files[0]!);
  assert.deepEqual(briefs(await checkFolder(folder, vkeys)), ["batch_missing demo 0-6"]);
  await rm(files[2]!);
  assert.deepEqual(briefs(await checkFolder(folder, vkeys)), []);
  const keys = keysOfText(vkeys);
  const checkpoints = await Promise.all(logs["demo"]!.notes.map((note) => kept(note, keys)));
  const report = await checkFolder(folder, vkeys, { kept: checkpoints.slice(2) });
  assert.deepEqual(briefs(report), ["batch_missing demo 0-11"]);
});

test("the last batch is missed by whoever kept a checkpoint", async (t) => {
  const { folder, vkeys, logs } = await build(t);
  const keys = keysOfText(vkeys);
  const checkpoints = await Promise.all(logs["demo"]!.notes.map((note) => kept(note, keys)));
  assert.deepEqual(briefs(await checkFolder(folder, vkeys, { kept: checkpoints })), []);
  await rm((await batchFiles(folder))[2]!);
  assert.deepEqual(briefs(await checkFolder(folder, vkeys)), []);
  const report = await checkFolder(folder, vkeys, { kept: checkpoints });
  assert.deepEqual(briefs(report), ["batch_missing demo 7-11"]);
});

test("batches in each other's place", async (t) => {
  const { folder, vkeys } = await build(t);
  const [, second, third] = await batchFiles(folder);
  await rename(second!, join(folder, "aside"));
  await rename(third!, second!);
  await rename(join(folder, "aside"), third!);
  const report = await checkFolder(folder, vkeys);
  assert.deepEqual(briefs(report), ["batch_unreadable demo 3", "batch_unreadable demo 7"]);
});

test("objects that nobody should have put, and those that lie beside a batch", async (t) => {
  const { folder, vkeys } = await build(t);
  const [first] = await batchFiles(folder);
  await writeFile(first!.replace(".jsonl.gz", ".note"), "a note with cosignatures");
  await writeFile(first!.replace(".jsonl.gz", ".tsr"), "a timestamp");
  assert.deepEqual(briefs(await checkFolder(folder, vkeys)), []);
  await writeFile(join(folder, "demo", "readme.txt"), "hello");
  await cp(first!, join(folder, "demo", "0000000000000001.jsonl.gz"));
  const report = await checkFolder(folder, vkeys);
  assert.deepEqual(briefs(report), ["extra_version demo", "extra_version demo"]);
  const objects = report.logs[1]!.findings.map(({ object }) => object);
  assert.deepEqual(objects, ["demo/0000000000000001.jsonl.gz", "demo/readme.txt"]);
});

test("another key than that of the log", async (t) => {
  const { folder } = await build(t);
  const stranger = await (await seedSigner(new Uint8Array(32).fill(9))).signer(`${ORIGIN}/demo`);
  const report = await checkFolder(folder, stranger.vkey, { only: "demo" });
  assert.deepEqual(briefs(report), [
    "signature_invalid demo 0",
    "signature_invalid demo 3",
    "signature_invalid demo 7",
  ]);
});

test("a past that was exchanged as a whole, with the log's own key", async (t) => {
  const { folder, vkeys, logs } = await build(t);
  const event = (seq: number) => `{"action":"nothing.happened","actor":{"id":"${seq}"}}`;
  await buildLog({ batches: SIZES, event, put: putInFolder(folder) });
  assert.deepEqual(briefs(await checkFolder(folder, vkeys)), []);
  const checkpoint = await kept(logs["demo"]!.notes[1]!, keysOfText(vkeys));
  const report = await checkFolder(folder, vkeys, { kept: [checkpoint] });
  assert.deepEqual(briefs(report), ["fork demo 0-6"]);
});

test("a batch of another history, signed by the log's own key", async (t) => {
  const { folder, vkeys } = await build(t);
  const event = (seq: number) => `{"action":"nothing.happened","actor":{"id":"${seq}"}}`;
  const other = join(folder, "other");
  await buildLog({ batches: SIZES, event, put: putInFolder(other) });
  const [, second] = await batchFiles(folder);
  await cp((await batchFiles(other))[1]!, second!);
  await rm(other, { recursive: true });
  const report = await checkFolder(folder, vkeys);
  assert.deepEqual(briefs(report), ["chain_broken demo 3"]);
});

test("a log that _system does not name", async (t) => {
  const { folder, vkeys } = await build(t);
  await buildLog({ log: "smuggled", batches: [2], put: putInFolder(folder) });
  const report = await checkFolder(folder, vkeys);
  assert.deepEqual(briefs(report), ["log_unknown smuggled"]);
  assert.equal(report.logs.find(({ log }) => log === "smuggled")?.entries, 2);
});

test("a batch that promises less than the log did", async (t) => {
  const folder = await temporaryFolder(t);
  const put = putInFolder(folder);
  const { vkeys } = await buildInstance({ put, logs: { demo: [2] }, retentionDays: 30 });
  await buildLog({ batches: [2], retentionDays: 7, put });
  assert.deepEqual(briefs(await checkFolder(folder, vkeys)), ["lock_too_short demo 0"]);
});

test("time that goes back from one batch to the next", async (t) => {
  const folder = await temporaryFolder(t);
  const { vkey } = await buildLog({
    batches: [2, 2],
    timeMs: (seq) => START_MS + (seq < 2 ? 5_000 : 0) + seq,
    put: putInFolder(folder),
  });
  assert.deepEqual(briefs(await checkFolder(folder, vkey)), ["clock_backwards demo 2"]);
});

test("an entry of _system that the instance would not write", async (t) => {
  const folder = await temporaryFolder(t);
  const event = '{"action":"log.created","actor":{"id":"indelible"},"details":{"log":"demo"}}';
  const { vkey } = await buildLog({
    ...{ log: "_system", batches: [1], put: putInFolder(folder) },
    event: () => event,
  });
  const report = await checkFolder(folder, vkey);
  assert.deepEqual(briefs(report), []);
  assert.match(report.unchecked[0]!, /entry 0 of _system means nothing/);
});

test("a log that was asked for and is not there", async (t) => {
  const { folder, vkeys } = await build(t);
  assert.deepEqual(briefs(await checkFolder(folder, vkeys, { only: "nowhere" })), [
    "batch_missing nowhere",
  ]);
  assert.ok((await logSigner.signer(`${ORIGIN}/demo`)).vkey.length > 0);
});
