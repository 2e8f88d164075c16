/**
 * One page of a search held against the sealed batches: see `answer-check.ts`. Hits are compared as they are met, so what is in memory is
 * the page, one batch, and the tail.
 */
import type { AnswerProof, ProvenAnswer } from "./answer-proof.ts";
import { answerRange } from "./answer-range.ts";
import type { CheckedBatch } from "./batch.ts";
import { BatchScan, LOG_START, type BatchesFrom, type ScanEnd } from "./batch-scan.ts";
import { encodeUtf8, equalBytes, toHex } from "./bytes.ts";
import { openCheckpoint, receiptKeyName, type OpenedCheckpoint } from "./checkpoint.ts";
import { LogError } from "./errors.ts";
import type { Filter } from "./filter.ts";
import { findingOf, logFinding, type LogFinding, type LogFindingCode } from "./log-findings.ts";
import { HASH_BYTES, leafHash, sha256, type Sha256 } from "./hash.ts";
import { encodeJson } from "./json.ts";
import { LineChecker } from "./line-check.ts";
import { lineMatcher } from "./line-matcher.ts";
import type { Verify, VerifierKey } from "./note.ts";
import { CompactTree } from "./tree.ts";

export interface PageOptions {
  /** Keys of a log by its origin: its log key, and its receipt keys where they are known. */
  readonly keysFor: (origin: string) => readonly VerifierKey[];
  /** The sealed batches of a log; see `BatchesFrom`. */
  readonly batches: (log: string, origin: string) => BatchesFrom;
  readonly verify?: Verify;
  readonly sha256?: Sha256;
  /** Looks at each batch that was read, too: what else is known of the log. */
  readonly onBatch?: (batch: CheckedBatch) => readonly LogFinding[];
}

/** So many findings are kept; more help nobody. */
export const FINDINGS_KEPT_MAX = 100;

interface PageReport {
  readonly provenTo: number;
  readonly hits: number;
  readonly checkpointSize: number;
}

interface Shown {
  readonly hash: string;
  /** It was met in a line that the filter asks for. */
  met: boolean;
}

export class PageCheck {
  readonly #page: ProvenAnswer;
  readonly #proof: AnswerProof;
  readonly #filter: Filter;
  readonly #options: PageOptions;
  readonly #hash: Sha256;
  readonly #seen: ReadonlyMap<number, string>;
  /** The page's entries that are what they say and stand where they should, by seq. */
  readonly #shown = new Map<number, Shown>();
  #hits = 0;
  scan!: BatchScan;
  readonly findings: LogFinding[] = [];
  moreFindings = 0;
  /** Leaves at both ends of what was read. */
  readonly ends = new Map<number, string>();

  constructor(
    page: ProvenAnswer,
    filter: Filter,
    options: PageOptions,
    seen: ReadonlyMap<number, string>,
  ) {
    this.#page = page;
    this.#proof = page.proof;
    this.#filter = filter;
    this.#options = options;
    this.#hash = options.sha256 ?? sha256;
    this.#seen = seen;
  }

  async run(): Promise<PageReport> {
    const { log, origin, from, sealed_to: sealedTo, tail, read_from: readFrom } = this.#proof;
    const checkpoint = await this.#openSealed();
    this.#keep(...answerRange(this.#page, checkpoint?.size ?? 0));
    this.#readEntries();
    const range = { log, origin, filter: this.#filter, from, to: sealedTo, readFrom };
    this.scan = new BatchScan(range, {
      batches: this.#options.batches(log, origin),
      checkpoints: checkpoint === null ? [] : [checkpoint],
      onBatch: (batch) => [...this.#compareEnds(batch), ...(this.#options.onBatch?.(batch) ?? [])],
    });
    const isRead = sealedTo > from || (sealedTo > 0 && (tail?.lines ?? null) !== null);
    if (isRead) for await (const { seq, leaf } of this.scan.hits()) this.#meet(seq, leaf);
    // What is wrong with the batches comes first: it may be why the rest is.
    this.findings.unshift(...this.scan.findings);
    const readTo = isRead ? this.scan.coveredTo : sealedTo;
    const provenTo = readTo === null ? from : Math.max(from, await this.#beyond(readTo, isRead));
    for (const [seq, { met }] of this.#shown) {
      if (met || seq >= provenTo) continue;
      this.#find("entry_altered", seq, "an entry that the filter asks for", "another one");
    }
    return { provenTo, hits: this.#hits, checkpointSize: checkpoint?.size ?? 0 };
  }

  async #openSealed(): Promise<OpenedCheckpoint | null> {
    const { checkpoint: note, origin, log } = this.#proof;
    if (note === null) return null;
    try {
      const keys = this.#options.keysFor(origin).filter(({ name }) => name === origin);
      const opened = await openCheckpoint(note, keys, this.#options.verify);
      if (opened.origin === origin && origin.endsWith(`/${log}`)) return opened;
      throw new LogError("invalid_checkpoint", `a checkpoint of ${opened.origin}`);
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.#keep(findingOf(error, { log }));
      return null;
    }
  }

  /** The page's entries by themselves: each has the leaf that it says, and they stand in order, in the page's range. */
  #readEntries(): void {
    const { from, to, order } = this.#proof;
    let before: number | null = null;
    for (const { seq, hash, entry } of this.#page.entries) {
      const isBehind = before === null || (order === "asc" ? seq > before : seq < before);
      before = seq;
      if (this.#shown.has(seq) || !isBehind || seq < from || seq >= to) {
        const expected = `hits of ${from} to ${to - 1}, ${order}`;
        this.#find("entry_altered", seq, expected, "one out of its place");
        continue;
      }
      const leaf = toHex(leafHash(encodeUtf8(encodeJson(entry)), this.#hash));
      // One whose content is not its leaf's is told here, and missed nowhere.
      this.#shown.set(seq, { hash, met: leaf !== hash });
      if (leaf === hash) continue;
      this.#find("entry_altered", seq, `an entry with the leaf ${hash}`, `one with ${leaf}`);
    }
  }

  /** A line that the filter asks for. */
  #meet(seq: number, leaf: string): void {
    const shown = this.#shown.get(seq);
    if (shown === undefined) {
      this.#find("entry_missing", seq, "an answer that has this hit", "it was left out");
    } else if (shown.hash !== leaf) {
      shown.met = true;
      this.#find("entry_altered", seq, `the leaf ${leaf}`, shown.hash);
    } else if (!shown.met) {
      shown.met = true;
      this.#hits++;
    }
  }

  /** What two pages read of one entry is the same, or the log has two histories. The chain of leaves speaks for all that lies before. */
  #compareEnds({ header, head, leaves }: CheckedBatch): LogFinding[] {
    const findings: LogFinding[] = [];
    const first = header.first - 1;
    const leafAt = (seq: number): string =>
      seq === first
        ? header.prev
        : toHex(leaves.subarray((seq - header.first) * HASH_BYTES, (seq - first) * HASH_BYTES));
    for (const [seq, leaf] of this.#seen) {
      if (seq < first || seq >= head.size || leafAt(seq) === leaf) continue;
      const place = { log: header.log, first: seq };
      findings.push(logFinding("fork", place, `the leaf ${leaf}, as on another page`, leafAt(seq)));
    }
    if (this.ends.size === 0 && first >= 0) this.ends.set(first, header.prev);
    this.#last = [head.size - 1, head.leaf];
    return findings;
  }

  #last: readonly [seq: number, leaf: string] | null = null;

  /** How far all is proven, given that the sealed entries before `readTo` are. */
  async #beyond(readTo: number, isRead: boolean): Promise<number> {
    const { to, sealed_to: sealedTo, tail } = this.#proof;
    if (this.#last !== null) this.ends.set(...this.#last);
    const { untilMs } = this.#filter;
    const { end } = this.scan;
    // Nothing behind is asked for.
    if (isRead && untilMs !== null && end.timeMs >= untilMs) return to;
    if (to === sealedTo || tail === null) return readTo;
    return this.#tail(isRead ? end : LOG_START, readTo);
  }

  /** Looks through what is not sealed yet; gives how far that goes. */
  async #tail(end: ScanEnd, readTo: number): Promise<number> {
    const { tail, to, from, log, sealed_to: sealedTo } = this.#proof;
    const { lines, checkpoint } = tail!;
    try {
      const promised = await this.#openTail(checkpoint);
      if (promised.size < to) {
        throw new LogError("invalid_checkpoint", `only ${promised.size} entries are promised`);
      }
      if (lines === null) return readTo;
      const tree = new CompactTree(end.size, end.frontier, this.#hash);
      const checker = new LineChecker(log);
      const matches = lineMatcher(this.#filter);
      const hits: [seq: number, leaf: string][] = [];
      let { leaf, timeMs } = end;
      for (const line of lines) {
        const seq = tree.size;
        const bytes = encodeUtf8(line);
        timeMs = checker.check(bytes, 0, bytes.length, seq, leaf, timeMs);
        leaf = leafHash(bytes, this.#hash);
        tree.append(leaf);
        if (seq >= from && seq < to && matches(line)) hits.push([seq, toHex(leaf)]);
      }
      if (promised.size !== tree.size) {
        throw new LogError("invalid_checkpoint", "the tail's checkpoint is not of its end");
      }
      if (!equalBytes(promised.root, tree.root())) {
        throw new LogError(
          "root_mismatch",
          "the tail's lines do not have the root that was signed",
        );
      }
      this.scan.lines += lines.length;
      for (const [seq, hash] of hits) this.#meet(seq, hash);
      return to;
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.#keep(findingOf(error, { log, first: sealedTo, last: to - 1 }));
      return readTo;
    }
  }

  async #openTail(note: string): Promise<OpenedCheckpoint> {
    const { origin } = this.#proof;
    const keys = this.#options
      .keysFor(origin)
      .filter(({ name }) => name === receiptKeyName(origin));
    const checkpoint = await openCheckpoint(note, keys, this.#options.verify);
    if (checkpoint.origin === origin) return checkpoint;
    throw new LogError("invalid_checkpoint", "the tail's checkpoint is of another log");
  }

  #find(code: LogFindingCode, seq: number, expected: string, found: string): void {
    this.#keep(logFinding(code, { log: this.#proof.log, first: seq }, expected, found));
  }

  #keep(...findings: readonly LogFinding[]): void {
    const room = FINDINGS_KEPT_MAX - this.findings.length;
    this.findings.push(...findings.slice(0, room));
    this.moreFindings += Math.max(0, findings.length - room);
  }
}
