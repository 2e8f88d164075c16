/**
 * Tables that are to go. sqld gives a transaction 5 s, and dropping the rows of some million entries takes longer: so they get other names
 * at once, which makes room for new ones, and are emptied some rows at a time. A crash leaves what is left for the next start.
 */
import type { Connection } from "../index/connection.ts";
import { integerOf, textOf } from "../index/row.ts";

/** Rows of one transaction, a tenth of a second's each as a rule: of `word` pages of its inverted index. */
const ROWS: Readonly<Record<string, number>> = { doc: 20_000, run: 50, block: 2_000, word: 2_000 };
/** The rows of FTS5's own that say how the rest is to be read. */
const WORD_ROWS_KEPT = 10;

/** What makes room for these tables: those that are large are renamed, the others dropped. */
export async function clearance(
  connection: Connection,
  tables: readonly string[],
): Promise<string[]> {
  const names = await namesOf(connection);
  const number = Math.max(0, ...names.map((name) => asideOf(name)?.number ?? 0)) + 1;
  return tables
    .filter((table) => names.includes(table))
    .map((table) =>
      table in ROWS
        ? `ALTER TABLE ${table} RENAME TO old${number}_${table}`
        : `DROP TABLE ${table}`,
    );
}

/** Takes some rows of one table that is to go, the table itself once it is empty. False where there is none. Throws IndexError. */
export async function clearSome(connection: Connection): Promise<boolean> {
  const name = (await namesOf(connection)).find((name) => asideOf(name) !== null);
  if (name === undefined) return false;
  const { table } = asideOf(name)!;
  const [rows, id, from] =
    table === "word" ? [`${name}_data`, "id", WORD_ROWS_KEPT + 1] : [name, "rowid", 0];
  const some = `SELECT ${id} FROM ${rows} WHERE ${id} >= ${from} LIMIT ${ROWS[table]!}`;
  await connection.transaction([{ sql: `DELETE FROM ${rows} WHERE ${id} IN (${some})`, args: [] }]);
  const left = `SELECT count(*) AS n FROM (SELECT 1 FROM ${rows} WHERE ${id} >= ${from} LIMIT 1)`;
  const answer = await connection.read(() => connection.client.execute(left));
  if (integerOf(answer.rows[0], "n") === 0) {
    await connection.transaction([{ sql: `DROP TABLE ${name}`, args: [] }]);
  }
  return true;
}

function asideOf(name: string): { readonly number: number; readonly table: string } | null {
  const [, number, table = ""] = /^old(\d{1,9})_([a-z]+)$/.exec(name) ?? [];
  return table in ROWS ? { number: Number(number), table } : null;
}

async function namesOf(connection: Connection): Promise<string[]> {
  const sql = "SELECT name FROM sqlite_schema WHERE type = 'table'";
  const { rows } = await connection.read(() => connection.client.execute(sql));
  return rows.map((row) => textOf(row, "name"));
}
