/**
 * What an S3 answer means in the vault's words. A status alone says little: MinIO answers damage on its
 * disk with 503, an object with forged metadata with 400 or 206, and an overload with 503 as well.
 */
import { VaultError } from "../ports.ts";
import { isBusy, nameRequest } from "./client.ts";
import type { S3Answer, S3Request } from "./client.ts";

/** Codes that say the whole store is not ready, not that one object is damaged. */
const STORE_BUSY = new Set([
  "",
  "RequestTimeout",
  "ServerBusy",
  "ServiceUnavailable",
  "SlowDown",
  "TooManyRequests",
  "XMinioServerNotInitialized",
]);

/** Codes for an object whose metadata was forged at its PUT, or that was moved to an archive. */
const SPOILED = new Set(["InvalidObjectState", "InvalidRequest", "XMinioObjectTampered"]);

/** A key of the store's own encryption does not fit an object's metadata: they were changed or swapped on its disk. */
const KMS_CODE = /^kms:/;

/** Whether the answer speaks of a damaged object, and not of the store or of who asks. */
export function isSpoiled({ errorCode }: S3Answer): boolean {
  return SPOILED.has(errorCode) || KMS_CODE.test(errorCode);
}

/** The word for a version that was not given, as far as the store says why. */
export function unreadable(request: S3Request, answer: S3Answer): VaultError {
  const { status, errorCode } = answer;
  const missing = status === 404 && errorCode !== "NoSuchBucket";
  // A delete marker has a version id and no bytes (405); an id of another store's form cannot be here.
  if (missing || status === 405 || errorCode === "InvalidArgument") {
    return new VaultError("batch_missing", describe(request, answer));
  }
  if (isBusy(status) && STORE_BUSY.has(errorCode)) return busy(request, answer, "nothing");
  return isBusy(status) || isSpoiled(answer) ? spoiled(request, answer) : refused(request, answer);
}

/** Something that the store keeps cannot be read any more. */
export function spoiled(request: S3Request, answer: S3Answer): VaultError {
  return new VaultError("batch_unreadable", describe(request, answer));
}

/** The store is not ready for this, or not at all. */
export function busy(
  request: S3Request,
  answer: S3Answer,
  outcome: VaultError["outcome"],
): VaultError {
  return new VaultError("vault_unreachable", describe(request, answer), outcome);
}

/** A server that has not begun to serve has written nothing; any other 5xx may come after the write. */
export function outcomeOf(answer: S3Answer): VaultError["outcome"] {
  return answer.errorCode === "XMinioServerNotInitialized" ? "nothing" : "unknown";
}

/** The store said no, and would say so again. */
export function refused(request: S3Request, answer: S3Answer): VaultError {
  return new VaultError("vault_refused", describe(request, answer));
}

/** Reads an answer 200. One that is not what was asked for is a refusal, never an empty result. */
export function parseAnswer<T>(
  request: S3Request,
  answer: S3Answer,
  parser: (xml: string) => T,
): T {
  try {
    return parser(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(answer.body));
  } catch (error) {
    const message = `the vault's answer to ${nameRequest(request)} makes no sense: ${String(error)}`;
    throw new VaultError("vault_refused", message, "nothing", { cause: error });
  }
}

function describe(request: S3Request, answer: S3Answer): string {
  const code = answer.errorCode === "" ? "" : ` ${answer.errorCode}`;
  return `vault: ${answer.status}${code} in answer to ${nameRequest(request)}`;
}
