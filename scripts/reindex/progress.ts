/** The progress of a rebuild: entries, rate, and how long the rest will take at that rate; once a second. */
import { grouped } from "../verify/report.ts";

const EACH_MS = 1_000;

interface Reached {
  readonly size: number;
  readonly searchedTo: number;
}

export class ReindexProgress {
  readonly #say: (line: string) => void;
  readonly #startMs = Date.now();
  #shownMs = Date.now();
  #done = 0;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** True once the tables have looked at everything. */
  show(logs: readonly Reached[]): boolean {
    const size = sum(logs.map((log) => log.size));
    this.#done = sum(logs.map((log) => Math.min(log.size, log.searchedTo)));
    const nowMs = Date.now();
    if (nowMs - this.#shownMs >= EACH_MS && this.#done < size) {
      this.#shownMs = nowMs;
      const rate = this.#rate();
      const rest = rate === 0 ? "" : `, ${Math.ceil((size - this.#done) / rate)} s to go`;
      this.#say(`${grouped(this.#done)} of ${grouped(size)} entries, ${grouped(rate)}/s${rest}`);
    }
    return this.#done >= size;
  }

  end(): void {
    this.#say(
      `The search tables have ${grouped(this.#done)} entries (${grouped(this.#rate())}/s).`,
    );
  }

  #rate(): number {
    return Math.round(this.#done / Math.max(0.001, (Date.now() - this.#startMs) / 1_000));
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
