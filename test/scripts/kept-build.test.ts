/** What is built from sources is built once for them, whole or not at all, and goes when nobody can need it any more. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { keptBuild } from "../../scripts/parts/kept-build.mjs";

const CACHE = join("node_modules", ".cache", "indelible");

test("once for the same sources, anew for others, whole or not at all", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "indelible-build-"));
  const back = process.cwd();
  process.chdir(folder);
  t.after(async () => {
    process.chdir(back);
    await rm(folder, { recursive: true });
  });
  await mkdir(join("sources", "deep"), { recursive: true });
  const source = join("sources", "deep", "a.txt");
  let builds = 0;
  const build = () =>
    keptBuild("copy", ["sources"], async (into) => {
      builds += 1;
      await writeFile(join(into, "a.txt"), await readFile(source));
    });
  const built = async () => readFile(join(await build(), "a.txt"), "utf8");

  await writeFile(source, "one");
  const [first, same] = await Promise.all([build(), build()]);
  assert.equal(first, same, "two at once make one");
  builds = 0;
  assert.deepEqual([await built(), builds], ["one", 0]);
  await writeFile(source, "two");
  assert.deepEqual([await built(), builds], ["two", 1]);
  assert.equal(await readFile(join(first, "a.txt"), "utf8"), "one", "whoever reads it goes on");

  await writeFile(source, "three");
  const failing = keptBuild("copy", ["sources"], () => Promise.reject(new Error("from inside")));
  await assert.rejects(failing, /from inside/);
  const yesterday = new Date(Date.now() - 25 * 3_600_000);
  await utimes(first, yesterday, yesterday);
  assert.deepEqual([await built(), builds], ["three", 2]);
  const left = await readdir(CACHE);
  assert.equal(left.length, 2, "neither the one that failed nor yesterday's");
  for (const name of left) assert.match(name, /^copy-[0-9a-f]{16}$/);
});
