/**
 * Whether an export has every entry that its filter asks for: its records are held against the sealed batches, both in the order of the log,
 * with one batch in memory. The file alone can never show this (FORMAT §10); what it lacks is named by its seq.
 */
import type { BatchScan, SealedHit } from "./batch-scan.ts";
import type { OpenedCheckpoint } from "./checkpoint.ts";
import { FINDINGS_KEPT_MAX, type ExportFollower } from "./export-check.ts";
import type { ExportHeader } from "./export-jsonl.ts";
import type { Filter } from "./filter.ts";
import { logFinding, type LogFinding, type LogFindingCode } from "./log-findings.ts";

/** What is to be looked through, as the export's first header says. */
export interface ExportScope {
  readonly header: ExportHeader;
  readonly filter: Filter;
  /** Those of all parts: more while it goes on. */
  readonly checkpoints: readonly OpenedCheckpoint[];
}

export interface CompletenessReport {
  /** True where every entry of the range was looked through, and the export has all that are asked for. */
  readonly isComplete: boolean;
  readonly batches: number;
  readonly lines: number;
  readonly findings: readonly LogFinding[];
  readonly moreFindings: number;
}

export class ExportComplete implements ExportFollower {
  readonly #open: (scope: ExportScope) => Promise<BatchScan>;
  readonly #checkpoints: OpenedCheckpoint[] = [];
  readonly #findings: LogFinding[] = [];
  #moreFindings = 0;
  #log: string | null = null;
  #scan: BatchScan | null = null;
  #hits: AsyncIterator<SealedHit, void> | null = null;
  /** The next hit that no record was found for; null behind the last one. */
  #next: SealedHit | null = null;

  /** `open` is called once, for the first part. */
  constructor(open: (scope: ExportScope) => Promise<BatchScan>) {
    this.#open = open;
  }

  async begin(
    header: ExportHeader,
    filter: Filter,
    checkpoint: OpenedCheckpoint | null,
  ): Promise<void> {
    if (checkpoint !== null) this.#checkpoints.push(checkpoint);
    if (this.#scan !== null) {
      this.#scan.to = Math.max(this.#scan.to, header.to);
      return;
    }
    this.#log = header.log;
    this.#scan = await this.#open({ header, filter, checkpoints: this.#checkpoints });
    if (header.from === header.to) return;
    this.#hits = this.#scan.hits();
    await this.#advance();
  }

  async record(seq: number, hash: string): Promise<void> {
    await this.#leftOut(seq);
    if (this.#next?.seq !== seq) {
      // Where the batches cannot be read to here nothing can be said of it.
      if (this.#next !== null) this.#find("entry_altered", seq, "an entry that is asked for", hash);
      return;
    }
    if (this.#next.leaf !== hash) {
      this.#find("entry_altered", seq, `the sealed leaf ${this.#next.leaf}`, hash);
    }
    await this.#advance();
  }

  /** After the last line. `to`: so far the export speaks. */
  async finish(to: number): Promise<CompletenessReport> {
    const scan = this.#scan;
    if (scan !== null) scan.to = Math.min(scan.to, to);
    await this.#leftOut(to);
    // Hits come in their order: with one that lies behind, all before it were looked through.
    const isThrough = this.#hits === null || this.#next !== null || scan?.coveredTo !== null;
    const isClean = this.#findings.length === 0 && scan?.findings.length === 0;
    await this.#hits?.return?.();
    return {
      isComplete: isThrough && isClean,
      batches: scan?.batches ?? 0,
      lines: scan?.lines ?? 0,
      findings: [...(scan?.findings ?? []), ...this.#findings],
      moreFindings: this.#moreFindings,
    };
  }

  /** Hits before this one are not in the export. */
  async #leftOut(end: number): Promise<void> {
    while (this.#next !== null && this.#next.seq < end) {
      const { seq, leaf } = this.#next;
      this.#find("entry_missing", seq, "a record of this sealed entry", `none with ${leaf}`);
      await this.#advance();
    }
  }

  async #advance(): Promise<void> {
    const next = await this.#hits?.next();
    this.#next = next === undefined || next.done === true ? null : next.value;
  }

  #find(code: LogFindingCode, seq: number, expected: string, found: string): void {
    if (this.#findings.length === FINDINGS_KEPT_MAX) {
      this.#moreFindings++;
      return;
    }
    this.#findings.push(logFinding(code, { log: this.#log, first: seq }, expected, found));
  }
}
