/**
 * Compares the worker's clock with the vault's (PROTOCOL §2, Time): one wrong jump would stamp every later
 * entry. A start that finds them apart takes no entries; later only the clock that runs ahead is refused.
 */
import { Refusal } from "./refusal.ts";
import type { Parts } from "./state.ts";

/** Further apart than this, one of two clocks is wrong. */
export const CLOCK_SKEW_MS_MAX = 5 * 60_000;

/** A seal may follow a seal within milliseconds; the clocks do not drift that fast. */
const CHECK_EVERY_MS = 5_000;

export class ClockGuard {
  readonly #parts: Pick<Parts, "clock" | "vault">;
  #checkedAtMs = -Infinity;
  #skewMs = 0;
  #refused = false;

  constructor(parts: Pick<Parts, "clock" | "vault">) {
    this.#parts = parts;
  }

  /** Our clock minus the vault's at the last check, milliseconds. */
  get skewMs(): number {
    return this.#skewMs;
  }

  /** What is wrong, or null. */
  get problem(): string | null {
    if (Math.abs(this.#skewMs) <= CLOCK_SKEW_MS_MAX) return null;
    const direction = this.#skewMs > 0 ? "ahead of" : "behind";
    const seconds = Math.round(Math.abs(this.#skewMs) / 1000);
    return `the worker's clock is ${seconds} s ${direction} the vault's`;
  }

  async check(when: "start" | "seal"): Promise<void> {
    const before = this.#parts.clock.nowMs();
    if (when === "seal" && Math.abs(before - this.#checkedAtMs) < CHECK_EVERY_MS) return;
    const vaultMs = await this.#parts.vault.nowMs();
    const after = this.#parts.clock.nowMs();
    this.#checkedAtMs = after;
    // The vault's Date has whole seconds and was made somewhere between the two readings.
    this.#skewMs = (before + after) / 2 - (vaultMs + 500);
    const apart = Math.abs(this.#skewMs) > CLOCK_SKEW_MS_MAX;
    this.#refused = apart && (when === "start" || this.#skewMs > 0 || this.#refused);
  }

  assertRight(): void {
    if (!this.#refused) return;
    throw new Refusal("clock_skew", this.problem ?? "clocks disagree", { retryAfterSeconds: 30 });
  }
}
