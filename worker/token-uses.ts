/**
 * When each token was last used, to the minute: noted in memory on the way, written behind once a minute where anything
 * changed. A crash loses a minute of it, a restore all of it. A token that was refused for its address counts as used.
 */
import { formatTimeMs } from "../storage/log/time.ts";
import type { TokenUses } from "../storage/ports.ts";

const MINUTE_MS = 60_000;

type Report = (level: "warn", message: string, fields: Record<string, unknown>) => void;

export class TokenUseKeeper {
  readonly #store: TokenUses;
  readonly #nowMs: () => number;
  readonly #report: Report;
  /** By id, the minute since 1970; one for each token that there is, at most. */
  readonly #minutes = new Map<string, number>();
  /** Noted since the last write. */
  #changed = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(store: TokenUses, nowMs: () => number, report: Report) {
    this.#store = store;
    this.#nowMs = nowMs;
    this.#report = report;
  }

  /** For ids of tokens that are known. */
  note(id: string): void {
    const minute = Math.floor(this.#nowMs() / MINUTE_MS);
    if (this.#minutes.get(id) === minute) return;
    this.#minutes.set(id, minute);
    this.#changed.add(id);
    this.#timer ??= setTimeout(() => void this.flush(), MINUTE_MS);
  }

  /** What other workers and earlier starts wrote, and what is known here. Where the table cannot be read, the latter alone. */
  async all(): Promise<Map<string, string>> {
    const uses = await this.#store.load().catch(() => new Map<string, string>());
    for (const [id, minute] of this.#minutes) {
      const time = timeOf(minute);
      if (time > (uses.get(id) ?? "")) uses.set(id, time);
    }
    return uses;
  }

  /** Writes what changed; what cannot be written waits for the next minute. Never throws. */
  async flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const changed = this.#changed;
    if (changed.size === 0) return;
    this.#changed = new Set();
    try {
      await this.#store.store(
        new Map([...changed].map((id) => [id, timeOf(this.#minutes.get(id)!)])),
      );
    } catch (error) {
      for (const id of changed) this.#changed.add(id);
      this.#timer ??= setTimeout(() => void this.flush(), MINUTE_MS);
      const reason = error instanceof Error ? error.message : String(error);
      this.#report("warn", "when tokens were used could not be written", { reason });
    }
  }
}

function timeOf(minute: number): string {
  return formatTimeMs(minute * MINUTE_MS);
}
