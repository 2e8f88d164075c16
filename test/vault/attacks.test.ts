/**
 * A store as `npm start` sets it up, attacked with every key that there is: nothing changes a locked version.
 * Beside the attacks of the self-test these are the ones that need no place in it.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test, { after, before } from "node:test";
import { ATTACKS } from "../../storage/vault/attacks.ts";
import { canaryHarm, putCanary } from "../../storage/vault/canary.ts";
import type { Canary } from "../../storage/vault/canary.ts";
import { S3Client } from "../../storage/vault/client.ts";
import type { S3Answer, S3Request } from "../../storage/vault/client.ts";
import { encodeSnowball } from "../../storage/vault/snowball.ts";
import { MinioVault } from "../../storage/vault/vault.ts";
import type { VaultConfig } from "../../storage/vault/vault.ts";
import { parseDeleteErrorCode } from "../../storage/vault/xml.ts";
import { startMinio } from "../parts/minio.ts";
import type { TestMinio } from "../parts/minio.ts";
import { all, isVaultError } from "./contract.ts";

let minio: TestMinio;
let vault: MinioVault;
before(async () => {
  minio = await startMinio();
  vault = new MinioVault({ ...minio, ...minio.worker });
});
after(() => minio.stop());

const KEYS = ["worker", "auditor", "root"] as const;
const BYTES = Buffer.from("other bytes");
const UNSIGNED = { "x-amz-content-sha256": "UNSIGNED-PAYLOAD" };

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
    for (const request of requests(canary)) {
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
  assert.ok(Math.abs((await auditor.nowMs()) - Date.now()) < 2000);
  const plain = new S3Client(configOf("auditor"));
  assert.equal((await plain.send({ method: "GET", query: { "list-type": "2" } })).status, 200);
  assert.equal((await plain.send({ method: "GET", key: canary.key })).status, 200);
});

test("the worker's key may extend a lock, and nobody may shorten it again", async () => {
  const canary = await putCanary(vault, Date.now());
  const later = canary.retainUntilMs + 3_600_000;
  const worker = new S3Client(configOf("worker"));
  assert.equal((await worker.send(retention(canary, "COMPLIANCE", later))).status, 200);
  for (const name of KEYS) {
    const back = retention(canary, "COMPLIANCE", canary.retainUntilMs);
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

/** Requests of the owner's kind, one by one. */
function requests(canary: Canary): S3Request[] {
  const { key, versionId, retainUntilMs } = canary;
  const version = { versionId };
  const bypass = { "x-amz-bypass-governance-retention": "true" };
  const copy = `/${minio.bucket}/${key}?versionId=${versionId}`;
  return [
    { method: "DELETE", key },
    { method: "DELETE", key, query: version, headers: bypass },
    { method: "DELETE", key, query: version, headers: { "x-minio-force-delete": "true" } },
    { method: "DELETE", key, query: version, headers: { "x-minio-source-deletemarker": "true" } },
    { method: "DELETE", key, headers: { "x-minio-force-delete": "true" } },
    { method: "DELETE" },
    { method: "DELETE", headers: { "x-minio-force-delete": "true" } },
    { method: "DELETE", query: { "object-lock": "" } },
    { method: "DELETE", query: { lifecycle: "" } },
    { method: "DELETE", query: { encryption: "" } },
    { method: "DELETE", query: { policy: "" } },
    retention(canary, "COMPLIANCE", retainUntilMs - 3_600_000),
    retention(canary, "COMPLIANCE", Date.now() - 1000),
    retention(canary, "GOVERNANCE", retainUntilMs + 3_600_000),
    { ...retention(canary, "GOVERNANCE", retainUntilMs), headers: bypass },
    xml({ method: "PUT", key, query: { retention: "", ...version } }, "<Retention/>"),
    xml({ method: "PUT", key, query: { "legal-hold": "", ...version } }, LEGAL_HOLD_OFF),
    xml({ method: "PUT", key, query: { tagging: "", ...version } }, TAGGING),
    xml({ method: "PUT", query: { versioning: "" } }, VERSIONING_SUSPENDED),
    xml({ method: "PUT", query: { "object-lock": "" } }, LOCK_DISABLED),
    xml({ method: "PUT", query: { lifecycle: "" } }, LIFECYCLE),
    xml({ method: "PUT", query: { replication: "" } }, "<ReplicationConfiguration/>"),
    { method: "PUT", query: { policy: "" }, body: Buffer.from("{}") },
    { method: "PUT", key, query: version, body: BYTES },
    { method: "PUT", key, query: version, body: BYTES, headers: UNSIGNED },
    { method: "PUT", key, query: version, headers: { "x-amz-copy-source": copy } },
    { method: "POST", key, query: { uploads: "", ...version } },
    { method: "POST", key, query: { restore: "", ...version } },
    // Plain ways to write that are not signed over their bytes.
    { method: "PUT", key: `${key}.x`, body: BYTES, payloadHash: "0".repeat(64) },
    ...["", "a/", "_indelible/", "_indelible/canary/"].map((prefix): S3Request => ({
      method: "PUT",
      key: `${key}.tar`,
      body: encodeSnowball(key.slice(prefix === "a/" ? 0 : prefix.length), versionId, BYTES),
      headers: {
        "x-amz-meta-snowball-auto-extract": "true",
        ...(prefix === "" ? {} : { "x-amz-meta-minio-snowball-prefix": prefix }),
      },
    })),
  ];
}

function retention(canary: Canary, mode: string, timeMs: number): S3Request {
  const date = new Date(timeMs).toISOString();
  return xml(
    { method: "PUT", key: canary.key, query: { retention: "", versionId: canary.versionId } },
    `<Retention><Mode>${mode}</Mode><RetainUntilDate>${date}</RetainUntilDate></Retention>`,
  );
}

function xml(request: S3Request, text: string): S3Request {
  const checksum = { "x-amz-checksum-sha256": digest(text) };
  return { ...request, body: Buffer.from(text), headers: { ...request.headers, ...checksum } };
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64");
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

const LEGAL_HOLD_OFF = "<LegalHold><Status>OFF</Status></LegalHold>";
const TAGGING = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
const VERSIONING_SUSPENDED =
  "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
const LOCK_DISABLED =
  "<ObjectLockConfiguration><ObjectLockEnabled>Disabled</ObjectLockEnabled></ObjectLockConfiguration>";
const LIFECYCLE = `<LifecycleConfiguration><Rule><ID>x</ID><Status>Enabled</Status><Filter/>
<Expiration><ExpiredObjectAllVersions>true</ExpiredObjectAllVersions><Days>1</Days></Expiration>
</Rule></LifecycleConfiguration>`;
