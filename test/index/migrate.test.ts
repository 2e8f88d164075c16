/** Migrations under kill -9 and side by side: each step whole or not at all, and again goes on. */
import assert from "node:assert/strict";
import test from "node:test";
import { Connection } from "../../storage/index/connection.ts";
import { LibsqlIndex } from "../../storage/index/index.ts";
import { migrate, readVersion } from "../../storage/index/migrate.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "../../storage/index/migrations.ts";
import { textOf } from "../../storage/index/row.ts";
import { IndexError } from "../../storage/ports.ts";
import { startSqld, type TestSqld } from "../parts/sqld.ts";
import { LogWriter } from "./log-writer.ts";

const KILLS = 24;

/** Names of what the first `version` steps make. */
function objectsAt(version: number): string[] {
  return MIGRATIONS.slice(0, version)
    .flat()
    .flatMap((sql) => /^CREATE (?:UNIQUE )?(?:TABLE|INDEX|TRIGGER) (\w+)/.exec(sql)?.[1] ?? [])
    .toSorted();
}

/** Names of what is there (sqld has a table of its own in each database). */
async function objects(connection: Connection): Promise<string[]> {
  const { rows } = await connection.client.execute(
    "SELECT name FROM sqlite_master WHERE sql IS NOT NULL AND name NOT GLOB 'sqlite3_libsql_*' ORDER BY name",
  );
  return rows.map((row) => textOf(row, "name"));
}

test(`${KILLS} kills -9 during a migration: all or nothing, and once more succeeds`, async () => {
  const found = { killedInTime: 0, nothing: 0, all: 0 };
  for (let round = 0; round < KILLS; round++) {
    const sqld = await startSqld();
    try {
      await killWhileMigrating(sqld, round % 12, found);
    } finally {
      await sqld.stop();
    }
  }
  assert.equal(found.nothing + found.all, KILLS);
  assert.ok(found.killedInTime > 0, "no kill came in time: the test did not test");
});

async function killWhileMigrating(
  sqld: TestSqld,
  afterMs: number,
  found: { killedInTime: number; nothing: number; all: number },
): Promise<void> {
  const options = { url: sqld.url, authToken: sqld.ddlToken };
  const migration = migrate(options).then(
    () => undefined,
    (error: unknown) => error,
  );
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  await sqld.kill9();
  const error = await migration;
  if (error !== undefined) {
    assert.ok(error instanceof IndexError, String(error));
    found.killedInTime++;
  }
  await sqld.restart();
  const connection = new Connection(options);
  const version = await readVersion(connection);
  assert.deepEqual(await objects(connection), objectsAt(version));
  found[version === 0 ? "nothing" : "all"]++;
  if (error === undefined) assert.equal(version, SCHEMA_VERSION);
  assert.deepEqual(await migrate(options), { from: version, to: SCHEMA_VERSION });
  assert.deepEqual(await objects(connection), objectsAt(SCHEMA_VERSION));
  const index = new LibsqlIndex({ url: sqld.url, authToken: sqld.authToken });
  const writer = new LogWriter("after");
  assert.deepEqual(await index.commit([writer.random(2)]), { kind: "committed" });
  await writer.check(index);
}

test("three migrators at once: every one ends at the last version", async () => {
  const sqld = await startSqld();
  try {
    const options = { url: sqld.url, authToken: sqld.ddlToken };
    const ends = await Promise.all([0, 1, 2].map(() => migrate(options)));
    assert.deepEqual(
      ends.map(({ to }) => to),
      [SCHEMA_VERSION, SCHEMA_VERSION, SCHEMA_VERSION],
    );
    assert.deepEqual(await objects(new Connection(options)), objectsAt(SCHEMA_VERSION));
  } finally {
    await sqld.stop();
  }
});

test("a token without ddl cannot migrate; a newer schema is refused", async () => {
  const sqld = await startSqld();
  try {
    await assert.rejects(migrate({ url: sqld.url, authToken: sqld.authToken }), {
      outcome: "nothing",
    });
    const options = { url: sqld.url, authToken: sqld.ddlToken };
    await migrate(options);
    const { client } = new Connection(options);
    await client.execute(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
    await assert.rejects(migrate(options), /newer/);
  } finally {
    await sqld.stop();
  }
});
