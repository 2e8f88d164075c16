/** The contract on a real sqld, and what only a real database can be asked: sizes, triggers, schema. */
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { getTableColumns, getTableName } from "drizzle-orm";
import { LibsqlIndex } from "../../storage/index/index.ts";
import { CHUNK_BYTES_MAX } from "../../storage/index/commit.ts";
import { migrate } from "../../storage/index/migrate.ts";
import { SCHEMA_VERSION } from "../../storage/index/migrations.ts";
import { LibsqlTokenUses } from "../../storage/index/token-uses.ts";
import { textOf } from "../../storage/index/row.ts";
import * as schema from "../../storage/index/schema.ts";
import { startSqld, type TestSqld } from "../parts/sqld.ts";
import { indexContract } from "./contract.ts";
import { LogWriter, record, sealRow, time } from "./log-writer.ts";

let sqld: TestSqld;
before(async () => {
  sqld = await startSqld();
  assert.deepEqual(await migrate({ url: sqld.url, authToken: sqld.ddlToken }), {
    from: 0,
    to: SCHEMA_VERSION,
  });
});
after(async () => {
  await sqld.stop();
});
const open = () => new LibsqlIndex({ url: sqld.url, authToken: sqld.authToken });

indexContract("libSQL", open);

test("migrating again changes nothing", async () => {
  assert.deepEqual(await migrate({ url: sqld.url, authToken: sqld.ddlToken }), {
    from: SCHEMA_VERSION,
    to: SCHEMA_VERSION,
  });
});

test("drizzle's tables are the database's tables", async () => {
  const { client } = open().connection;
  const tables = Object.values(schema);
  for (const table of tables) {
    const name = getTableName(table);
    const { rows } = await client.execute(
      `SELECT name, type, "notnull" FROM pragma_table_info('${name}')`,
    );
    const wanted = Object.values(getTableColumns(table)).map((column) => {
      return `${column.name} ${column.getSQLType().toUpperCase()}`;
    });
    assert.deepEqual(
      rows.map((row) => `${textOf(row, "name")} ${textOf(row, "type")}`),
      wanted,
      name,
    );
  }
  const { rows } = await client.execute(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite*' ORDER BY name",
  );
  assert.deepEqual(
    rows.map((row) => textOf(row, "name")),
    tables.map(getTableName).toSorted(),
  );
});

test("the largest chunks go in, several at once, and come back page by page", async () => {
  const index = open();
  const writer = new LogWriter("large");
  // Quotes and backslashes double on the way; the smallest lines have the most leaves.
  const escaped = Array.from({ length: 61 }, () => '\\"'.repeat(32_700));
  const small = Array.from({ length: 18_000 }, (_, at) => String(at).padStart(220, "x"));
  const chunks = [escaped, small, escaped, small].map((lines) => writer.chunk(lines));
  for (const chunk of chunks) assert.ok(chunk.lines.length < CHUNK_BYTES_MAX);
  assert.deepEqual(await index.commit(chunks), { kind: "committed" });
  await writer.check(index);
  const page = await index.chunks("large", { from: 0, to: 1e9, bytesMax: Number.MAX_SAFE_INTEGER });
  assert.equal(page.length, 2);
});

test("a chunk that sqld would not take is refused before it is sent", async () => {
  const line = "\u{10ffff}".repeat(16_000);
  const chunk = new LogWriter("too-large").chunk(Array.from({ length: 63 }, () => line));
  assert.ok(chunk.lines.length < CHUNK_BYTES_MAX);
  await assert.rejects(open().commit([chunk]), /chunk too large/);
});

test("the heads of thousands of logs come in pages", async () => {
  const index = open();
  const writers = Array.from({ length: 4_100 }, (_, at) => new LogWriter(`many-${at}`));
  assert.deepEqual(await index.commit(writers.map((writer) => writer.random(1))), {
    kind: "committed",
  });
  const heads = await index.heads();
  for (const { log, head } of writers) assert.equal(heads.get(log)?.leaf, head.leaf);
});

test("thousands of ids and nodes go in with one commit", async () => {
  const index = open();
  const writer = new LogWriter("ids");
  const ids = Array.from({ length: 6_000 }, (_, at) =>
    record("ids", `${"ü".repeat(200)}${at}`, at),
  );
  assert.deepEqual(await index.commit([writer.random(6_000, ids)]), { kind: "committed" });
  assert.deepEqual(await index.events(ids), ids);
  await index.forgetEvents(time(5_999));
  assert.deepEqual(await index.events(ids.slice(5_998)), [null, ids[5_999]]);
  await writer.check(index);
});

test("what was written is not changed, removed or replaced", async () => {
  const index = open();
  const { client } = index.connection;
  const writer = new LogWriter("fixed");
  await index.commit([writer.random(300)]);
  await index.addSeal(sealRow("fixed", 0));
  const zeros = "zeroblob(32)";
  const refused = [
    ...["UPDATE chunk SET lines = ''", "UPDATE chunk SET first = first + 1", "DELETE FROM chunk"],
    ...["DELETE FROM chunk WHERE log = 'fixed'", "UPDATE OR REPLACE chunk SET log = 'x'"],
    `INSERT OR REPLACE INTO chunk (log, first, count, leaves, lines) SELECT log, first, count, leaves, 'x' FROM chunk WHERE log = 'fixed'`,
    `INSERT INTO chunk (log, first, count, leaves, lines) VALUES ('fixed', 300, 1, ${zeros}, 'x')`,
    `INSERT INTO chunk (log, first, count, leaves, lines) VALUES ('unknown', 0, 1, ${zeros}, 'x')`,
    `INSERT INTO chunk (log, first, count, leaves, lines) SELECT log, first, count, leaves, 'x' FROM chunk WHERE log = 'fixed' ON CONFLICT DO UPDATE SET lines = 'x'`,
    ...["UPDATE node SET hash = zeroblob(32)", "DELETE FROM node"],
    `INSERT OR REPLACE INTO node (log, level, n, hash) VALUES ('fixed', 1, 0, ${zeros})`,
    ...["UPDATE seal SET retain_until = ''", "DELETE FROM seal", "UPDATE seal SET first = 7"],
    "INSERT OR REPLACE INTO seal SELECT * FROM seal WHERE log = 'fixed'",
    ...["DELETE FROM head", "UPDATE head SET size = size - 1", "UPDATE head SET size = NULL"],
    ...["UPDATE head SET leaf = 'x'", "UPDATE head SET log = 'x' WHERE log = 'fixed'"],
    "REPLACE INTO head (log, size, leaf, frontier, time) VALUES ('fixed', 0, 'x', '', '')",
  ];
  for (const sql of refused) {
    await assert.rejects(client.execute(sql), /SQLITE_CONSTRAINT/, sql);
  }
  await writer.check(index);
});

test("the worker's token is refused every change of the schema, also after kill -9", async () => {
  const index = open();
  const writer = new LogWriter("ddl");
  await index.commit([writer.random(2)]);
  const { rows } = await index.connection.client.execute(
    "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'trigger', 'index') AND sql IS NOT NULL",
  );
  const statements = [
    ...rows.map((row) => `DROP ${textOf(row, "type")} ${textOf(row, "name")}`),
    ...["CREATE TABLE x (a)", "ALTER TABLE chunk RENAME TO y", "ALTER TABLE head ADD COLUMN x"],
    ...["CREATE TEMP TRIGGER x BEFORE INSERT ON chunk BEGIN SELECT RAISE(IGNORE); END"],
    ...["PRAGMA writable_schema = 1", "DELETE FROM sqlite_master", "PRAGMA synchronous = 0"],
    ...["ATTACH 'x' AS y", "VACUUM", "PRAGMA recursive_triggers = 1", "CREATE VIEW v AS SELECT 1"],
  ];
  const refuseAll = async () => {
    for (const sql of statements) {
      const body = { requests: [{ type: "execute", stmt: { sql } }, { type: "close" }] };
      const response = await fetch(`${sqld.url}/v2/pipeline`, {
        method: "POST",
        headers: { authorization: `Bearer ${sqld.authToken}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      const answer = await response.text();
      assert.ok(response.status === 403 || answer.includes('"type":"error"'), `${sql}: ${answer}`);
    }
  };
  await refuseAll();
  await sqld.kill9();
  await sqld.restart();
  await refuseAll();
  await writer.check(open());
});

test("uses of tokens are kept, the latest of each, however many there are at once", async () => {
  const uses = new LibsqlTokenUses(open().connection);
  assert.deepEqual(await uses.load(), new Map());
  const many = new Map(Array.from({ length: 25_000 }, (_, n) => [`t${n}`, time(n)]));
  await uses.store(many);
  assert.deepEqual(await uses.load(), many);
  await uses.store(
    new Map([
      ["t0", time(5)],
      ["t9", time(5)],
      ["new", time(1)],
    ]),
  );
  const after = await uses.load();
  assert.deepEqual(
    [after.get("t0"), after.get("t9"), after.get("new")],
    [time(5), time(9), time(1)],
  );
  assert.equal(after.size, 25_001);
});
