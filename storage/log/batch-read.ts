/**
 * Sealed batches one after the other where they can be asked for by the seq of their first entry: each is fetched, found true by
 * itself, and says where the next one begins, so nobody has to list them.
 */
import {
  BATCH_INFLATED_BYTES_MAX,
  checkBatch,
  checkGzipHeader,
  decodeBatch,
  slotName,
} from "./batch.ts";
import type { BatchesFrom, FoundBatch } from "./batch-scan.ts";
import { LogError } from "./errors.ts";
import { findingOf, logFinding, type LogFinding } from "./log-findings.ts";
import type { Sha256 } from "./hash.ts";
import type { Verify, VerifierKey } from "./note.ts";

export interface BatchReader {
  readonly log: string;
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
  /** The object of the batch that begins at `first`; null where there is none. What it throws is thrown on. */
  readonly fetch: (first: number) => Promise<Uint8Array | null>;
  /** Throws where the result would be longer than `bytesMax`, or where bytes follow the member. */
  readonly gunzip: (object: Uint8Array, bytesMax: number) => Promise<Uint8Array>;
  readonly verify?: Verify;
  readonly sha256?: Sha256;
}

/** What was read last is kept: pages of a search share the batch at their border. */
export function batchesOf(reader: BatchReader): BatchesFrom {
  let last: FoundBatch | null = null;
  return async function* (first) {
    for (let next = first; ;) {
      const kept: FoundBatch | null = last?.batch.header.first === next ? last : null;
      const found = kept ?? (await readBatch(reader, next));
      if (found === null) return;
      yield found;
      if ("code" in found) return;
      last = found;
      next = found.batch.head.size;
    }
  };
}

async function readBatch(
  { log, origin, keys, fetch, gunzip, ...options }: BatchReader,
  first: number,
): Promise<FoundBatch | LogFinding | null> {
  const place = { log, first, object: slotName(log, first) };
  const object = await fetch(first);
  if (object === null) return null;
  try {
    checkGzipHeader(object);
    const decoded = decodeBatch(await inflated(gunzip, object));
    const { header, lines } = decoded;
    if (header.origin !== origin || header.first !== first) {
      const found = `${header.count} entries of ${header.origin} from ${header.first}`;
      return logFinding("batch_altered", place, `those of ${origin} from ${first}`, found);
    }
    const batch = await checkBatch(decoded, keys, options);
    return { batch, lines, place };
  } catch (error) {
    if (error instanceof LogError) return findingOf(error, place);
    throw error;
  }
}

async function inflated(gunzip: BatchReader["gunzip"], object: Uint8Array): Promise<Uint8Array> {
  try {
    return await gunzip(object, BATCH_INFLATED_BYTES_MAX);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new LogError("invalid_batch", detail, { cause: error });
  }
}
