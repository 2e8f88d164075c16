/**
 * The search tables in a database of their own (`schema.ts`): made where they are missing, written by one projector, one transaction
 * for each run of lines together with how far it has come. Nothing here is fsynced: after a power cut the tables are a
 * little behind, and know it.
 */
import type { InStatement } from "@libsql/client/web";
import { Connection, refusedStatement } from "../index/connection.ts";
import { integerOf, textOf } from "../index/row.ts";
import { clearance, clearSome } from "./aside.ts";
import type { RowBuilder } from "./rows.ts";
import { encodeRun, type Run } from "./run.ts";
import { CREATE, LOG_SPAN, SCHEMA, TABLES, TALLY_VALUES_MAX } from "./schema.ts";
import { FIELDS, type Field } from "./terms.ts";

export interface SearchOptions {
  readonly url: string;
  readonly authToken: string;
  readonly fetch?: typeof fetch;
}

/** sqld's name for the database, and the header by which a request says it. */
const NAMESPACE = "search";
const NAMESPACE_HEADER = "x-namespace-bin";

/** What the tables know of a log. */
export interface SearchLog {
  readonly name: string;
  readonly number: number;
  /** They have looked at all entries before this one. */
  readonly next: number;
  /** The leaf of the last of them, hex; empty where there is none. */
  readonly leaf: string;
  /** The fields whose values have become too many to be counted one by one. */
  readonly untallied: readonly Field[];
  /** The entries before this one are in runs. */
  readonly runs: number;
}

export function openSearch(options: SearchOptions): Connection {
  const base = options.fetch ?? globalThis.fetch.bind(globalThis);
  return new Connection({
    ...options,
    fetch: (input, init) => {
      const request = input instanceof Request ? input : new Request(input);
      request.headers.set(NAMESPACE_HEADER, btoa(NAMESPACE));
      return base(request, init);
    },
  });
}

export class SearchTables {
  readonly connection: Connection;
  /** Nothing is left of tables that were dropped, as far as is known. */
  #isClear = false;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  /** Makes the tables where they are missing or of another schema. */
  async prepare(): Promise<void> {
    const { rows } = await this.connection.read(() =>
      this.connection.client.execute("PRAGMA user_version"),
    );
    if (integerOf(rows[0], "user_version") !== SCHEMA) await this.drop();
  }

  /** All of it anew and empty; `clearSome` gives back the room of what was there. */
  async drop(): Promise<void> {
    const statements = [...(await clearance(this.connection, TABLES)), ...CREATE];
    this.#isClear = false;
    await this.connection.write(() => this.connection.client.batch(statements, "write"));
  }

  /** Gives back some of the room of tables that were dropped. */
  async clearSome(): Promise<void> {
    if (!this.#isClear) this.#isClear = !(await clearSome(this.connection));
  }

  /** Every log that the tables know, by name. */
  async logs(): Promise<Map<string, SearchLog>> {
    const sql = "SELECT name, number, next, leaf, untallied, runs FROM log WHERE name IS NOT NULL";
    const { rows } = await this.connection.read(() => this.connection.client.execute(sql));
    return new Map(rows.map((row) => [textOf(row, "name"), logOf(row)]));
  }

  /** Begins a log from its first entry; what was there of it is not looked at any more. */
  async begin(name: string): Promise<SearchLog> {
    await this.#write([
      forget(name),
      {
        sql: "INSERT INTO log (name, next, leaf, untallied, runs) VALUES (?, 0, '', 0, 0)",
        args: [name],
      },
    ]);
    return (await this.logs()).get(name)!;
  }

  /** The log is no longer known here. */
  async forget(name: string): Promise<void> {
    await this.#write([forget(name)]);
  }

  /**
   * Adds the rows of the entries `log.next` … `next` − 1, whose last leaf is `leaf`, and the runs that are complete. Null where somebody else has moved the
   * log meanwhile: nothing was added. Throws IndexError.
   */
  async put(
    log: SearchLog,
    rows: RowBuilder,
    next: number,
    leaf: string,
    complete: readonly Run[],
  ): Promise<SearchLog | null> {
    // NULL is refused where the log is not where it was.
    const sql =
      "UPDATE log SET next = CASE WHEN next = ?2 AND name = ?3 THEN ?4 END, leaf = ?5, runs = ?6 WHERE number = ?1";
    const last = complete.at(-1);
    const runs = last === undefined ? log.runs : last.first + last.count;
    const move = { sql, args: [log.number, log.next, log.name, next, leaf, runs] };
    try {
      await this.#write([move, ...rows.statements(), ...complete.map((run) => newRun(log, run))]);
    } catch (error) {
      if (refusedStatement(error) === null) throw error;
      return null;
    }
    return { ...log, next, leaf, runs };
  }

  /** Stops counting the values of fields that have too many. */
  async retireTallies(log: SearchLog): Promise<SearchLog> {
    const sql = "SELECT field, count(*) AS n FROM tally WHERE log = ? GROUP BY field";
    const { rows } = await this.connection.read(() =>
      this.connection.client.execute({ sql, args: [log.number] }),
    );
    const full = rows
      .filter((row) => integerOf(row, "n") > TALLY_VALUES_MAX)
      .map((row) => FIELDS[integerOf(row, "field")]!);
    const untallied = [...new Set([...log.untallied, ...full])];
    if (untallied.length === log.untallied.length) return log;
    const args = [log.number, untallied.reduce((bits, field) => bits | bitOf(field), 0)];
    await this.#write([{ sql: "UPDATE log SET untallied = ?2 WHERE number = ?1", args }]);
    return { ...log, untallied };
  }

  #write(statements: InStatement[]): Promise<void> {
    return this.connection.transaction(statements);
  }
}

function newRun(log: SearchLog, run: Run): InStatement {
  const sql = "INSERT INTO run (id, entries, data) VALUES (?, ?, ?)";
  return { sql, args: [idOf(log, run.first), run.count, encodeRun(run)] };
}

function forget(name: string): InStatement {
  return { sql: "UPDATE log SET name = NULL WHERE name = ?", args: [name] };
}

export function logOf(row: Parameters<typeof textOf>[0]): SearchLog {
  const bits = integerOf(row, "untallied");
  return {
    name: textOf(row, "name"),
    number: integerOf(row, "number"),
    next: integerOf(row, "next"),
    leaf: textOf(row, "leaf"),
    runs: integerOf(row, "runs"),
    untallied: FIELDS.filter((field) => (bits & bitOf(field)) !== 0),
  };
}

function bitOf(field: Field): number {
  return 1 << FIELDS.indexOf(field);
}

/** The row's number of an entry. */
export function idOf(log: SearchLog, seq: number): number {
  return log.number * LOG_SPAN + seq;
}
