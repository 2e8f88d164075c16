/** The definitions of a real database against the migrations: as it was made, and after each way of changing it. */
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import type { InStatement } from "@libsql/client/web";
import { Connection } from "../../storage/index/connection.ts";
import { checkDefinitions, expectedDefinitions } from "../../storage/index/definitions.ts";
import { migrate } from "../../storage/index/migrate.ts";
import { startSqld, type TestSqld } from "../parts/sqld.ts";

let sqld: TestSqld;
before(async () => {
  sqld = await startSqld();
  await migrate({ url: sqld.url, authToken: sqld.ddlToken });
});
after(async () => {
  await sqld.stop();
});

const check = () => checkDefinitions(new Connection({ url: sqld.url, authToken: sqld.authToken }));

/** With the right to change the schema, as an attacker on the machine has it. */
async function run(...statements: InStatement[]): Promise<void> {
  const { client } = new Connection({ url: sqld.url, authToken: sqld.ddlToken });
  await client.batch(statements, "write");
}

test("a database as the migrations make it has no finding", async () => {
  assert.deepEqual(await check(), []);
});

const REPLACED = "CREATE TRIGGER chunk_delete BEFORE DELETE ON chunk BEGIN SELECT 1; END";
const EXTRA =
  "CREATE TRIGGER sqlite3_libsql_x AFTER INSERT ON chunk BEGIN DELETE FROM token_use; END";
const CHANGES: readonly {
  readonly name: string;
  readonly statements: readonly string[];
  readonly object: string;
  readonly found: RegExp;
}[] = [
  {
    ...{ name: "a trigger that was dropped", object: "trigger chunk_update" },
    ...{ statements: ["DROP TRIGGER chunk_update"], found: /^nothing of this name$/ },
  },
  {
    ...{ name: "a trigger that does something else", object: "trigger chunk_delete" },
    ...{ statements: ["DROP TRIGGER chunk_delete", REPLACED], found: /BEGIN SELECT 1; END$/ },
  },
  {
    ...{ name: "one more trigger, under a name like libSQL's", object: "trigger sqlite3_libsql_x" },
    ...{ statements: [EXTRA], found: /^CREATE TRIGGER sqlite3_libsql_x/ },
  },
  {
    ...{ name: "one more table", object: "table shadow" },
    ...{ statements: ["CREATE TABLE shadow (x)"], found: /^CREATE TABLE shadow/ },
  },
  {
    ...{ name: "an index that is gone", object: "index event_id_key" },
    ...{ statements: ["DROP INDEX event_id_key"], found: /^nothing/ },
  },
  {
    ...{ name: "a column that was added", object: "table token_use" },
    ...{
      statements: ["ALTER TABLE token_use ADD COLUMN x TEXT"],
      found: /used_at TEXT NOT NULL, x TEXT\)/,
    },
  },
];

for (const { name, statements, object, found } of CHANGES) {
  test(`${name} is named, and is no finding any more once it is put right`, async () => {
    const { type, sql } = definitionOf(object);
    await run(...statements);
    const findings = await check();
    assert.deepEqual(
      findings.map((finding) => [finding.code, finding.object]),
      [["index_altered", object]],
    );
    assert.match(findings[0]!.found, found);
    const [, itsName = ""] = object.split(" ");
    await run(`DROP ${type} IF EXISTS ${itsName}`, ...(sql === null ? [] : [sql]));
    assert.deepEqual(await check(), []);
  });
}

test("many strange objects are counted", async () => {
  const names = Array.from({ length: 25 }, (_, i) => `t${i}`);
  await run(...names.map((name) => `CREATE TABLE ${name} (x)`));
  const findings = await check();
  assert.equal(findings.length, 21);
  assert.equal(findings.at(-1)!.found, "5 more");
  await run(...names.map((name) => `DROP TABLE ${name}`));
});

function definitionOf(object: string): { type: string; sql: string | null } {
  const [type = "", name = ""] = object.split(" ");
  return { type, sql: expectedDefinitions().get(name)?.sql ?? null };
}
