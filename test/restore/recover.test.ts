/** Recovery of every kind of frozen log, on the real parts: what is kept, what is said, and that all holds afterwards. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { decodeLine } from "../../storage/log/entry.ts";
import type { LogRecovered } from "../../storage/log/system.ts";
import { slotName } from "../../storage/log/batch.ts";
import {
  appendUnsealed,
  editDatabase,
  makeFolder,
  readIndex,
  writeMemo,
  type TestFolder,
} from "./data-folder.ts";

const EVENTS = ["a", "b", "c", "d"].map((id) => `{"action":"late","actor":{"id":"${id}"}}`);

/** Recovers, and returns what the log says of it; everything must hold afterwards. */
async function recovered(folder: TestFolder, log = "demo"): Promise<LogRecovered> {
  const ran = await folder.run("recover", "--yes");
  assert.equal(ran.code, 0, ran.stderr + ran.stdout);
  const verified = await folder.run("verify", "--json");
  const report = JSON.parse(verified.stdout) as { findings: { code: string }[] };
  assert.deepEqual(
    report.findings.filter(({ code }) => code !== "extra_version"),
    [],
  );
  const again = await folder.run("recover");
  assert.match(again.stdout, /nothing to recover/);
  const { lines } = await folder.withStores(readIndex);
  const last = decodeLine(lines.get(log)!.at(-1)!);
  assert.equal(last.action, "log.recovered");
  assert.equal(last.by, "system");
  const said = decodeLine(lines.get("_system")!.at(-1)!);
  assert.deepEqual(said.eventJson["details"], last.eventJson["details"]);
  return JSON.parse(JSON.stringify(last.eventJson["details"])) as LogRecovered;
}

async function restored(folder: TestFolder): Promise<void> {
  const ran = await folder.run("restore");
  assert.equal(ran.code, 0, ran.stderr);
}

test("nothing is frozen: nothing happens", async (t) => {
  const folder = await makeFolder(t, { batches: [3, 2] });
  await restored(folder);
  const ran = await folder.run("recover");
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /nothing to recover/);
});

test("an index that lost acknowledged entries", async (t) => {
  const folder = await makeFolder(t, { batches: [3, 2] });
  await restored(folder);
  const leaf = "ab".repeat(32);
  await writeMemo(folder.dir, { demo: { size: 9, leaf } });
  const asked = await folder.run("recover");
  assert.equal(asked.code, 2, "without a terminal and --yes nothing is done");
  assert.match(asked.stdout, /index_behind .* 5–8/);
  const said = await recovered(folder);
  assert.deepEqual(said, {
    ...{ log: "demo", reason: "index_behind", kept: 5 },
    ...{ missing_from: 5, missing_to: 9, memo: { size: 9, leaf } },
  });
});

test("a line that waited for its seal and was changed", async (t) => {
  const folder = await makeFolder(t, { batches: [3] });
  await restored(folder);
  const head = await folder.withStores(async (stores) => {
    await appendUnsealed(stores, "demo", EVENTS.slice(0, 2));
    return appendUnsealed(stores, "demo", EVENTS.slice(2));
  });
  await writeMemo(folder.dir, { demo: { size: head.size, leaf: head.leaf } });
  editDatabase(
    folder.databaseFile,
    `UPDATE chunk SET lines = replace(lines, '"id":"c"', '"id":"x"') WHERE log = 'demo'`,
  );
  const said = await recovered(folder);
  assert.equal(said.reason, "entry_altered");
  assert.deepEqual([said.kept, said.missing_from, said.missing_to], [5, 5, 7]);
  const { lines } = await folder.withStores(readIndex);
  assert.deepEqual(lines.get("demo")!.slice(0, 3), folder.logs["demo"]!.lines);
  assert.match(lines.get("demo")![4]!, /"id":"b"/);
});

test("a memo that neither index nor vault has anything of", async (t) => {
  const folder = await makeFolder(t, { batches: [3] });
  await restored(folder);
  await folder.withStores((stores) => appendUnsealed(stores, "demo", EVENTS.slice(0, 2)));
  const memo = { size: 5, leaf: "ab".repeat(32) };
  await writeMemo(folder.dir, { demo: memo });
  const said = await recovered(folder);
  // Every line that extends the vault is kept; that the memo saw others is on record.
  assert.deepEqual(said, {
    ...{ log: "demo", reason: "entry_altered", kept: 5, memo },
    ...{ missing_from: 3, missing_to: 5 },
  });
});

test("an index on another history than the vault", async (t) => {
  const folder = await makeFolder(t, { batches: [3, 2] });
  const other = await makeFolder(t, {
    batches: [4],
    event: (seq) => `{"action":"other","actor":{"id":"${seq}"}}`,
  });
  await restored(folder);
  await restored(other);
  // The index of another past in the place of this one's.
  const { lines } = await other.withStores(readIndex);
  assert.equal(lines.get("demo")!.length, 4);
  await rm(join(folder.dir, "libsql"), { recursive: true });
  await moveIndex(other, folder);
  const said = await recovered(folder);
  assert.equal(said.reason, "fork");
  assert.equal(said.kept, 5);
  const after = await folder.withStores(readIndex);
  assert.deepEqual(after.lines.get("demo")!.slice(0, 5), folder.logs["demo"]!.lines);
});

test("a batch that is gone is put again, with the same lines", async (t) => {
  const folder = await makeFolder(t, { batches: [3, 2] });
  await restored(folder);
  const path = join(folder.dir, "minio", "indelible", slotName("demo", 3));
  await rm(path, { recursive: true });
  const before = await folder.run("verify", "--json", "--log", "demo");
  assert.match(before.stdout, /"batch_missing"/);
  const said = await recovered(folder);
  assert.deepEqual([said.reason, said.kept, said.missing_from], ["batch_missing", 5, null]);
  const after = await folder.withStores(readIndex);
  assert.deepEqual(after.lines.get("demo")!.slice(0, 5), folder.logs["demo"]!.lines);
});

test("a batch that cannot be read is put again, on top", async (t) => {
  const folder = await makeFolder(t, { batches: [3, 2] });
  await restored(folder);
  const path = join(folder.dir, "minio", "indelible", slotName("demo", 3), "xl.meta");
  const bytes = await readFile(path);
  bytes[bytes.length - 40]! ^= 1;
  await writeFile(path, bytes);
  const said = await recovered(folder);
  assert.deepEqual([said.reason, said.kept, said.missing_from], ["batch_unreadable", 5, null]);
});

async function moveIndex(from: TestFolder, to: TestFolder): Promise<void> {
  await cp(join(from.dir, "libsql"), join(to.dir, "libsql"), { recursive: true });
  const key = join("keys", "index.key");
  // Only an index that is encrypted has one.
  if (existsSync(join(from.dir, key))) await cp(join(from.dir, key), join(to.dir, key));
}
