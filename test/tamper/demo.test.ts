/** `npm run tamper-demo`, as a newcomer runs it: all five are found, and nothing is left behind. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { ACTS } from "../../scripts/tamper-demo/acts.ts";

/** A minute where nothing else runs. */
const DEMO_MS_MAX = 240_000;

test("five tamperings are shown and found, and nothing is left", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "indelible-demo-test-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  // A setting of the operator's own must not reach the demo: with this one nothing would start.
  const env = { ...process.env, TMPDIR: folder, INDELIBLE_S3_ENDPOINT: "http://127.0.0.1:9" };
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["scripts/run.mjs", "tamper-demo"],
    { env, encoding: "utf8", timeout: DEMO_MS_MAX },
  );
  assert.equal(status, 0, stdout + stderr);
  for (const { title, short, log } of ACTS) {
    assert.ok(stdout.includes(title) && stdout.includes(short) && stdout.includes(log), title);
  }
  assert.equal(stdout.match(/ {3}found after \d+\.\d s: /g)?.length, ACTS.length);
  assert.match(stdout, /All five were found/);
  assert.ok(!stdout.includes("\u001b") && !stdout.includes("\r"), "plain without a terminal");
  for (const line of stdout.split("\n")) assert.ok(line.length <= 130, line);
  const left = (await readdir(folder)).filter((name) => name.startsWith("indelible-"));
  assert.deepEqual(left, []);
});
