/** The gateway's rules by themselves: of all that S3 and MinIO know, only what is on the list passes. */
import assert from "node:assert/strict";
import test from "node:test";
import { decide } from "../../worker/gateway/rules.ts";

const HEADERS = {
  authorization: `AWS4-HMAC-SHA256 Credential=id/20260101/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=${"a".repeat(64)}`,
  host: "store",
  "x-amz-content-sha256": "0".repeat(64),
  "x-amz-date": "20260101T000000Z",
};
const LOCK = {
  "x-amz-object-lock-mode": "COMPLIANCE",
  "x-amz-object-lock-retain-until-date": "2030-01-01T00:00:00.000Z",
};
const PUT = { ...HEADERS, ...LOCK, "content-length": "5" };

/** Everything that selects another call than reading or putting an object (S3's API, and MinIO's additions). */
const SUB_RESOURCES = [
  ...["accelerate", "acl", "analytics", "append", "attributes", "cors", "delete", "encryption"],
  ...["events", "intelligent-tiering", "inventory", "lambdaArn", "legal-hold", "lifecycle"],
  ...["location", "logging", "metadata", "metrics", "notification", "object-lock"],
  ...["ownershipControls", "partNumber", "policy", "policyStatus", "publicAccessBlock"],
  ...["replication", "replication-check", "replication-metrics", "replication-reset"],
  ...["requestPayment", "restore", "retention", "select", "session", "tagging", "torrent"],
  ...["uploadId", "uploads", "versionId", "versioning", "versions", "website"],
  ...["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "AWSAccessKeyId", "Signature"],
];

test("of all calls only reads, locked objects and locks pass", () => {
  const passing: string[] = [];
  for (const method of [
    "GET",
    "HEAD",
    "PUT",
    "POST",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "TRACE",
    "get",
  ]) {
    for (const path of ["/", "/bucket", "/bucket/", "/bucket/demo/a", "/minio/demo/a"]) {
      for (const query of ["", ...SUB_RESOURCES.map((name) => `?${name}=`)]) {
        if (asks(method, path + query) === null) passing.push(`${method} ${path}${query}`);
      }
    }
  }
  const bucket = ["", "?location=", "?object-lock=", "?versioning=", "?versions="];
  const object = ["", "?legal-hold=", "?retention=", "?versionId="];
  const reads = ["GET", "HEAD"].flatMap((method) => [
    ...["/bucket", "/bucket/"].flatMap((path) =>
      bucket.map((query) => `${method} ${path}${query}`),
    ),
    ...object.map((query) => `${method} /bucket/demo/a${query}`),
  ]);
  const writes = ["PUT /bucket/demo/a", "PUT /bucket/demo/a?retention="];
  assert.deepEqual(passing.sort(), [...reads, ...writes].sort());
  assert.equal(asks("PUT", "/bucket/demo/a?retention=&versionId=1"), null);
  assert.equal(asks("PUT", "/bucket/demo/a?versionId=1"), 403);
});

test("each header that a request needs is needed, and none that could do more passes", () => {
  for (const name of Object.keys(HEADERS).filter((one) => one !== "host")) {
    if (name === "x-amz-date") continue; // Its value is the store's to judge.
    assert.equal(asks("PUT", "/bucket/demo/a", without(PUT, name)), 403, name);
  }
  for (const name of Object.keys(LOCK)) {
    assert.equal(asks("PUT", "/bucket/demo/a", without(PUT, name)), 403, name);
  }
  for (const [name, value] of [
    ["x-amz-object-lock-mode", "GOVERNANCE"],
    ["x-amz-object-lock-retain-until-date", "tomorrow"],
    ["x-amz-content-sha256", "UNSIGNED-PAYLOAD"],
    ["x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"],
    ["x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"],
    ["authorization", "AWS id:signature"],
    ["authorization", HEADERS.authorization.replace("host;", "")],
    ["authorization", HEADERS.authorization.replace("x-amz-content-sha256;", "")],
    ["authorization", `${HEADERS.authorization}, ${HEADERS.authorization}`],
    ...[
      ...["x-minio-source-mtime", "x-minio-force-delete", "x-minio-extract"],
      ...["x-amz-replication-status", "x-amz-bucket-replication-status"],
      ...["x-amz-meta-snowball-auto-extract", "x-amz-meta-minio-snowball-prefix"],
      ...["x-amz-copy-source", "x-amz-copy-source-range", "x-amz-bypass-governance-retention"],
      ...["x-amz-meta-note", "x-amz-tagging", "x-amz-acl", "x-amz-mfa", "x-amz-write-offset-bytes"],
      ...["x-amz-server-side-encryption-customer-key", "x-amz-object-lock-legal-hold"],
    ].map((name) => [name, "x"] as const),
  ] as const) {
    assert.equal(
      asks("PUT", "/bucket/demo/a", { ...PUT, [name]: value }),
      403,
      `${name}: ${value}`,
    );
  }
});

test("a read needs no hash of its payload, as curl signs it, but a signature, and no other hash", () => {
  const read = { ...without(HEADERS, "x-amz-content-sha256") };
  const authorization = read["authorization"]!.replace("x-amz-content-sha256;", "");
  assert.equal(asks("GET", "/bucket/a", { ...read, authorization }), null);
  assert.equal(asks("GET", "/bucket/a", without(read, "authorization")), 403);
  const trailer = { "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER" };
  assert.equal(asks("GET", "/bucket/a", { ...HEADERS, ...trailer }), 403);
});

test("lengths have limits, each with its own status", () => {
  assert.equal(asks("GET", `/bucket/${"a".repeat(8200)}`), 414);
  assert.equal(asks("GET", "/bucket/a", { ...HEADERS, x: "a".repeat(8000) }), 431);
  assert.equal(asks("PUT", "/bucket/demo/a", without(PUT, "content-length")), 411);
  assert.equal(asks("PUT", "/bucket/demo/a", { ...PUT, "transfer-encoding": "chunked" }), 411);
  assert.equal(asks("PUT", "/bucket/demo/a", { ...PUT, "content-length": "41943041" }), 413);
  assert.equal(asks("PUT", "/bucket/demo/a", { ...PUT, "content-length": "41943040" }), null);
});

/** The status of the refusal; `null`: it passes. */
function asks(
  method: string,
  pathAndQuery: string,
  headers: Readonly<Record<string, string>> = method === "PUT" ? PUT : HEADERS,
): number | null {
  const url = `http://store${pathAndQuery}`;
  return decide({ method, url, headers: Object.entries(headers) })?.status ?? null;
}

function without(
  headers: Readonly<Record<string, string>>,
  name: string,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([one]) => one !== name));
}
