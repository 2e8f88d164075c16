/** The index comes back from the vault alone: the same lines, heads, hashes, ids and seals; or a reason why not. */
import assert from "node:assert/strict";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { LibsqlIndex } from "../../storage/index/index.ts";
import { slotName } from "../../storage/log/batch.ts";
import { leafHash } from "../../storage/log/hash.ts";
import { rootAt } from "../../storage/log/proof.ts";
import { sha256 } from "../verify/build-log.ts";
import { appendUnsealed, makeFolder, readIndex } from "./data-folder.ts";

const withId = (seq: number): string => `{"action":"paid","actor":{"id":"a"},"id":"event-${seq}"}`;

test("lines, heads, tree, ids and seals come back", async (t) => {
  const batches = [3, 1, 600, 2];
  const folder = await makeFolder(t, { batches, event: withId });
  const ran = await folder.run("restore");
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /Restored 611 entries of 2 logs/);
  assert.match(ran.stdout, /_system is known up to entry 4/);
  const { lines } = folder.logs["demo"]!;
  await folder.withStores(async (stores) => {
    const found = await readIndex(stores);
    assert.deepEqual(found.lines.get("demo"), lines);
    assert.deepEqual(found.lines.get("_system"), folder.system.lines);
    assert.equal(found.heads.get("demo")!.size, 606);
    const { url, authToken } = stores.index;
    const index = new LibsqlIndex({ url, authToken });
    const seals = await index.seals("demo", { from: 0, limit: 10, order: "asc" });
    assert.deepEqual(
      seals.map(({ first, count }) => [first, count]),
      [
        [0, 3],
        [3, 1],
        [4, 600],
        [604, 2],
      ],
    );
    assert.deepEqual(
      seals.map(({ checkpoint }) => checkpoint),
      folder.logs["demo"]!.notes,
    );
    const root = Buffer.from(await rootAt(606, index.tiles("demo"))).toString("base64");
    assert.match(seals[3]!.checkpoint, new RegExp(`\n${root.replaceAll("+", "\\+")}\n`));
    const [record] = await index.events([{ log: "demo", by: "token:test", id: "event-5" }]);
    assert.equal(record!.seq, 5);
    assert.equal(
      record!.hash,
      Buffer.from(leafHash(Buffer.from(lines[5]!), sha256)).toString("hex"),
    );
  });
  assert.equal((await folder.run("verify")).code, 0);
  const again = await folder.run("restore");
  assert.equal(again.code, 2);
  assert.match(again.stderr, /not empty/);
});

test("what was never sealed does not come back, and is not made up", async (t) => {
  const folder = await makeFolder(t, { batches: [2] });
  assert.equal((await folder.run("restore")).code, 0);
  await folder.withStores((stores) => appendUnsealed(stores, "demo", [withId(9)]));
  await rename(join(folder.dir, "libsql"), join(folder.dir, "libsql.old"));
  assert.equal((await folder.run("restore")).code, 0);
  const { heads } = await folder.withStores(readIndex);
  assert.equal(heads.get("demo")!.size, 2);
});

test("a log with a hole comes back up to it, and it is said", async (t) => {
  const folder = await makeFolder(t, { batches: [2, 3, 4] });
  const bucket = join(folder.dir, "minio", "indelible");
  await rm(join(bucket, slotName("demo", 2)), { recursive: true });
  const ran = await folder.run("restore");
  assert.equal(ran.code, 1, ran.stderr);
  assert.match(ran.stdout, /batch_missing {2}demo entries 2–4/);
  const { heads } = await folder.withStores(readIndex);
  assert.deepEqual(
    [...heads].map(([log, { size }]) => [log, size]),
    [
      ["_system", 5],
      ["demo", 2],
    ],
  );
});

test("nothing is restored without the log key, or with another one", async (t) => {
  const folder = await makeFolder(t, { batches: [2] });
  const key = join(folder.dir, "keys", "log.key");
  await writeFile(key, Buffer.alloc(32, 9).toString("base64"));
  const wrong = await folder.run("restore");
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /no valid batch of _system for this log key/);
  await rm(key);
  const lost = await folder.run("restore");
  assert.equal(lost.code, 2);
  assert.match(lost.stderr, /log key .* is not there/);
  await writeFile(key, Buffer.alloc(32, 7).toString("base64"));
  assert.equal((await folder.run("restore")).code, 0);
});
