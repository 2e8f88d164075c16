/**
 * What the guard asks of the database itself, beside the entries in it: that it is made as it should be, keeps what it is given,
 * and lets nobody with the worker's token change how it is made. And its clock.
 */
import { newFinding, type Finding } from "../log/findings.ts";
import type { Connection } from "./connection.ts";
import { checkDefinitions } from "./definitions.ts";
import { isDdlRefused, wrongSynchronous } from "./health.ts";
import type { LibsqlIndex } from "./index.ts";
import { readVersion } from "./migrate.ts";
import { SCHEMA_VERSION } from "./migrations.ts";
import { integerOf, textOf } from "./row.ts";

/** Empty if all is well. Throws IndexError where the database does not answer. */
export async function checkDatabase(index: LibsqlIndex): Promise<Finding[]> {
  const findings = [
    ...(await checkDefinitions(index.connection)),
    ...(await rowsWithoutHead(index.connection)),
  ];
  const synchronous = await wrongSynchronous(index);
  if (synchronous !== null) {
    const found = `PRAGMA synchronous = ${synchronous}`;
    findings.push(newFinding("index_not_durable", {}, "PRAGMA synchronous = 2", found));
  }
  const version = await readVersion(index.connection);
  if (version !== SCHEMA_VERSION) {
    const [expected, there] = [`version ${SCHEMA_VERSION}`, `version ${version}`];
    findings.push(newFinding("index_altered", { object: "user_version" }, expected, there));
  }
  if (!(await isDdlRefused(index))) {
    const object = "the worker's token";
    const found = "a statement that changes the schema is carried out";
    findings.push(newFinding("index_altered", { object }, "such statements are refused", found));
  }
  return findings;
}

const TABLES = ["chunk", "node", "seal"] as const;
/** Nobody made more by mistake. */
const LOGS_MAX = 20;

/** From log to log by the key: as many steps as there are logs. */
const WITHOUT_HEAD = TABLES.map(
  (table) => `SELECT '${table}' AS tab, log FROM (
    WITH RECURSIVE step (log) AS (SELECT min(log) FROM ${table} UNION ALL
      SELECT (SELECT min(log) FROM ${table} WHERE log > step.log) FROM step WHERE step.log IS NOT NULL)
    SELECT log FROM step WHERE log IS NOT NULL AND log NOT IN (SELECT log FROM head) LIMIT ${LOGS_MAX})`,
).join(" UNION ALL ");

/** Each commit writes a head first: rows of a log without one are nobody's. */
async function rowsWithoutHead(connection: Connection): Promise<Finding[]> {
  const { rows } = await connection.read(() => connection.client.execute(WITHOUT_HEAD));
  return rows.map((row) => {
    const place = { log: textOf(row, "log"), object: `table ${textOf(row, "tab")}` };
    return newFinding("index_altered", place, "rows of logs that have a head", "rows without one");
  });
}

/** The database server's clock, milliseconds since the epoch. Throws IndexError. */
export async function databaseNowMs({ connection }: LibsqlIndex): Promise<number> {
  const sql = "SELECT CAST(1000 * unixepoch('subsec') AS INTEGER) AS now";
  const { rows } = await connection.read(() => connection.client.execute(sql));
  return integerOf(rows[0], "now");
}
