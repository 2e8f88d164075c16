/**
 * Checkpoints that somebody kept, or that stand in receipts: whatever the log says today must extend them (RFC 6962's
 * consistency, checked by building the tree of that size again). This finds what no server can: a whole past
 * that was exchanged, or an end that was cut off.
 */
import { toBase64 } from "../log/bytes.ts";
import type { CheckedBatch } from "../log/batch.ts";
import { receiptKeyName, type OpenedCheckpoint } from "../log/checkpoint.ts";
import { fromHex, equalBytes } from "../log/bytes.ts";
import { newFinding, type Finding } from "../log/findings.ts";
import { logFinding, type LogFinding } from "../log/log-findings.ts";
import { HASH_BYTES, type Sha256 } from "../log/hash.ts";
import { CompactTree } from "../log/tree.ts";

/** Where a checkpoint was kept is for people: a file's name. */
export interface KeptCheckpoint extends OpenedCheckpoint {
  readonly source: string;
}

export class Remembered {
  readonly #log: string;
  /** Those not compared yet. */
  readonly #kept: Set<KeptCheckpoint>;
  #indexSize: number | null = null;

  constructor(log: string, kept: readonly KeptCheckpoint[]) {
    this.#log = log;
    this.#kept = new Set(kept);
  }

  /** Compares those whose size lies in the batch. */
  inBatch({ header, leaves }: CheckedBatch, sha256: Sha256): LogFinding[] {
    const { first, count } = header;
    const sizes = [...this.#kept].map(({ size }) => size);
    const inside = sizes.filter((size) => size >= first && size <= first + count);
    if (inside.length === 0) return [];
    const findings: LogFinding[] = [];
    const tree = new CompactTree(first, header.frontier.map(fromHex), sha256);
    findings.push(...this.at(first, tree.root()));
    for (let at = 0; at < leaves.length; at += HASH_BYTES) {
      tree.append(leaves.slice(at, at + HASH_BYTES));
      if (this.wants(tree.size)) findings.push(...this.at(tree.size, tree.root()));
    }
    return findings;
  }

  wants(size: number): boolean {
    for (const kept of this.#kept) if (kept.size === size) return true;
    return false;
  }

  /** Compares those of this size. */
  at(size: number, root: Uint8Array): LogFinding[] {
    const findings: LogFinding[] = [];
    for (const kept of this.#kept) {
      if (kept.size !== size) continue;
      this.#kept.delete(kept);
      if (equalBytes(kept.root, root)) continue;
      const place = { log: this.#log, first: 0, last: size - 1 };
      const expected = `the root ${toBase64(kept.root)} of size ${size}, as in ${kept.source}`;
      findings.push(logFinding("fork", place, expected, toBase64(root)));
    }
    return findings;
  }

  /** The index was followed so far. */
  reached(indexSize: number): void {
    this.#indexSize = indexSize;
  }

  /** What no part of the log has answered, the vault ending at `sealedSize`. */
  rest(sealedSize: number): { findings: Finding[]; unchecked: string[] } {
    const findings: Finding[] = [];
    const unchecked: string[] = [];
    for (const kept of this.#kept) {
      const { size, source, origin } = kept;
      const place = { log: this.#log, first: sealedSize, last: size - 1 };
      const receiptOnly = kept.signers.every(({ name }) => name === receiptKeyName(origin));
      if (size <= sealedSize) {
        unchecked.push(`${source} is of size ${size}, where the batches do not hold`);
      } else if (!receiptOnly) {
        const expected = `batches up to ${size}, as sealed in ${source}`;
        findings.push(newFinding("batch_missing", place, expected, `${sealedSize} entries`));
      } else if (this.#indexSize === null) {
        const what = `was promised for size ${size}, of which ${sealedSize} are sealed`;
        unchecked.push(`${source} ${what}; only the index can show the rest`);
      } else {
        const expected = `${size} entries, as promised in ${source}`;
        findings.push(newFinding("index_behind", place, expected, `${this.#indexSize} entries`));
      }
    }
    return { findings, unchecked };
  }
}
