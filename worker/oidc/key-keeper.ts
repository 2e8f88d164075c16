/**
 * One issuer's keys as long as they hold. They are fetched again every ten minutes and when a token names an unknown key,
 * never more often than the cool-down; an issuer that is away is tried in the background while its last keys go on being
 * used, for a day at most. Callers share one fetch, so this must live where requests may share I/O: in a Durable Object.
 */
import type { JWK } from "jose";
import type { Issuer } from "../../storage/issuers.ts";
import type { report } from "../report.ts";

/** A key that the issuer withdrew is refused after this, and what the worker remembers. */
export const FRESH_MS = 10 * 60_000;
/** Between two fetches, whoever asks and whatever for: tokens with invented key ids make no storm. */
export const COOL_DOWN_MS = 30_000;
/** So long the last keys are good while the issuer is away. */
export const KEPT_MS = 24 * 60 * 60_000;

export interface KeySet {
  readonly keys: readonly JWK[];
  readonly fetchedAtMs: number;
}

/** Where a key set outlives the process. */
export interface KeySetStore {
  get(): Promise<KeySet | undefined>;
  put(set: KeySet): Promise<void>;
}

export interface KeeperParts {
  readonly fetchKeys: () => Promise<readonly JWK[]>;
  readonly store: KeySetStore;
  readonly nowMs: () => number;
  readonly report: typeof report;
}

export class KeyKeeper {
  readonly #issuer: Issuer["issuer"];
  readonly #parts: KeeperParts;
  #set: KeySet | null = null;
  #loaded: Promise<void> | null = null;
  #attempt: Promise<void> | null = null;
  #attemptedAtMs = -Infinity;
  #failing = false;

  constructor(issuer: string, parts: KeeperParts) {
    this.#issuer = issuer;
    this.#parts = parts;
  }

  /** The keys to check by, `null` where there are none. `newerThanMs`: those fetched then lack the one that is wanted. */
  async keys(newerThanMs: number | null): Promise<KeySet | null> {
    this.#loaded ??= this.#load();
    await this.#loaded;
    const usable = this.#usable();
    const lacking = usable === null || (newerThanMs !== null && usable.fetchedAtMs <= newerThanMs);
    if (!lacking && this.#ageMs(usable) < FRESH_MS) return usable;
    if (this.#attempt === null && this.#isCool()) this.#attempt = this.#fetch();
    // An issuer that was away a moment ago holds nobody up who can do without it.
    if (this.#attempt !== null && (lacking || !this.#failing)) await this.#attempt;
    return this.#usable();
  }

  #usable(): KeySet | null {
    return this.#set !== null && this.#ageMs(this.#set) < KEPT_MS ? this.#set : null;
  }

  /** A clock that was put back makes keys old, not young. */
  #ageMs({ fetchedAtMs }: KeySet): number {
    const ageMs = this.#parts.nowMs() - fetchedAtMs;
    return ageMs < 0 ? FRESH_MS : ageMs;
  }

  #isCool(): boolean {
    const sinceMs = this.#parts.nowMs() - this.#attemptedAtMs;
    return sinceMs < 0 || sinceMs >= COOL_DOWN_MS;
  }

  async #load(): Promise<void> {
    this.#set = (await this.#parts.store.get()) ?? null;
  }

  /** Never throws. */
  async #fetch(): Promise<void> {
    const { fetchKeys, store, nowMs, report } = this.#parts;
    this.#attemptedAtMs = nowMs();
    try {
      this.#set = { keys: await fetchKeys(), fetchedAtMs: nowMs() };
      if (this.#failing) report("info", "an issuer's keys came again", { issuer: this.#issuer });
      this.#failing = false;
      await store.put(this.#set);
    } catch (error) {
      if (!this.#failing) this.#reportFailure(error);
      this.#failing = true;
    } finally {
      this.#attempt = null;
    }
  }

  #reportFailure(error: unknown): void {
    const usable = this.#usable();
    this.#parts.report("warn", "an issuer's keys could not be fetched", {
      issuer: this.#issuer,
      reason: error instanceof Error ? error.message : String(error),
      keys_of: usable === null ? null : new Date(usable.fetchedAtMs).toISOString(),
    });
  }
}
