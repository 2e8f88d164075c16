/** An encrypted index under the commands that open, copy and rebuild it: with its key, without it, and with another. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { copyFile, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import {
  appendUnsealed,
  makeFolder,
  readIndex,
  writeMemo,
  type TestFolder,
} from "./data-folder.ts";

const PLAIN_HEADER = "SQLite format 3";
const LATE = '{"action":"late","actor":{"id":"a"}}';

test("an index that was made without a key stays without; restored, it has one, for good", async (t) => {
  const folder = await makeFolder(t, {
    batches: [3, 2],
    flags: ["--index-encryption", "off"],
  });
  assert.equal((await folder.run("restore")).code, 0);
  const asked = await folder.run("verify");
  assert.equal(asked.code, 0, asked.stderr);
  assert.match(asked.stderr, /The index is not encrypted on disk/);
  assert.ok(await isPlain(folder));

  await rename(join(folder.dir, "libsql"), join(folder.dir, "libsql.plain"));
  assert.equal((await folder.run("restore")).code, 0);
  assert.ok(!(await isPlain(folder)));

  // Nobody has to say so again: a backup of it is encrypted too, and takes its place.
  const target = join(folder.dir, "backup");
  const before = await folder.withStores(async (stores) => {
    await appendUnsealed(stores, "demo", [LATE]);
    const ran = await folder.run("backup", target);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /_system 5, demo 6/);
    return readIndex(stores);
  });
  const copy = await readFile(join(target, "index.db"), "latin1");
  assert.ok(!copy.startsWith(PLAIN_HEADER) && !copy.includes("late"));
  assert.match(await readFile(join(target, "README.txt"), "utf8"), /index\.key {2,}decrypts/);
  await copyFile(join(target, "index.db"), folder.databaseFile);
  assert.deepEqual(await folder.withStores(readIndex), before);

  await writeMemo(folder.dir, { demo: { size: 9, leaf: "ab".repeat(32) } });
  const recovered = await folder.run("recover", "--yes");
  assert.equal(recovered.code, 0, recovered.stderr);
  assert.equal((await folder.withStores(readIndex)).heads.get("demo")!.size, 7);
  assert.ok(!(await isPlain(folder)));

  await withWrongKeys(folder);

  // A copy from the time before, in the folder of an encrypted index.
  await copyFile(join(folder.dir, "libsql.plain", "dbs", "127", "data"), folder.databaseFile);
  const message = /which is encrypted, dbs\/127\/data is not/;
  await assert.rejects(folder.withStores(readIndex), { message });
});

/** With another key, or none, nothing opens it, and nothing happens to it. */
async function withWrongKeys(folder: TestFolder): Promise<void> {
  await folder.withStores(async (stores) => {
    await appendUnsealed(stores, "demo", [LATE]);
    await stores.parts.find(({ name }) => name === "sqld")!.part.kill9();
  });
  const paths = [folder.databaseFile, `${folder.databaseFile}-wal`];
  const files = () => Promise.all(paths.map((path) => readFile(path)));
  const before = await files();
  assert.ok(before[1]!.length > 0, "entries are in the WAL, where another key would do damage");
  const keyPath = join(folder.dir, "keys", "index.key");
  await rename(keyPath, `${keyPath}.aside`);
  for (const [key, said] of [
    [null, /index\.key is gone\. Put back the copy/],
    [randomBytes(32).toString("base64"), /was encrypted with another key\. Put back the copy/],
  ] as const) {
    if (key !== null) await writeFile(keyPath, key);
    await assert.rejects(folder.withStores(readIndex), { message: said });
    const ran = await folder.run("backup", join(folder.dir, "backup-2"));
    assert.equal(ran.code, 2);
    assert.match(ran.stderr, said);
    assert.deepEqual(await files(), before);
  }
  await rename(`${keyPath}.aside`, keyPath);
  assert.equal((await folder.withStores(readIndex)).heads.get("demo")!.size, 8);
}

async function isPlain({ databaseFile }: TestFolder): Promise<boolean> {
  return (await readFile(databaseFile, "latin1")).startsWith(PLAIN_HEADER);
}
