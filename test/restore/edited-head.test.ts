/** Somebody edited what the index says of itself: the row of the head, or rows behind it. Verified, and brought back to work. */
import assert from "node:assert/strict";
import { copyFile } from "node:fs/promises";
import test from "node:test";
import { appendUnsealed, editDatabase, makeFolder, readIndex } from "./data-folder.ts";

const EDITS: readonly (readonly [string, string, RegExp])[] = [
  ["the time moved ahead", "UPDATE head SET time = '2999-01-01T00:00:00.000Z'", /entry_altered/],
  [
    "the size put back",
    "UPDATE head SET size = 6 WHERE log = 'demo'",
    /index_behind +demo entry 6/,
  ],
  ["no head at all", "DELETE FROM head WHERE log = 'demo'", /index_behind +demo entries 0–6/],
  [
    "an entry behind the head",
    "INSERT INTO chunk VALUES ('demo', 7, 1, zeroblob(32), 'x')",
    /index_behind +demo entry 7/,
  ],
];

test("what was done to a head is found, and no line is lost when the log is brought back", async (t) => {
  const folder = await makeFolder(t, { batches: [3, 2] });
  assert.equal((await folder.run("restore")).code, 0);
  const before = await folder.withStores(async (stores) => {
    const event = '{"action":"late","actor":{"id":"a"}}';
    await appendUnsealed(stores, "demo", [event]);
    await appendUnsealed(stores, "demo", [event]);
    return readIndex(stores);
  });
  // An empty edit leaves all in the one file.
  editDatabase(folder.databaseFile);
  await copyFile(folder.databaseFile, `${folder.dir}/untouched`);
  for (const [what, statement, finding] of EDITS) {
    await t.test(what, async () => {
      await copyFile(`${folder.dir}/untouched`, folder.databaseFile);
      editDatabase(folder.databaseFile, statement);
      const verified = await folder.run("verify");
      assert.equal(verified.code, 1, verified.stdout);
      assert.match(verified.stdout, finding);
    });
  }
  await copyFile(`${folder.dir}/untouched`, folder.databaseFile);
  editDatabase(folder.databaseFile, "UPDATE head SET size = 6 WHERE log = 'demo'");
  const recovered = await folder.run("recover", "--yes");
  assert.equal(recovered.code, 0, recovered.stderr);
  const after = await folder.withStores(readIndex);
  assert.deepEqual(after.lines.get("demo")?.slice(0, 7), before.lines.get("demo"));
  assert.match(after.lines.get("demo")?.[7] ?? "", /"log\.recovered"/);
  const verified = await folder.run("verify");
  assert.equal(verified.code, 0, verified.stdout);
});
