/**
 * Keeps `_system` under lock as long as the longest-kept log (FORMAT §8): a log that is made with a longer
 * retention than any before makes the locks of batches that lie there already longer too.
 */
import { SYSTEM_LOG } from "../log/entry.ts";
import type { SealRow } from "../ports.ts";
import { retainAtLeastMs } from "./slot.ts";
import type { Parts } from "./state.ts";

/** Rows read at once; each is a few hundred bytes. */
const PAGE_ROWS = 500;

/** Follows the longest retention as it grows; asked after each seal of `_system`, also the first of a start. */
export class SystemLocks {
  readonly #parts: Pick<Parts, "index" | "vault" | "report">;
  #retentionDays = 0;

  constructor(parts: Pick<Parts, "index" | "vault" | "report">) {
    this.#parts = parts;
  }

  /** What fails is tried again after the next seal, and at the next start. */
  async follow(retentionDays: number): Promise<void> {
    if (retentionDays <= this.#retentionDays) return;
    try {
      const count = await extendSystemLocks(this.#parts, retentionDays);
      this.#retentionDays = retentionDays;
      if (count > 0) this.#parts.report("info", "locks of _system were made longer", { count });
    } catch (error) {
      const reason = String(error);
      this.#parts.report("error", "locks of _system could not be made longer", { reason });
    }
  }
}

/**
 * Newest first, so that the oldest batch, which is looked at first, is long enough only when all are. Repeating it is
 * harmless; a crash in between is made up for at the next start. Returns how many locks were made longer.
 */
export async function extendSystemLocks(
  parts: Pick<Parts, "index" | "vault">,
  retentionDays: number,
): Promise<number> {
  const [oldest] = await parts.index.seals(SYSTEM_LOG, { from: 0, limit: 1, order: "asc" });
  if (oldest === undefined) return 0;
  const lock = await parts.vault.lock(oldest.key, oldest.versionId);
  if (lock.retainUntilMs >= neededMs(oldest, retentionDays)) return 0;
  let count = 0;
  for (let from = Number.MAX_SAFE_INTEGER; from >= 0;) {
    const rows = await parts.index.seals(SYSTEM_LOG, { from, limit: PAGE_ROWS, order: "desc" });
    for (const row of rows) {
      await parts.vault.extendLock(row.key, row.versionId, neededMs(row, retentionDays));
      count += 1;
    }
    from = (rows.at(-1)?.first ?? 0) - 1;
  }
  return count;
}

/** `sealedAt` is never before the batch's last entry. */
function neededMs({ sealedAt }: SealRow, retentionDays: number): number {
  return retainAtLeastMs(Date.parse(sealedAt), retentionDays);
}
