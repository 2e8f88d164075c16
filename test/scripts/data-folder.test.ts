/** The data folder: one holder at a time, and what a killed one left is found even if it was never recorded. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { DataFolder, DataFolderInUse } from "../../scripts/parts/data-folder.ts";
import { endProcess, identifyProcess, isRunning } from "../../scripts/parts/process-identity.ts";

const silent = (): void => {};

test("another process is refused by this one's pid, until it is closed or killed", async () => {
  await inFolder(async (dir) => {
    const data = await DataFolder.open(dir, silent);
    assert.match((await holder(dir).firstLine)!, new RegExp(`in use by process ${process.pid}\\b`));
    await data.close();

    const other = holder(dir);
    assert.equal(await other.firstLine, "[]");
    await assert.rejects(DataFolder.open(dir, silent), (error: unknown) => {
      return error instanceof DataFolderInUse && error.pid === other.child.pid;
    });
    other.child.kill("SIGKILL");
    await other.ended;
    const again = await DataFolder.open(dir, silent);
    await again.close();
  });
});

test("parts that were left are ended, recorded or not", async () => {
  await inFolder(async (dir) => {
    const other = holder(dir, ["recorded", "unrecorded"]);
    const pids = JSON.parse((await other.firstLine)!) as number[];
    other.child.kill("SIGKILL");
    await other.ended;
    for (const pid of pids) assert.ok(identifyProcess(pid), "they outlive their supervisor");
    const said: string[] = [];
    const next = await DataFolder.open(dir, (message) => void said.push(message));
    for (const pid of pids) {
      assert.equal(identifyProcess(pid), null);
      assert.ok(said.some((message) => message.includes(`process ${pid}`)));
    }
    assert.equal(said.length, 2);
    await next.close();
  });
});

test("a pid that is used again is not taken for the part that had it", async () => {
  const child = spawn(process.execPath, ["--eval", "setInterval(() => {}, 1000)"]);
  await new Promise((resolve) => child.once("spawn", resolve));
  const identity = identifyProcess(child.pid!)!;
  const earlier = { pid: identity.pid, started: "another boot 1" };
  assert.ok(isRunning(identity));
  assert.ok(!isRunning(earlier));
  await endProcess(earlier, 0);
  assert.ok(isRunning(identity), "not the same process: left alone");
  await endProcess(identity, 0);
  assert.ok(!isRunning(identity));
});

/** Another process that opens the folder and says which parts it started, or why it could not. */
function holder(dir: string, parts: readonly string[] = []) {
  const program = `
    import { DataFolder } from "./scripts/parts/data-folder.ts";
    import { startPart } from "./scripts/parts/part.ts";
    try {
      const data = await DataFolder.open(${JSON.stringify(dir)}, () => {});
      const pids = [];
      for (const name of ${JSON.stringify(parts)}) {
        const args = ["--eval", "setInterval(() => {}, 1000)"];
        const part = await startPart({ name, command: process.execPath, args, env: data.partMark });
        if (name === "recorded") await data.recordPart(name, part.pid);
        pids.push(part.pid);
      }
      globalThis.kept = data;
      console.log(JSON.stringify(pids));
      setInterval(() => {}, 1000);
    } catch (error) { console.log(error.message); }`;
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "--eval", program],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ended = new Promise((resolve) => child.once("close", resolve));
  const firstLine = new Promise<string | undefined>((resolve) => {
    child.stdout.setEncoding("utf8").once("data", (text: string) => resolve(text.split("\n")[0]));
    child.once("close", () => resolve(undefined));
  });
  return { child, firstLine, ended };
}

async function inFolder(use: (dir: string) => Promise<void>): Promise<void> {
  const parent = await mkdtemp(join(tmpdir(), "indelible-data-"));
  try {
    await use(join(parent, "data"));
  } finally {
    await rm(parent, { recursive: true });
  }
}
