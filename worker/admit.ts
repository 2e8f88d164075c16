/**
 * From the Authorization header to who asks. Who it is, the ledger says, for every read anew: a revocation
 * works at once. Appends ask it again when they commit, so for them a second's memory is enough.
 */
import { isLogName } from "../storage/log/entry.ts";
import { tokenSha256Hex } from "../storage/token.ts";
import {
  assertKnown,
  assertMay,
  assertMayAppend,
  assertMayOrPublic,
  assertNetwork,
  assertRole,
  assertUsable,
  unauthenticated,
  type Rule,
} from "./access.ts";
import { isLoopback } from "../storage/networks.ts";
import type { Services } from "./ask.ts";
import type { LedgerApi, LogStatus, Principal } from "./ledger-api.ts";
import { ProblemError, problemOf, valueOf } from "./problem.ts";
import { sessionOf } from "./session/cookie.ts";
import { secretHash } from "./session/secret.ts";

/** How long an admitted writer's body is parsed without asking again. */
export const ADMITTED_MS_MAX = 1_000;
/** About 300 bytes each: 300 KB. */
export const ADMITTED_COUNT_MAX = 1_000;

export interface Admitted {
  readonly principal: Principal | null;
  readonly log: LogStatus | null;
}

/** A request and the address that it came from; `null` where that is not known. */
export interface Sender {
  readonly request: Request;
  readonly address: string | null;
  /** Is told whose token it is, whether or not the rule is met. */
  readonly saw?: (principal: Principal | null) => void;
  /** Hex; one of the tokens of a session, in place of an Authorization header. */
  readonly tokenSha256?: string;
}

const NOBODY: Admitted = { principal: null, log: null };

/** Who was admitted a moment ago, by the SHA-256 of the token. */
export class AdmitCache {
  readonly #known = new Map<string, { readonly principal: Principal; readonly untilMs: number }>();

  get(tokenSha256: string, nowMs: number): Principal | null {
    const found = this.#known.get(tokenSha256);
    return found !== undefined && nowMs < found.untilMs ? found.principal : null;
  }

  set(tokenSha256: string, principal: Principal, nowMs: number): void {
    if (this.#known.size >= ADMITTED_COUNT_MAX) this.#known.clear();
    this.#known.set(tokenSha256, { principal, untilMs: nowMs + ADMITTED_MS_MAX });
  }
}

/**
 * Meets the rule or throws. `logName` is the log of the path, which may be no name at all. A session acts by the first of its
 * tokens that may do this, so whatever is done is on record as done with that token.
 */
export async function admit(
  rule: Rule,
  sender: Sender,
  logName: string,
  services: Services,
): Promise<Admitted> {
  if (rule.for === "anyone") return NOBODY;
  const tokens = await sessionTokens(sender, services);
  if (tokens === null) return admitBy(rule, sender, logName, services);
  let refusal = unauthenticated();
  for (const tokenSha256 of tokens) {
    try {
      return await admitBy(rule, { ...sender, tokenSha256 }, logName, services);
    } catch (error) {
      if (!(error instanceof ProblemError) || !REFUSALS.includes(error.code)) throw error;
      // That one token may not says more than that another one has ended.
      if (refusal.code === "unauthenticated") refusal = error;
    }
  }
  throw refusal;
}

const REFUSALS: readonly string[] = ["unauthenticated", "forbidden"];

/** Hashes of the tokens of a session; `null` for who has none. An Authorization header wins: who sends one means it. */
async function sessionTokens(
  { request }: Sender,
  { sessions, addressing, nowMs }: Services,
): Promise<readonly string[] | null> {
  if (request.headers.has("authorization") || !request.headers.has("cookie")) return null;
  const secret = sessionOf(request, addressing);
  if (secret === null) return null;
  return (await sessions.find(secretHash(secret), nowMs()))?.tokens ?? [];
}

/** All in whose name a request may act: one for a token, each of a session's tokens that still works. Throws where a token is none. */
export async function askersOf(sender: Sender, services: Services): Promise<Principal[]> {
  const tokens = await sessionTokens(sender, services);
  const senders: Sender[] = tokens?.map((tokenSha256) => ({ ...sender, tokenSha256 })) ?? [sender];
  const askers: Principal[] = [];
  for (const one of senders) {
    const principal = await whoIs(one, services);
    if (principal !== null) askers.push(principal);
  }
  return askers;
}

async function admitBy(
  rule: Exclude<Rule, { for: "anyone" }>,
  sender: Sender,
  logName: string,
  services: Services,
): Promise<Admitted> {
  switch (rule.for) {
    case "metrics":
      return admitMetrics(sender, services);
    case "token": {
      const principal = await whoIs(sender, services);
      assertRole(principal, rule.roles);
      return { principal, log: null };
    }
    case "log":
      return admitLog(rule, sender, logName, services);
    case "append":
      return admitAppend(sender, logName, services);
    default:
      return rule satisfies never;
  }
}

async function admitLog(
  rule: Extract<Rule, { for: "log" }>,
  sender: Sender,
  logName: string,
  services: Services,
): Promise<Admitted> {
  const anonymous = rule.public === true && !hasCredential(sender);
  const token = anonymous ? null : await credentialOf(sender, services);
  const admitted = await ask(sender, token, logName, services.ledger, (principal) => {
    assertMay(principal, rule.roles, logName);
  });
  // A wrong token is refused even where none is needed: its sender believes that it works.
  if (token !== null) assertUsable(admitted.principal);
  if (rule.public === true) {
    assertMayOrPublic(admitted.principal, rule.roles, logName, admitted.log);
  } else {
    assertMay(admitted.principal, rule.roles, logName);
  }
  assertKnown(admitted.log);
  return admitted;
}

async function admitAppend(sender: Sender, logName: string, services: Services): Promise<Admitted> {
  const { ledger, admitted: cache, nowMs } = services;
  const token = await credentialOf(sender, services);
  const cached = cache.get(token.sha256, nowMs());
  if (cached !== null) {
    assertNetwork(cached, sender.address);
    assertMayAppend(cached, logName);
    return { principal: cached, log: null };
  }
  const admitted = await ask(sender, token, logName, ledger, (principal) => {
    assertMayAppend(principal, logName);
  });
  assertMayAppend(admitted.principal, logName);
  assertKnown(admitted.log);
  cache.set(token.sha256, admitted.principal, nowMs());
  return admitted;
}

async function admitMetrics(sender: Sender, services: Services): Promise<Admitted> {
  if (!hasCredential(sender) && isFromThisMachine(sender)) return NOBODY;
  const principal = await whoIs(sender, services);
  assertUsable(principal);
  return { principal, log: null };
}

/**
 * Asked under a loopback name too (so no page of another site was rebound to it), and with no trace of a proxy:
 * behind one on this machine everybody seems to come from here.
 */
function isFromThisMachine({ request: { headers, url }, address }: Sender): boolean {
  if (!isLoopback(address) || PROXY_HEADERS.some((name) => headers.has(name))) return false;
  return LOOPBACK_HOST.test(new URL(url).hostname);
}

const PROXY_HEADERS = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];
const LOOPBACK_HOST = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/;

/**
 * Asks the ledger. What is no name of a log is not asked for: there is none. A log that is there may still fail
 * to be looked up; only who has a right to it (`assertRight`) learns of that, or its name would be told.
 */
async function ask(
  { address, saw }: Sender,
  token: Credential | null,
  logName: string,
  ledger: LedgerApi,
  assertRight: (principal: Principal | null) => void,
): Promise<Admitted> {
  const log = isLogName(logName) ? logName : null;
  const signedIn = token?.signedIn ?? null;
  const tokenSha256 = token === null || signedIn !== null ? null : token.sha256;
  const result = await ledger.admit({ tokenSha256, signedIn, log });
  if (result.ok) {
    const principal = signedIn ?? result.value.principal;
    saw?.(principal);
    assertNetwork(principal, address);
    return { principal, log: result.value.log };
  }
  if (log !== null) {
    const known = valueOf(await ledger.admit({ tokenSha256, log: null }));
    const principal = signedIn ?? known.principal;
    saw?.(principal);
    assertNetwork(principal, address);
    assertRight(principal);
  }
  throw problemOf(result.problem);
}

async function whoIs(sender: Sender, services: Services): Promise<Principal | null> {
  const token = await credentialOf(sender, services);
  if (token.signedIn !== null) {
    sender.saw?.(token.signedIn);
    return token.signedIn;
  }
  return (await ask(sender, token, "", services.ledger, () => undefined)).principal;
}

/** A bearer token: one of ours, which the ledger knows by its hash, or one of an issuer's that was checked here. */
interface Credential {
  /** Hex. */
  readonly sha256: string;
  /** `null` for ours, and for what is none. */
  readonly signedIn: Principal | null;
}

/**
 * Throws `unauthenticated` where there is none, and what is wrong with an issuer's. What cannot be a token of anybody's
 * is asked for like one of ours: a refusal takes as long, and says as little, whatever is wrong with it.
 */
async function credentialOf(
  { request, tokenSha256 }: Sender,
  services: Services,
): Promise<Credential> {
  if (tokenSha256 !== undefined) return { sha256: tokenSha256, signedIn: null };
  const token = bearerOf(request);
  if (token === null) throw unauthenticated();
  const sha256 = tokenSha256Hex(token, services.sha256);
  if (services.signIn === null || !COMPACT_JWT.test(token)) return { sha256, signedIn: null };
  return { sha256, signedIn: await services.signIn.principal(token, sha256, services.nowMs()) };
}

function hasCredential({ request, tokenSha256 }: Sender): boolean {
  return tokenSha256 !== undefined || request.headers.has("authorization");
}

/** A signed token has three parts (RFC 7515 §7.1); ours have no dot. What is in the parts, `oidc/verify.ts` looks at. */
const COMPACT_JWT = /^[^.]*\.[^.]*\.[^.]*$/;

/** What follows `Bearer` (RFC 6750; the scheme's case does not matter). */
export function bearerOf(request: Request): string | null {
  return /^bearer +([^ ]+) *$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? null;
}
