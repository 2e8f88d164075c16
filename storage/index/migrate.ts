/**
 * Brings the database to `SCHEMA_VERSION`. Each step is one transaction together with its number in
 * `user_version`: killed at any moment, it happened whole or not at all, and running again goes on
 * from there. It goes to the database itself, never through sqld's schema namespace, which a crash
 * can leave unable to start.
 */
import { LibsqlBatchError } from "@libsql/client/web";
import { asIndexError, Connection, type LibsqlOptions } from "./connection.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "./migrations.ts";
import { integerOf } from "./row.ts";

/** Several migrators at once, or lost answers: each round at least one of them gets further. */
const ROUNDS_MAX = SCHEMA_VERSION + 10;

/**
 * Applies what is missing; `authToken` must carry `ddl`. Returns the versions before and after (equal
 * if there was nothing to do). Throws IndexError if the database is not to be had (call again), and
 * Error if its schema is newer than this program.
 */
export async function migrate(options: LibsqlOptions): Promise<{ from: number; to: number }> {
  const connection = new Connection(options);
  const from = await readVersion(connection);
  let version = from;
  for (let round = 0; version < SCHEMA_VERSION; round++) {
    if (round >= ROUNDS_MAX) throw new Error(`the schema stays at version ${version}`);
    await applyStep(connection, version);
    version = await readVersion(connection);
  }
  if (version > SCHEMA_VERSION) {
    throw new Error(
      `The index has schema version ${version}, this program knows ${SCHEMA_VERSION}: use a newer one.`,
    );
  }
  return { from, to: version };
}

async function applyStep(connection: Connection, version: number): Promise<void> {
  const statements = [
    unlessVersionMoved(version),
    ...MIGRATIONS[version]!,
    `PRAGMA user_version = ${version + 1}`,
  ];
  try {
    await connection.write(() => connection.client.batch(statements, "write"));
  } catch (error) {
    if (await movedMeanwhile(connection, version)) return;
    throw error instanceof LibsqlBatchError ? asIndexError(error, "nothing") : error;
  }
}

/** Fails the batch (an overflow, the one error that plain SQL can raise) when the version is not this. */
function unlessVersionMoved(version: number): string {
  return `SELECT CASE WHEN (SELECT user_version FROM pragma_user_version) = ${version} THEN 1 ELSE abs(-9223372036854775808) END`;
}

async function movedMeanwhile(connection: Connection, version: number): Promise<boolean> {
  return (await readVersion(connection)) !== version;
}

/** `user_version`: the number of migrations applied. */
export async function readVersion(connection: Connection): Promise<number> {
  const answer = await connection.read(() => connection.client.execute("PRAGMA user_version"));
  return integerOf(answer.rows[0], "user_version");
}
