/**
 * The one place where the HTTP side gets hold of the ledger. There is one shard today; which one a log
 * belongs to is decided here.
 */
import type { Env } from "./env.ts";
import type { LedgerApi } from "./ledger-api.ts";

const SHARD = "0";

/** The ledger for one request: a stub belongs to the request that made it. */
export function ledgerOf(env: Env): LedgerApi {
  // A stub has a method for each of the object's, with answers as promises of copies: just what LedgerApi says.
  return env.LEDGER.get(env.LEDGER.idFromName(SHARD)) as unknown as LedgerApi;
}
