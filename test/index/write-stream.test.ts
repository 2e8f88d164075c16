/** The kept connection for commits: refused, forgotten, cut off, and used again. */
import assert from "node:assert/strict";
import test from "node:test";
import { createClient, LibsqlBatchError } from "@libsql/client/web";
import { WriteStream } from "../../storage/index/write-stream.ts";
import { startSqld } from "../parts/sqld.ts";

test("a kept stream: transactions as if each had its own, also after sqld was killed or has forgotten it", async (t) => {
  const sqld = await startSqld();
  t.after(() => sqld.stop());
  const asOwner = createClient({ url: sqld.url, authToken: sqld.ddlToken });
  await asOwner.execute("CREATE TABLE seen (value TEXT PRIMARY KEY)");
  const batons: unknown[] = [];
  const watching: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    batons.push(((await request.clone().json()) as { baton: unknown }).baton);
    return fetch(request);
  };
  const { url, authToken } = sqld;
  const stream = new WriteStream({ url, authToken, fetch: watching });
  const add = (...values: string[]) =>
    stream.transaction(
      values.map((value) => ({ sql: "INSERT INTO seen VALUES (?)", args: [value] })),
    );
  const seen = async () =>
    (await asOwner.execute("SELECT value FROM seen ORDER BY value")).rows.map(({ value }) => value);

  await add("a", "b");
  await add("c");
  assert.deepEqual(
    batons.map((baton) => typeof baton),
    ["undefined", "string"],
    "the second transaction is on the stream of the first",
  );
  const refused = add("d", "a", "e");
  await assert.rejects(refused, (error) => {
    assert.ok(error instanceof LibsqlBatchError);
    assert.deepEqual([error.code, error.statementIndex], ["SQLITE_CONSTRAINT", 1]);
    return true;
  });
  assert.deepEqual(await seen(), ["a", "b", "c"]);
  await add("d");
  await sqld.restart();
  await add("e");
  await sqld.kill9();
  await assert.rejects(add("f"));
  await sqld.restart();
  await add("f");
  assert.deepEqual(await seen(), ["a", "b", "c", "d", "e", "f"]);
});
