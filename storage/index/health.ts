/**
 * What readiness asks of the index. Each point is a promise that the rest of the system builds on and
 * that a wrong set-up of the database server breaks without any error of its own.
 */
import { LibsqlBatchError } from "@libsql/client/web";
import { httpStatus } from "./connection.ts";
import type { LibsqlIndex } from "./index.ts";
import { readVersion } from "./migrate.ts";
import { SCHEMA_VERSION } from "./migrations.ts";
import { integerOf } from "./row.ts";

export interface IndexHealth {
  readonly ok: boolean;
  /** Sentences for the operator; empty if all is well. */
  readonly problems: string[];
}

/** A commit takes milliseconds, a checkpoint of a large WAL seconds; more is a write that is stuck. */
const CHECK_MS_MAX = 5_000;

/** `PRAGMA synchronous`: FULL, each commit is fsynced. */
const SYNCHRONOUS_FULL = 2;

const HTTP_FORBIDDEN = 403;

/** Never throws: what does not answer is a problem by itself. */
export async function checkIndex(index: LibsqlIndex): Promise<IndexHealth> {
  const checks = [checkDurability, checkSchema, checkDdlRefused, checkWrite];
  const found = await Promise.all(checks.map((check) => bounded(check(index))));
  const problems = [...new Set(found.filter((problem) => problem !== null))];
  return { ok: problems.length === 0, problems };
}

type Problem = string | null;

/** What `PRAGMA synchronous` says where commits are not fsynced; null where they are. Throws IndexError. */
export async function wrongSynchronous({ connection }: LibsqlIndex): Promise<number | null> {
  const answer = await connection.read(() => connection.client.execute("PRAGMA synchronous"));
  const synchronous = integerOf(answer.rows[0], "synchronous");
  return synchronous === SYNCHRONOUS_FULL ? null : synchronous;
}

async function checkDurability(index: LibsqlIndex): Promise<Problem> {
  const synchronous = await wrongSynchronous(index);
  if (synchronous === null) return null;
  return `the index does not fsync its commits (PRAGMA synchronous is ${synchronous}, not 2): an acknowledged entry could be lost; set durability_mode "strong" on its namespace`;
}

async function checkSchema({ connection }: LibsqlIndex): Promise<Problem> {
  const version = await readVersion(connection);
  if (version === SCHEMA_VERSION) return null;
  return `the index has schema version ${version}, this program wants ${SCHEMA_VERSION}`;
}

/** When DDL was last refused: sqld logs each refusal as an error, and readiness is asked all the time. */
const ddlRefusedAtMs = new WeakMap<LibsqlIndex, number>();
const DDL_CHECK_INTERVAL_MS = 10 * 60_000;

async function checkDdlRefused(index: LibsqlIndex): Promise<Problem> {
  if (await isDdlRefused(index)) return null;
  return "the index lets the worker's token change the schema: whoever has it could drop the triggers that keep entries unchanged";
}

/** Whether the token cannot change the schema. Were it allowed, the second statement would still roll the table back. */
export async function isDdlRefused(index: LibsqlIndex): Promise<boolean> {
  if (Date.now() - (ddlRefusedAtMs.get(index) ?? 0) < DDL_CHECK_INTERVAL_MS) return true;
  const { connection } = index;
  const statements = ["CREATE TABLE ddl_probe (value)", "SELECT abs(-9223372036854775808)"];
  try {
    await connection.write(() => connection.client.batch(statements, "write"));
  } catch (error) {
    if (httpStatus(error) === HTTP_FORBIDDEN) {
      ddlRefusedAtMs.set(index, Date.now());
      return true;
    }
    if (!createdTable(error)) throw error;
  }
  return false;
}

/** The batch failed at its second statement, so the first was carried out. */
function createdTable(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof LibsqlBatchError && cause.statementIndex === 1;
}

async function checkWrite({ connection }: LibsqlIndex): Promise<Problem> {
  const [answer] = await connection.write(() =>
    connection.client.batch(["UPDATE health SET checks = checks + 1 WHERE id = 1"], "write"),
  );
  return answer!.rowsAffected === 1 ? null : "the index has no row to write its health into";
}

/** The check's problem, or its failure as one, or that it takes too long. */
async function bounded(check: Promise<Problem>): Promise<Problem> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Problem>((resolve) => {
    timer = setTimeout(() => {
      resolve(`the index did not finish a check within ${CHECK_MS_MAX / 1_000} s`);
    }, CHECK_MS_MAX);
  });
  try {
    return await Promise.race([check, late]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
  }
}
