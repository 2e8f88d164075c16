/**
 * From a bearer token of an OpenID Connect issuer to who asks: its issuer is one of the configured ones, its keys have signed
 * it, it is in force and meant for us, and some rule gives it something. Whatever is wrong with it has one answer, so that the
 * answers tell nothing to who tries; the reason goes to the operator.
 */
import type { Issuer } from "../../storage/issuers.ts";
import { unauthenticated } from "../access.ts";
import type { Principal } from "../ledger-api.ts";
import { ProblemError } from "../problem.ts";
import { grantsOf } from "./claims.ts";
import type { KeySet } from "./key-keeper.ts";
import { issuerOf, SignInRefused, verifyToken, type Claims } from "./verify.ts";

/** Who was checked is known so long by the token's SHA-256: what a signature costs is paid once for many appends. */
export const CHECKED_MS_MAX = 5_000;
/** Some KB each at most: a few MB. */
export const CHECKED_COUNT_MAX = 1_000;
/** Keys are asked for again after this; their keeper decides whether they are fetched. */
export const KEYS_MS_MAX = 30_000;
/** A token's claim to be good for longer says nothing new: it is checked again long before. Keeps dates in range. */
const LIFE_MS_MAX = 24 * 60 * 60_000;

/** Whoever keeps the issuers' keys. `newerThanMs`: those that were fetched then lack the one that is wanted. */
export interface KeySource {
  keys(issuer: string, newerThanMs: number | null): Promise<KeySet | null>;
}

interface Remembered<T> {
  readonly value: T;
  readonly untilMs: number;
}

/** What requests share: plain values, no promises, which workerd ties to the request that made them. */
export class SignInMemory {
  readonly #checked = new Map<string, Remembered<Principal>>();
  readonly #keys = new Map<string, Remembered<KeySet>>();

  checked(tokenSha256: string, nowMs: number): Principal | null {
    return valueAt(this.#checked.get(tokenSha256), nowMs);
  }

  keepChecked(tokenSha256: string, principal: Principal, nowMs: number): void {
    if (this.#checked.size >= CHECKED_COUNT_MAX) this.#checked.clear();
    const untilMs = Math.min(nowMs + CHECKED_MS_MAX, Date.parse(principal.expiresAt!));
    this.#checked.set(tokenSha256, { value: principal, untilMs });
  }

  keys(issuer: string, nowMs: number): KeySet | null {
    return valueAt(this.#keys.get(issuer), nowMs);
  }

  keepKeys(issuer: string, set: KeySet, nowMs: number): void {
    this.#keys.set(issuer, { value: set, untilMs: nowMs + KEYS_MS_MAX });
  }
}

function valueAt<T>(remembered: Remembered<T> | undefined, nowMs: number): T | null {
  return remembered !== undefined && nowMs < remembered.untilMs ? remembered.value : null;
}

export class SignIn {
  readonly #issuers: ReadonlyMap<string, Issuer>;
  readonly #memory: SignInMemory;
  readonly #source: KeySource;

  constructor(issuers: ReadonlyMap<string, Issuer>, memory: SignInMemory, source: KeySource) {
    this.#issuers = issuers;
    this.#memory = memory;
    this.#source = source;
  }

  /**
   * Who the token's bearer is. Throws `unauthenticated`, with the reason as its cause; `forbidden` where no rule gives
   * anything; `issuer_unavailable` where nothing is known of the issuer's keys.
   */
  async principal(token: string, tokenSha256: string, nowMs: number): Promise<Principal> {
    const known = this.#memory.checked(tokenSha256, nowMs);
    if (known !== null) return known;
    const { issuer, claims } = await this.#check(token, nowMs).catch((error: unknown) => {
      throw error instanceof SignInRefused ? unauthenticated(error) : error;
    });
    const principal = principalOf(issuer, claims, nowMs);
    this.#memory.keepChecked(tokenSha256, principal, nowMs);
    return principal;
  }

  async #check(token: string, nowMs: number): Promise<{ issuer: Issuer; claims: Claims }> {
    const issuer = issuerOf(token, this.#issuers);
    const set = this.#memory.keys(issuer.issuer, nowMs) ?? (await this.#fetch(issuer, null, nowMs));
    const claims = await verifyToken(token, issuer, set, nowMs);
    if (claims !== null) return { issuer, claims };
    const newer = await this.#fetch(issuer, set.fetchedAtMs, nowMs);
    const checked =
      newer.fetchedAtMs > set.fetchedAtMs ? await verifyToken(token, issuer, newer, nowMs) : null;
    if (checked === null) throw new SignInRefused("signed by none of the issuer's keys");
    return { issuer, claims: checked };
  }

  async #fetch({ issuer }: Issuer, newerThanMs: number | null, nowMs: number): Promise<KeySet> {
    const set = await this.#source.keys(issuer, newerThanMs);
    if (set === null) {
      throw new ProblemError("issuer_unavailable", "the token cannot be checked now; try again");
    }
    this.#memory.keepKeys(issuer, set, nowMs);
    return set;
  }
}

function principalOf(issuer: Issuer, claims: Claims, nowMs: number): Principal {
  const grants = grantsOf(issuer.rules, claims);
  if (grants.length === 0) throw new ProblemError("forbidden", "no rule gives this token a role");
  const by = `oidc:${claims.iss}#${claims.sub}`;
  const endMs = (claims.exp + issuer.clock_tolerance_seconds) * 1000;
  return {
    ...{ tokenId: by, by, grants, networks: [] },
    roles: [...new Set(grants.flatMap(({ roles }) => roles))],
    logs: [...new Set(grants.flatMap(({ logs }) => logs))],
    expiresAt: new Date(Math.min(endMs, nowMs + LIFE_MS_MAX)).toISOString(),
  };
}
