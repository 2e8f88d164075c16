/**
 * What is looked at around the entries: what the ledger knows to be wrong by itself, how the database is made, and whether the
 * clocks of worker, database and store agree.
 */
import { checkDatabase, databaseNowMs } from "../../storage/index/condition.ts";
import type { LibsqlIndex } from "../../storage/index/index.ts";
import type { Vault } from "../../storage/ports.ts";
import type { LedgerForGuard } from "../ledger-api.ts";
import { Looks, skewFindings, skewOf } from "./looks.ts";

/** An old database that was put back, or a trigger that was dropped, is noticed within so long, and a second look. */
export const LOOK_MS = 5_000;
/** A request to the store each time, which costs where somebody else keeps it. */
const CLOCKS_MS = 60_000;
/** The store's Date has whole seconds. */
const HALF_SECOND_MS = 500;

export interface Surroundings {
  readonly ledger: LedgerForGuard;
  readonly index: LibsqlIndex;
  readonly vault: Pick<Vault, "nowMs">;
  readonly nowMs: () => number;
}

export function conditionsOf({ ledger, index, vault, nowMs }: Surroundings): Looks {
  const clocks = async () =>
    skewFindings([
      await skewOf("database", nowMs, () => databaseNowMs(index)),
      await skewOf("vault", nowMs, async () => (await vault.nowMs()) + HALF_SECOND_MS),
    ]);
  return new Looks(nowMs, [
    { everyMs: LOOK_MS, ask: () => ledger.condition() },
    { everyMs: LOOK_MS, ask: () => checkDatabase(index) },
    { everyMs: CLOCKS_MS, ask: clocks },
  ]);
}
