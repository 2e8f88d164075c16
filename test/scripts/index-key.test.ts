/** An encrypted sqld under kill -9, and what it leaves on the disk. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { startSqld, type TestSqld } from "../parts/sqld.ts";

const KILLS = 20;
const WRITERS = 4;
const MARK = "between us alone";

test("an encrypted index loses nothing to kill -9, and nothing of it can be read on the disk", async () => {
  const encrypted = await startSqld(randomBytes(32).toString("base64"));
  const plain = await startSqld();
  try {
    for (const sqld of [encrypted, plain]) {
      await query(sqld, sqld.ddlToken, "CREATE TABLE kept (value TEXT)");
    }
    const acknowledged = new Set<string>();
    for (let round = 0; round < KILLS; round += 1) {
      await killUnderLoad(encrypted, round, acknowledged);
      await encrypted.restart();
      const rows = await query(encrypted, encrypted.readToken, "SELECT value FROM kept");
      const found = new Set(rows);
      assert.equal(found.size, rows.length, "no row is there twice");
      for (const value of acknowledged) assert.ok(found.has(value), `round ${round}: ${value}`);
    }
    const checked = await query(encrypted, encrypted.authToken, "PRAGMA integrity_check");
    assert.deepEqual(checked, ["ok"]);
    assert.ok(acknowledged.size > KILLS);

    await insert(plain, MARK);
    // Database, WAL, replication log, statistics: as they are while it runs, and when it was stopped in order.
    assert.deepEqual(await filesWith(encrypted, MARK), []);
    assert.ok((await filesWith(plain, MARK)).length >= 2, "the search finds what is not encrypted");
  } finally {
    await Promise.all([encrypted.stop(), plain.stop()]);
  }
});

/** Writes until the kill, which comes after some answers; what was answered is remembered. */
async function killUnderLoad(
  sqld: TestSqld,
  round: number,
  acknowledged: Set<string>,
): Promise<void> {
  let killed = false;
  const before = acknowledged.size;
  const write = async (writer: number): Promise<void> => {
    for (let count = 0; !killed; count += 1) {
      const value = `${MARK} ${round}-${writer}-${count}`;
      try {
        await insert(sqld, value);
        acknowledged.add(value);
      } catch {
        return; // No answer: it may be there or not.
      }
      if (acknowledged.size - before > round && !killed) {
        killed = true;
        await sqld.kill9();
      }
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
}

async function insert(sqld: TestSqld, value: string): Promise<void> {
  await query(sqld, sqld.authToken, "INSERT INTO kept VALUES (?)", [value]);
}

/** The first column of all rows. */
async function query(
  sqld: TestSqld,
  token: string,
  sql: string,
  args: readonly string[] = [],
): Promise<string[]> {
  const stmt = { sql, args: args.map((value) => ({ type: "text", value })) };
  const response = await fetch(`${sqld.url}/v2/pipeline`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ requests: [{ type: "execute", stmt }, { type: "close" }] }),
  });
  const body = (await response.json()) as {
    results?: { type: string; response: { result: { rows: { value: string }[][] } } }[];
  };
  const [first] = body.results ?? [];
  if (first?.type !== "ok") throw new Error(JSON.stringify(body));
  return first.response.result.rows.map(([cell]) => cell!.value);
}

async function filesWith({ dataDir }: TestSqld, text: string): Promise<string[]> {
  const all = await readdir(dataDir, { recursive: true, withFileTypes: true });
  const paths = all
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const found = await Promise.all(paths.map(async (path) => (await readFile(path)).includes(text)));
  return paths.filter((_, place) => found[place]);
}
