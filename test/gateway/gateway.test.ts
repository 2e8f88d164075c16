/**
 * The gateway before a real MinIO whose root may do everything, attacked with root's key: what breaks the lock directly
 * does not reach the store through the gateway, and normal work does.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import test, { after, before } from "node:test";
import { ATTACKS } from "../../storage/vault/attacks.ts";
import { canaryHarm, putCanary } from "../../storage/vault/canary.ts";
import { S3Client, type S3Answer, type VaultConfig } from "../../storage/vault/client.ts";
import { runAdministratorTest, runLockSelfTest } from "../../storage/vault/selftest.ts";
import { MinioVault } from "../../storage/vault/vault.ts";
import { runCommand } from "../e2e/command.ts";
import { call } from "../e2e/client.ts";
import { startTestGateway, type TestGateway } from "../parts/gateway.ts";
import { startInstance } from "../parts/instance.ts";
import { all } from "../vault/contract.ts";
import { startOpenMinio, type OpenMinio } from "../vault/open-minio.ts";
import { ownerRequests, retentionRequest } from "../vault/owner-requests.ts";
import { sendText } from "./send-text.ts";

let minio: OpenMinio;
let gateway: TestGateway;
/** Root's key, through the gateway. */
let root: VaultConfig;
/** The store itself, to look at what happened. */
let direct: MinioVault;
before(async () => {
  minio = await startOpenMinio();
  gateway = await startTestGateway(minio.root.endpoint);
  root = { ...minio.root, endpoint: gateway.endpoint };
  direct = new MinioVault(minio.root);
});
after(async () => {
  await gateway.stop();
  await minio.stop();
});

/** Those that a store must answer: they name no way around a lock, and COMPLIANCE refuses them. */
const FOR_THE_STORE = new Set([4, 5, 6, 7]);

test("root's key breaks the lock directly, and no attack of the self-test passes the gateway", async () => {
  const broken = await runLockSelfTest(minio.root);
  assert.equal(broken.ok, false, "the attacks are real ones here");
  const s3 = new S3Client(root);
  for (const { number, name, run } of ATTACKS) {
    const canary = await putCanary(direct, Date.now());
    const answer = await run(s3, canary);
    const what = `${number} ${name}: ${answer.status} ${answer.errorCode}`;
    if (FOR_THE_STORE.has(number)) assert.ok([400, 412].includes(answer.status), what);
    else assert.ok(isGateways(answer), what);
    assert.equal(await canaryHarm(direct, canary), undefined, what);
    assert.equal((await all(direct.versions(canary.key))).length, 1, what);
  }
  const worker = { ...minio.worker, endpoint: gateway.endpoint };
  const checks = await runAdministratorTest(worker, minio.root);
  assert.deepEqual(
    checks.filter(({ ok }) => !ok),
    [],
  );
});

test("nor does anything else that an owner might try", async () => {
  const s3 = new S3Client(root);
  const canary = await putCanary(direct, Date.now());
  for (const request of ownerRequests(root.bucket, canary)) {
    const answer = await s3.send(request);
    const what = `${request.method} ${request.key ?? ""} ${JSON.stringify(request.query ?? {})}`;
    // Shorter or other locks: refused by the store.
    if (request.query?.["retention"] === "" && !isGateways(answer)) {
      assert.equal(answer.status, 400, what);
    } else assert.ok(isGateways(answer), `${what}: ${answer.status} ${answer.errorCode}`);
    assert.equal(await canaryHarm(direct, canary), undefined, what);
  }
  assert.deepEqual(
    (await all(direct.versions(canary.key))).map((one) => one.versionId),
    [canary.versionId],
  );
});

test("a poisoned object, an unlocked one and one named like a log are not put", async () => {
  const s3 = new S3Client(root);
  const lock = {
    "x-amz-object-lock-mode": "COMPLIANCE",
    "x-amz-object-lock-retain-until-date": new Date(Date.now() + 3_600_000).toISOString(),
  };
  const governance = { ...lock, "x-amz-object-lock-mode": "GOVERNANCE" };
  const poison = { ...lock, "x-minio-replication-encrypted-multipart": "AAAA" };
  const body = Buffer.from("bytes");
  for (const headers of [{}, governance, poison]) {
    const answer = await s3.send({ method: "PUT", key: "demo/a", body, headers });
    assert.ok(isGateways(answer), JSON.stringify(headers));
  }
  for (const key of ["demo", "demo/", "_indelible/keys", "_indelible/canary", "demo%2Fa"]) {
    const answer = await s3.send({ method: "PUT", key, body, headers: lock });
    assert.ok(isGateways(answer), key);
  }
  assert.deepEqual(await all(direct.versions("demo")), []);
});

test("the self-test holds with root's key, the worker's and a plain one, through the gateway", async () => {
  for (const key of [minio.root, minio.worker, minio.plain]) {
    const { checks } = await runLockSelfTest({ ...key, endpoint: gateway.endpoint });
    assert.deepEqual(
      checks.filter(({ ok }) => !ok),
      [],
    );
  }
});

test("a lock can be made longer, and everything can be read", async () => {
  const vault = new MinioVault(root);
  const canary = await putCanary(vault, Date.now());
  const later = canary.retainUntilMs + 3_600_000;
  const longer = await new S3Client(root).send(retentionRequest(canary, "COMPLIANCE", later));
  assert.equal(longer.status, 200);
  assert.equal((await vault.lock(canary.key, canary.versionId)).retainUntilMs, later);
  assert.deepEqual(await vault.get(canary.key, canary.versionId), Buffer.from(canary.body));
  assert.deepEqual(await all(vault.versions("")), await all(direct.versions("")));
  assert.deepEqual(await vault.prefixes(), await direct.prefixes());
  assert.ok(Math.abs((await vault.nowMs()) - Date.now()) < 5_000);
});

test("MinIO's administration and odd forms of a request do not pass", async () => {
  const { host } = new URL(gateway.endpoint);
  const date = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  const signed = `AWS4-HMAC-SHA256 Credential=${root.accessKey}/${date.slice(0, 8)}/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=${"0".repeat(64)}`;
  const headers = `Host: ${host}\r\nAuthorization: ${signed}\r\nx-amz-content-sha256: ${sha256}\r\nx-amz-date: ${date}\r\n`;
  const key = `/${root.bucket}/demo/a`;
  // The form itself is no reason: with it the store is asked, who refuses the made-up signature.
  const plain = await sendText(gateway.endpoint, `GET ${key} HTTP/1.1\r\n${headers}\r\n`);
  assert.match(plain, /^HTTP\/1\.1 403 [^]*SignatureDoesNotMatch/);
  for (const line of [
    "PUT /minio/admin/v3/add-user?accessKey=x",
    "GET /minio/admin/v3/info",
    "GET /minio/health/live",
    `GET /${root.bucket}/../minio/admin/v3/info`,
    `GET /${root.bucket}/%2e%2e/minio/admin/v3/info`,
    `GET //minio/admin/v3/info`,
    `GET /%6dinio/admin/v3/info`,
    `GET /${root.bucket}/..%2Fminio`,
    `GET http://${host}/minio/admin/v3/info`,
    `GET http://elsewhere/${root.bucket}/a`,
    `GET ${key}?versionId=1&versionId=2`,
    `GET ${key}?version%49d=1`,
    `GET ${key}?x-id=1;versionId=2`,
    `GET ${key}?X-Amz-Signature=1`,
    `PATCH ${key}`,
    `OPTIONS ${key}`,
    `DELETE ${key}`,
  ]) {
    const answer = await sendText(gateway.endpoint, `${line} HTTP/1.1\r\n${headers}\r\n`);
    // What workerd cannot read at all it answers itself.
    assert.match(answer, /^HTTP\/1\.1 (403 [^]*x-indelible-gateway|[45]0[01] )/i, line);
    assert.doesNotMatch(answer, /Server: MinIO/, line);
  }
  for (const [more, status] of [
    [`Authorization: ${signed}\r\n`, 403],
    [`x-amz-content-sha256: ${sha256}\r\n`, 403],
    ["X-Amz-Replication-Status: REPLICA\r\n", 403],
    ["x-AMZ-meta-Snowball-Auto-Extract: true\r\n", 403],
    [`x-padding: ${"a".repeat(9000)}\r\n`, 431],
  ] as const) {
    const answer = await sendText(gateway.endpoint, `GET ${key} HTTP/1.1\r\n${headers}${more}\r\n`);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} [^]*x-indelible-gateway`, "i"), more);
  }
  const long = `GET ${key}?prefix=${"a".repeat(9000)} HTTP/1.1\r\n${headers}\r\n`;
  assert.match(await sendText(gateway.endpoint, long), /^HTTP\/1\.1 414 /);
  const lock = `x-amz-object-lock-mode: COMPLIANCE\r\nx-amz-object-lock-retain-until-date: 2030-01-01T00:00:00Z\r\n`;
  for (const [length, status] of [
    ["", 411],
    ["Transfer-Encoding: chunked\r\n", 411],
    ["Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", 411],
    ["Content-Length: 99999999\r\n", 413],
  ] as const) {
    const put = `PUT ${key} HTTP/1.1\r\n${headers}${lock}${length}\r\n${length.includes("chunked") ? "0\r\n\r\n" : ""}`;
    assert.match(
      await sendText(gateway.endpoint, put),
      new RegExp(`^HTTP/1\\.1 ${status} `),
      length,
    );
  }
});

test("a large object streams through, in both directions", async () => {
  const vault = new MinioVault(root);
  const body = randomBytes(39 * 1024 * 1024);
  const before = await peakMemory();
  const put = await vault.put("_indelible/canary/large", body, {
    retainUntilMs: Date.now() + 60_000,
    ifAbsent: true,
  });
  assert.ok(put.kind === "put");
  assert.ok(Buffer.from(await vault.get("_indelible/canary/large", put.versionId)).equals(body));
  const grown = (await peakMemory()) - before;
  assert.ok(grown < body.length / 2, `${grown} bytes more than before`);
});

test("an instance works through it: sealed, read back and verified", async () => {
  const env = {
    INDELIBLE_S3_ENDPOINT: gateway.endpoint,
    INDELIBLE_S3_BUCKET: root.bucket,
    INDELIBLE_S3_ACCESS_KEY: minio.worker.accessKey,
    INDELIBLE_S3_SECRET_KEY: minio.worker.secretKey,
    INDELIBLE_SYSTEM_RETENTION_DAYS: "1",
  };
  const instance = await startInstance({ env });
  try {
    const body = JSON.stringify({ action: "passed", actor: { id: "gateway" } });
    const token = instance.tokens.demo;
    const path = "/v1/logs/demo/entries?ack=sealed";
    const reply = await call(instance.url, path, { body, token });
    assert.equal(reply.status, 201, reply.text);
    const verified = await runCommand("verify", instance.dataDir, [], env);
    assert.equal(verified.code, 0, verified.stdout + verified.stderr);
    assert.match(verified.stdout, /demo +1 /);
  } finally {
    await instance.stop();
  }
});

test("where the store does not answer, the gateway says so", async () => {
  const alone = await startTestGateway("http://127.0.0.1:1");
  try {
    const s3 = new S3Client({ ...root, endpoint: alone.endpoint });
    const answer = await s3.send({ method: "GET", query: { "object-lock": "" } });
    assert.equal(answer.status, 503);
    assert.equal(answer.errorCode, "ServiceUnavailable");
  } finally {
    await alone.stop();
  }
});

function isGateways({ status, headers }: S3Answer): boolean {
  return status === 403 && headers.get("x-indelible-gateway") === "refused";
}

/** Bytes that the gateway's process has held at most (`VmHWM`). */
async function peakMemory(): Promise<number> {
  const status = await readFile(`/proc/${gateway.pid()}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}
