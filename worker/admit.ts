/**
 * From the Authorization header to who asks. A token's form and checksum are looked at here, so that
 * noise never reaches the ledger; who it is, the ledger says, for every read anew: a revocation
 * works at once. Appends ask it again when they commit, so for them a second's memory is enough.
 */
import type { Sha256 } from "../storage/log/hash.ts";
import { isLogName } from "../storage/log/entry.ts";
import { parseToken, tokenSha256Hex } from "../storage/token.ts";
import {
  assertKnown,
  assertMay,
  assertMayAppend,
  assertMayOrPublic,
  assertRole,
  assertUsable,
  unauthenticated,
  type Rule,
} from "./access.ts";
import type { Services } from "./ask.ts";
import type { LedgerApi, LogStatus, Principal } from "./ledger-api.ts";
import { problemOf, valueOf } from "./problem.ts";

/** How long an admitted writer's body is parsed without asking again. */
export const ADMITTED_MS_MAX = 1_000;
/** About 300 bytes each: 300 KB. */
export const ADMITTED_COUNT_MAX = 1_000;

export interface Admitted {
  readonly principal: Principal | null;
  readonly log: LogStatus | null;
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

/** Meets the rule or throws. `logName` is the log of the path, which may be no name at all. */
export async function admit(
  rule: Rule,
  request: Request,
  logName: string,
  services: Services,
): Promise<Admitted> {
  switch (rule.for) {
    case "anyone":
      return NOBODY;
    case "metrics":
      return admitMetrics(request, services);
    case "token": {
      const principal = await whoIs(services.ledger, tokenOf(request, services.sha256));
      assertRole(principal, rule.roles);
      return { principal, log: null };
    }
    case "log":
      return admitLog(rule, request, logName, services);
    case "append":
      return admitAppend(request, logName, services);
    default:
      return rule satisfies never;
  }
}

async function admitLog(
  rule: Extract<Rule, { for: "log" }>,
  request: Request,
  logName: string,
  { ledger, sha256 }: Services,
): Promise<Admitted> {
  const anonymous = rule.public === true && !request.headers.has("authorization");
  const token = anonymous ? null : tokenOf(request, sha256);
  const admitted = await ask(ledger, token, logName, (principal) => {
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

async function admitAppend(
  request: Request,
  logName: string,
  { ledger, sha256, admitted: cache, nowMs }: Services,
): Promise<Admitted> {
  const token = tokenOf(request, sha256);
  const cached = cache.get(token, nowMs());
  if (cached !== null) {
    assertMayAppend(cached, logName);
    return { principal: cached, log: null };
  }
  const admitted = await ask(ledger, token, logName, (principal) => {
    assertMayAppend(principal, logName);
  });
  assertMayAppend(admitted.principal, logName);
  assertKnown(admitted.log);
  cache.set(token, admitted.principal, nowMs());
  return admitted;
}

async function admitMetrics(request: Request, services: Services): Promise<Admitted> {
  if (!request.headers.has("authorization") && isFromThisMachine(request, services)) return NOBODY;
  const principal = await whoIs(services.ledger, tokenOf(request, services.sha256));
  assertUsable(principal);
  return { principal, log: null };
}

/**
 * The sender's address cannot be seen. Who listens on loopback only, is asked under a loopback name (so no
 * page of another site was rebound to it) and sees no trace of a proxy, is asked from this machine.
 */
function isFromThisMachine({ headers, url }: Request, { onLoopback }: Services): boolean {
  if (!onLoopback || PROXY_HEADERS.some((name) => headers.has(name))) return false;
  return LOOPBACK_HOST.test(new URL(url).hostname);
}

const PROXY_HEADERS = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];
export const LOOPBACK_HOST = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/;

/**
 * Asks the ledger. What is no name of a log is not asked for: there is none. A log that is there may still fail
 * to be looked up; only who has a right to it (`assertRight`) learns of that, or its name would be told.
 */
async function ask(
  ledger: LedgerApi,
  tokenSha256: string | null,
  logName: string,
  assertRight: (principal: Principal | null) => void,
): Promise<Admitted> {
  const log = isLogName(logName) ? logName : null;
  const result = await ledger.admit({ tokenSha256, log });
  if (result.ok) return result.value;
  if (log !== null) assertRight(await whoIs(ledger, tokenSha256));
  throw problemOf(result.problem);
}

async function whoIs(ledger: LedgerApi, tokenSha256: string | null): Promise<Principal | null> {
  return valueOf(await ledger.admit({ tokenSha256, log: null })).principal;
}

/** SHA-256 of the bearer token, hex. Throws `unauthenticated` where none of the right form is there. */
export function tokenOf(request: Request, sha256: Sha256): string {
  const token = bearerOf(request);
  if (token === null || parseToken(token) === null) throw unauthenticated();
  return tokenSha256Hex(token, sha256);
}

/** What follows `Bearer` (RFC 6750; the scheme's case does not matter). */
export function bearerOf(request: Request): string | null {
  return /^bearer +([^ ]+) *$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? null;
}
