/**
 * Reads lines from the index and goes on where the server refuses one: an instance that notices an altered line by itself shows
 * none of the page it is on, so the page is halved until the line is alone.
 */
import { splitLines, type IndexLine } from "./index-chain.ts";
import { SourceError, type LogSource } from "./source.ts";

/** Refused lines that are looked for one by one; beyond them the rest of a run counts as refused. */
const REFUSED_MAX = 20;

export class IndexReader {
  readonly #source: Pick<LogSource, "lines">;
  #refused = 0;

  constructor(source: Pick<LogSource, "lines">) {
    this.#source = source;
  }

  /** At most `count` lines from `from` on. Throws SourceError where the server does not answer. */
  async read(from: number, count: number): Promise<{ lines: IndexLine[]; bytes: number }> {
    try {
      const bytes = await this.#source.lines(from, count);
      return { lines: splitLines(bytes), bytes: bytes.length };
    } catch (error) {
      if (!(error instanceof SourceError) || !isRefusal(error)) throw error;
      if (count === 1 || this.#refused >= REFUSED_MAX) return this.#refuse(count, error.detail);
      const half = Math.floor(count / 2);
      const a = await this.read(from, half);
      const b = await this.read(from + half, count - half);
      return { lines: [...a.lines, ...b.lines], bytes: a.bytes + b.bytes };
    }
  }

  #refuse(count: number, refused: string): { lines: IndexLine[]; bytes: number } {
    this.#refused += count;
    return { lines: Array.from({ length: count }, () => ({ refused })), bytes: 0 };
  }
}

/** A stream that was begun can only break off where it meets an altered line. */
function isRefusal({ code }: SourceError): boolean {
  return code === "entry_altered" || code === "broken_off";
}
