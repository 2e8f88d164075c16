/**
 * What the sealed entries of `_system` say about the logs: which there are, and the least retention each was ever promised.
 * A verifier folds them as it walks `_system` and holds the other logs against them.
 */
import { decodeLine } from "../log/entry.ts";
import { Directory } from "../log/system.ts";
import type { SlotBatch } from "./slot.ts";

export class Promises {
  readonly directory = new Directory();
  readonly #retentionDaysMin = new Map<string, number>();
  /** From here on it is not known what `_system` says. */
  broken = false;

  /** Takes the next batch of `_system`, with its lines. Behind a hole, which the walk tells, nothing more is known. */
  take(read: SlotBatch): void {
    if (read.batch.header.first !== this.directory.size) this.broken = true;
    if (this.broken) return;
    for (let i = 0; i < read.lines.length; i++) this.#apply(read.lines.text(i));
  }

  /** Entries that nobody can make sense of, as sentences: they are signed all the same. */
  unreadable(): string[] {
    return this.directory.unreadable.map(
      ({ seq, detail }) => `entry ${seq} of _system means nothing: ${detail}`,
    );
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
