/** A backup is taken while sqld runs, opens, and can take the index's place. */
import assert from "node:assert/strict";
import { copyFile, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import test from "node:test";
import { appendUnsealed, editDatabase, makeFolder, readIndex } from "./data-folder.ts";

/** The database and what sqld keeps beside it, and makes anew. */
const REPLACED_FILES = ["data", "data-wal", "data-shm", "wallog", "stats.json", ".sentinel"];

test("a copy taken from a running index takes its place", async (t) => {
  const folder = await makeFolder(t, { batches: [3, 2] });
  assert.equal((await folder.run("restore")).code, 0);
  const target = join(folder.dir, "backup");
  const before = await folder.withStores(async (stores) => {
    await appendUnsealed(stores, "demo", ['{"action":"late","actor":{"id":"a"}}']);
    const ran = await folder.run("backup", target);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /_system 5, demo 6/);
    return readIndex(stores);
  });
  assert.match(await readFile(join(target, "README.txt"), "utf8"), /keys\/log\.key/);
  assert.equal(await readFile(join(target, "vkeys", "all.vkey"), "utf8"), folder.vkeys);
  assert.equal((await folder.run("backup", target)).code, 2, "a backup is never written over");

  editDatabase(folder.databaseFile, "DELETE FROM chunk", "DELETE FROM head");
  for (const name of REPLACED_FILES) {
    await rm(join(dirname(folder.databaseFile), name), { force: true });
  }
  await copyFile(join(target, "index.db"), folder.databaseFile);
  assert.deepEqual(await folder.withStores(readIndex), before);
  const verified = await folder.run("verify");
  assert.equal(verified.code, 0, verified.stdout);
});

test("no index, no backup", async (t) => {
  const folder = await makeFolder(t, { batches: [1] });
  await rm(join(folder.dir, "libsql"), { recursive: true });
  const ran = await folder.run("backup", join(folder.dir, "backup"));
  assert.equal(ran.code, 2);
  assert.match(ran.stderr, /no index/);
});
