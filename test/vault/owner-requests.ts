/** What the owner of a bucket might try on a locked version, beside the attacks of the self-test. */
import { createHash } from "node:crypto";
import type { Canary } from "../../storage/vault/canary.ts";
import type { S3Request } from "../../storage/vault/client.ts";
import { encodeSnowball } from "../../storage/vault/snowball.ts";

const BYTES = Buffer.from("other bytes");
const UNSIGNED = { "x-amz-content-sha256": "UNSIGNED-PAYLOAD" };

/** Requests of the owner's kind, one by one. */
export function ownerRequests(bucket: string, canary: Canary): S3Request[] {
  const { key, versionId, retainUntilMs } = canary;
  const version = { versionId };
  const bypass = { "x-amz-bypass-governance-retention": "true" };
  const copy = `/${bucket}/${key}?versionId=${versionId}`;
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
    retentionRequest(canary, "COMPLIANCE", retainUntilMs - 3_600_000),
    retentionRequest(canary, "COMPLIANCE", Date.now() - 1000),
    retentionRequest(canary, "GOVERNANCE", retainUntilMs + 3_600_000),
    { ...retentionRequest(canary, "GOVERNANCE", retainUntilMs), headers: bypass },
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

export function retentionRequest(canary: Canary, mode: string, timeMs: number): S3Request {
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

const LEGAL_HOLD_OFF = "<LegalHold><Status>OFF</Status></LegalHold>";
const TAGGING = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
const VERSIONING_SUSPENDED =
  "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
const LOCK_DISABLED =
  "<ObjectLockConfiguration><ObjectLockEnabled>Disabled</ObjectLockEnabled></ObjectLockConfiguration>";
const LIFECYCLE = `<LifecycleConfiguration><Rule><ID>x</ID><Status>Enabled</Status><Filter/>
<Expiration><ExpiredObjectAllVersions>true</ExpiredObjectAllVersions><Days>1</Days></Expiration>
</Rule></LifecycleConfiguration>`;
