/**
 * What the guard asks of the database itself, beside the entries in it: that it is made as it should be, keeps what it is given,
 * and lets nobody with the worker's token change how it is made. And its clock.
 */
import { newFinding, type Finding } from "../log/findings.ts";
import { checkDefinitions } from "./definitions.ts";
import { isDdlRefused, wrongSynchronous } from "./health.ts";
import type { LibsqlIndex } from "./index.ts";
import { integerOf } from "./row.ts";

/** Empty if all is well. Throws IndexError where the database does not answer. */
export async function checkDatabase(index: LibsqlIndex): Promise<Finding[]> {
  const findings = await checkDefinitions(index.connection);
  const synchronous = await wrongSynchronous(index);
  if (synchronous !== null) {
    const found = `PRAGMA synchronous = ${synchronous}`;
    findings.push(newFinding("index_not_durable", {}, "PRAGMA synchronous = 2", found));
  }
  if (!(await isDdlRefused(index))) {
    const object = "the worker's token";
    const found = "a statement that changes the schema is carried out";
    findings.push(newFinding("index_altered", { object }, "such statements are refused", found));
  }
  return findings;
}

/** The database server's clock, milliseconds since the epoch. Throws IndexError. */
export async function databaseNowMs({ connection }: LibsqlIndex): Promise<number> {
  const sql = "SELECT CAST(1000 * unixepoch('subsec') AS INTEGER) AS now";
  const { rows } = await connection.read(() => connection.client.execute(sql));
  return integerOf(rows[0], "now");
}
