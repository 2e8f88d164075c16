/** Lines of the operator's log about tokens that were refused: why, and never the token. Bounded, for anybody may send any number. */
import type { report } from "../report.ts";

/** Enough to see what is wrong with a configuration; someone who tries tokens fills no disk with it: 9,000 lines an hour. */
export const LINES_MAX = 25;
export const LINES_MS = 10_000;

export class RefusalLines {
  readonly #report: typeof report;
  #sinceMs = -Infinity;
  #count = 0;

  constructor(reportLine: typeof report) {
    this.#report = reportLine;
  }

  add(requestId: string, reason: string, nowMs: number): void {
    if (nowMs - this.#sinceMs >= LINES_MS || nowMs < this.#sinceMs) {
      if (this.#count > LINES_MAX) {
        this.#report("warn", "more tokens were refused", { count: this.#count - LINES_MAX });
      }
      this.#sinceMs = nowMs;
      this.#count = 0;
    }
    this.#count += 1;
    if (this.#count > LINES_MAX) return;
    this.#report("warn", "a token was refused", { request_id: requestId, reason });
  }
}
