/**
 * Everybody may ask whether the instance is ready, and each look costs a write to the index and a call to the
 * vault: so nobody gets more than one look a second.
 */
import type { Readiness } from "./ledger-api.ts";

export const READINESS_MS_MAX = 1_000;

export class ReadinessCache {
  #last: { readonly readiness: Readiness; readonly untilMs: number } | null = null;

  /** What `look` found less than a second ago, or finds now. */
  async get(nowMs: () => number, look: () => Promise<Readiness>): Promise<Readiness> {
    if (this.#last !== null && nowMs() < this.#last.untilMs) return this.#last.readiness;
    const readiness = await look();
    this.#last = { readiness, untilMs: nowMs() + READINESS_MS_MAX };
    return readiness;
  }
}
