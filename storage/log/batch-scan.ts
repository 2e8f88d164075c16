/**
 * The sealed entries of a range that a filter asks for, read from the batches themselves, so that an answer or an export can be held against them.
 * Nobody is believed about which batches there are: each is true by itself, continues the one before without a hole, and together they
 * reach from the range's beginning to its end, or to a time behind which nothing is asked for. One batch is in memory at a time.
 */
import type { BatchLines, CheckedBatch } from "./batch.ts";
import { equalBytes, fromHex, toHex } from "./bytes.ts";
import type { OpenedCheckpoint } from "./checkpoint.ts";
import type { Filter } from "./filter.ts";
import { logFinding, type LogFinding, type FindingPlace } from "./log-findings.ts";
import { HASH_BYTES } from "./hash.ts";
import { lineMatcher } from "./line-matcher.ts";
import { Replay } from "./replay.ts";

/** A batch that was found true by itself (`checkBatch`), with its lines. */
export interface FoundBatch {
  readonly batch: CheckedBatch;
  readonly lines: BatchLines;
  readonly place: FindingPlace;
}

/** Batches in log order, beginning with the one that begins at `first`; a finding where one does not hold, and then no more. */
export type BatchesFrom = (first: number) => AsyncIterable<FoundBatch | LogFinding>;

/** Where the entries that were looked through end, and what the next one follows on. */
export interface ScanEnd {
  readonly size: number;
  readonly leaf: Uint8Array;
  readonly frontier: readonly Uint8Array[];
  readonly timeMs: number;
}

export interface SealedHit {
  readonly seq: number;
  /** Hex. */
  readonly leaf: string;
}

export interface ScanRange {
  readonly log: string;
  /** `<instance origin>/<log>`. */
  readonly origin: string;
  readonly filter: Filter;
  readonly from: number;
  /** One beyond the last; sealed. */
  readonly to: number;
  /** The batch that begins here is the first to be read. */
  readonly readFrom: number;
}

export interface ScanOptions {
  readonly batches: BatchesFrom;
  /** Sealed ones whose signature holds, more of them while it goes on: a batch that ends at the size of one has its root. */
  readonly checkpoints: readonly OpenedCheckpoint[];
  /** Looks at each batch, too: what else is known of the log. */
  readonly onBatch?: (batch: CheckedBatch) => readonly LogFinding[];
}

/** Before the first entry of a log. */
export const LOG_START: ScanEnd = {
  size: 0,
  leaf: new Uint8Array(HASH_BYTES),
  frontier: [],
  timeMs: Number.NEGATIVE_INFINITY,
};

export class BatchScan {
  readonly #range: Omit<ScanRange, "to">;
  readonly #options: ScanOptions;
  readonly #matches: (line: string) => boolean;
  /** May be moved on while hits are taken. */
  to: number;
  readonly findings: LogFinding[] = [];
  /** After the last hit: entries before it were looked through or need not be; null where something does not hold. */
  coveredTo: number | null = null;
  /** After the last hit, where all held. */
  end: ScanEnd = LOG_START;
  batches = 0;
  lines = 0;

  constructor({ to, ...range }: ScanRange, options: ScanOptions) {
    this.#range = range;
    this.#options = options;
    this.#matches = lineMatcher(range.filter);
    this.to = to;
  }

  /** In the order of their seqs. Throws what the source of the batches throws. */
  async *hits(): AsyncGenerator<SealedHit, void, undefined> {
    const { log, origin, readFrom } = this.#range;
    let replay: Replay | null = null;
    for await (const found of this.#options.batches(readFrom)) {
      if ("code" in found) return void this.findings.push(found);
      const { batch, place } = found;
      const isFirst: boolean = replay === null;
      replay ??= new Replay(log, stateBefore(batch), origin);
      const wrong = replay.take(batch, place);
      this.findings.push(...wrong, ...this.#compare(batch, place));
      if (wrong.length > 0 || (isFirst && !this.#beginsEarlyEnough(batch))) return;
      this.batches++;
      yield* this.#search(found);
      this.end = endOf(batch);
      if (this.#isDone()) break;
    }
    this.coveredTo = this.#covered();
  }

  #isDone(): boolean {
    const { untilMs } = this.#range.filter;
    return this.end.size >= this.to || (untilMs !== null && this.end.timeMs >= untilMs);
  }

  #compare(batch: CheckedBatch, place: FindingPlace): LogFinding[] {
    const { checkpoints, onBatch } = this.#options;
    const findings = [...(onBatch?.(batch) ?? [])];
    const { size, root } = batch.checkpoint;
    for (const other of checkpoints) {
      if (other.size !== size || equalBytes(other.root, root)) continue;
      const at = { ...place, log: this.#range.log, first: batch.header.first, last: size - 1 };
      const expected = `the root ${toHex(other.root)} of the checkpoint of ${size} entries`;
      findings.push(logFinding("fork", at, expected, toHex(root)));
    }
    return findings;
  }

  /** What stands before the first batch was either not asked about, or is older than what is asked for. */
  #beginsEarlyEnough({ header, times }: CheckedBatch): boolean {
    const { from, filter } = this.#range;
    if (header.first <= from || (filter.sinceMs !== null && times[0]! < filter.sinceMs))
      return true;
    this.#uncovered(from, header.first - 1);
    return false;
  }

  *#search({ batch: { header, leaves }, lines }: FoundBatch): Generator<SealedHit> {
    const { from } = this.#range;
    for (let at = Math.max(0, from - header.first); at < header.count; at++) {
      const seq = header.first + at;
      if (seq >= this.to) return;
      this.lines++;
      if (!this.#matches(lines.text(at))) continue;
      yield { seq, leaf: toHex(leaves.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)) };
    }
  }

  /** To the range's end, also where the batches end before it at a time behind which nothing is asked for. */
  #covered(): number | null {
    if (this.#isDone()) return this.to;
    this.#uncovered(Math.max(this.#range.from, this.end.size), this.to - 1);
    return null;
  }

  #uncovered(first: number, last: number): void {
    const place = { log: this.#range.log, first, last };
    this.findings.push(logFinding("batch_missing", place, "sealed batches of these", "none"));
  }
}

function stateBefore({ header }: CheckedBatch) {
  const head = { size: header.first, leaf: header.prev };
  return { head, frontier: header.frontier.map(fromHex), timeMs: null };
}

function endOf({ head, frontier, times }: CheckedBatch): ScanEnd {
  return { size: head.size, leaf: fromHex(head.leaf), frontier, timeMs: times.at(-1)! };
}
