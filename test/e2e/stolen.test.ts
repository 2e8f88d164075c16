/** What is of use to a thief: nothing in a dump of the database, and a receipt only for its own log. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { webCryptoVerify } from "../../storage/keys.ts";
import { checkReceipt } from "../../storage/log/receipt.ts";
import { openIndexFile } from "../../scripts/tamper-demo/index-file.ts";
import { startInstance } from "../parts/instance.ts";
import { keysOf } from "./checkpoints.ts";
import { call } from "./client.ts";
import { makeLog, makeToken } from "./tokens.ts";

const EVENT = '{"action":"invoice.paid","actor":{"id":"alice"}}';

test("a dump of the database holds no token, and a receipt proves nothing about another log", async (t) => {
  const instance = await startInstance({ env: { INDELIBLE_SEAL_SECONDS: "600" } });
  t.after(() => instance.stop());
  const { url, dataDir } = instance;
  const { admin } = instance.tokens;
  await makeLog(url, admin, { name: "other" });
  const logs = ["demo", "other"];
  const made = await makeToken(url, admin, { roles: ["writer", "reader"], logs });
  for (const log of logs) {
    const path = `/v1/logs/${log}/entries`;
    assert.equal((await call(url, path, { token: made.token, body: EVENT })).status, 201);
  }
  const ofDemo = "/v1/logs/demo/entries/0";
  const { token } = made;
  const receipt = (await call(url, `${ofDemo}/proof`, { token })).text;
  const accept = "application/x-ndjson";
  const line = (await call(url, ofDemo, { token, headers: { accept } })).text.trimEnd();
  const check = async (log: string, which = line) =>
    checkReceipt(receipt, which, await keysOf(dataDir, log), webCryptoVerify());
  await check("demo");
  await assert.rejects(check("other"));
  await assert.rejects(check("demo", line.replace('"log":"demo"', '"log":"other"')));

  await instance.signal("SIGTERM");
  const dump = dumpOf(join(dataDir, "libsql", "dbs", "127", "data"));
  assert.ok(dump.includes(made.id), "the dump is one of the right database");
  const secrets = [token, admin, instance.tokens.demo].map((text) => text.split("_")[2]!);
  for (const secret of secrets) assert.ok(!dump.includes(secret.slice(0, 20)));
  // What stands there is a digest: sent as a token it opens nothing.
  const digest = /"sha256":"([0-9a-f]{64})"/.exec(dump)?.[1];
  assert.ok(digest);
  assert.equal((await readFile(join(dataDir, "tokens", "admin"), "utf8")).includes(digest), false);
});

function dumpOf(path: string): string {
  const database = openIndexFile(path);
  try {
    const tables = database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
      .all() as { name: string }[];
    const rows = tables.map(({ name }) => database.prepare(`SELECT * FROM "${name}"`).all());
    return JSON.stringify(rows, (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value,
    ).replaceAll('\\"', '"');
  } finally {
    database.close();
  }
}
