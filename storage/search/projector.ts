/**
 * Brings the search tables up to the committed heads, behind the commits and off their way: the lines of a log, a page at a time, as
 * rows. A log whose head is no longer what the tables have seen (a restored or replaced index) begins anew.
 */
import { toHex } from "../log/bytes.ts";
import { HASH_BYTES, type Head } from "../log/hash.ts";
import type { Chunk, Index } from "../ports.ts";
import { RowBuilder } from "./rows.ts";
import { RunReader } from "./run-rows.ts";
import { RUN_ENTRIES, RunBuilder, type Run } from "./run.ts";
import type { SearchLog, SearchTables } from "./tables.ts";

/** Lines of one transaction: some 1,700 entries as a rule, at least one chunk (4 MB). */
const PAGE_BYTES = 1024 * 1024;
/** Lines after which others get the thread: 3 ms. */
const SLICE_LINES = 100;
/** Whether values have become too many is looked at every so many pages. */
const TALLY_LOOK_PAGES = 32;
/** Logs whose last entries are kept here until they make a run, 1 MB each as a rule; those of others are read again then. */
const OPEN_RUNS_MAX = 16;

export interface ProjectorParts {
  readonly tables: SearchTables;
  readonly index: Pick<Index, "chunks">;
  /** Size and last leaf of each log, as committed. */
  readonly heads: () => Promise<ReadonlyMap<string, Head>>;
  /** Gives the thread to others for a moment. */
  readonly pause: () => Promise<void>;
}

/** What one round did. */
export interface Round {
  /** Entries that were added. */
  readonly entries: number;
  /** Entries that are still to be looked at. */
  readonly behind: number;
}

/** Some entries of a log as rows; or why there are none. */
type Page =
  | {
      readonly rows: RowBuilder;
      /** The entry behind the last of them, and the leaf of that one. */
      readonly next: number;
      readonly leaf: string;
      readonly complete: readonly Run[];
      readonly isInRun: boolean;
    }
  | "missing"
  | "another past";

export class Projector {
  readonly #parts: ProjectorParts;
  #logs: Map<string, SearchLog> | null = null;
  #pages = 0;
  /** What is read while the page before it is written. */
  #ahead: { readonly number: number; readonly from: number; readonly read: Promise<Page> } | null =
    null;
  /** By the log's number. */
  readonly #openRuns = new Map<number, RunBuilder>();

  constructor(parts: ProjectorParts) {
    this.#parts = parts;
  }

  /** How far each log has come, as far as is known here. */
  get logs(): ReadonlyMap<string, SearchLog> {
    return this.#logs ?? new Map<string, SearchLog>();
  }

  /**
   * One page of each log that is behind; `isHurried`: the next is read while one is written. Throws IndexError; then the next
   * round reads again how far the tables are.
   */
  async round(isHurried = false): Promise<Round> {
    try {
      return await this.#round(isHurried);
    } catch (error) {
      this.#forget();
      throw error;
    }
  }

  /** Empties the tables, or begins one log anew. */
  async restart(name: string | null): Promise<void> {
    this.#forget();
    if (name === null) await this.#parts.tables.drop();
    else await this.#parts.tables.forget(name);
  }

  #forget(): void {
    this.#logs = null;
    this.#ahead = null;
    this.#openRuns.clear();
  }

  async #round(isHurried: boolean): Promise<Round> {
    const { tables, heads } = this.#parts;
    if (this.#logs === null) await tables.prepare();
    // Read anew each time: whoever has the disk may have changed them.
    this.#logs = await tables.logs();
    const now = await heads();
    for (const name of [...this.#logs.keys()].filter((name) => !now.has(name))) {
      await tables.forget(name);
      this.#logs.delete(name);
    }
    let entries = 0;
    let behind = 0;
    for (const [name, head] of now) {
      const log = await this.#known(name, head);
      if (log.next >= head.size) continue;
      const moved = await this.#page(log, head.size, isHurried);
      this.#logs.set(name, moved);
      entries += Math.max(0, moved.next - log.next);
      behind += head.size - moved.next;
    }
    await tables.clearSome();
    return { entries, behind };
  }

  /** The log as the tables have it, from its beginning where they have seen another history. */
  async #known(name: string, head: Head): Promise<SearchLog> {
    const log = this.#logs!.get(name);
    if (log !== undefined && continues(log, head)) return log;
    return this.#begin(name);
  }

  async #begin(name: string): Promise<SearchLog> {
    const log = await this.#parts.tables.begin(name);
    this.#logs!.set(name, log);
    return log;
  }

  async #page(log: SearchLog, size: number, isHurried: boolean): Promise<SearchLog> {
    const { tables } = this.#parts;
    const page = await (this.#takeAhead(log) ?? this.#read(log, size));
    // Missing entries are a finding of others; the tables wait.
    if (page === "missing") return log;
    if (page === "another past") return this.#begin(log.name);
    const { rows, next, leaf, complete } = page;
    if (isHurried && this.#ahead === null && page.isInRun && next < size) {
      const read = this.#read({ ...log, next, leaf }, size);
      read.catch(() => {});
      this.#ahead = { number: log.number, from: next, read };
    }
    const moved = await tables.put(log, rows, next, leaf, complete);
    if (moved === null) throw new Error(`the search tables of ${log.name} have another writer`);
    return ++this.#pages % TALLY_LOOK_PAGES === 0 ? tables.retireTallies(moved) : moved;
  }

  /** The page of the log that was read ahead; null where there is none. */
  #takeAhead(log: SearchLog): Promise<Page> | null {
    const ahead = this.#ahead;
    if (ahead?.number !== log.number) return null;
    this.#ahead = null;
    if (ahead.from === log.next) return ahead.read;
    // Its entries are in the open run already.
    this.#openRuns.delete(log.number);
    return null;
  }

  async #read(log: SearchLog, size: number): Promise<Page> {
    const { index, pause } = this.#parts;
    const range = { from: log.next, to: size, bytesMax: PAGE_BYTES };
    const chunks = await index.chunks(log.name, range);
    const [first] = chunks;
    if (first === undefined || first.first > log.next) return "missing";
    if (log.next > 0 && leafBefore(first, log.next) !== log.leaf) return "another past";
    const run = await this.#openRun(log);
    const rows = new RowBuilder(log.number, (field) => !log.untallied.includes(field), run);
    let next = log.next;
    let leaf = log.leaf;
    for (const chunk of chunks) {
      const lines = chunk.lines.split("\n");
      for (let at = next - chunk.first; at < chunk.count; at++) {
        rows.add(chunk.first + at, lines[at] ?? "");
        if (at % SLICE_LINES === SLICE_LINES - 1) await pause();
      }
      next = chunk.first + chunk.count;
      leaf = leafAt(chunk, chunk.count - 1);
    }
    run?.skipTo(next);
    const complete = run?.complete.splice(0) ?? [];
    return { rows, next, leaf, complete, isInRun: run !== null };
  }

  /** The run that the next entry belongs to; null where the entries before it wait until they are a whole run. */
  async #openRun(log: SearchLog): Promise<RunBuilder | null> {
    const known = this.#openRuns.get(log.number);
    if (known?.next === log.next) return known;
    this.#openRuns.delete(log.number);
    const waiting = log.next - log.runs;
    if (waiting > 0 && waiting < RUN_ENTRIES) return null;
    const run = new RunBuilder(log.runs);
    await new RunReader(this.#parts.tables.connection).fill(log, run, log.next);
    const [oldest] = this.#openRuns.keys();
    if (this.#openRuns.size >= OPEN_RUNS_MAX) this.#openRuns.delete(oldest!);
    this.#openRuns.set(log.number, run);
    return run;
  }
}

/** Whether a head may lie on the history that the tables have seen; where it has grown the next page tells. */
function continues({ next, leaf }: SearchLog, head: Head): boolean {
  return head.size > next || (head.size === next && (next === 0 || head.leaf === leaf));
}

/** The leaf of the entry before `seq` in the chunk, or as the chunk's first line has it: its `prev`. */
function leafBefore(chunk: Chunk, seq: number): string {
  if (seq > chunk.first) return leafAt(chunk, seq - 1 - chunk.first);
  const [line = ""] = chunk.lines.split("\n", 1);
  return (
    /"prev":"([0-9a-f]{64})","salt":"[^"]*","seq":[0-9]+,"time":"[^"]*","v":1\}$/.exec(line)?.[1] ??
    ""
  );
}

function leafAt({ leaves }: Chunk, at: number): string {
  return toHex(leaves.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));
}
