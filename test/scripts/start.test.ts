/**
 * Starting and stopping the whole: one folder and one instance at a time, every part supervised, nothing
 * left behind, whoever ends whom.
 */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { findGoProgram, MINIO } from "../../scripts/parts/go-program.ts";
import { isRunning } from "../../scripts/parts/process-identity.ts";
import { startInstance } from "../parts/instance.ts";
import { startMinio } from "../parts/minio.ts";
import { startSqld } from "../parts/sqld.ts";

const PARTS = ["sqld", "minio", "workerd"] as const;

test("starts, restarts on the same folder, and leaves no process", async () => {
  const instance = await startInstance({ setUp: true });
  try {
    assert.equal((await fetch(`${instance.url}/healthz`)).status, 200);
    const first = await readFile(join(instance.dataDir, "instance.json"), "utf8");
    await instance.restart();
    assert.equal(await readFile(join(instance.dataDir, "instance.json"), "utf8"), first);
    assert.doesNotMatch(instance.output(), /Keep copies/, "said once only");
  } finally {
    await instance.stop();
  }
});

test("a second start on the same folder is refused by the first one's pid", async () => {
  const instance = await startInstance();
  try {
    const second = await startInstance({ dataDir: instance.dataDir, awaitReady: false });
    assert.equal(await second.ended(), 2);
    assert.match(
      second.output(),
      new RegExp(`in use by process ${instance.running().supervisor.pid}`),
    );
    assert.equal((await fetch(`${instance.url}/healthz`)).status, 200);
  } finally {
    await instance.stop();
  }
});

test("a part that is killed runs again, and is said to", async () => {
  const instance = await startInstance();
  try {
    for (const part of PARTS) {
      const before = instance.running().parts[part]!;
      await instance.kill(part);
      await instance.untilOutput(new RegExp(`^${part} ended \\(SIGKILL\\)`, "im"));
      await instance.untilOutput(new RegExp(`^${part} runs again`, "im"));
      assert.notEqual(instance.running().parts[part]!.pid, before.pid);
    }
    assert.equal((await fetch(`${instance.url}/healthz`)).status, 200);
  } finally {
    await instance.stop();
  }
});

test("what a killed supervisor leaves is ended by the next start", async () => {
  const instance = await startInstance();
  const { parts } = instance.running();
  await instance.killSupervisor();
  const left = PARTS.filter((part) => isRunning(parts[part]!));
  assert.ok(
    left.includes("sqld") && left.includes("workerd"),
    "the parts outlive their supervisor",
  );
  const next = await startInstance({ dataDir: instance.dataDir });
  try {
    for (const part of PARTS) assert.ok(!isRunning(parts[part]!), part);
    for (const part of left) assert.match(next.output(), new RegExp(`Ending ${part} `));
    assert.equal((await fetch(`${next.url}/healthz`)).status, 200);
  } finally {
    await next.stop();
    await instance.stop();
  }
});

test("a signal at any moment of a start ends it, with nothing left", async () => {
  // Offsets over a warm start of about 1.5 s and a set-up of about 4 s; each on a fresh folder.
  for (const [signal, afterMs] of [
    ["SIGTERM", 300],
    ["SIGINT", 700],
    ["SIGHUP", 1500],
    ["SIGTERM", 2500],
  ] as const) {
    const instance = await startInstance({ awaitReady: false });
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    const code = await instance.signal(signal);
    assert.ok(code !== 2, `${signal} after ${afterMs} ms:\n${instance.output()}`);
    await instance.stop();
  }
});

test("a first start that is killed at any moment is completed by the next", async () => {
  const instance = await startInstance({ awaitReady: false });
  let killed = instance;
  // A set-up takes about 3 s; each round gets further, because what is done is not done again.
  for (const afterMs of [400, 700, 1000, 1300, 1600, 2000, 2500]) {
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    await killed.killSupervisor();
    killed = await startInstance({ dataDir: instance.dataDir, awaitReady: false });
  }
  await killed.untilOutput(/^Indelible is ready/m);
  await killed.stop();
  await instance.stop();
});

test("stores of one's own are used as they are, and nothing local but the search tables is beside them", async () => {
  const [minio, sqld] = await Promise.all([startMinio(), startSqld()]);
  const instance = await startInstance({
    env: {
      INDELIBLE_S3_ENDPOINT: minio.endpoint,
      INDELIBLE_S3_BUCKET: minio.bucket,
      INDELIBLE_S3_REGION: minio.region,
      INDELIBLE_S3_ACCESS_KEY: minio.worker.accessKey,
      INDELIBLE_S3_SECRET_KEY: minio.worker.secretKey,
      INDELIBLE_LIBSQL_URL: sqld.url,
      INDELIBLE_LIBSQL_TOKEN: sqld.authToken,
      INDELIBLE_LIBSQL_DDL_TOKEN: sqld.ddlToken,
      INDELIBLE_SYSTEM_RETENTION_DAYS: "1",
    },
  });
  try {
    assert.deepEqual(Object.keys(instance.running().parts).sort(), ["sqld", "workerd"]);
    const answer = await fetch(`${instance.url}/v1/logs/demo/entries`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${instance.tokens.demo}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ action: "tried", actor: { id: "test" } }),
    });
    assert.equal(answer.status, 201);
    const local = await readdir(join(instance.dataDir, "libsql", "dbs"));
    assert.ok(local.includes("search"), local.join());
  } finally {
    await instance.stop();
    await Promise.all([minio.stop(), sqld.stop()]);
  }
});

test("a part that cannot start ends the start with its own last lines", async () => {
  await withMinioScript(`echo "the drive is upside down" >&2; exit 3`, async (MINIO_BIN) => {
    const instance = await startInstance({ env: { MINIO_BIN }, awaitReady: false });
    assert.equal(await instance.ended(), 1);
    assert.match(instance.output(), /^MinIO ended while it was starting \(exit code 3\)/m);
    assert.match(instance.output(), /^ {2}MinIO \| the drive is upside down$/m);
    await instance.stop();
  });
});

test("a part that cannot be started again ends everything, with its own last lines", async () => {
  const real = await findGoProgram(MINIO, console.error);
  const broken = `[ -e "$0.broken" ] && { echo "the drive is gone" >&2; exit 3; }; exec ${real} "$@"`;
  await withMinioScript(broken, async (MINIO_BIN) => {
    const instance = await startInstance({ env: { MINIO_BIN } });
    await writeFile(`${MINIO_BIN}.broken`, "");
    await instance.kill("minio");
    assert.equal(await instance.ended(), 1);
    const failures = instance.output().match(/^ {2}MinIO \| the drive is gone$/gm);
    assert.equal(failures?.length, 5, "each failed start is said");
    await instance.stop();
  });
});

test("a port that is taken is named, and what had started is ended", async () => {
  const first = await startInstance();
  const listen = new URL(first.url).host;
  const second = await startInstance({ env: { INDELIBLE_LISTEN: listen }, awaitReady: false });
  assert.equal(await second.ended(), 1);
  assert.match(second.output(), new RegExp(`Address already in use.*${listen}`));
  await second.stop();
  await first.stop();
});

test("settings that are wrong are refused by name, before anything starts", async () => {
  for (const [env, said] of [
    [{ INDELIBLE_SEAL_SECONDS: "ten" }, /^INDELIBLE_SEAL_SECONDS must be a whole number/m],
    [{ INDELIBLE_SEAL_SECOND: "10" }, /^INDELIBLE_SEAL_SECOND is not a setting/m],
    [{ INDELIBLE_LISTEN: "8787" }, /^INDELIBLE_LISTEN must be host:port/m],
    [{ INDELIBLE_S3_ENDPOINT: "http://127.0.0.1:1" }, /^INDELIBLE_S3_BUCKET is missing/m],
  ] as const) {
    const instance = await startInstance({ env, awaitReady: false });
    assert.equal(await instance.ended(), 2);
    assert.match(instance.output(), said);
    await instance.stop();
  }
});

test("another origin than that of the first start is refused", async () => {
  const instance = await startInstance({ env: { INDELIBLE_ORIGIN: "log.example.org" } });
  await instance.signal("SIGTERM");
  const other = await startInstance({
    dataDir: instance.dataDir,
    env: { INDELIBLE_ORIGIN: "other.example.org" },
    awaitReady: false,
  });
  assert.equal(await other.ended(), 2);
  assert.match(
    other.output(),
    /^INDELIBLE_ORIGIN is other\.example\.org, but this instance is log\.example\.org/m,
  );
  await instance.stop();
});

/** A `minio` of our own that tells its version and otherwise runs the script. */
async function withMinioScript(
  script: string,
  use: (path: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "indelible-bin-"));
  const path = join(folder, "minio");
  const version = `[ "$1" = --version ] && { echo minio version 0; exit; }`;
  await writeFile(path, `#!/bin/sh\n${version}\n${script}\n`, { mode: 0o755 });
  try {
    await use(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}
