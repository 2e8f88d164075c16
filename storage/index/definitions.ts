/**
 * Whether the database is made as `migrations.ts` makes it: every table, index and trigger by its name and its definition,
 * nothing missing and nothing beside them. The triggers keep entries unchanged, so whoever wants to change one begins here.
 */
import { newFinding, type Finding } from "../log/findings.ts";
import type { Connection } from "./connection.ts";
import { MIGRATIONS } from "./migrations.ts";
import { textOf } from "./row.ts";

/** What `sqlite_schema` says of one object. */
interface Definition {
  readonly type: string;
  readonly sql: string;
}

const MAKES =
  /^CREATE (?:UNIQUE )?(?:VIRTUAL )?(TABLE|INDEX|TRIGGER|VIEW) (?:IF NOT EXISTS )?(\w+)/;
const DROPS = /^DROP (?:TABLE|INDEX|TRIGGER|VIEW) (?:IF EXISTS )?(\w+)/;

/** By name, what the migrations leave. SQLite keeps the text of a statement as it was written. */
export function expectedDefinitions(): Map<string, Definition> {
  const expected = new Map<string, Definition>();
  for (const sql of MIGRATIONS.flat()) {
    const [, type, made] = MAKES.exec(sql) ?? [];
    if (type !== undefined && made !== undefined) {
      expected.set(made, { type: type.toLowerCase(), sql });
    }
    const [, dropped] = DROPS.exec(sql) ?? [];
    if (dropped !== undefined) expected.delete(dropped);
  }
  return expected;
}

const ALL = "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";

/** Nobody made more objects than this by mistake; beyond, they are counted. */
const EXTRA_MAX = 20;

/** One `index_altered` for each object that is missing, another one, or not ours. Throws IndexError. */
export async function checkDefinitions(connection: Connection): Promise<Finding[]> {
  const { rows } = await connection.read(() => connection.client.execute(ALL));
  const found = new Map(
    rows.map((row) => [
      textOf(row, "name"),
      { type: textOf(row, "type"), sql: textOf(row, "sql") },
    ]),
  );
  const expected = expectedDefinitions();
  const findings = [...expected].flatMap(([name, { type, sql }]) => {
    const there = found.get(name);
    if (there === undefined) return [altered(`${type} ${name}`, sql, "nothing of this name")];
    if (plain(there.sql) === plain(sql) && there.type === type) return [];
    return [altered(`${type} ${name}`, sql, there.sql)];
  });
  const extra = [...found].filter(
    ([name, made]) => !expected.has(name) && !isInner(name, made, expected),
  );
  const named = extra.slice(0, EXTRA_MAX).map(([name, { type, sql }]) => {
    return altered(`${type} ${name}`, `no such ${type}`, sql);
  });
  const more = extra.length - named.length;
  if (more > 0) named.push(altered("others", "nothing beside its own", `${more} more`));
  return [...findings, ...named];
}

/** SQL of a stranger may be as long as a book. */
const SQL_CHARS_MAX = 300;

function altered(object: string, expected: string, found: string): Finding {
  const [wanted, there] = [expected, found].map((text) => text.slice(0, SQL_CHARS_MAX));
  return newFinding("index_altered", { object }, wanted!, there!);
}

/** As `sqlite_schema` has it: without what it leaves out. */
function plain(sql: string): string {
  return sql.replace(/ IF NOT EXISTS/, "");
}

/** Tables with which SQLite's full-text search keeps a virtual table (FTS5 §9.1), and those of libSQL and SQLite themselves. */
const SHADOW = /^(\w+)_(?:data|idx|content|docsize|config)$/;
const OWN = /^(?:sqlite3?_libsql_|libsql_|sqlite_)/;

/** A trigger never is one: it acts on our tables, whatever its name. */
function isInner(name: string, { type }: Definition, expected: Map<string, Definition>): boolean {
  if (type === "trigger" || type === "view") return false;
  if (OWN.test(name)) return true;
  const [, virtual = ""] = SHADOW.exec(name) ?? [];
  return expected.get(virtual)?.sql.startsWith("CREATE VIRTUAL") === true;
}
