/** Runs as rows: those that were written once they were complete, and, for what none is there yet, made from the rows of entries. */
import type { InStatement } from "@libsql/client/web";
import type { Connection } from "../index/connection.ts";
import { bytesOf, integerOf, textOf } from "../index/row.ts";
import type { SeqRange } from "./find.ts";
import { decodeRun, RunBuilder, type Run } from "./run.ts";
import { LOG_SPAN } from "./schema.ts";
import { idOf, type SearchLog } from "./tables.ts";

/** Characters of the rows of one read, and compressed bytes of the runs of one: of sqld's 10 MB an answer. */
const READ_CHARS = 2_000_000;
const READ_BYTES = 500_000;
const READ_ROWS = 4_096;
/** Counting so many takes the thread for some 15 ms. */
const READ_RUNS = 16;

/** Rows in order while their characters are not too many; of one row they never are. */
const ROWS = `SELECT id % ${LOG_SPAN} AS seq, action, actor, outcome, target, more FROM (
  SELECT *, sum(64 + length(action) + length(actor) + coalesce(length(target), 0) + coalesce(length(more), 0))
      OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS chars
    FROM (SELECT * FROM doc WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ${READ_ROWS}))
  WHERE chars < ${READ_CHARS} ORDER BY id`;

/** Where runs lie, of all that have an entry of the range: those begin at most so far before it. */
const PLACES = `SELECT id, entries, length(data) AS bytes FROM run
  WHERE id >= coalesce((SELECT max(id) FROM run WHERE id <= ?1 AND id >= ?3), ?1) AND id < ?2 ORDER BY id`;

const RUNS = "SELECT id, entries, data FROM run WHERE id >= ? AND id <= ? ORDER BY id";

export class RunReader {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Every run that has an entry of the range, some at a time, in order. Throws IndexError. */
  async *runs(log: SearchLog, { from, to }: SeqRange): AsyncGenerator<readonly Run[]> {
    const places = groups(await this.#places(log, from, Math.min(to, log.runs)));
    // The next ones are read while these are counted.
    let ahead = this.#ahead(log, places[0]);
    for (let at = 0; at < places.length; at++) {
      const runs = await ahead;
      ahead = this.#ahead(log, places[at + 1]);
      yield runs;
    }
    const open = Math.max(from, log.runs);
    if (open < to) yield await this.fromRows(log, open, to);
  }

  /** The entries `from` … `to` − 1 as runs, of which the last is not complete. */
  async fromRows(log: SearchLog, from: number, to: number): Promise<Run[]> {
    const builder = new RunBuilder(from);
    await this.fill(log, builder, to);
    return [...builder.complete, builder.rest()];
  }

  /** Adds the entries up to `to` − 1. */
  async fill(log: SearchLog, builder: RunBuilder, to: number): Promise<void> {
    while (builder.next < to) {
      const [answer] = await this.#read([
        { sql: ROWS, args: [idOf(log, builder.next), idOf(log, to)] },
      ]);
      for (const row of answer!.rows) {
        const { outcome, target, more } = row;
        const others = typeof more === "string" ? (JSON.parse(more) as string[]) : [];
        builder.add(integerOf(row, "seq"), {
          action: textOf(row, "action"),
          actor: textOf(row, "actor"),
          outcome: typeof outcome === "string" ? outcome : null,
          targets: typeof target === "string" ? [target, ...others] : [],
        });
      }
      if (answer!.rows.length === 0) builder.skipTo(to);
    }
  }

  #ahead(log: SearchLog, group: Group | undefined): Promise<Run[]> {
    const runs = group === undefined ? Promise.resolve([]) : this.#stored(log, group);
    runs.catch(() => {});
    return runs;
  }

  async #places(log: SearchLog, from: number, to: number): Promise<Place[]> {
    if (to <= from) return [];
    const args = [idOf(log, from), idOf(log, to), idOf(log, 0)];
    const [answer] = await this.#read([{ sql: PLACES, args }]);
    return answer!.rows.map((row) => {
      return { id: integerOf(row, "id"), bytes: integerOf(row, "bytes") };
    });
  }

  /** One that cannot be read is made from its rows. */
  async #stored(log: SearchLog, { first, last }: Group): Promise<Run[]> {
    const [answer] = await this.#read([{ sql: RUNS, args: [first, last] }]);
    const runs: Run[] = [];
    for (const row of answer!.rows) {
      const seq = integerOf(row, "id") - idOf(log, 0);
      const count = integerOf(row, "entries");
      const run = decodeRun(bytesOf(row, "data"), seq, count);
      if (run === null) runs.push(...(await this.fromRows(log, seq, seq + count)));
      else runs.push(run);
    }
    return runs;
  }

  async #read(statements: InStatement[]) {
    return this.#connection.read(() => this.#connection.client.batch(statements, "deferred"));
  }
}

interface Place {
  readonly id: number;
  readonly bytes: number;
}

/** Runs that are read together. */
interface Group {
  readonly first: number;
  readonly last: number;
}

function groups(places: readonly Place[]): Group[] {
  const found: { first: number; last: number }[] = [];
  let count = 0;
  let bytes = 0;
  for (const { id, bytes: more } of places) {
    const group = found.at(-1);
    if (group === undefined || count === READ_RUNS || bytes + more > READ_BYTES) {
      found.push({ first: id, last: id });
      count = bytes = 0;
    } else {
      group.last = id;
    }
    count++;
    bytes += more;
  }
  return found;
}
