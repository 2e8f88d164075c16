/**
 * The one place where the HTTP side gets hold of the ledger. There is one shard today; which one a log
 * belongs to is decided here.
 */
import type { Env } from "./env.ts";
import type { LedgerApi, LedgerForGuard } from "./ledger-api.ts";
import { ProblemError } from "./problem.ts";

const SHARD = "0";

/** The object is started anew at the next call; it reads heads and `_system` first. */
const RETRY_AFTER_SECONDS = 1;

/** The ledger for one request: a stub belongs to the request that made it. */
export function ledgerOf(env: Env): LedgerApi {
  // A stub has a method for each of the object's, with answers as promises of copies: just what LedgerApi says.
  const stub = env.LEDGER.get(env.LEDGER.idFromName(SHARD)) as unknown as LedgerApi;
  return new Proxy(stub, { get: (target, name) => calling(target, name as keyof LedgerApi) });
}

/** The same for the guard, which runs beside it. */
export function ledgerForGuard(env: Env): LedgerForGuard {
  return env.LEDGER.get(env.LEDGER.idFromName(SHARD)) as unknown as LedgerForGuard;
}

/**
 * The ledger answers its own refusals as values. What is thrown is the way to it, or an object that could not go on (a
 * full disk under its memo): whether the call was carried out nobody knows then.
 */
function calling(stub: LedgerApi, name: keyof LedgerApi) {
  return async (...args: unknown[]): Promise<unknown> => {
    try {
      return await (stub[name] as (...given: unknown[]) => Promise<unknown>)(...args);
    } catch (error) {
      const detail =
        "the ledger stopped while this was under way; an event sent again with its id is taken once";
      throw new ProblemError("index_unavailable", detail, {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
        cause: error,
      });
    }
  };
}
