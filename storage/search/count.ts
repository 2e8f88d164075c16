/** Counts from the search tables: how many entries meet a filter, over time, and which values occur most among them. */
import type { InStatement } from "@libsql/client/web";
import type { Filter } from "../log/filter.ts";
import type { Connection } from "../index/connection.ts";
import { integerOf } from "../index/row.ts";
import type { SeqRange } from "./find.ts";
import { idOf, type SearchLog } from "./tables.ts";
import { FIELDS, formatMatch, prefixOf, valueOfTerm, type Field } from "./terms.ts";

export interface ValueCount {
  readonly value: string;
  readonly count: number;
}

export type TopValues = Readonly<Record<Field, readonly ValueCount[]>>;

export class SearchCounter {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** How many entries of each range meet the filter but for its times. */
  async counts(log: SearchLog, filter: Filter, ranges: readonly SeqRange[]): Promise<number[]> {
    const match = formatMatch(filter, log.number);
    if (match === null) return ranges.map(({ from, to }) => Math.max(0, to - from));
    const bounds = ranges.map(({ from, to }) => [idOf(log, from), idOf(log, to)]);
    const sql = `SELECT (SELECT count(*) FROM word
      WHERE word MATCH ?1 AND rowid >= r.value ->> 0 AND rowid < r.value ->> 1) AS n FROM json_each(?2) r ORDER BY r.key`;
    const [rows] = await this.#read([{ sql, args: [match, JSON.stringify(bounds)] }]);
    return rows!.map((row) => integerOf(row, "n"));
  }

  /** The `limit` values of each field that occur in most entries of the range; of equals the first by code points. */
  async top(log: SearchLog, filter: Filter, range: SeqRange, limit: number): Promise<TopValues> {
    const match = formatMatch(filter, log.number);
    const isAll = match === null && range.from === 0 && range.to >= log.next;
    if (isAll) return this.#topOfAll(log, limit);
    const [rows] = await this.#read([topOfHits(log, match, range, limit)]);
    const of = (field: Field): ValueCount[] =>
      rows!.filter((row) => row["field"] === field).map((row) => valueCount(row));
    return byField(of);
  }

  async #topOfAll(log: SearchLog, limit: number): Promise<TopValues> {
    const answers = await this.#read(
      FIELDS.map((field) =>
        log.untallied.includes(field)
          ? topOfTerms(log, field, limit)
          : topOfTally(log, field, limit),
      ),
    );
    return byField((field) => {
      const rows = answers[FIELDS.indexOf(field)]!;
      if (!log.untallied.includes(field)) return rows.map((row) => valueCount(row));
      const prefix = prefixOf(field, log.number);
      return rows.map((row) => {
        const { value: term, count } = valueCount(row);
        return { value: valueOfTerm(term, prefix), count };
      });
    });
  }

  async #read(statements: InStatement[]) {
    const answers = await this.#connection.read(() =>
      this.#connection.client.batch(statements, "deferred"),
    );
    return answers.map(({ rows }) => rows);
  }
}

function byField(of: (field: Field) => readonly ValueCount[]): TopValues {
  return { action: of("action"), actor: of("actor"), target: of("target"), outcome: of("outcome") };
}

function valueCount(row: Parameters<typeof integerOf>[0]): ValueCount {
  return { value: String(row?.["value"]), count: integerOf(row, "n") };
}

function topOfTally(log: SearchLog, field: Field, limit: number): InStatement {
  const sql =
    "SELECT value, n FROM tally WHERE log = ? AND field = ? ORDER BY n DESC, value LIMIT ?";
  return { sql, args: [log.number, FIELDS.indexOf(field), limit] };
}

/** Each term of the field with the number of its entries, as the inverted index has it. */
function topOfTerms(log: SearchLog, field: Field, limit: number): InStatement {
  const prefix = prefixOf(field, log.number);
  const sql =
    "SELECT term AS value, doc AS n FROM word_terms WHERE term >= ?1 AND term < ?2 ORDER BY doc DESC, term LIMIT ?3";
  return { sql, args: [prefix, `${prefix}~`, limit] };
}

function topOfHits(
  log: SearchLog,
  match: string | null,
  { from, to }: SeqRange,
  limit: number,
): InStatement {
  const hits =
    match === null
      ? "id >= ?1 AND id < ?2"
      : "id IN (SELECT rowid FROM word WHERE word MATCH ?4 AND rowid >= ?1 AND rowid < ?2)";
  const targets =
    "SELECT target FROM hit WHERE target IS NOT NULL UNION ALL SELECT m.value FROM hit, json_each(hit.more) m WHERE hit.more IS NOT NULL";
  const top = (field: Field, values: string): string =>
    `SELECT * FROM (SELECT '${field}' AS field, value, count(*) AS n FROM (${values}) WHERE value IS NOT NULL GROUP BY value ORDER BY n DESC, value LIMIT ?3)`;
  const parts = [
    top("action", "SELECT action AS value FROM hit"),
    top("actor", "SELECT actor AS value FROM hit"),
    top("target", `SELECT target AS value FROM (${targets})`),
    top("outcome", "SELECT outcome AS value FROM hit"),
  ];
  const sql = `WITH hit AS MATERIALIZED (SELECT action, actor, outcome, target, more FROM doc WHERE ${hits}) ${parts.join(" UNION ALL ")}`;
  const bounds = [idOf(log, from), idOf(log, to), limit];
  return { sql, args: match === null ? bounds : [...bounds, match] };
}
