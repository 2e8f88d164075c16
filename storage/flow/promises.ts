/**
 * What the sealed entries of `_system` say about the logs: which there are, and the least retention each was ever promised.
 * A verifier folds them as it walks `_system` and holds the other logs against them.
 */
import { decodeLine, SYSTEM_LOG } from "../log/entry.ts";
import { LogError } from "../log/errors.ts";
import { newFinding, type Finding } from "../log/findings.ts";
import { Directory } from "../log/system.ts";
import type { SlotBatch } from "./slot.ts";

export class Promises {
  readonly directory = new Directory();
  readonly findings: Finding[] = [];
  readonly #retentionDaysMin = new Map<string, number>();
  /** From here on it is not known what `_system` says. */
  broken = false;

  /** Takes the next batch of `_system`, with its lines. */
  take(read: SlotBatch): void {
    if (this.broken) return;
    const { first } = read.batch.header;
    try {
      for (let i = 0; i < read.lines.length; i++) this.#apply(read.lines.text(i));
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.broken = true;
      // A hole in `_system` was told by the walk.
      if (this.directory.size < first) return;
      const place = { log: SYSTEM_LOG, first: error.seq ?? first, object: read.version.key };
      const expected = "an entry as FORMAT §8 has it";
      this.findings.push(newFinding("entry_altered", place, expected, error.detail));
    }
  }

  /** Null for a log that `_system` does not name (yet). */
  retentionDaysMin(log: string): number | null {
    return this.#retentionDaysMin.get(log) ?? null;
  }

  #apply(line: string): void {
    const entry = decodeLine(line);
    this.directory.apply(entry);
    if (entry.action !== "log.created" && entry.action !== "log.changed") return;
    for (const { name, retentionDays } of this.directory.logs.values()) {
      const least = this.#retentionDaysMin.get(name) ?? Infinity;
      this.#retentionDaysMin.set(name, Math.min(least, retentionDays));
    }
  }
}
