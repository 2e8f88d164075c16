/**
 * What may pass to a MinIO that others administer too. Nothing that could touch a locked version does, whoever signs it:
 * its lock does not bind its administrators (SECURITY, "What a lock of MinIO is worth"). So this is a list of what is let
 * through (reads, PUTs of new locked objects, longer locks), not of what is known to be dangerous.
 */

export interface GatewayRequest {
  readonly method: string;
  /** As it came, with scheme and host. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Iterable<readonly [name: string, value: string]>;
}

/** `null`: it may pass. Otherwise what is wrong with it, for the sender. */
export type Decision = {
  readonly status: 403 | 411 | 413 | 414 | 431;
  readonly why: string;
} | null;

/** A key has 1,024 bytes at most (S3), three times that escaped, in the path and once more as a marker; and the rest. */
const URL_CHARACTERS_MAX = 8 * 1024;
/** AWS takes 8 KB of headers. */
const HEADER_CHARACTERS_MAX = 8 * 1024;
/** A batch has 32 MiB of lines before it is compressed, plus its note; the worker reads back 40 MiB at most. */
const BODY_BYTES_MAX = 40 * 1024 * 1024;

/** Headers by which MinIO or S3 does something; of these only the following pass. All others mean nothing to a store. */
const POWERFUL = /^x-amz-|minio|snowball|replication/;
const PASSING = new Set([
  ...["x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-amz-user-agent"],
  ...["x-amz-checksum-mode", "x-amz-checksum-sha256", "x-amz-sdk-checksum-algorithm"],
  ...["x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date"],
  ...["x-amz-server-side-encryption", "x-amz-expected-bucket-owner"],
]);

/** SigV4 in its header form: no query form, and nothing that streams or leaves its payload unsigned. */
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=[^\s,]+, ?SignedHeaders=([a-z0-9;-]+), ?Signature=[0-9a-f]{64}$/;
const MUST_BE_SIGNED = ["host", "x-amz-content-sha256", "x-amz-date"];
const SHA256 = /^[0-9a-f]{64}$/;
const LOCK_DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** `/bucket`, `/bucket/` or `/bucket/key`; MinIO's own calls lie under `/minio/`. It reads `%2F` as a slash. */
const PATH =
  /^\/(?!minio(?:\/|$))[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:\/((?:[\w.~!*'()-]|%(?!00|2E|2F|5C)[0-9A-F]{2}|\/)*))?$/;

/** Written without escapes, and below a first level: an object named like a log hides the log's batches from listings. */
const PUT_KEY = /^[\w.-]+(?:\/[\w.-]+)+$/;
/** As objects these would hide what lies below them. */
const FOLDERS = new Set(["_indelible/keys", "_indelible/canary"]);

const READ_OBJECT = new Set(["versionId", "retention", "legal-hold", "x-id"]);
const READ_BUCKET = new Set([
  ...["versions", "object-lock", "location", "versioning", "list-type", "prefix", "delimiter"],
  ...["max-keys", "encoding-type", "key-marker", "version-id-marker", "marker", "start-after"],
  ...["continuation-token", "fetch-owner", "x-id"],
]);
const PUT_RETENTION = new Set(["retention", "versionId", "x-id"]);
const PUT_OBJECT = new Set(["x-id"]);

/** Looks at all but the body, which passes as it is. */
export function decide({ method, url, headers }: GatewayRequest): Decision {
  const given = new Map<string, string>();
  let characters = 0;
  for (const [name, value] of headers) {
    given.set(name, value);
    characters += name.length + value.length;
  }
  if (url.length > URL_CHARACTERS_MAX) return { status: 414, why: "the URL is too long" };
  if (characters > HEADER_CHARACTERS_MAX) return { status: 431, why: "the headers are too long" };
  const why =
    refusedHeader(given) ?? refusedSignature(method, given) ?? refusedCall(method, url, given);
  if (why !== null) return { status: 403, why };
  return method === "PUT" ? refusedLength(given) : null;
}

type Headers = ReadonlyMap<string, string>;

function refusedHeader(headers: Headers): string | null {
  for (const name of headers.keys()) {
    if (POWERFUL.test(name) && !PASSING.has(name)) return `the header ${name} does not pass`;
  }
  return null;
}

function refusedSignature(method: string, headers: Headers): string | null {
  const [, signed] = AUTHORIZATION.exec(headers.get("authorization") ?? "") ?? [];
  if (signed === undefined) return "a signature in the Authorization header is needed (SigV4)";
  const names = signed.split(";");
  const hash = headers.get("x-amz-content-sha256");
  // curl leaves it away where there is no payload.
  if (hash === undefined && method !== "PUT" && names.includes("host")) return null;
  const missing = MUST_BE_SIGNED.find((name) => !names.includes(name));
  if (missing !== undefined) return `${missing} must be signed`;
  if (!SHA256.test(hash ?? "")) {
    return "x-amz-content-sha256 must be the payload's hash";
  }
  return null;
}

function refusedCall(method: string, url: string, headers: Headers): string | null {
  // What is judged must be what the store will read.
  const { href, pathname, search } = parseUrl(url) ?? NO_URL;
  if (href !== url) return "the URL is not in its plain form";
  const [path, key = ""] = PATH.exec(pathname) ?? [];
  if (path === undefined || key.includes("//") || key.startsWith("/")) {
    return "the path is no bucket's or object's";
  }
  const query = namesOf(search);
  if (query === null) return "the query is not in its plain form";
  if (method === "GET" || method === "HEAD") {
    return notIn(key === "" ? READ_BUCKET : READ_OBJECT, query);
  }
  if (method !== "PUT") return `${method} does not pass`;
  if (!PUT_KEY.test(key) || FOLDERS.has(key)) return "an object must be put below a log's name";
  // A longer lock passes; that a shorter one does not is what COMPLIANCE still holds.
  if (query.has("retention")) return notIn(PUT_RETENTION, query);
  return notIn(PUT_OBJECT, query) ?? refusedLock(headers);
}

const NO_URL = { href: "", pathname: "", search: "" };

function parseUrl(url: string): URL | null {
  try {
    return new URL(url);
  } catch {
    return null;
  }
}

function refusedLock(headers: Headers): string | null {
  if (headers.get("x-amz-object-lock-mode") !== "COMPLIANCE") return "an object must be put locked";
  const until = headers.get("x-amz-object-lock-retain-until-date") ?? "";
  return LOCK_DATE.test(until) ? null : "a lock must have a date";
}

function refusedLength(headers: Headers): Decision {
  const length = headers.get("content-length");
  if (length === undefined || headers.has("transfer-encoding") || !/^\d{1,15}$/.test(length)) {
    return { status: 411, why: "a PUT must say its length" };
  }
  return Number(length) <= BODY_BYTES_MAX ? null : { status: 413, why: "the object is too large" };
}

function notIn(passing: ReadonlySet<string>, names: ReadonlySet<string>): string | null {
  const refused = [...names].find((name) => !passing.has(name));
  return refused === undefined ? null : `${refused} in the query does not pass`;
}

/**
 * The names in a query, not unescaped: one that is written in another way is not on any list. `null` where a name stands
 * twice or a separator may be read in two ways.
 */
function namesOf(search: string): ReadonlySet<string> | null {
  if (search === "") return new Set();
  if (search.includes(";")) return null;
  const names = search
    .slice(1)
    .split("&")
    .map((pair) => pair.split("=", 1)[0]!);
  const different = new Set(names);
  return different.size === names.length ? different : null;
}
