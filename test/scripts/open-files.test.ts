/** A worker that may have few files open is said so. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import test from "node:test";
import { fewFiles, softLimitOf } from "../../scripts/parts/open-files.ts";

test("the soft limit is read from what Linux says", () => {
  const limits = (soft: string) =>
    `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            ${soft.padEnd(20)} 4096                 files     \n`;
  assert.equal(softLimitOf(limits("1024")), 1_024);
  assert.equal(softLimitOf(limits("unlimited")), Infinity);
  assert.equal(softLimitOf(""), null);
});

test("a process with few files is named, one that is gone is not", async () => {
  const child = spawn("sh", ["-c", "ulimit -n 64; echo ready; read line"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  await new Promise((resolve) => child.stdout.once("data", resolve));
  const said = await fewFiles(child.pid!);
  if (process.platform === "linux") assert.match(said ?? "", /may have 64 files open/);
  else assert.equal(said, null);
  child.stdin.end();
  await ended;
  assert.equal(await fewFiles(child.pid!), null);
});
