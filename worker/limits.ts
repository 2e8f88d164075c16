/**
 * Who asks too often or too much at once is told to come back before anything of his is read: token buckets for each
 * token and each address, a stricter one for addresses that send no valid token, and a bound on requests under way.
 * All of it is memory of this isolate, bounded, and gone with it. `Pass` is one request's way through.
 */
import { senderNetwork } from "../storage/networks.ts";
import { CUT_OFF_MS } from "./room.ts";
import { integerOf, type Env } from "./env.ts";
import type { Principal } from "./ledger-api.ts";
import { ProblemError } from "./problem.ts";
import { BUCKETS_MAX, TokenBuckets } from "./token-buckets.ts";

export interface LimitSettings {
  /** Requests a second; 0: not limited. */
  readonly perToken: number;
  readonly perAddress: number;
  /** Requests without a valid token, from one address. */
  readonly refusedPerAddress: number;
  /** Requests under way, of everybody. */
  readonly requestsMax: number;
}

/**
 * Two cores commit 4,000 requests with one event a second, so 10,000 are two or three machines' worth; who has more events sends
 * lists (10,000 requests of 1,000). An address may have several tokens. A valid token is never refused by the
 * third: 20 wrong ones a second are a program that does not look at its answers.
 */
export const DEFAULT_LIMITS: LimitSettings = {
  perToken: 10_000,
  perAddress: 20_000,
  refusedPerAddress: 20,
  requestsMax: 2_048,
};

/** The limits in the bindings, or their defaults. Throws `EnvError`. */
export function limitSettingsOf(env: Env): LimitSettings {
  const { perToken, perAddress, refusedPerAddress, requestsMax } = DEFAULT_LIMITS;
  const rate = (name: keyof Env, unset: number) =>
    env[name] === undefined ? unset : integerOf(env, name, 0, RATE_MAX);
  return {
    perToken: rate("INDELIBLE_RATE_PER_TOKEN", perToken),
    perAddress: rate("INDELIBLE_RATE_PER_ADDRESS", perAddress),
    refusedPerAddress: rate("INDELIBLE_RATE_REFUSED", refusedPerAddress),
    requestsMax:
      env.INDELIBLE_REQUESTS_MAX === undefined
        ? requestsMax
        : integerOf(env, "INDELIBLE_REQUESTS_MAX", REQUESTS_MIN, RATE_MAX),
  };
}

/** No machine does more; `scripts/config.ts` has the same bounds. */
const RATE_MAX = 1_000_000;
/** A quarter of them must be enough for one sender. */
const REQUESTS_MIN = 16;

/** A bucket holds two seconds' worth: programs start at the same time, and pauses of a second are made up for. */
const BURST_SECONDS = 2;
/** Of refusals 20 s' worth, 400: as many as a deployment with an old token makes before somebody looks. */
const REFUSED_BURST_SECONDS = 20;
/** One address may have half of the requests under way, one token a quarter. */
const ADDRESS_SHARE = 1 / 2;
const TOKEN_SHARE = 1 / 4;
/** So long a token that was valid is let through where its address is refused: the ledger says whether it still is. */
const KNOWN_MS_MAX = 10 * 60_000;
/** And is written down once a minute. */
const KNOWN_AGAIN_MS = 60_000;

/** One request under way. */
export interface Pass {
  /** What counts as its sender; `null`: not known. */
  readonly address: string | null;
  readonly sinceMs: number;
  /** Under which keys it is counted. */
  readonly held: string[];
}

export class Limits {
  readonly #settings: LimitSettings;
  readonly #tokens: TokenBuckets;
  readonly #addresses: TokenBuckets;
  readonly #refused: TokenBuckets;
  /** Requests under way, oldest first. */
  readonly #passes = new Set<Pass>();
  readonly #counts = new Map<string, number>();
  /** Until when, by SHA-256 of the token. About 150 bytes each. */
  readonly #known = new Map<string, number>();
  /** When a principal's token was written down. */
  readonly #notedMs = new Map<string, number>();

  constructor(settings: LimitSettings = DEFAULT_LIMITS) {
    const rate = (perSecond: number, seconds = BURST_SECONDS) =>
      new TokenBuckets({ perSecond, burst: perSecond * seconds });
    this.#settings = settings;
    this.#tokens = rate(settings.perToken);
    this.#addresses = rate(settings.perAddress);
    this.#refused = rate(settings.refusedPerAddress, REFUSED_BURST_SECONDS);
  }

  /** Requests under way. */
  get underWay(): number {
    return this.#passes.size;
  }

  /** Begins a request. Throws `overloaded` or `rate_limited`: nothing was begun, and its body is not waited for either. */
  enter(address: string | null, nowMs: number): Pass {
    const { requestsMax } = this.#settings;
    if (this.#passes.size >= requestsMax) this.#forgetCutOff(nowMs);
    if (this.#passes.size >= requestsMax) {
      throw new ProblemError("overloaded", `${requestsMax} requests are under way`);
    }
    const pass: Pass = {
      address: address === null ? null : senderNetwork(address),
      sinceMs: nowMs,
      held: [],
    };
    if (pass.address !== null) this.#hold(pass, pass.address, ADDRESS_SHARE, "address");
    this.#passes.add(pass);
    return pass;
  }

  /**
   * Calls `admit`, which says who asks, if the address may ask now, and sees that this principal may. Throws what `admit` throws,
   * and `rate_limited`. `tokenSha256` is called seldom.
   */
  async admit<T extends { readonly principal: Principal | null }>(
    pass: Pass,
    tokenSha256: () => string | null,
    admit: () => Promise<T>,
  ): Promise<T> {
    const { address, sinceMs: nowMs } = pass;
    if (address !== null) {
      refuseFor(this.#addresses.take(address, nowMs), "from this address");
      this.#assertNotRefused(address, tokenSha256, nowMs);
    }
    let admitted: T;
    try {
      admitted = await admit();
    } catch (error) {
      const isRefused = error instanceof ProblemError && error.code === "unauthenticated";
      if (isRefused && address !== null) this.#takeRefused(address, tokenSha256, nowMs);
      throw error;
    }
    if (admitted.principal !== null) {
      const { by } = admitted.principal;
      this.#note(by, tokenSha256, nowMs);
      this.#hold(pass, by, TOKEN_SHARE, "token");
      refuseFor(this.#tokens.take(by, nowMs), "with this token");
    }
    return admitted;
  }

  /** Ends a request; once is enough. */
  leave(pass: Pass): void {
    if (!this.#passes.delete(pass)) return;
    for (const key of pass.held) {
      const count = (this.#counts.get(key) ?? 1) - 1;
      if (count === 0) this.#counts.delete(key);
      else this.#counts.set(key, count);
    }
  }

  /** A token that was valid a moment ago passes all the same: its owner is not to suffer from his neighbour. */
  #assertNotRefused(address: string, tokenSha256: () => string | null, nowMs: number): void {
    const waitMs = this.#refused.waitMs(address, nowMs);
    if (waitMs === 0) return;
    const token = tokenSha256();
    if (token !== null && nowMs < (this.#known.get(token) ?? 0)) return;
    refuseFor(waitMs, "without a valid token from this address");
  }

  #takeRefused(address: string, tokenSha256: () => string | null, nowMs: number): void {
    this.#refused.take(address, nowMs);
    const token = tokenSha256();
    if (token !== null) this.#known.delete(token);
  }

  /** Counts a request under way for its sender: an address, or the `by` of a token. */
  #hold(pass: Pass, key: string, share: number, what: string): void {
    const max = Math.max(1, Math.floor(this.#settings.requestsMax * share));
    const count = this.#counts.get(key) ?? 0;
    if (count >= max) {
      throw new ProblemError("rate_limited", `${max} requests of this ${what} are under way`);
    }
    this.#counts.set(key, count + 1);
    pass.held.push(key);
  }

  #note(by: string, tokenSha256: () => string | null, nowMs: number): void {
    if (nowMs - (this.#notedMs.get(by) ?? -Infinity) < KNOWN_AGAIN_MS) return;
    if (this.#notedMs.size >= BUCKETS_MAX) this.#notedMs.clear();
    if (this.#known.size >= BUCKETS_MAX) this.#known.clear();
    this.#notedMs.set(by, nowMs);
    const token = tokenSha256();
    if (token !== null) this.#known.set(token, nowMs + KNOWN_MS_MAX);
  }

  #forgetCutOff(nowMs: number): void {
    for (const pass of this.#passes) {
      if (nowMs - pass.sinceMs < CUT_OFF_MS) return;
      this.leave(pass);
    }
  }
}

function refuseFor(waitMs: number, what: string): void {
  if (waitMs === 0) return;
  throw new ProblemError("rate_limited", `too many requests ${what}`, {
    retryAfterSeconds: Math.ceil(waitMs / 1_000),
  });
}
