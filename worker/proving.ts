/**
 * What lets whoever searched see for himself that nothing was left out (`storage/log/answer-proof.ts`): the sealed batches that hold the
 * entries which were searched, and of those that are not sealed yet the lines, under a checkpoint of the receipt key.
 */
import {
  PROOF_BATCHES_MAX,
  type AnswerProof,
  type ProofBatch,
  type ProofTail,
} from "../storage/log/answer-proof.ts";
import type { Filter } from "../storage/log/filter.ts";
import type { SealRow } from "../storage/ports.ts";
import { logOf, type Ask } from "./ask.ts";
import type { Order } from "./cursor.ts";
import { givenFilter } from "./filter-query.ts";
import { firstNotBefore } from "./line-times.ts";
import { valueOf } from "./problem.ts";
import { wrong } from "./query.ts";
import { altered, linePages, type LineSource } from "./reading.ts";

/** What waits for a seal is some seconds' worth; where it is more, nothing is proven of it until it is sealed. */
const TAIL_LINES_MAX = 10_000;
const TAIL_BYTES_MAX = 1024 * 1024;

export interface SearchedRange {
  readonly filter: Filter;
  readonly order: Order;
  /** Of entries `from` … `to` − 1 the answer has every hit. */
  readonly from: number;
  readonly to: number;
}

/** Throws `invalid_request` where it would take too many batches. */
export async function proofOf(
  ask: Ask,
  source: LineSource,
  { filter, order, from, to }: SearchedRange,
): Promise<AnswerProof> {
  const log = logOf(ask);
  const sealedTo = Math.min(to, log.sealedSize);
  const tail = to > log.sealedSize ? await tailOf(ask, source, filter) : null;
  const range = await toRead(source, filter, { from, to: sealedTo, withEnd: tail !== null });
  return {
    ...{ log: log.name, origin: log.origin, filter: givenFilter(ask.query), order },
    ...{ from, to, sealed_to: sealedTo },
    batches: await batchesOf(ask, range),
    tail,
  };
}

interface ReadRange {
  readonly from: number;
  readonly to: number;
}

/** Which sealed entries have to be looked at: with `since` and `until` one more at each end, which shows that the others need not be. */
async function toRead(
  source: LineSource,
  { sinceMs, untilMs }: Filter,
  { from, to, withEnd }: ReadRange & { readonly withEnd: boolean },
): Promise<ReadRange> {
  if (from >= to) return withEnd && to > 0 ? { from: to - 1, to } : { from: to, to };
  const start = sinceMs === null ? from : await firstNotBefore(source, sinceMs, from, to);
  const end = untilMs === null ? to : await firstNotBefore(source, untilMs, start, to);
  return { from: Math.max(from, Math.min(start, to) - 1), to: Math.min(to, end + 1) };
}

async function batchesOf(ask: Ask, { from, to }: ReadRange): Promise<ProofBatch[]> {
  if (from >= to) return [];
  const { name } = logOf(ask);
  const index = ask.services.index();
  const [begin] = await index.seals(name, { from, limit: 1, order: "desc" });
  const limit = PROOF_BATCHES_MAX + 1;
  const rows = await index.seals(name, { from: begin?.first ?? 0, limit, order: "asc" });
  const wanted = rows.filter(({ first }) => first < to);
  if (wanted.length > PROOF_BATCHES_MAX) {
    const detail = `would need more than ${PROOF_BATCHES_MAX} batches to be looked through: narrow the search with since and until`;
    throw wrong("prove", detail);
  }
  const last = wanted.at(-1);
  if (last === undefined || wanted[0]!.first > from || last.first + last.count < to) {
    throw altered(name, to - 1);
  }
  return wanted.map(batchOf);
}

function batchOf({ first, count, key, versionId, sha256 }: SealRow): ProofBatch {
  return { first, count, key, version_id: versionId, sha256 };
}

/** Null where it is too long, or where nothing of it can be asked for. */
async function tailOf(ask: Ask, source: LineSource, filter: Filter): Promise<ProofTail | null> {
  const { name, sealedSize } = logOf(ask);
  const { size, note } = valueOf(await ask.services.ledger.committedCheckpoint(name));
  if (size - sealedSize > TAIL_LINES_MAX) return null;
  const { untilMs } = filter;
  if (untilMs !== null && sealedSize > 0) {
    if ((await firstNotBefore(source, untilMs, sealedSize - 1, sealedSize)) < sealedSize)
      return null;
  }
  const lines: string[] = [];
  let bytes = 0;
  for await (const page of linePages(source, { from: sealedSize, to: size, order: "asc" })) {
    for (const line of page) {
      bytes += line.bytes.length;
      lines.push(line.text);
    }
    if (bytes > TAIL_BYTES_MAX) return null;
  }
  return { lines, checkpoint: note };
}
