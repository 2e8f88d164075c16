/**
 * A store as `npm start` sets it up, attacked with every key that there is: nothing changes a locked version.
 * Beside the attacks of the self-test these are the ones that need no place in it.
 */
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { ATTACKS } from "../../storage/vault/attacks.ts";
import { canaryHarm, putCanary } from "../../storage/vault/canary.ts";
import { S3Client } from "../../storage/vault/client.ts";
import type { S3Answer } from "../../storage/vault/client.ts";
import { MinioVault } from "../../storage/vault/vault.ts";
import type { VaultConfig } from "../../storage/vault/vault.ts";
import { parseDeleteErrorCode } from "../../storage/vault/xml.ts";
import { startMinio } from "../parts/minio.ts";
import type { TestMinio } from "../parts/minio.ts";
import { all, isVaultError } from "./contract.ts";
import { ownerRequests, retentionRequest } from "./owner-requests.ts";

let minio: TestMinio;
let vault: MinioVault;
before(async () => {
  minio = await startMinio();
  vault = new MinioVault({ ...minio, ...minio.worker });
});
after(() => minio.stop());

const KEYS = ["worker", "auditor", "root"] as const;
const BYTES = Buffer.from("other bytes");

for (const name of KEYS) {
  test(`the ${name}'s key harms no locked version by any attack of the self-test`, async () => {
    const s3 = new S3Client(configOf(name));
    for (const attack of ATTACKS.filter((one) => one.number >= 7)) {
      const canary = await putCanary(vault, Date.now());
      const answer = await attack.run(s3, canary);
      assert.ok(isRefusal(answer), `${attack.number} ${attack.name}: ${answer.status}`);
      assert.equal(await canaryHarm(vault, canary), undefined, attack.name);
      assert.equal((await all(vault.versions(canary.key))).length, 1, attack.name);
    }
  });

  test(`the ${name}'s key can neither delete, loosen, replace nor reconfigure`, async () => {
    const s3 = new S3Client(configOf(name));
    const canary = await putCanary(vault, Date.now());
    for (const request of ownerRequests(minio.bucket, canary)) {
      const answer = await s3.send(request);
      const what = `${request.method} ${request.key ?? ""} ${JSON.stringify(request.query ?? {})}`;
      assert.ok(isRefusal(answer), `${what}: ${answer.status} ${answer.errorCode}`);
      assert.equal(await canaryHarm(vault, canary), undefined, what);
    }
    const left = await all(vault.versions(canary.key));
    assert.deepEqual(
      left.map((one) => one.versionId),
      [canary.versionId],
    );
  });
}

test("the auditor's key writes nothing, and reads everything by version", async () => {
  const auditor = new MinioVault(configOf("auditor"));
  const options = { retainUntilMs: Date.now() + 3_600_000, ifAbsent: true };
  await assert.rejects(auditor.put("demo/a", BYTES, options), isVaultError("vault_refused"));
  const canary = await putCanary(vault, Date.now());
  assert.equal(await canaryHarm(auditor, canary), undefined);
  assert.deepEqual(await auditor.prefixes(), await vault.prefixes());
  assert.ok(Math.abs((await auditor.nowMs()) - Date.now()) < 5000);
  const plain = new S3Client(configOf("auditor"));
  assert.equal((await plain.send({ method: "GET", query: { "list-type": "2" } })).status, 200);
  assert.equal((await plain.send({ method: "GET", key: canary.key })).status, 200);
});

test("the worker's key may extend a lock, and nobody may shorten it again", async () => {
  const canary = await putCanary(vault, Date.now());
  const later = canary.retainUntilMs + 3_600_000;
  const worker = new S3Client(configOf("worker"));
  assert.equal((await worker.send(retentionRequest(canary, "COMPLIANCE", later))).status, 200);
  for (const name of KEYS) {
    const back = retentionRequest(canary, "COMPLIANCE", canary.retainUntilMs);
    assert.ok(isRefusal(await new S3Client(configOf(name)).send(back)));
  }
  assert.deepEqual(await vault.lock(canary.key, canary.versionId), {
    mode: "COMPLIANCE",
    retainUntilMs: later,
  });
});

test("the worker's key cannot put an object that would hide a log from listings", async () => {
  const options = { retainUntilMs: Date.now() + 3_600_000, ifAbsent: true };
  for (const key of ["demo", "_indelible", "_indelible/keys", "_indelible/canary", "demo/"]) {
    await assert.rejects(vault.put(key, BYTES, options), isVaultError("vault_refused"), key);
  }
});

test("an object that was poisoned at its PUT is unreadable, and spoils no other", async () => {
  const worker = new S3Client(configOf("worker"));
  const good = await putCanary(vault, Date.now());
  const replication = "x-minio-replication-";
  for (const [index, header] of [
    "server-side-encryption-sealed-key",
    "encrypted-multipart",
  ].entries()) {
    const key = `poison/${index}`;
    const headers = { [replication + header]: "AAAA" };
    const put = await worker.send({ method: "PUT", key, body: BYTES, headers });
    assert.equal(put.status, 200);
    const versionId = put.headers.get("x-amz-version-id") ?? "";
    await assert.rejects(vault.get(key, versionId), isVaultError("batch_unreadable"));
    assert.equal((await all(vault.versions("poison/"))).length, index + 1);
  }
  assert.equal(await canaryHarm(vault, good), undefined);
  assert.ok((await all(vault.versions(""))).some((one) => one.key === good.key));
});

function configOf(name: (typeof KEYS)[number]): VaultConfig {
  return { ...minio, ...minio[name] };
}

function isRefusal(answer: S3Answer): boolean {
  if (answer.status >= 400 && answer.status < 500) return true;
  return answer.status === 200 && deleteErrorOf(answer) !== "";
}

function deleteErrorOf(answer: S3Answer): string {
  try {
    return parseDeleteErrorCode(Buffer.from(answer.body).toString());
  } catch {
    return "";
  }
}
