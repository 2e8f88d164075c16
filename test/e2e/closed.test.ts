/**
 * What a running instance shows to somebody who is on the same machine and is not its owner, and to somebody who gets its
 * disk: no secret on a command line, no file for others, no door without a key, no event in the clear.
 */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, readlink, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import test, { after, before } from "node:test";
import type { MinioSecrets } from "../../scripts/parts/minio.ts";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { call } from "./client.ts";
import { filesOf } from "./folders.ts";
import { sealNow } from "./sealing.ts";

/** In an event that is sealed, and in one that is not yet. */
const MARK = "only between us";
/** Long enough that nothing is one by accident. */
const SECRET = /[0-9A-Za-z+/_.-]{20,}=*/g;

/** 127.0.0.1 and ::1 in the kernel's byte order. */
const LOOPBACK = /^(0100007F|0{24}01000000):/;

let keysDir: string;
let instance: TestInstance;
before(async () => {
  keysDir = join(await mkdtemp(join(tmpdir(), "indelible-keys-")), "keys");
  const env = { INDELIBLE_KEYS: keysDir, INDELIBLE_INDEX_ENCRYPTION: "on" };
  instance = await startInstance({ env: { ...env, INDELIBLE_SEAL_SECONDS: "600" } });
});
after(async () => {
  await instance.stop();
  await rm(join(keysDir, ".."), { recursive: true });
});

test("keys lie where the configuration wants them, readable by their owner alone", async () => {
  assert.deepEqual((await readdir(keysDir)).sort(), [
    ...["index.key", "log.key", "minio-kms.json", "minio.json"],
  ]);
  assert.ok(!(await readdir(instance.dataDir)).includes("keys"));
  for (const folder of [keysDir, instance.dataDir, join(instance.dataDir, "tokens")]) {
    assert.equal((await stat(folder)).mode & 0o777, 0o700, folder);
  }
  for (const path of await secretFiles()) {
    assert.equal((await stat(path)).mode & 0o777, 0o600, path);
  }
});

test("no process of the machine has a secret on its command line", async () => {
  const secrets = new Set<string>();
  for (const path of await secretFiles()) {
    for (const secret of (await readFile(path, "utf8")).match(SECRET) ?? []) secrets.add(secret);
  }
  for (const { pid } of Object.values(instance.running().parts)) {
    for (const variable of (await readFile(`/proc/${pid}/environ`, "utf8")).split("\0")) {
      if (!/^(INDELIBLE_|SQLD_|LIBSQL_|MINIO_)/.test(variable)) continue;
      const value = variable.slice(variable.indexOf("=") + 1);
      if (value.match(SECRET)?.[0] === value) secrets.add(value);
    }
  }
  // Keys of logs and stores, tokens, MinIO's users, sqld's keys and tokens, the operator's secret.
  assert.ok(secrets.size >= 15, `${secrets.size} secrets`);
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    for (const secret of secrets) assert.ok(!line.includes(secret), `${pid}: ${line}`);
  }
});

test("MinIO's key ids are long and random, and no two are alike", async () => {
  const secrets = JSON.parse(await readFile(join(keysDir, "minio.json"), "utf8")) as MinioSecrets;
  const users = [secrets.root, secrets.worker, secrets.auditor];
  for (const { accessKey, secretKey } of users) {
    assert.match(accessKey, /^[0-9a-f]{20}$/);
    assert.match(secretKey, /^[0-9a-f]{40}$/);
  }
  assert.equal(
    new Set(users.flatMap(({ accessKey, secretKey }) => [accessKey, secretKey])).size,
    6,
  );
});

test("every part listens on loopback only", async () => {
  const sockets = new Map<string, string>();
  for (const file of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of (await readFile(file, "utf8").catch(() => "")).split("\n").slice(1)) {
      const [, address, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === "0A") sockets.set(`socket:[${inode}]`, address!);
    }
  }
  for (const [name, { pid }] of Object.entries(instance.running().parts)) {
    const open = await readdir(`/proc/${pid}/fd`);
    const links = await Promise.all(
      open.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")),
    );
    const listening = links.flatMap((link) => sockets.get(link) ?? []);
    assert.ok(listening.length > 0, name);
    for (const address of listening) assert.match(address, LOOPBACK, name);
  }
});

test("sqld's administration answers to its key alone, and its databases to tokens alone", async () => {
  const { sqldAdmin, sqld } = instance.running().ports;
  for (const authorization of [null, "", "basic ", "basic x", `basic ${"A".repeat(43)}`]) {
    const headers: Record<string, string> = authorization === null ? {} : { authorization };
    for (const path of ["namespaces/127/config", "namespaces/x/create", "namespaces/127/fork/x"]) {
      const url = `http://127.0.0.1:${sqldAdmin}/v1/${path}`;
      const body = "{}";
      const answer = await fetch(url, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body,
      });
      assert.equal(answer.status, 401, `${path} ${authorization}`);
    }
    const answer = await fetch(`http://127.0.0.1:${sqld}/v2/pipeline`, {
      method: "POST",
      headers,
      body: JSON.stringify({ requests: [{ type: "execute", stmt: { sql: "SELECT 1" } }] }),
    });
    assert.ok(answer.status === 401 || answer.status === 400, `${authorization} ${answer.status}`);
  }
});

test("no event can be read in the files of any part, sealed or not, running or stopped", async () => {
  const event = (n: number) => JSON.stringify({ action: "said", actor: { id: `${MARK} ${n}` } });
  const options = { token: instance.tokens.demo };
  const path = "/v1/logs/demo/entries";
  assert.equal((await call(instance.url, path, { ...options, body: event(1) })).status, 201);
  await sealNow(instance.url, "demo", instance.tokens.demo);
  // The batch is compressed, so its event would not be found; its bytes would.
  const batch = await getBytes("/v1/logs/demo/seals/0");
  assert.match(gunzipSync(batch).toString(), new RegExp(`${MARK} 1`));
  const secrets = [MARK, batch.subarray(32, 96)];
  assert.equal((await call(instance.url, path, { ...options, body: event(2) })).status, 201);
  assert.match((await call(instance.url, path, options)).text, new RegExp(`${MARK} 2`));
  assert.deepEqual(await filesWith(instance.dataDir, secrets), []);
  for (const part of ["sqld", "minio", "workerd"] as const) await instance.kill(part);
  assert.deepEqual(await filesWith(instance.dataDir, secrets), []);
  await instance.restart();
  assert.match((await call(instance.url, path, options)).text, new RegExp(`${MARK} 2`));
  assert.equal(await instance.signal("SIGTERM"), 0);
  assert.deepEqual(await filesWith(instance.dataDir, secrets), []);
});

async function getBytes(path: string): Promise<Buffer> {
  const headers = { authorization: `Bearer ${instance.tokens.demo}` };
  const answer = await fetch(instance.url + path, { headers });
  assert.equal(answer.status, 200);
  return Buffer.from(await answer.arrayBuffer());
}

async function secretFiles(): Promise<string[]> {
  const within = async (folder: string): Promise<string[]> =>
    (await readdir(folder)).map((name) => join(folder, name));
  return [
    ...(await within(keysDir)),
    ...(await within(join(instance.dataDir, "tokens"))),
    join(instance.dataDir, "auditor.env"),
    join(instance.dataDir, "running.json"),
  ];
}

async function filesWith(folder: string, secrets: readonly (string | Buffer)[]): Promise<string[]> {
  const found: string[] = [];
  for await (const { path, bytes } of filesOf(folder)) {
    if (secrets.some((secret) => bytes.includes(secret))) found.push(path);
  }
  return found;
}
