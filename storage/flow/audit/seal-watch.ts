/**
 * New seals, right after they were written: each is read back from the vault and held against checkpoint, lock, versions and
 * index, from the place up to which the log was checked before. A log that was never looked at begins at its last seal; what is
 * before it the pass over everything will see.
 */
import { progressAt, progressBehind, type LogProgress } from "../verify-progress.ts";
import type { AuditContext } from "./context.ts";
import { LogWork, newLogWork, type LogWorkState } from "./log-work.ts";
import type { Finding } from "../../log/findings.ts";

/** What a check of new seals has found that was not known. */
export interface SealsChecked {
  readonly state: LogWorkState;
  readonly opened: readonly Finding[];
}

export class SealWatch {
  readonly #context: AuditContext;
  /** Logs with a seal that may be new. */
  readonly #waiting: Set<string>;
  readonly #works = new Map<string, LogWork>();
  /** Batches that were checked since the start. */
  checked = 0;

  /** Seals that were written while nobody looked are found behind the places that are known. */
  constructor(context: AuditContext) {
    this.#context = context;
    this.#waiting = new Set(context.known.names());
  }

  sealed(log: string): void {
    this.#waiting.add(log);
  }

  /** All logs that are known may have new seals: for whom nobody tells. */
  lookAtAll(): void {
    for (const log of this.#context.known.names()) this.#waiting.add(log);
  }

  /** When there is something to do; infinity if nothing. */
  get dueMs(): number {
    if ([...this.#waiting].some((log) => !this.#works.has(log))) return 0;
    return Math.min(Infinity, ...[...this.#works.values()].map(({ dueMs }) => dueMs));
  }

  /** One step of one log; what a log's check has found when it is over, else null. Throws as `LogWork.step` does. */
  async step(): Promise<SealsChecked | null> {
    const nowMs = this.#context.parts.clock.nowMs();
    for (const [log, work] of this.#works) {
      if (work.dueMs > nowMs) continue;
      // In turn: one that fails must not keep the others.
      this.#works.delete(log);
      this.#works.set(log, work);
      return (await work.step()) === "done" ? this.#finish(log, work) : null;
    }
    for (const log of this.#waiting) {
      if (this.#works.has(log)) continue;
      const progress = await this.#start(log);
      this.#waiting.delete(log);
      if (progress === null) continue;
      const work = new LogWork(this.#context, newLogWork(log, progress, nowMs), { tail: false });
      this.#works.set(log, work);
      return null;
    }
    return null;
  }

  async #start(log: string): Promise<LogProgress | null> {
    const { known, parts } = this.#context;
    const position = known.position(log);
    if (position !== null) return progressBehind(position);
    if (parts.index === null) return null;
    const range = { from: Number.MAX_SAFE_INTEGER, limit: 1, order: "desc" } as const;
    const [row] = await parts.index.seals(log, range);
    return row === undefined ? null : progressAt(row.first);
  }

  async #finish(log: string, work: LogWork): Promise<SealsChecked> {
    this.#works.delete(log);
    this.checked += work.counts.batches;
    const { state, opened } = work;
    const { known } = this.#context;
    const size = known.position(log)?.before.size ?? 0;
    if (state.progress.before.size > size && state.progress.known) {
      await known.move(log, state.progress);
    }
    return { state, opened };
  }
}
