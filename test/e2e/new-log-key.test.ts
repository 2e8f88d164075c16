/**
 * A lost log key, as its operator sees it: the start refuses without it and with another one, `recover --new-log-key` replaces it
 * and says what follows, the logs go on with everything that was acknowledged, and who verifies needs both keys.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { holdTogether, keysOf } from "./checkpoints.ts";
import { call, readWholeLog } from "./client.ts";
import { runCommand, verify } from "./command.ts";
import { appendTo, LOG, notices, untilTaking } from "./moments.ts";
import { listSeals, sealNow } from "./sealing.ts";
import { makeToken } from "./tokens.ts";
import { until } from "./until.ts";

const NEVER = { INDELIBLE_SEAL_SECONDS: "600" };
const NAMES_THE_COMMAND = /npm run recover -- --new-log-key/;

test("a lost log key is replaced, and nothing that was acknowledged is lost", async (t) => {
  const first = await startInstance({ env: NEVER });
  const { dataDir } = first;
  t.after(() => rm(dataDir, { recursive: true }));
  const path = (...names: string[]): string => join(dataDir, ...names);
  const keyFile = path("keys", "log.key");
  const replacedFile = path("keys", "log.replaced.vkeys");
  const { token } = await makeToken(first.url, first.tokens.admin, {
    roles: ["writer", "auditor"],
    logs: [LOG, "_system"],
  });
  const promised: string[] = [];
  const append = async (instance: TestInstance, count: number): Promise<void> => {
    promised.push((await appendTo(instance, token, LOG, count)).checkpoint);
  };
  await append(first, 3);
  await sealNow(first.url, LOG, token);
  await append(first, 2);
  const before = await readWholeLog(first.url, LOG, token);
  // A log that has entries and no batch: with a wrong key in the folder it must not get its first.
  await until("the read is on record", async () => {
    const reply = await call(first.url, "/v1/logs/_access", { token: first.tokens.admin });
    return reply.json<{ size: number }>().size > 0;
  });
  const oldKeys = await keysOf(dataDir, LOG);
  const oldSystemVkey = await readFile(path("vkeys", "_system.vkey"), "utf8");
  const oldVkey = await readFile(path("vkeys", `${LOG}.vkey`), "utf8");
  await first.killSupervisor();

  /** The start must end by itself, and say why. */
  const refused = async (): Promise<string> => {
    const instance = await startInstance({ dataDir, env: NEVER, awaitReady: false });
    assert.equal(await instance.ended(), 1, instance.output());
    return instance.output();
  };
  await writeFile(keyFile, randomBytes(32).toString("base64"));
  assert.match(await refused(), NAMES_THE_COMMAND);
  // The same, and the old key made to look as if it had been replaced.
  await writeFile(replacedFile, oldSystemVkey);
  const swapped = await startInstance({ dataDir, env: NEVER, awaitReady: false });
  try {
    await swapped.untilOutput(/Not taking entries yet: frozen: _system .* exchanged by hand/);
  } finally {
    await swapped.signal("SIGTERM");
  }
  await rm(replacedFile);
  await rm(keyFile);
  assert.match(await refused(), NAMES_THE_COMMAND);

  const done = await runCommand("recover", dataDir, ["--new-log-key"]);
  assert.equal(done.code, 0, done.stderr + done.stdout);
  assert.match(done.stdout, /by hand/);
  const newVkey = await readFile(path("vkeys", `${LOG}.vkey`), "utf8");
  assert.notEqual(newVkey, oldVkey);
  assert.ok(done.stdout.includes((await readFile(path("vkeys", "_system.vkey"), "utf8")).trim()));
  for (const name of ["log.key", "log.replaced.vkeys"]) {
    assert.equal((await stat(path("keys", name))).mode & 0o777, 0o600, name);
  }
  assert.ok(!(await readdir(path("keys"))).includes("log.key.next"));

  const next = await startInstance({ dataDir, env: NEVER });
  try {
    await untilTaking(next, token);
    const log = await readWholeLog(next.url, LOG, token);
    assert.deepEqual(log.lines.slice(0, 5), before.lines);
    const [recovered] = await notices(next, token, LOG);
    assert.equal(recovered?.seq, 5);
    const { reason, kept, missing_from } = recovered.details;
    assert.deepEqual([reason, kept, missing_from], ["log_key_replaced", 5, null]);
    await append(next, 1);
    await sealNow(next.url, LOG, token);
    const notes = (await listSeals(next.url, LOG, token)).map(({ checkpoint }) => checkpoint);
    const keys = [...oldKeys, ...(await keysOf(dataDir, LOG))];
    const whole = await readWholeLog(next.url, LOG, token);
    assert.equal(await holdTogether([...promised, ...notes], keys, whole), 6);
    const system = await readWholeLog(next.url, "_system", token);
    const announced = system.lines.filter((line) => line.includes(newVkey.trim()));
    assert.match(announced.join(), /"action":"key.announced"/);
  } finally {
    await next.signal("SIGTERM");
  }

  const oldFile = path("old.vkey");
  await writeFile(oldFile, oldVkey);
  const old = await verify(dataDir, ["--vkey", oldFile, "--log", LOG]);
  const signatures = old.findings.filter(({ code }) => code === "signature_invalid");
  assert.deepEqual(
    signatures.map(({ first }) => first),
    [3, 6],
  );
  assert.equal(old.code, 1);

  // All of the index comes back from batches under two keys.
  await rm(path("libsql"), { recursive: true });
  const restored = await runCommand("restore", dataDir);
  assert.equal(restored.code, 0, restored.stderr + restored.stdout);
  assert.deepEqual((await verify(dataDir)).findings, []);
});
