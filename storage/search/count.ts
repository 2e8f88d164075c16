/**
 * Counts from the search tables: how many entries meet a filter, over time, and which values occur most among them. Of everything they
 * are kept; few hits are read row by row; of many hits whole runs are counted here.
 */
import type { InStatement, Row } from "@libsql/client/web";
import { EVERYTHING, type Filter } from "../log/filter.ts";
import type { Connection } from "../index/connection.ts";
import { integerOf } from "../index/row.ts";
import type { Bins } from "./bins.ts";
import type { SeqRange } from "./find.ts";
import { matchOf } from "./match.ts";
import { RunCounts } from "./run-count.ts";
import { RunReader } from "./run-rows.ts";
import { idOf, type SearchLog } from "./tables.ts";
import { FIELDS, formatMatch, prefixOf, valueOfTerm, type Field } from "./terms.ts";
import { WordMarks } from "./word-marks.ts";
import { topOf, type ValueCount } from "./top.ts";

export type TopValues = Readonly<Record<Field, readonly ValueCount[]>>;

export interface Counted {
  /** Of each bin. */
  readonly bins: readonly number[];
  readonly top: TopValues;
}

export interface CountWanted {
  readonly bins: Bins;
  /** The first entry that is not before each edge of the bins. */
  readonly seqs: readonly number[];
  /** Values of a field. */
  readonly limit: number;
}

/** A hit that is read by its row takes 4 µs, an entry of a run 0.3 to 0.6, hit or not. So many hits are few anyway. */
const FEW_SHARE = 1 / 15;
const FEW_HITS = 10_000;

export class SearchCounter {
  readonly #connection: Connection;
  readonly #runs: RunReader;
  readonly #fewHits: number;

  constructor(connection: Connection, fewHits: number = FEW_HITS) {
    this.#connection = connection;
    this.#fewHits = fewHits;
    this.#runs = new RunReader(connection);
  }

  /**
   * How many entries of each bin meet the filter, and the `limit` values of each field that occur in most of them, of equals the first
   * by code points. Throws IndexError.
   */
  async count(log: SearchLog, filter: Filter, wanted: CountWanted): Promise<Counted> {
    const { seqs, limit } = wanted;
    const range = { from: seqs[0] ?? 0, to: seqs.at(-1) ?? 0 };
    const match = await matchOf(this.#connection, log, filter);
    const all = seqs.slice(1).map((seq, at) => seq - seqs[at]!);
    if (match === null && range.from === 0 && range.to >= log.next) {
      return { bins: all, top: await this.#topOfAll(log, limit) };
    }
    if (!(await this.#areFew(log, match, range))) {
      return this.#countRuns(log, filter, match, wanted, range);
    }
    const { stepMs, startsMs } = wanted.bins;
    const [rows] = await this.#read([countHits(log, match, range, limit, FIELDS, stepMs)]);
    const steps = new Map(
      rows!
        .filter((row) => row["field"] === "step")
        .map((row) => [integerOf(row, "value"), integerOf(row, "n")]),
    );
    // Times never decrease along a log: where every entry counts, the bins' seqs are the counts.
    const bins = match === null ? all : startsMs.map((startMs) => steps.get(startMs / stepMs) ?? 0);
    return { bins, top: byField((field) => valuesOf(rows!, field)) };
  }

  async #areFew(log: SearchLog, match: string | null, { from, to }: SeqRange): Promise<boolean> {
    const few = Math.max(this.#fewHits, Math.floor((to - from) * FEW_SHARE));
    if (match === null || to - from <= few) return to - from <= few;
    const sql =
      "SELECT count(*) AS n FROM (SELECT 1 FROM word WHERE word MATCH ?4 AND rowid >= ?1 AND rowid < ?2 LIMIT ?3)";
    const args = [idOf(log, from), idOf(log, to), few + 1, match];
    const [rows] = await this.#read([{ sql, args }]);
    return integerOf(rows![0], "n") <= few;
  }

  async #countRuns(
    log: SearchLog,
    filter: Filter,
    match: string | null,
    { seqs, limit }: CountWanted,
    range: SeqRange,
  ): Promise<Counted> {
    const counts = new RunCounts(filter, seqs);
    const words = formatMatch({ ...EVERYTHING, words: filter.words }, log.number);
    const marks = words === null ? null : new WordMarks(this.#connection, log, words, range);
    for await (const runs of this.#runs.runs(log, range)) {
      for (const run of runs) counts.add(run, marks === null ? null : await marks.of(run));
    }
    const uncounted = FIELDS.filter((field) => counts.of(field) === null);
    const [rows = []] =
      uncounted.length === 0
        ? []
        : await this.#read([countHits(log, match, range, limit, uncounted, null)]);
    const top = byField((field) => {
      const kept = counts.of(field);
      return kept === null ? valuesOf(rows, field) : topOf(kept, limit);
    });
    return { bins: counts.bins, top };
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

function valuesOf(rows: readonly Row[], field: Field): ValueCount[] {
  return rows.filter((row) => row["field"] === field).map((row) => valueCount(row));
}

function valueCount(row: Row | undefined): ValueCount {
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

/** `fields`: of which the most frequent values are wanted; `stepMs`: of the bins, null where they are not. */
function countHits(
  log: SearchLog,
  match: string | null,
  { from, to }: SeqRange,
  limit: number,
  fields: readonly Field[],
  stepMs: number | null,
): InStatement {
  const hits =
    match === null
      ? "id >= ?1 AND id < ?2"
      : "id IN (SELECT rowid FROM word WHERE word MATCH ?4 AND rowid >= ?1 AND rowid < ?2)";
  const targets =
    "SELECT target FROM hit WHERE target IS NOT NULL UNION ALL SELECT m.value FROM hit, json_each(hit.more) m WHERE hit.more IS NOT NULL";
  const parts = fields.map((field) => {
    const values =
      field === "target"
        ? `SELECT target AS value FROM (${targets})`
        : `SELECT ${field} AS value FROM hit`;
    return `SELECT * FROM (SELECT '${field}' AS field, value, count(*) AS n FROM (${values}) WHERE value IS NOT NULL GROUP BY value ORDER BY n DESC, value LIMIT ?3)`;
  });
  const bounds = [idOf(log, from), idOf(log, to), limit];
  const args = match === null ? bounds : [...bounds, match];
  if (match !== null && stepMs !== null) {
    parts.push("SELECT 'step', time / CAST(?5 AS INTEGER), count(*) FROM hit GROUP BY 2");
    args.push(stepMs);
  }
  const sql = `WITH hit AS MATERIALIZED (SELECT time, action, actor, outcome, target, more FROM doc WHERE ${hits}) ${parts.join(" UNION ALL ")}`;
  return { sql, args };
}
