/**
 * The requests of the lock self-test, each against one canary. None of them changes the bucket even where it
 * is let through, and what they leave behind lies beside the canary.
 */
import { createHash } from "node:crypto";
import type { Canary } from "./canary.ts";
import type { S3Answer, S3Client, S3Request } from "./client.ts";
import { encodeSnowball, encodeUnsignedChunks } from "./snowball.ts";
import { putRetention, withXml } from "./retention-request.ts";
import { putRequest } from "./vault.ts";
import { escapeXml, parseUploadId } from "./xml.ts";

/** What a check does; its answer is judged elsewhere. */
export type Attempt = (s3: S3Client, canary: Canary) => Promise<S3Answer>;

/** MinIO's own, by which a version may be written or deleted as if it came from another site. */
const REPLICA = { "x-amz-replication-status": "REPLICA" };
const SNOWBALL = { "x-amz-meta-snowball-auto-extract": "true" };
const OTHER_BYTES = new TextEncoder().encode("not the canary\n");
const HOUR_MS = 3600 * 1000;

export const putAgain: Attempt = (s3, canary) => s3.send(putCanary(canary));

export const putWrongChecksum: Attempt = (s3, canary) => {
  const headers = { "x-amz-checksum-sha256": sha256("other", "base64") };
  return s3.send(withHeaders(putBeside(canary), headers));
};

export const putWrongPayloadHash: Attempt = (s3, canary) =>
  s3.send({ ...putBeside(canary), payloadHash: sha256("other", "hex") });

export const shortenLock: Attempt = (s3, canary) =>
  s3.send(putRetention(canary, "COMPLIANCE", canary.retainUntilMs - HOUR_MS));

export const loosenLock: Attempt = (s3, canary) => {
  const request = putRetention(canary, "GOVERNANCE", canary.retainUntilMs);
  return s3.send(withHeaders(request, { "x-amz-bypass-governance-retention": "true" }));
};

export const deleteVersion: Attempt = (s3, canary) =>
  s3.send({ method: "DELETE", ...onVersion(canary) });

export const deleteReplica: Attempt = (s3, canary) =>
  s3.send({ method: "DELETE", ...onVersion(canary), headers: REPLICA });

export const deleteMany: Attempt = (s3, { key, versionId }) => {
  const object = `<Key>${escapeXml(key)}</Key><VersionId>${escapeXml(versionId)}</VersionId>`;
  const xml = `<Delete><Object>${object}</Object></Delete>`;
  return s3.send(withXml({ method: "POST", query: { delete: "" } }, xml));
};

export const overwriteReplica: Attempt = (s3, canary) =>
  s3.send({ method: "PUT", ...onVersion(canary), headers: REPLICA, body: OTHER_BYTES });

export const copyOnto: Attempt = (s3, canary) => {
  const version = encodeURIComponent(canary.versionId);
  const headers = {
    ...REPLICA,
    "x-amz-copy-source": `/${s3.config.bucket}/${canary.key}?versionId=${version}`,
    "x-amz-metadata-directive": "REPLACE",
  };
  return s3.send({ method: "PUT", ...onVersion(canary), headers });
};

/** Goes as far as it is let: the first refusal, or the answer that completes the upload. */
export const uploadOnto: Attempt = async (s3, canary) => {
  const { key, query } = onVersion(canary);
  const begun = await s3.send({
    method: "POST",
    key,
    query: { ...query, uploads: "" },
    headers: REPLICA,
  });
  if (begun.status !== 200) return begun;
  const upload = { ...query, uploadId: parseUploadId(textOf(begun)) };
  const part = await s3.send({
    method: "PUT",
    key,
    query: { ...upload, partNumber: "1" },
    body: OTHER_BYTES,
  });
  const etag = part.headers.get("etag");
  if (part.status !== 200 || etag === null) return part;
  const parts = `<Part><PartNumber>1</PartNumber><ETag>${escapeXml(etag)}</ETag></Part>`;
  return await s3.send(
    withHeaders(
      withXml(
        { method: "POST", key, query: upload },
        `<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>`,
      ),
      REPLICA,
    ),
  );
};

export const unpackOnto: Attempt = (s3, canary) =>
  s3.send({ method: "PUT", key: `${canary.key}.tar`, headers: SNOWBALL, body: archive(canary) });

/** With a signature of zeros. MinIO unpacks such an archive without looking for chunks in it. */
export const unpackForged: Attempt = (s3, canary) => {
  const signed = "host;x-amz-content-sha256;x-amz-date";
  const scope = `Credential=${credential(s3)}, SignedHeaders=${signed}`;
  const authorization = `AWS4-HMAC-SHA256 ${scope}, Signature=${"0".repeat(64)}`;
  return s3.sendUnsigned({
    method: "PUT",
    key: `${canary.key}.forged.tar`,
    headers: { ...unsignedTrailer(), ...SNOWBALL, authorization },
    body: archive(canary),
  });
};

/** Names a key id in the query, and signs nothing. */
export const putUnsigned: Attempt = (s3, canary) =>
  s3.sendUnsigned({
    method: "PUT",
    key: `${canary.key}.unsigned`,
    query: { "X-Amz-Credential": credential(s3) },
    headers: {
      ...unsignedTrailer(),
      "content-encoding": "aws-chunked",
      "x-amz-decoded-content-length": String(OTHER_BYTES.length),
      "x-amz-trailer": "x-amz-checksum-sha256",
    },
    body: encodeUnsignedChunks(OTHER_BYTES, sha256(OTHER_BYTES, "base64")),
  });

/** Writes back what is there, so that a key which may do this has changed nothing. */
export const rewriteLockConfiguration: Attempt = async (s3) => {
  const query = { "object-lock": "" };
  const found = await s3.send({ method: "GET", query });
  if (found.status !== 200) return found;
  return await s3.send(withXml({ method: "PUT", query }, textOf(found)));
};

/** No rule at all is not valid: a key that may configure gets 400 and has changed nothing. */
export const putLifecycle: Attempt = (s3) => {
  const xml = "<LifecycleConfiguration></LifecycleConfiguration>";
  return s3.send(withXml({ method: "PUT", query: { lifecycle: "" } }, xml));
};

function onVersion(canary: Canary): { key: string; query: { versionId: string } } {
  return { key: canary.key, query: { versionId: canary.versionId } };
}

function putCanary(canary: Canary): S3Request {
  const { key, body, retainUntilMs } = canary;
  return putRequest(key, body, { retainUntilMs, ifAbsent: true });
}

function putBeside(canary: Canary): S3Request {
  return { ...putCanary(canary), key: `${canary.key}.digest` };
}

function archive(canary: Canary): Uint8Array {
  return encodeSnowball(canary.key, canary.versionId, OTHER_BYTES);
}

/** The claim with which MinIO skipped the check of a signature. */
function unsignedTrailer(): Record<string, string> {
  return {
    "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "x-amz-date": compactDate(),
  };
}

function credential(s3: S3Client): string {
  const { accessKey, region } = s3.config;
  return `${accessKey}/${compactDate().slice(0, 8)}/${region}/s3/aws4_request`;
}

/** SigV4's form of now: `YYYYMMDDTHHMMSSZ`. */
function compactDate(): string {
  return new Date().toISOString().replace(/[-:]|\.\d+/g, "");
}

function withHeaders(request: S3Request, headers: Record<string, string>): S3Request {
  return { ...request, headers: { ...request.headers, ...headers } };
}

/** With the digest that S3 wants on all requests that configure or delete. */
function sha256(text: string | Uint8Array, encoding: "base64" | "hex"): string {
  return createHash("sha256").update(text).digest(encoding);
}

function textOf(answer: S3Answer): string {
  return new TextDecoder().decode(answer.body);
}
