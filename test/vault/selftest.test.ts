/** The lock self-test tells a hardened store from one that is not, check by check. */
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { CANARY_PREFIX } from "../../storage/vault/canary.ts";
import { runAdministratorTest, runLockSelfTest } from "../../storage/vault/selftest.ts";
import type { LockSelfTest } from "../../storage/vault/selftest.ts";
import { S3Client } from "../../storage/vault/client.ts";
import { expireCanaries } from "../../scripts/parts/minio-provision.ts";
import { MinioVault } from "../../storage/vault/vault.ts";
import type { VaultConfig } from "../../storage/vault/vault.ts";
import { startMinio } from "../parts/minio.ts";
import type { TestMinio } from "../parts/minio.ts";
import { all, isVaultError } from "./contract.ts";
import { startOpenMinio } from "./open-minio.ts";
import type { OpenMinio } from "./open-minio.ts";

let hardened: TestMinio;
let open: OpenMinio;
let worker: VaultConfig;
before(async () => {
  [hardened, open] = await Promise.all([startMinio(), startOpenMinio()]);
  worker = { ...hardened, ...hardened.worker };
});
after(() => Promise.all([hardened.stop(), open.stop()]));

test("the worker's key passes all 19 checks", async () => {
  const result = await runLockSelfTest(worker);
  assert.deepEqual(failed(result), []);
  assert.ok(result.ok);
  assert.deepEqual(
    result.checks.map((check) => check.number),
    range(1, 19),
  );
  const deciding = result.checks.filter((check) => check.decides);
  assert.deepEqual(
    deciding.map((check) => check.number),
    [2, 3, ...range(7, 17)],
  );
});

test("it takes less than a second, on a machine that does other things too", async () => {
  const times: number[] = [];
  for (let run = 0; run < 10 && !times.some((time) => time < 1000); run += 1) {
    const started = performance.now();
    await runLockSelfTest(worker);
    times.push(performance.now() - started);
  }
  assert.ok(Math.min(...times) < 1000, times.join(" "));
});

test("it leaves one locked object and nothing else", async () => {
  const vault = new MinioVault(worker);
  const before = await all(vault.versions(""));
  await runLockSelfTest(worker);
  const added = (await all(vault.versions(""))).slice(before.length);
  assert.equal(added.length, 1);
  assert.ok(added[0]!.key.startsWith(CANARY_PREFIX));
  assert.equal((await vault.lock(added[0]!.key, added[0]!.versionId)).mode, "COMPLIANCE");
});

test("the worker's policy holds even where root access is still on", async () => {
  assert.deepEqual(failed(await runLockSelfTest(open.worker)), []);
});

test("a key with plain rights to put, lock and read is found out by checks 13 to 17", async () => {
  const result = await runLockSelfTest(open.plain);
  assert.ok(!result.ok);
  assert.deepEqual(failed(result), range(13, 17));
});

test("root, while it may, breaks the lock in every way that is known", async () => {
  const result = await runLockSelfTest(open.root);
  assert.ok(!result.ok);
  assert.deepEqual(failed(result), [10, ...range(12, 19)]);
});

test("after set-up root is refused from the first check on", async () => {
  const result = await runLockSelfTest({ ...hardened, ...hardened.root }, { nowMs: Date.now() });
  assert.ok(!result.ok);
  assert.deepEqual(failed(result), range(1, 19));
  assert.match(result.checks[1]!.detail, /InvalidAccessKeyId/);
  assert.match(result.checks[2]!.detail, /not run/);
});

test("with an administrator's key only harm to the canary counts, and the canary is named", async () => {
  const checks = await runAdministratorTest(open.worker, open.root);
  assert.deepEqual(failed({ ok: false, checks }), [10, ...range(12, 16)]);
  assert.deepEqual(
    checks.map(({ number }) => number),
    range(7, 16),
  );
  for (const { canary } of checks) {
    assert.ok(canary!.key.startsWith(CANARY_PREFIX) && canary!.versionId !== "");
  }
});

test("an administrator's key that the store does not know proves nothing", async () => {
  const unknown = { accessKey: "0123456789abcdef0123", secretKey: "no secret of anybody" };
  await assert.rejects(runAdministratorTest(open.worker, unknown), isVaultError("vault_refused"));
});

test("canaries go by rules of their prefix, and nothing else goes by them", async () => {
  await open.mc("ilm", "rule", "add", "--prefix", "demo/", "--expire-days", "1", "open/open");
  await expireCanaries((args) => open.mc(...args), "open/open");
  const query = { lifecycle: "" };
  const { body } = await new S3Client(open.root).send({ method: "GET", query });
  const rules = new TextDecoder().decode(body).match(/<Rule>.*?<\/Rule>/gs) ?? [];
  assert.equal(rules.length, 2);
  for (const rule of rules) {
    assert.match(rule, /<Status>Enabled<\/Status>.*<Prefix>_indelible\/canary\/<\/Prefix>/s);
  }
  assert.match(rules.join(""), /<Expiration><Days>2<\/Days><\/Expiration>/);
  assert.match(rules.join(""), /<NoncurrentDays>1<\/NoncurrentDays>/);
  assert.match(rules.join(""), /<ExpiredObjectDeleteMarker>true<\/ExpiredObjectDeleteMarker>/);

  // And on the store as it is set up for an instance, where nobody may read rules any more: it says what it will do.
  const expires = async (key: string) => {
    const object = { key, body: new Uint8Array(1), headers: {} };
    const answer = await new S3Client(worker).send({ method: "PUT", ...object });
    assert.equal(answer.status, 200);
    return Date.parse(
      /expiry-date="([^"]*)"/.exec(answer.headers.get("x-amz-expiration") ?? "")?.[1] ?? "",
    );
  };
  const inDays = ((await expires(`${CANARY_PREFIX}x`)) - Date.now()) / (24 * 3600 * 1000);
  assert.ok(inDays > 2 && inDays <= 3, `canaries go in ${inDays} days`);
  for (const key of ["demo/0000000000000000.jsonl.gz", "_indelible/keys/x", "_system/x"]) {
    assert.ok(Number.isNaN(await expires(key)), key);
  }
});

test("the auditor's key cannot put a canary, and so proves nothing", async () => {
  const result = await runLockSelfTest({ ...hardened, ...hardened.auditor });
  assert.ok(!result.ok);
  assert.deepEqual(failed(result), range(2, 19));
});

test("without an answer there is no verdict", async () => {
  await hardened.kill9();
  await assert.rejects(runLockSelfTest(worker), isVaultError("vault_unreachable"));
});

function failed(result: LockSelfTest): number[] {
  return result.checks.filter((check) => !check.ok).map((check) => check.number);
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
