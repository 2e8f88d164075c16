/**
 * Several things that can be asked what is wrong, each at its own pace. What one does not answer this time it said before, so
 * silence clears nothing.
 */
import { CLOCK_SKEW_MS_MAX } from "../../storage/flow/clock-guard.ts";
import { newFinding, type Finding } from "../../storage/log/findings.ts";

/** What was found is looked at again before it is told: by a new look, not by the answer of the last one. */
const AGAIN_MS = 2_000;
/** One that waits for a store that hangs is not waited for. */
const ANSWER_MS_MAX = 10_000;

export interface Look {
  readonly everyMs: number;
  readonly ask: () => Promise<readonly Finding[]>;
}

interface Asked extends Look {
  dueMs: number;
  /** Null until it has answered once. */
  found: readonly Finding[] | null;
}

export class Looks {
  readonly #nowMs: () => number;
  readonly #looks: readonly Asked[];

  constructor(nowMs: () => number, looks: readonly Look[]) {
    this.#nowMs = nowMs;
    this.#looks = looks.map((look) => ({ ...look, dueMs: -Infinity, found: null }));
  }

  /** Throws where one of them has not answered since the start. */
  async now(): Promise<readonly Finding[]> {
    const nowMs = this.#nowMs();
    const due = this.#looks.filter(({ dueMs }) => dueMs <= nowMs);
    const answers = await Promise.allSettled(due.map(({ ask }) => inTime(ask())));
    for (const [at, answer] of answers.entries()) {
      const look = due[at]!;
      const isWrong = answer.status === "rejected" || answer.value.length > 0;
      look.dueMs = nowMs + (isWrong ? Math.min(AGAIN_MS, look.everyMs) : look.everyMs);
      if (answer.status === "fulfilled") look.found = answer.value;
    }
    if (this.#looks.some(({ found }) => found === null)) {
      const [failed] = answers.filter((answer) => answer.status === "rejected");
      throw failed?.reason ?? new Error("not every look has been answered yet");
    }
    return this.#looks.flatMap(({ found }) => found ?? []);
  }
}

async function inTime<T>(asked: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer in time")), ANSWER_MS_MAX);
  });
  return Promise.race([asked, late]).finally(() => clearTimeout(timer));
}

/** Our clock minus another's, milliseconds. */
export interface Skew {
  readonly name: string;
  readonly ms: number;
}

/** Reads the other clock between two readings of ours. */
export async function skewOf(
  name: string,
  nowMs: () => number,
  read: () => Promise<number>,
): Promise<Skew> {
  const before = nowMs();
  const other = await read();
  return { name, ms: (before + nowMs()) / 2 - other };
}

export function skewFindings(skews: readonly Skew[]): Finding[] {
  const apart = skews.filter(({ ms }) => Math.abs(ms) > CLOCK_SKEW_MS_MAX);
  return apart.map(({ name, ms }) => {
    const direction = ms > 0 ? "ahead of" : "behind";
    const minutes = Math.round(Math.abs(ms) / 60_000);
    const found = `the worker's is ${minutes} min ${direction} that of the ${name}`;
    return newFinding("clock_skew", { object: name }, "clocks that agree", found);
  });
}
