/**
 * What is wrong around the entries: what the ledger knows by itself, how the database is made, and whether the clocks agree.
 * Each is asked at its own pace. What one did not answer this time it said before, so silence clears nothing.
 */
import { CLOCK_SKEW_MS_MAX } from "../../storage/flow/clock-guard.ts";
import { sleep } from "../../storage/flow/commit.ts";
import { checkDatabase, databaseNowMs } from "../../storage/index/condition.ts";
import type { LibsqlIndex } from "../../storage/index/index.ts";
import { newFinding, type Finding } from "../../storage/log/findings.ts";
import type { Vault } from "../../storage/ports.ts";
import type { LedgerForGuard } from "../ledger-api.ts";

/** How often the surroundings are looked at, at least: what went back is noticed within so long, and a confirmation. */
export const LOOK_MS = 5_000;
/** What was found is looked at again before it is told: by a new look, not by the answer of the last one. */
const AGAIN_MS = 2_000;
/** A request to the store each time, which costs where somebody else keeps it. */
const CLOCKS_MS = 60_000;
/** A ledger that waits for a store that hangs is not waited for. */
const ANSWER_MS_MAX = 10_000;

export interface Surroundings {
  readonly ledger: LedgerForGuard;
  readonly index: LibsqlIndex;
  readonly vault: Pick<Vault, "nowMs">;
  readonly nowMs: () => number;
}

interface Look {
  readonly everyMs: number;
  readonly ask: () => Promise<readonly Finding[]>;
  dueMs: number;
  /** Null until it has answered once. */
  found: readonly Finding[] | null;
}

export class Conditions {
  readonly #parts: Surroundings;
  readonly #looks: readonly Look[];

  constructor(parts: Surroundings) {
    this.#parts = parts;
    const look = (everyMs: number, ask: Look["ask"]): Look => {
      return { everyMs, ask, dueMs: -Infinity, found: null };
    };
    this.#looks = [
      look(LOOK_MS, () => parts.ledger.condition()),
      look(LOOK_MS, () => checkDatabase(parts.index)),
      look(CLOCKS_MS, () => this.#clocks()),
    ];
  }

  /** Throws where one of them has not answered since the start. */
  async now(): Promise<readonly Finding[]> {
    const nowMs = this.#parts.nowMs();
    const due = this.#looks.filter(({ dueMs }) => dueMs <= nowMs);
    const answers = await Promise.allSettled(due.map(({ ask }) => inTime(ask())));
    for (const [at, answer] of answers.entries()) {
      const look = due[at]!;
      const isWrong = answer.status === "rejected" || answer.value.length > 0;
      look.dueMs = nowMs + (isWrong ? Math.min(AGAIN_MS, look.everyMs) : look.everyMs);
      if (answer.status === "fulfilled") look.found = answer.value;
      else if (look.found === null) throw answer.reason;
    }
    return this.#looks.flatMap(({ found }) => found ?? []);
  }

  async #clocks(): Promise<readonly Finding[]> {
    const { index, vault, nowMs } = this.#parts;
    const skews = [
      await skewOf("database", nowMs, () => databaseNowMs(index)),
      // Its Date has whole seconds.
      await skewOf("vault", nowMs, async () => (await vault.nowMs()) + 500),
    ];
    const apart = skews.filter(({ ms }) => Math.abs(ms) > CLOCK_SKEW_MS_MAX);
    return apart.map(({ name, ms }) => {
      const direction = ms > 0 ? "ahead of" : "behind";
      const minutes = Math.round(Math.abs(ms) / 60_000);
      const found = `the worker's is ${minutes} min ${direction} that of the ${name}`;
      return newFinding("clock_skew", { object: name }, "clocks that agree", found);
    });
  }
}

/** Our clock minus the other's, read between two readings of ours. */
async function skewOf(name: string, nowMs: () => number, read: () => Promise<number>) {
  const before = nowMs();
  const other = await read();
  return { name, ms: (before + nowMs()) / 2 - other };
}

async function inTime<T>(asked: Promise<T>): Promise<T> {
  const late = sleep(ANSWER_MS_MAX).then(() => Promise.reject(new Error("no answer in time")));
  return Promise.race([asked, late]);
}
