/** A lost log key beside other losses, and a replacement that was cut: on the real parts, without a worker. */
import assert from "node:assert/strict";
import { readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { decodeLine } from "../../storage/log/entry.ts";
import { makeFolder, readIndex, writeMemo } from "./data-folder.ts";

test("with acknowledged entries lost, too, a person must say yes; and it can be done again", async (t) => {
  const folder = await makeFolder(t, { batches: [3, 2] });
  const keyFile = join(folder.dir, "keys", "log.key");
  await rm(keyFile);
  // The index is empty as well: all of it comes from the vault.
  const memo = { size: 9, leaf: "ab".repeat(32) };
  await writeMemo(folder.dir, { demo: memo });
  const asked = await folder.run("recover", "--new-log-key");
  assert.equal(asked.code, 2, asked.stderr + asked.stdout);
  assert.match(asked.stdout, /index_behind .* 5–8/);
  await assert.rejects(readFile(keyFile));

  const done = await folder.run("recover", "--new-log-key", "--yes");
  assert.equal(done.code, 0, done.stderr + done.stdout);
  const seed = await readFile(keyFile, "utf8");
  // As after a crash just before the key took its place.
  await rename(keyFile, `${keyFile}.next`);
  const again = await folder.run("recover", "--new-log-key");
  assert.equal(again.code, 0, again.stderr + again.stdout);
  assert.equal(await readFile(keyFile, "utf8"), seed);

  const verified = await folder.run("verify", "--json");
  assert.equal(verified.code, 0, verified.stdout);
  const { lines } = await folder.withStores(readIndex);
  assert.deepEqual(lines.get("demo")!.slice(0, 5), folder.logs["demo"]!.lines);
  const detailsOf = (line: string) => decodeLine(line).eventJson["details"];
  const [first, second] = lines.get("demo")!.slice(5).map(detailsOf) as Record<string, unknown>[];
  const { reason, kept, missing_from, missing_to } = first!;
  assert.deepEqual([reason, kept, missing_from, missing_to], ["index_behind", 5, 5, 9]);
  assert.deepEqual([second!["reason"], second!["kept"]], ["log_key_replaced", 6]);
  const announced = lines.get("_system")!.filter((line) => line.includes("key.announced"));
  // Two logs, each with its first key and the new one, which is said once.
  assert.equal(announced.length, 4);
});
