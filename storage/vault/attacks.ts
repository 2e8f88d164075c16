/**
 * Checks 4 to 19 of the lock self-test: what a key may try against a locked version, and which answers
 * count as a refusal. Whether the version was harmed all the same is for `selftest.ts` to see.
 */
import * as requests from "./attack-requests.ts";
import type { S3Answer } from "./client.ts";
import { parseDeleteErrorCode } from "./xml.ts";

export interface Attack {
  readonly number: number;
  readonly name: string;
  /** Whether a store that fails it may not be trusted with batches. */
  readonly decides: boolean;
  /** Whether it aims at the locked version itself, so that success harms it. */
  readonly aimsAtCanary: boolean;
  readonly run: requests.Attempt;
  readonly refused: (answer: S3Answer) => boolean;
}

export const ATTACKS: readonly Attack[] = [
  {
    number: 4,
    name: "a slot that is taken refuses a second object",
    decides: false,
    aimsAtCanary: false,
    run: requests.putAgain,
    refused: status(412),
  },
  {
    number: 5,
    name: "a wrong checksum is refused",
    decides: false,
    aimsAtCanary: false,
    run: requests.putWrongChecksum,
    refused: status(400),
  },
  {
    number: 6,
    name: "a wrong signed payload hash is refused",
    decides: false,
    aimsAtCanary: false,
    run: requests.putWrongPayloadHash,
    refused: status(400),
  },
  {
    number: 7,
    name: "the lock cannot be shortened",
    decides: true,
    aimsAtCanary: true,
    run: requests.shortenLock,
    refused: status(400, 403),
  },
  {
    number: 8,
    name: "the lock cannot be loosened to GOVERNANCE",
    decides: true,
    aimsAtCanary: true,
    run: requests.loosenLock,
    refused: status(400, 403),
  },
  {
    number: 9,
    name: "the version cannot be deleted",
    decides: true,
    aimsAtCanary: true,
    run: requests.deleteVersion,
    refused: status(400, 403),
  },
  {
    number: 10,
    name: "nor deleted as a replica",
    decides: true,
    aimsAtCanary: true,
    run: requests.deleteReplica,
    refused: status(400, 403),
  },
  {
    number: 11,
    name: "nor deleted with others in one request",
    decides: true,
    aimsAtCanary: true,
    run: requests.deleteMany,
    refused: eachRefused,
  },
  {
    number: 12,
    name: "the version cannot be overwritten as a replica",
    decides: true,
    aimsAtCanary: true,
    run: requests.overwriteReplica,
    refused: anyAnswer,
  },
  {
    number: 13,
    name: "nor by a copy",
    decides: true,
    aimsAtCanary: true,
    run: requests.copyOnto,
    refused: anyAnswer,
  },
  {
    number: 14,
    name: "nor by a multipart upload",
    decides: true,
    aimsAtCanary: true,
    run: requests.uploadOnto,
    refused: anyAnswer,
  },
  {
    number: 15,
    name: "nor by an archive that the store unpacks",
    decides: true,
    aimsAtCanary: true,
    run: requests.unpackOnto,
    refused: anyAnswer,
  },
  {
    number: 16,
    name: "nor by such an archive with a made-up signature",
    decides: true,
    aimsAtCanary: true,
    run: requests.unpackForged,
    refused: status(403),
  },
  {
    number: 17,
    name: "a key id without a signature cannot write",
    decides: true,
    aimsAtCanary: false,
    run: requests.putUnsigned,
    refused: status(400, 403),
  },
  {
    number: 18,
    name: "the bucket's lock configuration cannot be written",
    decides: false,
    aimsAtCanary: false,
    run: requests.rewriteLockConfiguration,
    refused: status(403),
  },
  {
    number: 19,
    name: "nor its lifecycle rules",
    decides: false,
    aimsAtCanary: false,
    run: requests.putLifecycle,
    refused: status(403, 501),
  },
];

function status(...refusals: readonly number[]): (answer: S3Answer) => boolean {
  return (answer) => refusals.includes(answer.status);
}

/** A multi-object delete answers 200 with an error for each object that stays. */
function eachRefused(answer: S3Answer): boolean {
  if (answer.status !== 200) return status(400, 403)(answer);
  return parseDeleteErrorCode(new TextDecoder().decode(answer.body)) !== "";
}

/** Stores other than MinIO may take the request for something else, and put a new version on top. */
function anyAnswer(): boolean {
  return true;
}
