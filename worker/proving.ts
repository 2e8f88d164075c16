/**
 * What lets whoever searched see for himself that nothing was left out (`storage/log/answer-proof.ts`): where to begin to read the sealed batches,
 * what was sealed by then, and of what is not sealed yet the lines, under a checkpoint of the receipt key. It is short however long the log is.
 */
import type { AnswerProof, ProofTail } from "../storage/log/answer-proof.ts";
import type { Filter } from "../storage/log/filter.ts";
import { logOf, type Ask } from "./ask.ts";
import type { Order } from "./cursor.ts";
import { givenFilter } from "./filter-query.ts";
import { firstNotBefore } from "./line-times.ts";
import { valueOf } from "./problem.ts";
import { altered, linePages, type LineSource } from "./reading.ts";

/** What waits for a seal is some seconds' worth; where it is more, nothing is proven of it until it is sealed. */
const TAIL_LINES_MAX = 10_000;
const TAIL_BYTES_MAX = 1024 * 1024;

export interface SearchedRange {
  readonly filter: Filter;
  readonly order: Order;
  /** The `from` of the request, and the last entry of the page before; null where there was none. */
  readonly askedFrom: number | null;
  readonly after: number | null;
  /** Of entries `from` … `to` − 1 the answer has every hit. */
  readonly from: number;
  readonly to: number;
}

export async function proofOf(
  ask: Ask,
  source: LineSource,
  { filter, order, askedFrom, after, from, to }: SearchedRange,
): Promise<AnswerProof> {
  const log = logOf(ask);
  const sealedTo = Math.min(to, log.sealedSize);
  const tail = to > log.sealedSize ? await tailOf(ask, source, filter) : null;
  return {
    ...{ log: log.name, origin: log.origin, filter: givenFilter(ask.query), order },
    ...{ asked_from: askedFrom, after, from, to },
    checkpoint: log.lastSeal?.checkpoint ?? null,
    ...{ sealed_to: sealedTo, read_from: await readFrom(ask, source, filter, from, sealedTo) },
    tail,
  };
}

/** Where the batch begins that has to be read first: with `since` it has one entry more, which shows that those before need not be. */
async function readFrom(
  ask: Ask,
  source: LineSource,
  { sinceMs }: Filter,
  from: number,
  to: number,
): Promise<number> {
  if (to === 0) return 0;
  const isSince = sinceMs !== null && from < to;
  const start = isSince ? (await firstNotBefore(source, sinceMs, from, to)) - 1 : from;
  const seq = Math.min(Math.max(start, from), to - 1);
  const range = { from: seq, limit: 1, order: "desc" } as const;
  const [row] = await ask.services.index().seals(source.log, range);
  if (row !== undefined && row.first + row.count > seq) return row.first;
  throw altered(source.log, seq);
}

/** Null where nothing of it can be asked for; without lines where it is too long. */
async function tailOf(ask: Ask, source: LineSource, filter: Filter): Promise<ProofTail | null> {
  const { name, sealedSize } = logOf(ask);
  const { untilMs } = filter;
  if (untilMs !== null && sealedSize > 0) {
    if ((await firstNotBefore(source, untilMs, sealedSize - 1, sealedSize)) < sealedSize)
      return null;
  }
  const { size, note: checkpoint } = valueOf(await ask.services.ledger.committedCheckpoint(name));
  if (size - sealedSize > TAIL_LINES_MAX) return { lines: null, checkpoint };
  const lines: string[] = [];
  let bytes = 0;
  for await (const page of linePages(source, { from: sealedSize, to: size, order: "asc" })) {
    for (const line of page) {
      bytes += line.bytes.length;
      lines.push(line.text);
    }
    if (bytes > TAIL_BYTES_MAX) return { lines: null, checkpoint };
  }
  return { lines, checkpoint };
}
