/**
 * Reads on their way from the HTTP side to the ledger: gathered for a moment in the memory of the isolate, so that a read
 * costs a place in a map and no call of its own. Under load, reads that are alike (same reader, address, log, range) are one
 * record with their number. Bounded; what finds no place is counted and told.
 */
import type { AccessRecord } from "../storage/flow/access-events.ts";
import type { LedgerApi } from "./ledger-api.ts";
import { valueOf } from "./problem.ts";

/** So long reads are gathered; a worker that is killed loses those of this time. */
export const GATHER_MS = 1_000;

/** Half a kilobyte each. */
export const GATHERED_MAX = 10_000;

/** From so many on in one gathering those that are alike are one. */
export const ALIKE_FROM = 100;

/** Records of one call. */
const CALL_MAX = 1_000;

/** The ledger is started anew at the next call. */
const TRIES_MAX = 5;
const RETRY_MS = 1_000;

/** After so long a gathering whose request has gone is believed dead. */
const GATHERING_MS_MAX = GATHER_MS + 2 * TRIES_MAX * RETRY_MS;

type Ledger = Pick<LedgerApi, "recordAccess">;

interface Waiting {
  readonly record: AccessRecord;
  requests: number;
}

export class AccessRecorder {
  readonly #waiting = new Map<string, Waiting>();
  #next = 0;
  #lost = 0;
  #gatheringSinceMs = -Infinity;

  /** Takes one read. `later` keeps a request's surroundings alive until the work is done (waitUntil). */
  add(
    record: AccessRecord,
    ledger: Ledger,
    later: (work: Promise<unknown>) => void,
    nowMs: number,
  ): void {
    this.#put(record);
    if (nowMs - this.#gatheringSinceMs < GATHERING_MS_MAX) return;
    this.#gatheringSinceMs = nowMs;
    later(this.#gather(ledger));
  }

  async #gather(ledger: Ledger): Promise<void> {
    await sleep(GATHER_MS);
    await this.flush(ledger);
    this.#gatheringSinceMs = -Infinity;
  }

  /** Gives all that waits to the ledger. What it does not take in some seconds waits for the next read. */
  async flush(ledger: Ledger): Promise<void> {
    for (let tries = 1; this.#waiting.size > 0 && tries <= TRIES_MAX;) {
      const lost = this.#lost;
      const records = this.#take();
      try {
        valueOf(await ledger.recordAccess(records, { before: false, lost }));
        this.#lost -= lost;
      } catch {
        // Whether it was taken nobody knows: twice on record is better than not at all.
        for (const record of records) this.#put(record);
        tries += 1;
        await sleep(RETRY_MS);
      }
    }
  }

  #take(): AccessRecord[] {
    const taken = [...this.#waiting].slice(0, CALL_MAX);
    for (const [key] of taken) this.#waiting.delete(key);
    return taken.map(([, { record, requests }]) => ({ ...record, requests }));
  }

  #put(record: AccessRecord): void {
    const key = this.#waiting.size < ALIKE_FROM ? String(this.#next++) : keyOf(record);
    const same = this.#waiting.get(key);
    if (same !== undefined) {
      same.requests += record.requests;
    } else if (this.#waiting.size < GATHERED_MAX) {
      this.#waiting.set(key, { record, requests: record.requests });
    } else {
      this.#lost += record.requests;
    }
  }
}

/** The same for reads that are alike in all but their time. */
function keyOf({ by, action, log, logs, status, ip, userAgent, shown }: AccessRecord): string {
  return `${action} ${log} ${status} ${ip} ${JSON.stringify([by, shown, logs])} ${userAgent}`;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
