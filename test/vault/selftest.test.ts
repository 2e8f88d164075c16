/** The lock self-test tells a hardened store from one that is not, check by check. */
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { CANARY_PREFIX } from "../../storage/vault/canary.ts";
import { runLockSelfTest } from "../../storage/vault/selftest.ts";
import type { LockSelfTest } from "../../storage/vault/selftest.ts";
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
  for (let run = 0; run < 3; run += 1) {
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
