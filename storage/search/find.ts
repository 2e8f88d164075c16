/** Reads of the search tables for hits: which entries a filter may be met by, and what their lines were when they were looked at. */
import type { InStatement, ResultSet } from "@libsql/client/web";
import type { Filter } from "../log/filter.ts";
import type { Connection } from "../index/connection.ts";
import { bytesOf, integerOf } from "../index/row.ts";
import { BLOCK_LINES, linesOfBlock } from "./blocks.ts";
import { matchOf } from "./match.ts";
import { FAR_ENTRIES, proposeNear } from "./near.ts";
import { LOG_SPAN } from "./schema.ts";
import { idOf, logOf, type SearchLog } from "./tables.ts";

export type Order = "asc" | "desc";

/** Entries `from` … `to` − 1 of a log. */
export interface SeqRange {
  readonly from: number;
  readonly to: number;
}

/** An entry that may be a hit. */
export interface Proposal {
  readonly seq: number;
  readonly timeMs: number;
}

export class SearchFinder {
  readonly #connection: Connection;
  readonly #farEntries: number;

  constructor(connection: Connection, farEntries: number = FAR_ENTRIES) {
    this.#connection = connection;
    this.#farEntries = farEntries;
  }

  /** What the tables know of these logs; one that is missing is not known. */
  async logs(names: readonly string[]): Promise<Map<string, SearchLog>> {
    const sql =
      "SELECT name, number, next, leaf, untallied, runs FROM log WHERE name IN (SELECT value FROM json_each(?))";
    const [answer] = await this.#read([{ sql, args: [JSON.stringify(names)] }]);
    return new Map(answer!.rows.map((row) => [String(row["name"]), logOf(row)]));
  }

  /** For each time the seq of the first entry that is not before it, at most `log.next`. */
  async seqsAt(log: SearchLog, timesMs: readonly number[]): Promise<number[]> {
    if (timesMs.length === 0) return [];
    const [answer] = await this.#read([seqsAt(log, timesMs)]);
    return answer!.rows.map((row) => integerOf(row, "seq"));
  }

  /** The times of the first and the last entry that the tables have looked at; null where there is none. */
  async span(
    log: SearchLog,
  ): Promise<{ readonly firstMs: number; readonly lastMs: number } | null> {
    const sql = `SELECT (SELECT time FROM doc WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 1) AS first,
      (SELECT time FROM doc WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT 1) AS last`;
    const [answer] = await this.#read([{ sql, args: [idOf(log, 0), idOf(log, log.next)] }]);
    const [row] = answer!.rows;
    if (row?.["first"] === null) return null;
    return { firstMs: integerOf(row, "first"), lastMs: integerOf(row, "last") };
  }

  /** The entries that a time range leaves of `range`. Times never decrease along a log. */
  async within(log: SearchLog, filter: Filter, range: SeqRange): Promise<SeqRange> {
    const { sinceMs, untilMs } = filter;
    if (sinceMs === null && untilMs === null) return range;
    const times = [sinceMs ?? -Infinity, untilMs ?? Infinity];
    const [from, to] = await this.seqsAt(log, times.map(boundedTimeMs));
    return {
      from: sinceMs === null ? range.from : Math.max(range.from, from!),
      to: untilMs === null ? range.to : Math.min(range.to, to!),
    };
  }

  /** The first `limit` entries of each log, in this order, that may meet the filter but for its times. */
  async propose(
    wanted: readonly { readonly log: SearchLog; readonly range: SeqRange }[],
    filter: Filter,
    order: Order,
    limit: number,
  ): Promise<Proposal[][]> {
    const near = await this.#proposeNear(wanted, filter, order, limit);
    const far = wanted.filter((_, at) => near[at]!.length < limit);
    const statements = far.map(async ({ log, range }) =>
      propose(log, range, await matchOf(this.#connection, log, filter), order, limit),
    );
    const found = await this.#proposals(await Promise.all(statements));
    return near.map((ones) => (ones.length < limit ? found.shift()! : ones));
  }

  /** For each log `limit` entries that stand next to the place, or fewer, which say nothing. */
  async #proposeNear(
    wanted: readonly { readonly log: SearchLog; readonly range: SeqRange }[],
    filter: Filter,
    order: Order,
    limit: number,
  ): Promise<Proposal[][]> {
    const statements = wanted.map(({ log, range }) =>
      proposeNear(log, range, filter, order, limit, this.#farEntries),
    );
    const found = await this.#proposals(statements.filter((one) => one !== null));
    return statements.map((one) => (one === null ? [] : found.shift()!));
  }

  async #proposals(statements: InStatement[]): Promise<Proposal[][]> {
    if (statements.length === 0) return [];
    const answers = await this.#read(statements);
    return answers.map(({ rows }) =>
      rows.map((row) => ({ seq: integerOf(row, "seq"), timeMs: integerOf(row, "time") })),
    );
  }

  /** The lines of these entries, as they were; one that is missing is not there. */
  async lines(log: SearchLog, seqs: readonly number[]): Promise<Map<number, string>> {
    const sql = `SELECT DISTINCT b.id - ?2 AS first, b.data FROM json_each(?1) s JOIN block b
      ON b.id = (SELECT max(id) FROM block WHERE id <= ?2 + s.value AND id > ?2 + s.value - ${BLOCK_LINES})`;
    const [answer] = await this.#read([{ sql, args: [JSON.stringify(seqs), idOf(log, 0)] }]);
    const lines = new Map<number, string>();
    for (const row of answer!.rows) {
      const first = integerOf(row, "first");
      for (const [at, line] of linesOfBlock(bytesOf(row, "data")).entries()) {
        lines.set(first + at, line);
      }
    }
    return lines;
  }

  #read(statements: InStatement[]): Promise<ResultSet[]> {
    return this.#connection.read(() => this.#connection.client.batch(statements, "deferred"));
  }
}

/** Within the years 0 to 9999, beyond which there is no entry. */
export function boundedTimeMs(timeMs: number): number {
  return Math.min(Math.max(timeMs, -62_167_219_200_000), 253_402_300_799_999);
}

/** From the last mark before the time a walk of `MARK_EVERY` rows at most. */
function seqsAt(log: SearchLog, timesMs: readonly number[]): InStatement {
  const sql = `SELECT coalesce((SELECT d.id FROM doc d
      WHERE d.id >= coalesce((SELECT max(m.id) FROM mark m WHERE m.log = ?2 AND m.time = (SELECT max(time) FROM mark WHERE log = ?2 AND time < t.value)), ?3)
        AND d.id < ?4 AND d.time >= t.value ORDER BY d.id LIMIT 1), ?4) - ?3 AS seq
    FROM json_each(?1) t ORDER BY t.key`;
  return { sql, args: [JSON.stringify(timesMs), log.number, idOf(log, 0), idOf(log, log.next)] };
}

function propose(
  log: SearchLog,
  { from, to }: SeqRange,
  match: string | null,
  order: Order,
  limit: number,
): InStatement {
  const bounds = [idOf(log, from), idOf(log, Math.min(to, log.next)), limit];
  if (match === null) {
    const sql = `SELECT id % ${LOG_SPAN} AS seq, time FROM doc WHERE id >= ?1 AND id < ?2 ORDER BY id ${order} LIMIT ?3`;
    return { sql, args: bounds };
  }
  const sql = `SELECT d.id % ${LOG_SPAN} AS seq, d.time FROM
    (SELECT rowid AS id FROM word WHERE word MATCH ?4 AND rowid >= ?1 AND rowid < ?2 ORDER BY rowid ${order} LIMIT ?3) h
    JOIN doc d ON d.id = h.id ORDER BY d.id ${order}`;
  return { sql, args: [...bounds, match] };
}
