/**
 * What the sealed entries of `_system` say about the logs: which there are, and what retention each promised when. A verifier
 * folds them as it walks `_system` and holds the other logs against them.
 */
import { decodeLine, type Entry } from "../log/entry.ts";
import { isJsonObject } from "../log/json.ts";
import { Directory } from "../log/system.ts";
import { CLOCK_SKEW_MS_MAX } from "./clock-guard.ts";
import type { SlotBatch } from "./slot.ts";

/**
 * Times of different logs are compared with this much doubt: an entry that was committed before the promise changed can
 * bear a later time, if the clock was as far ahead then as is let pass, and as far behind afterwards.
 */
const DOUBT_MS = 2 * CLOCK_SKEW_MS_MAX;

interface Promised {
  /** Of the entry of `_system` that says so. */
  readonly fromMs: number;
  readonly retentionDays: number;
}

export class Promises {
  readonly directory = new Directory();
  /** By log, oldest first. */
  readonly #promised = new Map<string, Promised[]>();
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

  /**
   * The least that the log can have promised when a batch was sealed whose last entry has this time: a batch is sealed
   * after its entries, and with what holds then. Null for a log that `_system` does not name (yet).
   */
  retentionDaysAt(log: string, timeMs: number): number | null {
    const promised = this.#promised.get(log);
    if (promised === undefined) return null;
    const held = promised.filter((_, at) => {
      const next = promised[at + 1];
      return next === undefined || next.fromMs >= timeMs - DOUBT_MS;
    });
    return Math.min(...held.map(({ retentionDays }) => retentionDays));
  }

  #apply(line: string): void {
    const entry = decodeLine(line);
    this.directory.apply(entry);
    if (entry.action !== "log.created" && entry.action !== "log.changed") return;
    const details = entry.eventJson["details"];
    const log = this.directory.logs.get(isJsonObject(details) ? String(details["log"]) : "");
    if (log !== undefined) this.#note(log.name, log.retentionDays, entry);
  }

  #note(log: string, retentionDays: number, { time }: Entry): void {
    const promised = this.#promised.get(log) ?? [];
    if (promised.at(-1)?.retentionDays === retentionDays) return;
    this.#promised.set(log, [...promised, { fromMs: Date.parse(time), retentionDays }]);
  }
}
