/**
 * Whether the answer of a search has every hit (`answer-proof.ts`), seen by whoever asked: the sealed batches are fetched, each is found true by
 * itself and continues the one before, and every line of them is held against the filter here. What the answer lacks, and what does
 * not belong into it, is named. Of what is not sealed yet the lines stand in the answer, under the promise of the receipt key.
 */
import type { AnswerProof, ProofBatch, ProvenAnswer } from "./answer-proof.ts";
import {
  BATCH_INFLATED_BYTES_MAX,
  checkBatch,
  checkGzipHeader,
  decodeBatch,
  slotName,
  type CheckedBatch,
  type DecodedBatch,
} from "./batch.ts";
import { encodeUtf8, equalBytes, fromHex, toHex } from "./bytes.ts";
import { openCheckpoint, receiptKeyName } from "./checkpoint.ts";
import { LogError } from "./errors.ts";
import { FilterError, formatFilter, matchesLine, parseFilter, type Filter } from "./filter.ts";
import { findingOf, logFinding, type LogFinding, type LogFindingCode } from "./log-findings.ts";
import { HASH_BYTES, leafHash, sha256, type Sha256 } from "./hash.ts";
import { encodeJson } from "./json.ts";
import { LineChecker } from "./line-check.ts";
import type { Verify, VerifierKey } from "./note.ts";
import { Replay } from "./replay.ts";
import { CompactTree } from "./tree.ts";

export interface AnswerCheckOptions {
  /** Keys of a log by its origin: its log key, and its receipt keys where they are known. */
  readonly keysFor: (origin: string) => readonly VerifierKey[];
  /** The bytes of a batch's object. What it throws says that it cannot be had. */
  readonly fetch: (batch: ProofBatch) => Promise<Uint8Array>;
  /** Throws where the result would be longer than `bytesMax`, or where bytes follow the member. */
  readonly gunzip: (object: Uint8Array, bytesMax: number) => Promise<Uint8Array>;
  readonly verify?: Verify;
  readonly sha256?: Sha256;
  /** After each batch: how many of how many. */
  readonly onBatch?: (done: number, of: number) => void;
}

export interface AnswerReport {
  readonly log: string;
  readonly filter: Filter;
  /** What the pages together speak of. */
  readonly from: number;
  readonly to: number;
  /** Entries before this one lie in sealed batches that were looked through. */
  readonly sealedTo: number;
  /** Those before this one were looked through: beyond `sealedTo` under the receipt key's promise. Behind it nothing is proven. */
  readonly provenTo: number;
  /** Hits that are in the answer and right. */
  readonly hits: number;
  readonly batches: number;
  readonly lines: number;
  readonly findings: readonly LogFinding[];
}

/** Pages of one search, in any order. Throws `invalid_answer` for pages that are not of one; what does not hold is a finding. */
export async function checkAnswers(
  pages: readonly ProvenAnswer[],
  options: AnswerCheckOptions,
): Promise<AnswerReport> {
  const [first] = pages;
  if (first === undefined) throw bad("no answer");
  const { log, origin } = first.proof;
  const filter = filterOf(first.proof);
  for (const { proof } of pages) {
    const isSame = proof.log === log && proof.origin === origin;
    if (!isSame || formatFilter(filterOf(proof)) !== formatFilter(filter)) {
      throw bad("pages of several searches: check each by itself");
    }
  }
  const sorted = [...pages].sort((a, b) => a.proof.from - b.proof.from || a.proof.to - b.proof.to);
  const of = sorted.reduce((sum, { proof }) => sum + proof.batches.length, 0);
  const parts = [];
  let done = 0;
  for (const page of sorted) {
    const check = new PageCheck(page, filter, options);
    parts.push(await check.run(() => options.onBatch?.(++done, of)));
  }
  const findings = parts.flatMap((part) => part.findings);
  let to = sorted[0]!.proof.from;
  for (const { proof } of sorted) {
    if (proof.from > to) {
      const place = { log, first: to, last: proof.from - 1 };
      findings.push(logFinding("entry_missing", place, "a page of these entries, too", "none"));
    }
    to = Math.max(to, proof.to);
  }
  const unproven = parts.filter((part) => part.provenTo < part.to).map((part) => part.provenTo);
  return {
    ...{ log, filter, from: sorted[0]!.proof.from, to },
    sealedTo: Math.max(...sorted.map(({ proof }) => proof.sealed_to)),
    provenTo: Math.min(to, ...unproven),
    hits: parts.reduce((sum, part) => sum + part.hits, 0),
    batches: of,
    lines: parts.reduce((sum, part) => sum + part.lines, 0),
    findings,
  };
}

interface PageReport {
  readonly to: number;
  readonly provenTo: number;
  readonly hits: number;
  readonly lines: number;
  readonly findings: LogFinding[];
}

/** Where the entries that were looked through end, and what the next one follows on. */
interface End {
  readonly size: number;
  readonly leaf: Uint8Array;
  readonly frontier: readonly Uint8Array[];
  readonly timeMs: number;
}

class PageCheck {
  readonly #page: ProvenAnswer;
  readonly #proof: AnswerProof;
  readonly #filter: Filter;
  readonly #options: AnswerCheckOptions;
  readonly #hash: Sha256;
  readonly #findings: LogFinding[] = [];
  /** Leaves of the hits that were found in lines, hex, by seq. */
  readonly #found = new Map<number, string>();
  #lines = 0;

  constructor(page: ProvenAnswer, filter: Filter, options: AnswerCheckOptions) {
    this.#page = page;
    this.#proof = page.proof;
    this.#filter = filter;
    this.#options = options;
    this.#hash = options.sha256 ?? sha256;
  }

  async run(onBatch: () => void): Promise<PageReport> {
    const { to, sealed_to: sealedTo } = this.#proof;
    const end = await this.#batches(onBatch);
    const readTo = end === null ? null : this.#coveredTo(end);
    const provenTo =
      readTo !== null && to > sealedTo && readTo >= sealedTo
        ? await this.#tail(end!, readTo)
        : readTo;
    const hits = this.#compare(provenTo);
    return {
      ...{ to, provenTo: provenTo ?? this.#proof.from, hits },
      ...{ lines: this.#lines, findings: this.#findings },
    };
  }

  /** Looks through the batches; null where one of them cannot be believed. */
  async #batches(onBatch: () => void): Promise<End | null> {
    const { batches, from, log, origin } = this.#proof;
    let replay: Replay | null = null;
    let end: End | null = null;
    for (const item of batches) {
      const read = await this.#read(item);
      onBatch();
      if (read === null) return null;
      const { batch, decoded } = read;
      const { header } = batch;
      replay ??= new Replay(
        log,
        {
          head: { size: header.first, leaf: header.prev },
          frontier: header.frontier.map(fromHex),
          timeMs: null,
        },
        origin,
      );
      const wrong = replay.take(batch, { object: item.key, version: item.version_id });
      this.#findings.push(...wrong);
      if (wrong.length > 0) return null;
      if (end === null && !this.#beginsEarlyEnough(batch, from)) return null;
      this.#search(decoded, batch);
      end = {
        size: batch.head.size,
        leaf: fromHex(batch.head.leaf),
        frontier: batch.frontier,
        timeMs: batch.times.at(-1)!,
      };
    }
    return end ?? EMPTY;
  }

  async #read(item: ProofBatch): Promise<{ batch: CheckedBatch; decoded: DecodedBatch } | null> {
    const { log, origin } = this.#proof;
    const last = item.first + item.count - 1;
    const place = { log, first: item.first, last, object: item.key, version: item.version_id };
    const find = (code: LogFindingCode, expected: string, found: string): null => {
      this.#findings.push(logFinding(code, place, expected, found));
      return null;
    };
    if (item.key !== slotName(log, item.first)) {
      return find("batch_altered", slotName(log, item.first), item.key);
    }
    let object: Uint8Array;
    try {
      object = await this.#options.fetch(item);
    } catch (error) {
      return find("batch_missing", "the sealed object", messageOf(error));
    }
    const digest = toHex(this.#hash(object));
    if (digest !== item.sha256) return find("batch_altered", `SHA-256 ${item.sha256}`, digest);
    let inflated: Uint8Array;
    try {
      checkGzipHeader(object);
      inflated = await this.#options.gunzip(object, BATCH_INFLATED_BYTES_MAX);
    } catch (error) {
      return find("batch_unreadable", "a readable batch", messageOf(error));
    }
    try {
      const decoded = decodeBatch(inflated);
      const { header } = decoded;
      if (header.origin !== origin || header.first !== item.first || header.count !== item.count) {
        const found = `${header.count} entries of ${header.origin} from ${header.first}`;
        return find("batch_altered", `${item.count} of ${origin} from ${item.first}`, found);
      }
      const { verify } = this.#options;
      const batch = await checkBatch(decoded, this.#options.keysFor(origin), {
        sha256: this.#hash,
        ...(verify === undefined ? {} : { verify }),
      });
      return { batch, decoded };
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.#findings.push(findingOf(error, place));
      return null;
    }
  }

  /** What stands before the first batch was either not asked about, or is older than what is asked for. */
  #beginsEarlyEnough({ header, times }: CheckedBatch, from: number): boolean {
    const { sinceMs } = this.#filter;
    if (header.first <= from || (sinceMs !== null && times[0]! < sinceMs)) return true;
    this.#uncovered(from, header.first - 1);
    return false;
  }

  /** How far the batches tell: to their end, or to the end of all that is asked about where that lies before a time which they reach. */
  #coveredTo(end: End): number | null {
    const { from, to, sealed_to: sealedTo } = this.#proof;
    const { untilMs } = this.#filter;
    if (untilMs !== null && end.timeMs >= untilMs) return to;
    if (end.size >= sealedTo || from >= sealedTo) return Math.max(from, sealedTo);
    this.#uncovered(Math.max(from, end.size), sealedTo - 1);
    return null;
  }

  #uncovered(first: number, last: number): void {
    const place = { log: this.#proof.log, first, last };
    const found = "the answer names none";
    this.#findings.push(
      logFinding("batch_missing", place, "sealed batches of these entries", found),
    );
  }

  #search({ lines }: DecodedBatch, { header, leaves }: CheckedBatch): void {
    const { from, to } = this.#proof;
    for (let i = 0; i < header.count; i++) {
      const seq = header.first + i;
      if (seq < from || seq >= to) continue;
      this.#lines++;
      if (!matchesLine(this.#filter, lines.text(i))) continue;
      this.#found.set(seq, toHex(leaves.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)));
    }
  }

  /** Looks through what is not sealed yet; gives how far that goes. */
  async #tail(end: End, readTo: number): Promise<number> {
    const { tail, to, from, log } = this.#proof;
    if (tail === null) return readTo;
    try {
      const tree = new CompactTree(end.size, end.frontier, this.#hash);
      const checker = new LineChecker(log);
      const hits = new Map<number, string>();
      let { leaf, timeMs } = end;
      for (const line of tail.lines) {
        const seq = tree.size;
        const bytes = encodeUtf8(line);
        timeMs = checker.check(bytes, 0, bytes.length, seq, leaf, timeMs);
        leaf = leafHash(bytes, this.#hash);
        tree.append(leaf);
        if (seq >= from && seq < to && matchesLine(this.#filter, line)) hits.set(seq, toHex(leaf));
      }
      await this.#openTail(tail.checkpoint, tree);
      if (tree.size < to) throw new LogError("invalid_answer", `the tail ends at ${tree.size}`);
      this.#lines += tail.lines.length;
      for (const [seq, hash] of hits) this.#found.set(seq, hash);
      return to;
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      const place = { log, first: end.size, last: to - 1 };
      this.#findings.push(findingOf(error, place));
      return readTo;
    }
  }

  async #openTail(note: string, tree: CompactTree): Promise<void> {
    const { origin } = this.#proof;
    const keys = this.#options
      .keysFor(origin)
      .filter(({ name }) => name === receiptKeyName(origin));
    const checkpoint = await openCheckpoint(note, keys, this.#options.verify);
    if (checkpoint.origin !== origin || checkpoint.size !== tree.size) {
      throw new LogError("invalid_checkpoint", "the tail's checkpoint is not of its end");
    }
    if (!equalBytes(checkpoint.root, tree.root())) {
      throw new LogError("root_mismatch", "the tail's lines do not have the root that was signed");
    }
  }

  /** Holds the answer against what was found; gives how many of its entries are right. */
  #compare(provenTo: number | null): number {
    const { log, from, to, order } = this.#proof;
    const shown = new Set<number>();
    let hits = 0;
    let before: number | null = null;
    const find = (code: LogFindingCode, seq: number, expected: string, found: string): void =>
      void this.#findings.push(logFinding(code, { log, first: seq }, expected, found));
    for (const { seq, hash, entry } of this.#page.entries) {
      const isBehind = before === null || (order === "asc" ? seq > before : seq < before);
      before = seq;
      if (shown.has(seq) || !isBehind || seq < from || seq >= to) {
        find(
          "entry_altered",
          seq,
          `hits of ${from} to ${to - 1}, ${order}`,
          "one out of its place",
        );
        continue;
      }
      shown.add(seq);
      const leaf = toHex(leafHash(encodeUtf8(encodeJson(entry)), this.#hash));
      if (leaf !== hash) {
        find("entry_altered", seq, `an entry with the leaf ${hash}`, `one with ${leaf}`);
      } else if (provenTo !== null && seq < provenTo) {
        const wanted = this.#found.get(seq);
        if (wanted === hash) hits++;
        else if (wanted !== undefined) find("entry_altered", seq, `the leaf ${wanted}`, hash);
        else find("entry_altered", seq, "an entry that the filter asks for", "another one");
      }
    }
    if (provenTo === null) return hits;
    for (const seq of this.#found.keys()) {
      if (!shown.has(seq) && seq < provenTo) {
        find("entry_missing", seq, "an answer that has this hit", "it was left out");
      }
    }
    return hits;
  }
}

const EMPTY: End = {
  size: 0,
  leaf: new Uint8Array(HASH_BYTES),
  frontier: [],
  timeMs: Number.NEGATIVE_INFINITY,
};

function filterOf({ filter }: AnswerProof): Filter {
  try {
    return parseFilter((name) => filter[name] ?? null);
  } catch (cause) {
    if (!(cause instanceof FilterError)) throw cause;
    throw new LogError("invalid_answer", `its filter: ${cause.message}`, { cause });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function bad(detail: string): LogError {
  return new LogError("invalid_answer", detail);
}
