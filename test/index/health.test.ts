/** Readiness of the index: what it asks holds on a database as we make it, and each wrong set-up is named. */
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { checkDatabase, databaseNowMs } from "../../storage/index/condition.ts";
import { checkIndex } from "../../storage/index/health.ts";
import { LibsqlIndex } from "../../storage/index/index.ts";
import { migrate } from "../../storage/index/migrate.ts";
import { startSqld, type TestSqld } from "../parts/sqld.ts";

let sqld: TestSqld;
before(async () => {
  sqld = await startSqld();
});
after(async () => {
  await sqld.stop();
});
const check = (authToken: string) => checkIndex(new LibsqlIndex({ url: sqld.url, authToken }));

test("an empty database is not ready", async () => {
  const { ok, problems } = await check(sqld.authToken);
  assert.equal(ok, false);
  assert.match(problems.join("\n"), /schema version 0/);
  assert.match(problems.join("\n"), /no such table/);
});

test("a migrated one is, and a check leaves nothing behind", async () => {
  await migrate({ url: sqld.url, authToken: sqld.ddlToken });
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(await check(sqld.authToken), { ok: true, problems: [] });
  }
});

test("a token that may change the schema is reported, and its probe is rolled back", async () => {
  const { problems } = await check(sqld.ddlToken);
  assert.equal(problems.length, 1);
  assert.match(problems[0]!, /lets the worker's token change the schema/);
  const { client } = new LibsqlIndex({ url: sqld.url, authToken: sqld.authToken }).connection;
  const { rows } = await client.execute("SELECT 1 FROM sqlite_master WHERE name = 'ddl_probe'");
  assert.deepEqual(rows, []);
});

test("a token that cannot write is not ready", async () => {
  const { ok } = await check(sqld.readToken);
  assert.equal(ok, false);
});

test("commits that are not fsynced are reported, and are a finding", async () => {
  await sqld.setDurability("relaxed");
  const { problems } = await check(sqld.authToken);
  assert.equal(problems.length, 1);
  assert.match(problems[0]!, /does not fsync/);
  const index = new LibsqlIndex({ url: sqld.url, authToken: sqld.authToken });
  const [finding, ...others] = await checkDatabase(index);
  assert.deepEqual([finding!.code, others], ["index_not_durable", []]);
  await sqld.setDurability("strong");
  assert.deepEqual(await checkDatabase(index), []);
});

test("a database that is away is reported, not thrown", async () => {
  await sqld.kill9();
  const { ok, problems } = await check(sqld.authToken);
  assert.equal(ok, false);
  assert.match(problems.join("\n"), /ECONNREFUSED/);
  await sqld.restart();
  assert.deepEqual(await check(sqld.authToken), { ok: true, problems: [] });
});

test("the guard's look at the database says the same in findings, and reads its clock", async () => {
  const open = (authToken: string) => new LibsqlIndex({ url: sqld.url, authToken });
  assert.deepEqual(await checkDatabase(open(sqld.authToken)), []);
  const [finding, ...others] = await checkDatabase(open(sqld.ddlToken));
  assert.deepEqual(others, []);
  assert.equal(finding!.code, "index_altered");
  assert.equal(finding!.object, "the worker's token");
  const beforeMs = Date.now();
  const nowMs = await databaseNowMs(open(sqld.authToken));
  assert.ok(nowMs >= beforeMs - 1 && nowMs <= Date.now(), `${nowMs}`);
});
