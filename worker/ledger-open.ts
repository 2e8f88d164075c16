/** Opens all logs, and makes up for keys that an earlier start or a restore left unpublished. */
import type { Ledger } from "../storage/flow/ledger.ts";
import { SYSTEM_LOG } from "../storage/log/entry.ts";

export async function openAll(ledger: Ledger): Promise<void> {
  await ledger.openAll();
  // It may be frozen because the log key is not its own: then the files of the right one stay.
  if (ledger.state(SYSTEM_LOG)?.frozen !== null) return;
  for (const log of ledger.directory.logs.keys()) await ledger.publishKeys(log);
}
