/**
 * The index's lines as a log of their own: what chain and root they have, whatever the vault holds. As long as they are the
 * sealed lines, byte for byte, nothing is hashed twice; from the first difference on they go their own way.
 */
import type { BatchLines, CheckedBatch } from "../../../storage/log/batch.ts";
import { decodeUtf8, equalBytes, fromHex, toHex } from "../../../storage/log/bytes.ts";
import { LogError } from "../../../storage/log/errors.ts";
import { findingOf, logFinding } from "../../../storage/log/log-findings.ts";
import { HASH_BYTES, leafHash } from "../../../storage/log/hash.ts";
import { LineChecker } from "../../../storage/log/line-check.ts";
import { CompactTree } from "../../../storage/log/tree.ts";
import type { VerdictBook } from "./verdict.ts";

/** A line that the server refuses to show, because it knows that it was altered. */
export interface RefusedLine {
  readonly refused: string;
}

export type IndexLine = Uint8Array | RefusedLine;

const NEWLINE = 0x0a;

/** The lines of NDJSON, without newlines. What stands behind the last newline is a line, too. */
export function splitLines(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < bytes.length;) {
    const found = bytes.indexOf(NEWLINE, start);
    const end = found < 0 ? bytes.length : found;
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

/** Lines as text; what is not UTF-8 is shown as hex. */
export function lineText(line: IndexLine): string {
  if (!(line instanceof Uint8Array)) return `(the server refuses to show it: ${line.refused})`;
  try {
    return decodeUtf8(line);
  } catch {
    return `(not UTF-8) ${toHex(line)}`;
  }
}

export class IndexChain {
  readonly #log: string;
  readonly #book: VerdictBook;
  readonly #checker: LineChecker;
  /** Null where a line could not be read: nothing after it has a root. */
  #tree: CompactTree | null;
  #prev: Uint8Array;
  #timeMs = Number.NEGATIVE_INFINITY;
  /** Asked for the root at one size on the way. */
  readonly #rootAt: number;
  rootThere: Uint8Array | null = null;
  size: number;

  constructor(
    log: string,
    start: { size: number; prev: string; frontier: readonly Uint8Array[] },
    book: VerdictBook,
    rootAt = -1,
  ) {
    this.#log = log;
    this.#book = book;
    this.#checker = new LineChecker(log);
    this.#tree = new CompactTree(start.size, start.frontier);
    this.#prev = fromHex(start.prev);
    this.#rootAt = rootAt;
    this.size = start.size;
  }

  /** The sealed lines of this batch were those of the index, too: so here is where it stands. Only where `isAt` its beginning. */
  jump({ leaves, frontier, times, head: { size } }: CheckedBatch): void {
    if (this.#tree !== null && this.#rootAt > this.size && this.#rootAt <= size) {
      const tree = this.#tree.clone();
      for (let at = 0; this.size + at < this.#rootAt; at++) {
        tree.append(leaves.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES));
      }
      this.rootThere = tree.root();
    }
    this.#prev = leaves.slice(-HASH_BYTES);
    this.#timeMs = times.at(-1)!;
    if (this.#tree !== null) this.#tree = new CompactTree(size, frontier);
    this.size = size;
  }

  /** True if nothing was different so far: then `jump` may be used. */
  isAt(size: number, leaf: string, frontier: readonly Uint8Array[]): boolean {
    const own = this.#tree?.frontier();
    return (
      own !== undefined &&
      this.size === size &&
      toHex(this.#prev) === leaf &&
      own.length === frontier.length &&
      own.every((node, i) => equalBytes(node, frontier[i]!))
    );
  }

  /** Takes the next line as it is, and says where it does not follow on the one before. */
  take(line: IndexLine): void {
    const seq = this.size++;
    if (!(line instanceof Uint8Array)) {
      this.#tree = null;
      const place = { log: this.#log, first: seq };
      const finding = logFinding("entry_altered", place, "the entry's line", line.refused);
      this.#book.fail("chain", finding, `broken at ${seq}: the server refuses to show it`);
      return;
    }
    this.#check(line, seq);
    this.#prev = leafHash(line);
    this.#tree?.append(this.#prev);
    if (this.size === this.#rootAt) this.rootThere = this.root();
  }

  #check(line: Uint8Array, seq: number): void {
    try {
      const { length } = line;
      this.#timeMs = this.#checker.check(line, 0, length, seq, this.#prev, this.#timeMs);
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      if (this.#book.is("chain", "fails")) return;
      const finding = findingOf(error, { log: this.#log, first: seq });
      this.#book.fail("chain", finding, `broken at ${seq}`, { index: lineText(line) });
    }
  }

  root(): Uint8Array | null {
    return this.#tree?.root() ?? null;
  }
}

/**
 * Holds the index's lines against the sealed ones of one batch, and takes them into the chain. Every difference is named, with
 * both sides.
 */
/** The index gave exactly the bytes that are sealed. */
export function isSame(sealed: BatchLines, lines: readonly IndexLine[]): boolean {
  if (lines.length !== sealed.length) return false;
  return lines.every((line, i) => line instanceof Uint8Array && equalBytes(line, sealed.at(i)));
}

export function compareLines(
  sealed: BatchLines,
  first: number,
  lines: readonly IndexLine[],
  place: { readonly log: string },
  book: VerdictBook,
): void {
  for (let i = 0; i < sealed.length; i++) {
    const line = lines[i];
    const vault = sealed.at(i);
    if (line instanceof Uint8Array && equalBytes(line, vault)) continue;
    const at = { ...place, first: first + i };
    const index = line === undefined ? "(nothing)" : lineText(line);
    const code = line === undefined ? "entry_missing" : "entry_altered";
    const finding = logFinding(code, at, "the sealed line", "another one in the index");
    const both = { vault: lineText(vault), index };
    book.fail("sealed", finding, `differs at ${first + i}`, both);
  }
}
