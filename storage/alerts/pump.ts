/** Runs an outbox by the clock: now when something is due, and again when it said. */

/** A longer wait would overflow what timers take; and a clock that was put forward is noticed. */
const WAIT_MS_MAX = 60_000;

export interface PumpParts {
  /** Sends what is due; when to come again, milliseconds since 1970, null for not until something comes. */
  readonly run: () => Promise<number | null>;
  readonly nowMs: () => number;
  readonly report: (what: string, facts: Readonly<Record<string, unknown>>) => void;
}

export class Pump {
  readonly #parts: PumpParts;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(parts: PumpParts) {
    this.#parts = parts;
  }

  /** Now. What is under way goes on. */
  kick(): void {
    if (!this.#stopped) void this.#run();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    const { run, nowMs, report } = this.#parts;
    clearTimeout(this.#timer);
    let waitMs: number | null = WAIT_MS_MAX;
    try {
      const next = await run();
      waitMs = next === null ? null : Math.min(Math.max(next - nowMs(), 0), WAIT_MS_MAX);
    } catch (error) {
      report("alerts could not be sent", { reason: String(error) });
    }
    if (waitMs === null || this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.kick(), waitMs);
  }
}
