/**
 * An instance's whole life as its operator sees it: `npm start` and Ctrl-C, a supervisor that is killed, a vault that is
 * away or silent for a while. What was acknowledged stays, and no process does.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { realpathSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { findProcesses } from "../../scripts/parts/process-identity.ts";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { atExit } from "../parts/kill-at-exit.ts";
import { startMinio, type TestMinio } from "../parts/minio.ts";
import { holdTogether, keysOf } from "./checkpoints.ts";
import { call, readWholeLog, type Acknowledged, type Call, type Reply } from "./client.ts";
import { assertProblem } from "./problems.ts";
import { readiness, untilReadiness, untilReady } from "./readiness.ts";
import { makeToken } from "./tokens.ts";
import { until } from "./until.ts";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const LOG = "demo";
const NEVER = { INDELIBLE_SEAL_SECONDS: "600" };

function post(url: string, token: string, id: string, query = "", more: Call = {}): Promise<Reply> {
  const body = JSON.stringify({ action: "lived", actor: { id: "x" }, id });
  return call(url, `/v1/logs/${LOG}/entries${query}`, { token, body, ...more });
}

/** Sizes of the log: committed, and under lock. */
async function sizes(instance: TestInstance): Promise<[number, number]> {
  const reply = await call(instance.url, `/v1/logs/${LOG}`, { token: instance.tokens.demo });
  const { size, sealed_size } = JSON.parse(reply.text) as { size: number; sealed_size: number };
  return [size, sealed_size];
}

const partsOf = (dataDir: string) =>
  findProcesses("PART_OF_INDELIBLE_AT", realpathSync(dataDir)).map(({ pid }) => pid);

for (const [name, end] of [
  ["Ctrl-C, a SIGINT to the whole group", (pid: number) => process.kill(-pid, "SIGINT")],
  ["SIGTERM to npm alone", (pid: number) => process.kill(pid, "SIGTERM")],
] as const) {
  test(`npm start ends by ${name}: all is sealed, and no process is left`, async (t) => {
    const dataDir = await mkdtemp(join(tmpdir(), "indelible-npm-"));
    t.after(() => rm(dataDir, { recursive: true }));
    const { INDELIBLE_TEST_SEED: _, ...inherited } = process.env;
    const npm = spawn("npm", ["start"], {
      cwd: ROOT,
      detached: true,
      env: {
        ...{ ...inherited, ...NEVER },
        INDELIBLE_DATA: dataDir,
        INDELIBLE_LISTEN: "127.0.0.1:0",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const forget = atExit(() => process.kill(-npm.pid!, "SIGKILL"));
    let output = "";
    for (const stream of [npm.stdout, npm.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    const ended = new Promise<number | null>((resolve) => npm.once("close", resolve));
    const url = await until("it is ready", () => {
      return /^Indelible is ready: (\S+)$/m.exec(output)?.[1] ?? null;
    });
    const token = (await readFile(join(dataDir, "tokens", "demo"), "utf8")).trim();
    assert.equal((await post(url, token, "last")).status, 201);
    assert.equal(partsOf(dataDir).length, 3, "sqld, MinIO and workerd");
    end(npm.pid!);
    const code = await ended;
    forget();
    assert.deepEqual(partsOf(dataDir), [], output);
    assert.match(output, /^Stopped\.$/m);
    assert.ok(code === 0 || code === 130 || code === 143, `exit code ${code}`);
    const again = await startInstance({ dataDir, env: NEVER });
    assert.deepEqual(await sizes(again), [1, 1], "sealed before it ended");
    await again.stop();
  });
}

test("the supervisor is killed, what it left goes on, and the next start takes over without loss", async (t) => {
  const instance = await startInstance({ env: NEVER });
  t.after(() => instance.stop());
  const token = instance.tokens.demo;
  const promised: Acknowledged[] = [];
  const append = async (url: string, id: string): Promise<void> => {
    const reply = await post(url, token, id);
    assert.equal(reply.status, 201, reply.text);
    promised.push(JSON.parse(reply.text) as Acknowledged);
  };
  await append(instance.url, "supervised");
  await instance.killSupervisor();
  await append(instance.url, "orphaned");
  const next = await startInstance({ dataDir: instance.dataDir, env: NEVER });
  try {
    await append(next.url, "again");
    const log = await readWholeLog(next.url, LOG, token);
    assert.deepEqual(
      promised.map(({ entries }) => entries[0]!.hash),
      log.leaves,
    );
    const notes = promised.map(({ checkpoint }) => checkpoint);
    await holdTogether(notes, await keysOf(next.dataDir, LOG), log);
    assert.equal(partsOf(next.dataDir).length, 3, "nothing runs twice");
  } finally {
    await next.stop();
  }
});

/** An instance whose vault is a MinIO that the test may take away. */
async function withVault(
  look: (instance: TestInstance, minio: TestMinio) => Promise<void>,
): Promise<void> {
  const minio = await startMinio();
  try {
    const instance = await startInstance({
      env: {
        INDELIBLE_S3_ENDPOINT: minio.endpoint,
        INDELIBLE_S3_BUCKET: minio.bucket,
        INDELIBLE_S3_REGION: minio.region,
        INDELIBLE_S3_ACCESS_KEY: minio.worker.accessKey,
        INDELIBLE_S3_SECRET_KEY: minio.worker.secretKey,
        INDELIBLE_SYSTEM_RETENTION_DAYS: "1",
        INDELIBLE_SEAL_SECONDS: "1",
      },
    });
    try {
      await look(instance, minio);
    } finally {
      await instance.stop();
    }
  } finally {
    await minio.stop();
  }
}

/** A probe waits no longer: 3 s for the vault and 5 s for the index, at once, on a busy machine. */
const READY_MS_MAX = 8_000;

/** `?ack=sealed` waits this long (PROTOCOL §3); the answer may take a little longer. */
const ACK_MS = 30_000;

test("the vault goes away: entries are taken, promises of a seal are not made, and all is made up for", async () => {
  await withVault(async (instance, minio) => {
    const { url, tokens } = instance;
    const token = tokens.demo;
    const before = await post(url, token, "before", "?ack=sealed");
    assert.equal(before.status, 201, before.text);
    const spare = await makeToken(url, tokens.admin, { roles: ["reader"], logs: [LOG] });

    await minio.kill9();
    assert.equal((await post(url, token, "away")).status, 201);
    await untilReadiness(instance, "taking, not sealing", /vault: /);
    const startMs = Date.now();
    const waiting = post(url, token, "waiting", "?ack=sealed", { timeoutMs: 2 * ACK_MS });
    // Meanwhile: what an administrator does works, and says that it is not under lock yet.
    const revoked = await call(url, `/v1/tokens/${spare.id}`, {
      method: "DELETE",
      token: tokens.admin,
    });
    assert.deepEqual([revoked.status, revoked.json()["sealed"]], [200, false]);
    const reading = await call(url, `/v1/logs/${LOG}/entries`, { token: spare.token });
    assertProblem(reading, 401, "unauthenticated");
    assert.equal((await readWholeLog(url, LOG, token)).lines.length, 3, "reads go on");
    await untilReadiness(instance, "taking, not sealing", /unsealed_too_old/);

    const late = await waiting;
    assertProblem(late, 504, "seal_timeout");
    assert.ok(Date.now() - startMs >= ACK_MS - 500);
    const { entries, first } = JSON.parse(late.text) as Acknowledged;
    assert.equal(first, entries[0]!.seq, "the body of a 201 is in it");

    await minio.restart();
    const again = await post(url, token, "waiting", "?ack=sealed", { timeoutMs: 2 * ACK_MS });
    assert.equal(again.status, 201, again.text);
    const acknowledged = JSON.parse(again.text) as Acknowledged;
    assert.deepEqual(acknowledged.entries, [{ ...entries[0]!, duplicate: true }]);
    assert.doesNotMatch(acknowledged.checkpoint, /\/receipt /, "the log key's");
    await untilReady(instance);
    assert.deepEqual(await sizes(instance), [3, 3]);
  });
});

test("a start without the vault takes nothing until it has read it once, and then does", async () => {
  await withVault(async (instance, minio) => {
    const { url, tokens } = instance;
    await post(url, tokens.demo, "before");
    await minio.kill9();
    await instance.kill("workerd");
    await instance.untilOutput(/workerd runs again/);
    await untilReadiness(instance, "not taking", /vault/);
    assert.equal((await readiness(instance)).status, 503);
    assertProblem(await post(url, tokens.demo, "refused"), 503, "vault_unreachable");
    await minio.restart();
    await untilReady(instance);
    const reply = await post(url, tokens.demo, "taken");
    assert.equal((JSON.parse(reply.text) as Acknowledged).first, 1, reply.text);
  });
});

test("a vault that hangs holds up no entry and no question about readiness", async () => {
  await withVault(async (instance, minio) => {
    const { url, tokens } = instance;
    assert.equal((await post(url, tokens.demo, "before", "?ack=sealed")).status, 201);
    process.kill(minio.pid(), "SIGSTOP");
    try {
      for (let n = 0; n < 20; n += 1) {
        const reply = await post(url, tokens.demo, `hanging-${n}`, "", { timeoutMs: 10_000 });
        assert.equal(reply.status, 201, reply.text);
      }
      await untilReadiness(instance, "taking, not sealing", /vault: /);
      const startMs = Date.now();
      assert.equal((await readiness(instance)).status, 200);
      assert.ok(Date.now() - startMs < READY_MS_MAX, "whoever asks is not held up");
    } finally {
      process.kill(minio.pid(), "SIGCONT");
    }
    await untilReady(instance);
    await until("all is sealed", async () => (await sizes(instance))[1] === 21);
  });
});
