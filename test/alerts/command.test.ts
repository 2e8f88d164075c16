/** A program of the operator's: what it reads, what it is started with, and what its end means. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { commandChannel } from "../../scripts/alerts/command.ts";
import { makeAlert } from "./alerts.ts";

async function open(t: TestContext, script: string, seconds = 20) {
  const folder = await mkdtemp(join(tmpdir(), "indelible-alert-"));
  t.after(() => rm(folder, { recursive: true }));
  const program = join(folder, "tell me; now");
  await writeFile(program, `#!/bin/sh\n${script}\n`, { mode: 0o700 });
  const run = [program, folder, "$(touch x)", "a b"] as const;
  const id = "file-command";
  const settings = { kind: "command", id, severity: "warning", run, seconds } as const;
  return { folder, channel: commandChannel(settings, null) };
}

test("it gets the alert as JSON and a clean environment, and its arguments as they are", async (t) => {
  process.env["SECRET_OF_THE_PARENT"] = "x";
  t.after(() => delete process.env["SECRET_OF_THE_PARENT"]);
  const script = 'cat >"$1/in"; env >"$1/env"; pwd >"$1/pwd"; printf "%s\\n" "$@" >"$1/args"';
  const { folder, channel } = await open(t, script);
  const answer = await channel.send([makeAlert("a1")], 0);
  assert.deepEqual([answer.outcome, answer.status], ["delivered", 0]);
  const read = async (name: string) => (await readFile(join(folder, name), "utf8")).trimEnd();
  const body = JSON.parse(await read("in")) as { data: { log: string } };
  assert.equal(body.data.log, "acme.orders");
  const names = (await read("env")).split("\n").map((line) => line.split("=")[0]!);
  const ours = names.filter((name) => !["PWD", "OLDPWD", "SHLVL", "_"].includes(name)).sort();
  assert.deepEqual(ours, [
    ...["ALERT_CODE", "ALERT_ID", "ALERT_INSTANCE", "ALERT_LOG", "ALERT_SEVERITY", "ALERT_TYPE"],
    ...["LANG", "PATH"],
  ]);
  assert.equal(await read("pwd"), "/");
  assert.equal(await read("args"), `${folder}\n$(touch x)\na b`);
});

test("another exit code is a refusal, with what it said", async (t) => {
  const { channel } = await open(t, "echo 'pager is off' >&2; exit 3");
  const answer = await channel.send([makeAlert("a1")], 0);
  assert.deepEqual(answer, { outcome: "refused", status: 3, detail: "pager is off" });
});

test("one that does not end is ended, with what it started", async (t) => {
  const { channel, folder } = await open(t, 'sleep 60 & echo $! >"$1/pid"; wait', 3);
  const answer = await channel.send([makeAlert("a1")], 0);
  assert.deepEqual(answer, { outcome: "away", status: null, detail: "it was ended after 3 s" });
  const pid = Number(await readFile(join(folder, "pid"), "utf8"));
  // Whoever inherits it may take a moment to bury it.
  const isAlive = () =>
    readFile(`/proc/${pid}/stat`, "utf8").then(
      (stat) => !/\) Z /.test(stat),
      () => false,
    );
  for (let i = 0; i < 200 && (await isAlive()); i++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(await isAlive(), false);
});

test("one that is not there, and one that does not read", async (t) => {
  const { channel } = await open(t, "exit 0");
  const long = { ...makeAlert("a1").finding, hint: "x".repeat(1_000_000) };
  assert.equal((await channel.send([makeAlert("a1", { finding: long })], 0)).outcome, "delivered");
  const run = ["/nowhere/to/be/found"] as const;
  const settings = { kind: "command", id: "c", severity: "warning", run, seconds: 5 } as const;
  const answer = await commandChannel(settings, null).send([makeAlert("a1")], 0);
  assert.equal(answer.outcome, "away");
  assert.match(answer.detail, /ENOENT/);
});
