/**
 * When everything is looked at again, at which share of time, and which of these looks are put on record: the first, one each
 * `everyMs` with how many there were since, and each that finds something else than the one before.
 */
import type { AuditRun } from "../../log/audit-run.ts";
import { encodeUtf8, toHex } from "../../log/bytes.ts";
import type { Json } from "../../log/json-value.ts";
import type { AuditContext } from "./context.ts";
import type { AuditorStats } from "./types.ts";

type ScheduleState = {
  readonly startedMs: number;
  readonly last: AuditorStats["lastPass"];
  readonly passes: number;
  /** Of the last that was put on record: when it ended, and what it found, hashed. */
  readonly recordedMs: number | null;
  readonly found: string;
  /** Passes since then. */
  readonly quiet: number;
};

const KEY = "schedule";
const NEVER: ScheduleState = {
  ...{ startedMs: -Infinity, last: null, passes: 0, recordedMs: null, found: "", quiet: 0 },
};

/** Most of one core's time that is taken to keep `everyMs`. */
export const SHARE_MAX = 0.25;
/** Work of a pass is taken for so much more than that of the last: logs grow. */
const GROWTH = 1.3;

interface Finished {
  readonly record: AuditRun | null;
  readonly write: [string, Json];
  readonly written: () => void;
}

export class Schedule {
  readonly #context: AuditContext;
  #state: ScheduleState;

  private constructor(context: AuditContext, state: ScheduleState) {
    this.#context = context;
    this.#state = state;
  }

  static async open(context: AuditContext): Promise<Schedule> {
    const state = (await context.parts.store.get(KEY)) as unknown as ScheduleState | null;
    return new Schedule(context, state ?? NEVER);
  }

  get last(): AuditorStats["lastPass"] {
    return this.#state.last;
  }

  get passes(): number {
    return this.#state.passes;
  }

  /** When the next pass begins. */
  get nextMs(): number {
    const { everyMs, minPauseMs } = this.#context.settings;
    const { last } = this.#state;
    if (last === null) return 0;
    const latestMs = last.startedMs + everyMs;
    return minPauseMs === null ? latestMs : Math.min(latestMs, last.finishedMs + minPauseMs);
  }

  /** The share that a pass needs which began at `startedMs` and has worked `workMs`. */
  shareOf(startedMs: number, workMs: number, nowMs: number): number {
    const { everyMs, share } = this.#context.settings;
    const mostMs = Math.max(share, SHARE_MAX);
    const leftMs = startedMs + everyMs - nowMs;
    const { last } = this.#state;
    // Of the first pass nobody knows how long it takes: half of the time it goes slowly.
    if (last === null) return leftMs < everyMs / 2 ? mostMs : share;
    const workLeftMs = last.workMs * GROWTH - workMs;
    if (leftMs <= 0) return mostMs;
    return Math.min(mostMs, Math.max(share, workLeftMs / leftMs));
  }

  /** A pass is over: the run that has to be put on record, or null; what has to be written with it; and what to call then. */
  finished(run: AuditRun, keys: readonly string[], startedMs: number, nowMs: number): Finished {
    const { sha256 } = this.#context.parts;
    const { everyMs } = this.#context.settings;
    const { recordedMs, quiet, passes } = this.#state;
    const found = toHex(sha256(encodeUtf8([...keys].sort().join("\n"))));
    const due = recordedMs === null || nowMs - recordedMs >= everyMs || nowMs < recordedMs;
    const record = due || found !== this.#state.found;
    const { coverage, work_ms: workMs } = run;
    const next: ScheduleState = {
      startedMs,
      last: { startedMs, finishedMs: nowMs, workMs, coverage },
      passes: passes + 1,
      recordedMs: record ? nowMs : recordedMs,
      found,
      quiet: record ? 0 : quiet + 1,
    };
    const write: [string, Json] = [KEY, next];
    const written = (): void => {
      this.#state = next;
    };
    const unchecked = this.#late(run, nowMs - startedMs);
    return { record: record ? { ...run, passes: quiet + 1, unchecked } : null, write, written };
  }

  #late({ unchecked }: AuditRun, tookMs: number): readonly string[] {
    const { everyMs } = this.#context.settings;
    if (tookMs <= everyMs) return unchecked;
    return [
      ...unchecked,
      `this pass took ${lasted(tookMs)}, more than the ${lasted(everyMs)} in which everything should be looked at`,
    ];
  }
}

/** `41 s`, `12 min`, `30.0 h`. */
function lasted(ms: number): string {
  if (ms < 2 * MINUTE_MS) return `${Math.round(ms / 1_000)} s`;
  if (ms < 2 * HOUR_MS) return `${Math.round(ms / MINUTE_MS)} min`;
  return `${(ms / HOUR_MS).toFixed(1)} h`;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
