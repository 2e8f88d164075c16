/**
 * The way back to work of a log that ends in `log.recovered` (PROTOCOL §4): closed until the batch that ends with this
 * entry is read back from its slot, which fences off a PUT still under way; then `_system` is told, then it is open.
 * A crash anywhere in between finds the entry at the log's end and comes back here.
 */
import { SYSTEM_LOG } from "../log/entry.ts";
import { logRecovered, type Directory, type LogRecovered } from "../log/system.ts";
import type { NewEvent } from "./append.ts";
import { sleep } from "./commit.ts";
import type { LogState, Parts } from "./state.ts";

/** After so long without a seal the wait for it begins again: MinIO may be away for days. */
const SEAL_WAIT_MS = 60_000;

/** Between tries to tell `_system`, which may be recovering itself. */
const RETRY_MS = 1_000;

export interface RecoveryHooks {
  directory(): Directory;
  /** Whether this state is still the log's, and the ledger running. */
  goesOn(state: LogState): boolean;
  waitSealed(state: LogState, size: number, waitMs: number): Promise<boolean>;
  appendSystem(events: readonly NewEvent[]): Promise<unknown>;
}

export class Recovery {
  readonly #parts: Pick<Parts, "report">;
  readonly #hooks: RecoveryHooks;

  constructor(parts: Pick<Parts, "report">, hooks: RecoveryHooks) {
    this.#parts = parts;
    this.#hooks = hooks;
  }

  /** Closes the log if its last entry is a recovery that is not under lock or not in `_system`, and opens it when both are. */
  begin(state: LogState, recovery: LogRecovered | null): void {
    if (recovery === null) return;
    const sealed = state.sealed.size >= state.head.size;
    if (sealed && this.#recorded(recovery)) return;
    state.recovering = true;
    void this.#finish(state, recovery);
  }

  async #finish(state: LogState, recovery: LogRecovered): Promise<void> {
    const { size } = state.head;
    while (this.#hooks.goesOn(state)) {
      if (!(await this.#hooks.waitSealed(state, size, SEAL_WAIT_MS))) continue;
      try {
        if (!this.#recorded(recovery)) await this.#hooks.appendSystem([logRecovered(recovery)]);
        state.recovering = false;
        return;
      } catch (error) {
        const reason = String(error);
        this.#parts.report("warn", "a recovery has to wait", { log: state.name, reason });
        await sleep(RETRY_MS);
      }
    }
  }

  /** `_system` tells its own recovery by the entry itself. */
  #recorded({ log, kept }: LogRecovered): boolean {
    if (log === SYSTEM_LOG) return true;
    const recorded = this.#hooks.directory().recovered.get(log) ?? [];
    return recorded.some((one) => one.kept === kept);
  }
}
