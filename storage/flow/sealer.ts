/**
 * Decides when a log is sealed: by age, by count, on request, at the end. One seal of a log is under way at
 * a time; an alarm that outlives a crash stands behind every unsealed entry. A seal may run twice.
 */
import { SYSTEM_LOG } from "../log/entry.ts";
import { VaultError, type SealRow } from "../ports.ts";
import { sleep, sleepAtMost } from "./commit.ts";
import { type LogState, type Parts, type Settings } from "./state.ts";

/** Pauses after a failed seal: doubled from the first to the last. A vault that is back is used within a quarter of a minute. */
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 15_000;

interface Waiter {
  readonly size: number;
  resolve(sealed: boolean): void;
}

interface Schedule {
  running: Promise<void> | null;
  waiters: Waiter[];
  retryMs: number;
  /** Not before this time, after a failure. */
  notBeforeMs: number;
  lastError: string | null;
}

export interface SealerHooks {
  states(): Iterable<LogState>;
  state(log: string): LogState | undefined;
  /** Seals all that was committed of the log when it was called, batch by batch; throws why it could not. */
  seal(state: LogState): Promise<void>;
  /** Whether sealing is possible at all now; otherwise why not. */
  forbidden(): string | null;
}

export class Sealer {
  readonly #parts: Parts;
  readonly #settings: Settings;
  readonly #hooks: SealerHooks;
  readonly #schedules = new Map<string, Schedule>();
  #alarmAtMs = Infinity;

  constructor(parts: Parts, settings: Settings, hooks: SealerHooks) {
    this.#parts = parts;
    this.#settings = settings;
    this.#hooks = hooks;
  }

  /** To be called after each commit and each load. */
  touched(state: LogState): void {
    if (state.head.size <= state.sealed.size) {
      state.unsealedSinceMs = null;
      return;
    }
    state.unsealedSinceMs ??= this.#parts.clock.nowMs();
    const many = state.head.size - state.sealed.size >= this.#settings.sealEntries;
    if (many && this.#mayTry(state.name)) void this.#start(state.name);
    this.#setAlarm();
  }

  /** The alarm: seals what is due. Never throws, and always leaves an alarm where one is needed. */
  async runDue(): Promise<void> {
    this.#alarmAtMs = Infinity;
    const nowMs = this.#parts.clock.nowMs();
    const due = [...this.#hooks.states()].filter(
      (state) => (this.#dueMs(state) ?? Infinity) <= nowMs,
    );
    try {
      await Promise.all(due.map(({ name }) => this.#start(name)));
    } finally {
      this.#setAlarm();
    }
  }

  /** Seals now. The last seal's row if anything was waiting, null if nothing was; throws why it could not. */
  async sealNow(state: LogState): Promise<SealRow | null> {
    const { name } = state;
    const size = state.head.size;
    if (state.sealed.size >= size) return null;
    await this.#start(name);
    // One that was under way already began with a shorter log.
    if (!this.#reached(name, size) && this.#schedule(name).lastError === null) {
      await this.#start(name);
    }
    if (this.#reached(name, size)) return this.#hooks.state(name)?.sealed.row ?? null;
    const reason = this.#schedule(state.name).lastError ?? "sealing did not reach the head";
    throw new VaultError("vault_unreachable", reason);
  }

  /** Seals now and again until `size` entries lie under lock; false when `waitMs` ran out. */
  async waitSealed({ name }: LogState, size: number, waitMs: number): Promise<boolean> {
    if (this.#reached(name, size)) return true;
    const waiter = { size, resolve: (_sealed: boolean) => {} };
    const sealed = new Promise<boolean>((resolve) => {
      waiter.resolve = resolve;
    });
    const timer = setTimeout(() => waiter.resolve(false), waitMs);
    this.#schedule(name).waiters.push(waiter);
    if (this.#mayTry(name)) void this.#start(name);
    else this.#setAlarm();
    try {
      return await sealed;
    } finally {
      clearTimeout(timer);
      const { waiters } = this.#schedule(name);
      const index = waiters.indexOf(waiter);
      if (index >= 0) waiters.splice(index, 1);
    }
  }

  /** At the end: seals every log, `_system` last, until done or `deadlineMs` of the clock. */
  async sealAll(deadlineMs: number): Promise<boolean> {
    const open = () =>
      [...this.#hooks.states()].filter(({ head, sealed }) => head.size > sealed.size);
    const inTime = () => this.#parts.clock.nowMs() < deadlineMs;
    for (let pauseMs = 50; open().length > 0 && inTime(); pauseMs = Math.min(pauseMs * 2, 1_000)) {
      const others = open().filter(({ name }) => name !== SYSTEM_LOG);
      const round = (async () => {
        await Promise.all(others.map(({ name }) => this.#start(name)));
        await Promise.all(open().map(({ name }) => this.#start(name)));
      })();
      await sleepAtMost(deadlineMs - this.#parts.clock.nowMs(), round);
      if (open().every(({ frozen, unsealable }) => frozen !== null || unsealable !== null)) break;
      if (open().length > 0) await sleep(pauseMs);
    }
    return open().length === 0;
  }

  /** Why the last try failed, by log. */
  errors(): Map<string, string> {
    const failed = [...this.#schedules].flatMap(([log, { lastError }]) =>
      lastError === null ? [] : ([[log, lastError]] as const),
    );
    return new Map(failed);
  }

  /** By name, not by state: a comparison that starts again puts another state in its place. */
  #start(log: string): Promise<void> {
    const schedule = this.#schedule(log);
    schedule.running ??= this.#run(log, schedule).finally(() => {
      schedule.running = null;
      this.#setAlarm();
      // Entries that came while the last batch was on its way, and somebody waits for them.
      const sizes = schedule.waiters.map(({ size }) => size);
      const waited = sizes.some((size) => size <= (this.#hooks.state(log)?.head.size ?? 0));
      if (schedule.lastError === null && waited) void this.#start(log);
    });
    return schedule.running;
  }

  async #run(log: string, schedule: Schedule): Promise<void> {
    const begunMs = this.#parts.clock.nowMs();
    try {
      const forbidden = this.#hooks.forbidden();
      if (forbidden !== null) throw new VaultError("vault_refused", forbidden);
      const state = this.#hooks.state(log);
      if (state === undefined) {
        throw new VaultError("vault_unreachable", `${log} is to be compared with the vault first`);
      }
      const sinceMs = state.unsealedSinceMs;
      await this.#hooks.seal(state);
      if (sinceMs !== null) this.#parts.observer?.caughtUp(this.#parts.clock.nowMs() - sinceMs);
      schedule.retryMs = RETRY_MS_MIN;
      schedule.notBeforeMs = 0;
      schedule.lastError = null;
      this.#parts.sealed?.(log);
    } catch (error) {
      schedule.lastError = error instanceof Error ? error.message : String(error);
      const nowMs = this.#parts.clock.nowMs();
      schedule.notBeforeMs = nowMs + schedule.retryMs;
      this.#parts.observer?.sealFailed(log, schedule.lastError, nowMs - begunMs);
      this.#parts.report("warn", "a seal did not succeed and will be tried again", {
        log,
        reason: schedule.lastError,
        retry_ms: schedule.retryMs,
      });
      schedule.retryMs = Math.min(schedule.retryMs * 2, RETRY_MS_MAX);
    }
    const state = this.#hooks.state(log);
    if (state !== undefined && schedule.lastError === null) {
      const all = state.sealed.size >= state.head.size;
      state.unsealedSinceMs = all ? null : this.#parts.clock.nowMs();
    }
    const done = schedule.waiters.filter(({ size }) => this.#reached(log, size));
    for (const waiter of done) waiter.resolve(true);
    schedule.waiters = schedule.waiters.filter((waiter) => !done.includes(waiter));
  }

  #reached(log: string, size: number): boolean {
    return (this.#hooks.state(log)?.sealed.size ?? -1) >= size;
  }

  #mayTry(log: string): boolean {
    return this.#schedule(log).notBeforeMs <= this.#parts.clock.nowMs();
  }

  #dueMs(state: LogState): number | null {
    if (state.unsealedSinceMs === null || state.frozen !== null || state.unsealable !== null) {
      return null;
    }
    const schedule = this.#schedule(state.name);
    // The end of the seal under way sets the next alarm.
    if (schedule.running !== null) return null;
    const waited = schedule.waiters.length > 0;
    const ageMs = waited ? 0 : this.#settings.sealSeconds * 1000;
    return Math.max(state.unsealedSinceMs + ageMs, schedule.notBeforeMs);
  }

  #setAlarm(): void {
    const dues = [...this.#hooks.states()].flatMap((state) => this.#dueMs(state) ?? []);
    const earliestMs = Math.min(...dues);
    if (earliestMs >= this.#alarmAtMs) return;
    this.#alarmAtMs = earliestMs;
    // Without this alarm the start would find the entries; it must not undo a commit that happened.
    this.#parts.alarm.at(earliestMs).catch((error: unknown) => {
      this.#alarmAtMs = Infinity;
      this.#parts.report("error", "the alarm could not be set", { reason: String(error) });
    });
  }

  #schedule(log: string): Schedule {
    const found = this.#schedules.get(log);
    if (found !== undefined) return found;
    const schedule: Schedule = {
      running: null,
      waiters: [],
      retryMs: RETRY_MS_MIN,
      notBeforeMs: 0,
      lastError: null,
    };
    this.#schedules.set(log, schedule);
    return schedule;
  }
}
