/**
 * sqld as it is started here: strong, refusing DDL to the everyday token, and getting up again whatever a
 * kill left of its side files.
 */
import assert from "node:assert/strict";
import { access, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { startSqld, type TestSqld } from "../parts/sqld.ts";

const SIDE_FILES = [".version", "dbs/127/stats.json", "dbs/127/wallog"];

test("each token may do what it is for, and no more", async () => {
  const sqld = await startSqld();
  try {
    await query(sqld, sqld.ddlToken, "CREATE TABLE kept (value INTEGER)");
    await query(sqld, sqld.authToken, "INSERT INTO kept VALUES (1)");
    assert.deepEqual(await query(sqld, sqld.authToken, "PRAGMA synchronous"), ["2"]);
    for (const sql of ["DROP TABLE kept", "CREATE TABLE other (value)", "ALTER TABLE kept ADD x"]) {
      await assert.rejects(query(sqld, sqld.authToken, sql), /DDL statements not permitted/, sql);
    }
    await assert.rejects(
      query(sqld, sqld.readToken, "INSERT INTO kept VALUES (2)"),
      /Write permission/,
    );
    assert.deepEqual(await query(sqld, sqld.readToken, "SELECT count(*) FROM kept"), ["1"]);
    await assert.rejects(query(sqld, "", "SELECT 1"), /401/);
  } finally {
    await sqld.stop();
  }
});

test("side files cut to any length do not keep it from starting, and no row is lost", async () => {
  const sqld = await startSqld();
  try {
    await query(sqld, sqld.ddlToken, "CREATE TABLE kept (value INTEGER)");
    let rows = 0;
    for (const file of SIDE_FILES) {
      for (const length of [0, 1, 20, 63]) {
        await query(sqld, sqld.authToken, "INSERT INTO kept VALUES (1)");
        rows += 1;
        await sqld.kill9();
        const path = join(sqld.dataDir, "libsql", file);
        if (length < (await readFile(path)).length) await truncate(path, length);
        await sqld.restart();
        assert.deepEqual(await query(sqld, sqld.readToken, "SELECT count(*) FROM kept"), [
          String(rows),
        ]);
        await assert.rejects(query(sqld, sqld.authToken, "DROP TABLE kept"), /DDL/);
      }
    }
  } finally {
    await sqld.stop();
  }
});

test("side files that are whole are left as they are", async () => {
  const sqld = await startSqld();
  try {
    await sqld.kill9();
    const marker = join(sqld.dataDir, "libsql", "dbs", "127", "unknown");
    await writeFile(marker, "not ours");
    const before = await readFile(join(sqld.dataDir, "libsql", "dbs", "127", "wallog"));
    await sqld.restart();
    await access(marker);
    const after = await readFile(join(sqld.dataDir, "libsql", "dbs", "127", "wallog"));
    assert.deepEqual(after.subarray(0, 32), before.subarray(0, 32), "the log goes on under its id");
  } finally {
    await sqld.stop();
  }
});

/** The first column of the rows. Rejects with what sqld said. */
async function query(sqld: TestSqld, token: string, sql: string): Promise<string[]> {
  const response = await fetch(`${sqld.url}/v2/pipeline`, {
    method: "POST",
    headers: token ? { authorization: `Bearer ${token}` } : {},
    body: JSON.stringify({ requests: [{ type: "execute", stmt: { sql } }, { type: "close" }] }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  const { results } = JSON.parse(text) as {
    results: {
      type: string;
      error?: { message: string };
      response?: { result: { rows: { value: string }[][] } };
    }[];
  };
  const [first] = results;
  if (first?.type !== "ok") throw new Error(first?.error?.message);
  return first.response!.result.rows.map((row) => row[0]!.value);
}
