/**
 * How much an auditor may work: it is given a share of the time that passes, can save up a little of it, and pays for what it
 * did. So a quiet instance is checked at once, and a busy one loses its share and no more.
 */
import type { Clock } from "../../ports.ts";

/** What can be saved up, milliseconds of work: a small instance's pass, or some dozens of new seals. */
const SAVED_MS_MAX = 500;

export class Pace {
  readonly #clock: Clock;
  /** Work that may be done, milliseconds; below zero it has to wait. */
  #creditMs = SAVED_MS_MAX;
  #atMs: number;
  #share: number;

  constructor(clock: Clock, share: number) {
    this.#clock = clock;
    this.#share = share;
    this.#atMs = clock.nowMs();
  }

  set share(share: number) {
    this.#earn();
    this.#share = share;
  }

  get share(): number {
    return this.#share;
  }

  get mayWork(): boolean {
    this.#earn();
    return this.#creditMs >= 0;
  }

  /** When work may go on. */
  get readyMs(): number {
    this.#earn();
    return this.#atMs + Math.max(0, -this.#creditMs) / this.#share;
  }

  spend(workedMs: number): void {
    this.#earn();
    this.#creditMs -= Math.max(0, workedMs);
  }

  /** A clock that went back gives nothing. */
  #earn(): void {
    const nowMs = this.#clock.nowMs();
    const earnedMs = Math.max(0, nowMs - this.#atMs) * this.#share;
    this.#creditMs = Math.min(SAVED_MS_MAX, this.#creditMs + earnedMs);
    this.#atMs = nowMs;
  }
}
