/**
 * Checks 4 to 19 of the lock self-test: what a key may try against a locked version. Each says which answers
 * count as a refusal; whether the version was harmed is for `selftest.ts` to see. None of them changes the
 * bucket even where it is let through, and what they leave behind lies beside the canary.
 */
import { createHash } from "node:crypto";
import type { Canary } from "./canary.ts";
import type { S3Answer, S3Client, S3Request } from "./client.ts";
import { encodeSnowball, encodeUnsignedChunks } from "./snowball.ts";
import { formatRetainUntil, putRequest } from "./vault.ts";
import { escapeXml, parseDeleteErrorCode, parseUploadId } from "./xml.ts";

export interface Attack {
  readonly number: number;
  readonly name: string;
  /** Whether a store that fails it may not be trusted with batches. */
  readonly decides: boolean;
  readonly run: (s3: S3Client, canary: Canary) => Promise<S3Answer>;
  readonly refused: (answer: S3Answer) => boolean;
}

/** MinIO's own, by which a version may be written or deleted as if it came from another site. */
const REPLICA = { "x-amz-replication-status": "REPLICA" };
const SNOWBALL = { "x-amz-meta-snowball-auto-extract": "true" };
const OTHER_BYTES = new TextEncoder().encode("not the canary\n");

export const ATTACKS: readonly Attack[] = [
  {
    number: 4,
    name: "a slot that is taken refuses a second object",
    decides: false,
    run: (s3, canary) => s3.send(putCanary(canary)),
    refused: status(412),
  },
  {
    number: 5,
    name: "a wrong checksum is refused",
    decides: false,
    run: (s3, canary) =>
      s3.send(
        withHeaders(putBeside(canary), { "x-amz-checksum-sha256": sha256("other", "base64") }),
      ),
    refused: status(400),
  },
  {
    number: 6,
    name: "a wrong signed payload hash is refused",
    decides: false,
    run: (s3, canary) => s3.send({ ...putBeside(canary), payloadHash: sha256("other", "hex") }),
    refused: status(400),
  },
  {
    number: 7,
    name: "the lock cannot be shortened",
    decides: true,
    run: (s3, canary) =>
      s3.send(putRetention(canary, "COMPLIANCE", canary.retainUntilMs - HOUR_MS)),
    refused: status(400, 403),
  },
  {
    number: 8,
    name: "the lock cannot be loosened to GOVERNANCE",
    decides: true,
    run: (s3, canary) =>
      s3.send(
        withHeaders(putRetention(canary, "GOVERNANCE", canary.retainUntilMs), {
          "x-amz-bypass-governance-retention": "true",
        }),
      ),
    refused: status(400, 403),
  },
  {
    number: 9,
    name: "the version cannot be deleted",
    decides: true,
    run: (s3, canary) => s3.send({ method: "DELETE", ...onVersion(canary) }),
    refused: status(400, 403),
  },
  {
    number: 10,
    name: "nor deleted as a replica",
    decides: true,
    run: (s3, canary) => s3.send({ method: "DELETE", ...onVersion(canary), headers: REPLICA }),
    refused: status(400, 403),
  },
  {
    number: 11,
    name: "nor deleted with others in one request",
    decides: true,
    run: (s3, canary) => s3.send(deleteMany(canary)),
    refused: (answer) =>
      status(400, 403)(answer) ||
      (answer.status === 200 && parseDeleteErrorCode(textOf(answer)) !== ""),
  },
  {
    number: 12,
    name: "the version cannot be overwritten as a replica",
    decides: true,
    run: (s3, canary) =>
      s3.send({ method: "PUT", ...onVersion(canary), headers: REPLICA, body: OTHER_BYTES }),
    refused: anyAnswer,
  },
  {
    number: 13,
    name: "nor by a copy",
    decides: true,
    run: (s3, canary) => s3.send(copyOnto(s3, canary)),
    refused: anyAnswer,
  },
  {
    number: 14,
    name: "nor by a multipart upload",
    decides: true,
    run: multipartOnto,
    refused: anyAnswer,
  },
  {
    number: 15,
    name: "nor by an archive that the store unpacks",
    decides: true,
    run: (s3, canary) =>
      s3.send({
        method: "PUT",
        key: `${canary.key}.tar`,
        headers: SNOWBALL,
        body: archive(canary),
      }),
    refused: anyAnswer,
  },
  {
    number: 16,
    name: "nor by such an archive with a made-up signature",
    decides: true,
    run: (s3, canary) => s3.sendUnsigned(forgedArchive(s3, canary)),
    refused: status(403),
  },
  {
    number: 17,
    name: "a key id without a signature cannot write",
    decides: true,
    run: (s3, canary) => s3.sendUnsigned(unsignedPut(s3, canary)),
    refused: status(400, 403),
  },
  {
    number: 18,
    name: "the bucket's lock configuration cannot be written",
    decides: false,
    run: rewriteLockConfiguration,
    refused: status(403),
  },
  {
    number: 19,
    name: "nor its lifecycle rules",
    decides: false,
    run: (s3) => s3.send(putLifecycle()),
    refused: status(403, 501),
  },
];

const HOUR_MS = 3600 * 1000;

function status(...refusals: readonly number[]): (answer: S3Answer) => boolean {
  return (answer) => refusals.includes(answer.status);
}

/** Stores other than MinIO may take the request for something else, and put a new version on top. */
function anyAnswer(): boolean {
  return true;
}

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

function withHeaders(request: S3Request, headers: Record<string, string>): S3Request {
  return { ...request, headers: { ...request.headers, ...headers } };
}

/** With the digest that S3 wants on all requests that configure or delete. */
function withXml(request: S3Request, xml: string): S3Request {
  const body = new TextEncoder().encode(xml);
  const headers = { "content-md5": createHash("md5").update(body).digest("base64") };
  return withHeaders({ ...request, body }, headers);
}

function putRetention(canary: Canary, mode: string, retainUntilMs: number): S3Request {
  const query = { retention: "", versionId: canary.versionId };
  const date = formatRetainUntil(retainUntilMs);
  return withXml(
    { method: "PUT", key: canary.key, query },
    `<Retention><Mode>${mode}</Mode><RetainUntilDate>${date}</RetainUntilDate></Retention>`,
  );
}

function deleteMany(canary: Canary): S3Request {
  const object = `<Key>${escapeXml(canary.key)}</Key><VersionId>${escapeXml(canary.versionId)}</VersionId>`;
  return withXml(
    { method: "POST", query: { delete: "" } },
    `<Delete><Object>${object}</Object></Delete>`,
  );
}

function copyOnto(s3: S3Client, canary: Canary): S3Request {
  const source = `/${s3.config.bucket}/${canary.key}?versionId=${encodeURIComponent(canary.versionId)}`;
  const headers = {
    ...REPLICA,
    "x-amz-copy-source": source,
    "x-amz-metadata-directive": "REPLACE",
  };
  return { method: "PUT", ...onVersion(canary), headers };
}

/** Goes as far as it is let: the first refusal, or the answer that completes the upload. */
async function multipartOnto(s3: S3Client, canary: Canary): Promise<S3Answer> {
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

/** MinIO unpacks such an archive without looking for chunks in it. */
function forgedArchive(s3: S3Client, canary: Canary): S3Request {
  const signed = "host;x-amz-content-sha256;x-amz-date";
  const scope = `Credential=${credential(s3)}, SignedHeaders=${signed}`;
  const authorization = `AWS4-HMAC-SHA256 ${scope}, Signature=${"0".repeat(64)}`;
  return {
    method: "PUT",
    key: `${canary.key}.forged.tar`,
    headers: { ...unsignedTrailer(), ...SNOWBALL, authorization },
    body: archive(canary),
  };
}

function unsignedPut(s3: S3Client, canary: Canary): S3Request {
  return {
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

/** Writes back what is there, so that a key which may do this has changed nothing. */
async function rewriteLockConfiguration(s3: S3Client): Promise<S3Answer> {
  const query = { "object-lock": "" };
  const found = await s3.send({ method: "GET", query });
  if (found.status !== 200) return found;
  return await s3.send(withXml({ method: "PUT", query }, textOf(found)));
}

/** No rule at all is not valid: a key that may configure gets 400 and has changed nothing. */
function putLifecycle(): S3Request {
  return withXml(
    { method: "PUT", query: { lifecycle: "" } },
    "<LifecycleConfiguration></LifecycleConfiguration>",
  );
}

function sha256(text: string | Uint8Array, encoding: "base64" | "hex"): string {
  return createHash("sha256").update(text).digest(encoding);
}

function textOf(answer: S3Answer): string {
  return new TextDecoder().decode(answer.body);
}
