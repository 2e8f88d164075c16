/** Counts from the search tables: how many entries meet a filter, over time, and which values occur most among them. */
import type { InStatement } from "@libsql/client/web";
import type { Filter } from "../log/filter.ts";
import type { Connection } from "../index/connection.ts";
import { integerOf } from "../index/row.ts";
import type { SeqRange } from "./find.ts";
import { matchOf } from "./match.ts";
import { idOf, type SearchLog } from "./tables.ts";
import { FIELDS, prefixOf, valueOfTerm, type Field } from "./terms.ts";

export interface ValueCount {
  readonly value: string;
  readonly count: number;
}

export type TopValues = Readonly<Record<Field, readonly ValueCount[]>>;

export interface Counted {
  readonly steps: ReadonlyMap<number, number> | null;
  readonly top: TopValues;
}

export class SearchCounter {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * The `limit` values of each field that occur in most entries of the range, of equals the first by code points; and how many
   * entries meet the filter but for its times, by the number of the step since 1970 in which they lie. Null in place of these where
   * every entry does.
   */
  async count(
    log: SearchLog,
    filter: Filter,
    range: SeqRange,
    { stepMs, limit }: { readonly stepMs: number; readonly limit: number },
  ): Promise<Counted> {
    const match = await matchOf(this.#connection, log, filter);
    const isAll = match === null && range.from === 0 && range.to >= log.next;
    if (isAll) return { steps: null, top: await this.#topOfAll(log, limit) };
    const [rows] = await this.#read([countHits(log, match, range, stepMs, limit)]);
    const of = (field: Field): ValueCount[] =>
      rows!.filter((row) => row["field"] === field).map((row) => valueCount(row));
    const steps = rows!
      .filter((row) => row["field"] === "step")
      .map((row): [number, number] => [integerOf(row, "value"), integerOf(row, "n")]);
    return { steps: match === null ? null : new Map(steps), top: byField(of) };
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

function countHits(
  log: SearchLog,
  match: string | null,
  { from, to }: SeqRange,
  stepMs: number,
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
    ...(match === null
      ? []
      : ["SELECT 'step', time / CAST(?5 AS INTEGER), count(*) FROM hit GROUP BY 2"]),
  ];
  const sql = `WITH hit AS MATERIALIZED (SELECT time, action, actor, outcome, target, more FROM doc WHERE ${hits}) ${parts.join(" UNION ALL ")}`;
  const bounds = [idOf(log, from), idOf(log, to), limit];
  return { sql, args: match === null ? bounds : [...bounds, match, stepMs] };
}
