/**
 * Token buckets (RFC 2697 §3 has the idea), one a key: each holds `burst` requests and is refilled with `perSecond`. Kept as
 * the generic cell rate algorithm does, one number a key: the time at which its bucket is full again. So a bucket that is full
 * needs no memory, and forgetting the one that was used least recently gives its owner at most one more burst.
 */

export interface Rate {
  /** 0: no limit. */
  readonly perSecond: number;
  /** Requests at once, at least 1. */
  readonly burst: number;
}

/** About 150 bytes each: 1.5 MB. An attacker with more addresses than this has a full burst for each anyway. */
export const BUCKETS_MAX = 10_000;

export class TokenBuckets {
  readonly #burst: number;
  /** Of one request; 0 without a limit. */
  readonly #refillMs: number;
  readonly #keysMax: number;
  /** When a key's bucket is full again, milliseconds; least recently used first. */
  readonly #fullAtMs = new Map<string, number>();

  constructor({ perSecond, burst }: Rate, keysMax: number = BUCKETS_MAX) {
    this.#burst = Math.max(1, burst);
    this.#refillMs = perSecond > 0 ? 1_000 / perSecond : 0;
    this.#keysMax = keysMax;
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#fullAtMs.size;
  }

  /** Milliseconds until the key's bucket holds a request; 0: it does now. */
  waitMs(key: string, nowMs: number): number {
    return Math.max(0, this.#missingMs(key, nowMs) - (this.#burst - 1) * this.#refillMs);
  }

  /** Takes one request out. Returns 0, or the milliseconds until there is one; then nothing was taken. */
  take(key: string, nowMs: number): number {
    if (this.#refillMs === 0) return 0;
    const missingMs = this.#missingMs(key, nowMs);
    const waitMs = missingMs - (this.#burst - 1) * this.#refillMs;
    if (waitMs > 0) return waitMs;
    this.#fullAtMs.delete(key);
    if (this.#fullAtMs.size >= this.#keysMax) this.#forgetOldest();
    this.#fullAtMs.set(key, nowMs + missingMs + this.#refillMs);
    return 0;
  }

  /** How long the bucket takes to be full. A clock that went back makes it empty, not worse. */
  #missingMs(key: string, nowMs: number): number {
    const fullAtMs = this.#fullAtMs.get(key) ?? nowMs;
    return Math.min(Math.max(0, fullAtMs - nowMs), this.#burst * this.#refillMs);
  }

  #forgetOldest(): void {
    for (const key of this.#fullAtMs.keys()) {
      this.#fullAtMs.delete(key);
      return;
    }
  }
}
