/**
 * Whether an export (`export-jsonl.ts`, FORMAT §10) holds, from its own bytes and verifier keys alone, line by line in memory that does not
 * grow: each line is a true line of its log under the checkpoint that the log key signed, they stand in order, are asked for by the filter, and
 * none was lost on the way. Several parts may follow each other, as when one broke off and another went on.
 */
import { decodeUtf8, encodeUtf8, fromHex, isHashHex, toHex } from "./bytes.ts";
import { openCheckpoint, type OpenedCheckpoint } from "./checkpoint.ts";
import { LogError } from "./errors.ts";
import {
  parseExportLine,
  type ExportEnd,
  type ExportHeader,
  type ExportRecord,
} from "./export-jsonl.ts";
import {
  EVERYTHING,
  formatFilter,
  isEverything,
  matchesLine,
  readFilter,
  type Filter,
} from "./filter.ts";
import { logFinding, type LogFinding, type LogFindingCode } from "./log-findings.ts";
import { HASH_BYTES, leafHash, newSha256, sha256, type Sha256, type Sha256Stream } from "./hash.ts";
import { LineChecker } from "./line-check.ts";
import { verifyEd25519, type Verify, type VerifierKey } from "./note.ts";
import { ReceiptWalk } from "./receipt-walk.ts";
import { formatTimeMs } from "./time.ts";

/** So many findings are kept; more help nobody. */
export const FINDINGS_KEPT_MAX = 100;

export interface ExportCheckOptions {
  /** Keys that may have signed for a log, by its origin. Only log keys count: an export is of what is sealed. */
  readonly keysFor: (origin: string) => readonly VerifierKey[];
  readonly verify?: Verify;
  readonly sha256?: Sha256;
  readonly newSha256?: () => Sha256Stream;
  /** Told of what the file says, in its order: holds it against the sealed batches (`export-complete.ts`). */
  readonly follower?: ExportFollower;
}

export interface ExportFollower {
  /** A part begins; null: its checkpoint does not hold. */
  begin(header: ExportHeader, filter: Filter, checkpoint: OpenedCheckpoint | null): Promise<void>;
  /** A record that stands in its place; whether it holds is told elsewhere. */
  record(seq: number, hash: string): Promise<void>;
}

export interface ExportReport {
  /** Of the first header; null where there is none. */
  readonly log: string | null;
  readonly origin: string | null;
  readonly filter: Filter;
  /** Entries `from` … `to` − 1 were looked through, as the file says. */
  readonly from: number;
  readonly to: number;
  /** Records that hold. */
  readonly count: number;
  readonly parts: number;
  /** Size of the largest checkpoint that verified; 0 where none did. */
  readonly checkpointSize: number;
  readonly findings: readonly LogFinding[];
  /** Findings beyond those that were kept. */
  readonly moreFindings: number;
}

interface Part {
  readonly header: ExportHeader;
  readonly filter: Filter;
  readonly checker: LineChecker;
  /** Null where the checkpoint is not to be believed. */
  readonly walk: ReceiptWalk | null;
  readonly hash: Sha256Stream;
  count: number;
}

export class ExportCheck {
  readonly #options: ExportCheckOptions;
  readonly #hash: Sha256;
  readonly #findings: LogFinding[] = [];
  #moreFindings = 0;
  #first: Part | null = null;
  /** Null before the first header, and after an end. */
  #part: Part | null = null;
  #parts = 0;
  #count = 0;
  #checkpointSize = 0;
  #lines = 0;
  /** Entries before this one have been spoken of. */
  #covered = 0;
  #last: { readonly seq: number; readonly leaf: string; readonly timeMs: number } | null = null;

  constructor(options: ExportCheckOptions) {
    this.#options = options;
    this.#hash = options.sha256 ?? sha256;
  }

  /** Takes the next line, without its newline. Never throws for what the line holds. */
  async line(bytes: Uint8Array): Promise<void> {
    this.#lines++;
    try {
      const line = parseExportLine(decodeUtf8(bytes));
      if (line.kind === "header") await this.#begin(line);
      else if (this.#part === null) this.#find("entry_missing", "a header first", `a ${line.kind}`);
      else if (line.kind === "record") await this.#record(this.#part, line);
      else if (line.kind === "mark") this.#mark(line.after);
      else this.#end(this.#part, line);
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.#find("entry_altered", "a line of an export", `line ${this.#lines}: ${error.detail}`);
    }
    this.#part?.hash.update(bytes).update(NEWLINE);
  }

  /** After the last line. `rest`: what follows it without a newline. */
  finish(rest: Uint8Array = new Uint8Array(0)): ExportReport {
    const first = this.#first;
    if (first === null && this.#findings.length === 0) {
      this.#find("entry_missing", "a header", "an empty file");
    }
    if (this.#part !== null || rest.length > 0) {
      const cut = rest.length > 0 ? "in the middle of a line" : "without an end";
      const what = "what came behind is not there: the export broke off, or the file was cut";
      this.#find("entry_missing", "a line that ends the export", `it stops ${cut}; ${what}`);
    }
    return {
      log: first?.header.log ?? null,
      origin: first?.header.origin ?? null,
      filter: first?.filter ?? EVERYTHING,
      from: first?.header.from ?? 0,
      to: this.#covered,
      count: this.#count,
      parts: this.#parts,
      checkpointSize: this.#checkpointSize,
      findings: this.#findings,
      moreFindings: this.#moreFindings,
    };
  }

  async #begin(header: ExportHeader): Promise<void> {
    this.#parts++;
    const filter = readFilter(header.filter, "invalid_export");
    const checkpoint = await this.#open(header);
    const walk =
      checkpoint === null ? null : new ReceiptWalk(checkpoint, header.checkpoint, this.#hash);
    const checker = new LineChecker(header.log);
    const part = { header, filter, checker, walk, count: 0, hash: this.#newHash() };
    this.#part = part;
    const { from, to, log, origin } = header;
    if (this.#first === null) {
      this.#first = part;
      this.#covered = from;
    } else {
      const { header: before, filter: filterBefore } = this.#first;
      const same = before.log === log && before.origin === origin;
      if (!same || formatFilter(filterBefore) !== formatFilter(filter)) {
        this.#find("entry_altered", "a part of the same export", "another log, or another filter");
      }
      if (from !== this.#covered) {
        const found = `a part from ${from}`;
        this.#find("entry_missing", `a part that goes on at ${this.#covered}`, found);
      }
      this.#covered = from;
    }
    await this.#options.follower?.begin(header, filter, checkpoint);
    if (checkpoint !== null && checkpoint.size < to) {
      this.#find("root_mismatch", `a checkpoint of ${to} entries`, `one of ${checkpoint.size}`);
    }
  }

  #newHash(): Sha256Stream {
    return (this.#options.newSha256 ?? newSha256)();
  }

  async #open({ checkpoint, origin, log }: ExportHeader): Promise<OpenedCheckpoint | null> {
    try {
      const keys = this.#options.keysFor(origin).filter(({ name }) => name === origin);
      const opened = await openCheckpoint(checkpoint, keys, this.#options.verify ?? verifyEd25519);
      if (opened.origin !== origin || !origin.endsWith(`/${log}`)) {
        throw new LogError("signature_invalid", `the checkpoint is of ${opened.origin}`);
      }
      this.#checkpointSize = Math.max(this.#checkpointSize, opened.size);
      return opened;
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.#find(
        "signature_invalid",
        `a checkpoint signed by the log key of ${origin}`,
        error.detail,
      );
      return null;
    }
  }

  async #record(part: Part, record: ExportRecord): Promise<void> {
    const { seq, after } = record;
    part.count++;
    if (seq < this.#covered || after >= seq || seq >= part.header.to) {
      const wanted = `an entry from ${this.#covered} to ${part.header.to - 1}`;
      return this.#find("entry_altered", wanted, "a record that does not belong here", seq);
    }
    if (after !== this.#covered - 1) {
      const found = `the record of entry ${seq} follows on ${after}`;
      this.#find(
        "entry_missing",
        `what follows on ${this.#covered - 1}`,
        found,
        this.#covered,
        seq - 1,
      );
    } else if (seq > this.#covered && isEverything(part.filter)) {
      this.#find("entry_missing", `entry ${this.#covered}`, `entry ${seq}`, this.#covered, seq - 1);
    }
    this.#covered = seq + 1;
    await this.#options.follower?.record(seq, record.hash);
    if (this.#lineHolds(part, record) && this.#proofHolds(part, record)) this.#count++;
  }

  #mark(after: number): void {
    if (after < this.#covered) {
      this.#find("entry_altered", `a mark behind ${this.#covered}`, `one at ${after}`);
    } else this.#covered = after + 1;
  }

  #end(part: Part, { count, after, sha256: digest }: ExportEnd): void {
    this.#part = null;
    const { to } = part.header;
    const isEverythingHere = !isEverything(part.filter) || this.#covered >= to;
    if (after !== to - 1 || !isEverythingHere) {
      const found = `an end after ${Math.min(after, this.#covered - 1)}`;
      this.#find("entry_missing", `entries up to ${to - 1}`, found, this.#covered, to - 1);
    }
    if (count !== part.count) {
      this.#find("entry_missing", `${count} records, as the end says`, `${part.count}`);
    }
    if (toHex(part.hash.digest()) !== digest) {
      this.#find("entry_altered", `bytes with the SHA-256 ${digest}`, "other bytes before the end");
    }
    this.#covered = Math.max(this.#covered, to);
  }

  /** The line by itself, and what stands before it. */
  #lineHolds(part: Part, { seq, hash, line }: ExportRecord): boolean {
    const bytes = encodeUtf8(line);
    const leaf = toHex(leafHash(bytes, this.#hash));
    const before = this.#last;
    try {
      if (leaf !== hash) throw new LogError("invalid_entry", `a line whose leaf is ${leaf}`);
      const prev = prevOf(line);
      const timeMinMs = before?.timeMs ?? Number.NEGATIVE_INFINITY;
      const timeMs = part.checker.check(bytes, 0, bytes.length, seq, fromHex(prev), timeMinMs);
      this.#last = { seq, leaf, timeMs };
      if (before?.seq === seq - 1 && before.leaf !== prev) {
        this.#find("chain_broken", `the leaf before it, ${before.leaf}`, `prev ${prev}`, seq);
        return false;
      }
      if (!isEverything(part.filter) && !matchesLine(part.filter, line)) {
        const found = `another one, of ${formatTimeMs(timeMs)}`;
        this.#find("entry_altered", "an entry that the filter asks for", found, seq);
        return false;
      }
      return true;
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.#find("entry_altered", `entry ${seq} with the leaf ${hash}`, error.detail, seq);
      return false;
    }
  }

  #proofHolds({ walk }: Part, { seq, hash, receipt }: ExportRecord): boolean {
    if (walk === null) return false;
    try {
      walk.check(seq, fromHex(hash), receipt);
      return true;
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.#find("root_mismatch", "a receipt that leads to the signed root", error.detail, seq);
      return false;
    }
  }

  #find(
    code: LogFindingCode,
    expected: string,
    found: string,
    first?: number,
    last?: number,
  ): void {
    if (this.#findings.length === FINDINGS_KEPT_MAX) {
      this.#moreFindings++;
      return;
    }
    const log = this.#first?.header.log ?? null;
    const place = first === undefined ? { log } : { log, first, last: last ?? first };
    this.#findings.push(logFinding(code, place, expected, found));
  }
}

const NEWLINE = encodeUtf8("\n");

/** The `prev` of a line in canonical form, in which what follows has a fixed form; throws `invalid_entry`. */
function prevOf(line: string): string {
  const name = '"prev":"';
  const at = line.lastIndexOf(name) + name.length;
  const prev = line.slice(at, at + 2 * HASH_BYTES);
  if (at < name.length || !isHashHex(prev))
    throw new LogError("invalid_entry", "a line without prev");
  return prev;
}
