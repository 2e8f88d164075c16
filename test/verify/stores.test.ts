/** The verifier on a real MinIO and a real index: what is wrong with locks, versions, keys and rows is named. */
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { createClient, type Client } from "@libsql/client/web";
import { openIndexView } from "../../scripts/verify/index-view.ts";
import { restoreIndex } from "../../storage/flow/restore.ts";
import type { VerifyReport } from "../../storage/flow/verify.ts";
import { nodeGzip } from "../../storage/gzip.ts";
import { LibsqlIndex } from "../../storage/index/index.ts";
import { migrate } from "../../storage/index/migrate.ts";
import { webCryptoVerify } from "../../storage/keys.ts";
import { slotName } from "../../storage/log/batch.ts";
import { S3Client } from "../../storage/vault/client.ts";
import { MinioVault, putRequest } from "../../storage/vault/vault.ts";
import { startSqld, type TestSqld } from "../parts/sqld.ts";
import { startOpenMinio, type OpenMinio } from "../vault/open-minio.ts";
import { buildInstance, type BuiltInstance } from "./build-instance.ts";
import { buildLog, ORIGIN, sha256, type PutObject } from "./build-log.ts";
import { briefs, check, findingsOf, keysOfText } from "./check.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START_MS = Date.now() - 60_000;
const timeMs = (seq: number) => START_MS + seq;

let minio: OpenMinio;
let vault: MinioVault;
let s3: S3Client;
let built: BuiltInstance;

const put: PutObject = (key, object, lastMs) =>
  vault.put(key, object, { retainUntilMs: lastMs + DAY_MS + 1000, ifAbsent: true });

before(async () => {
  minio = await startOpenMinio();
  vault = new MinioVault(minio.root);
  s3 = new S3Client(minio.root);
  const logs = { demo: [3, 4, 600], marked: [2], versions: [2, 2], short: [2], open: [2] };
  built = await buildInstance({ put, logs, timeMs });
});
after(() => minio.stop());

const verify = (only?: string): Promise<VerifyReport> =>
  check(vault, built.vkeys, { locks: true, ...(only === undefined ? {} : { only }) });

test("what was put under lock holds", async () => {
  const report = await verify();
  assert.deepEqual(briefs(report), []);
  assert.equal(report.logs.length, 6);
});

test("a delete marker is told, and what lies beneath it read all the same", async () => {
  await s3.send({ method: "DELETE", key: slotName("marked", 0) });
  const report = await verify("marked");
  assert.deepEqual(briefs(report), ["delete_marker marked 0"]);
});

test("other versions of a slot are told, whatever they hold", async () => {
  const key = slotName("versions", 2);
  const options = { retainUntilMs: Date.now() + DAY_MS, ifAbsent: false };
  await vault.put(key, Buffer.from("garbage"), options);
  const [first] = await versionsOf(slotName("versions", 0));
  const object = await vault.get(slotName("versions", 0), first!);
  await vault.put(slotName("versions", 0), object, {
    ...options,
    retainUntilMs: Date.now() + 2 * DAY_MS,
  });
  const report = await verify("versions");
  assert.deepEqual(briefs(report), ["extra_version versions 0", "extra_version versions 2"]);
  assert.equal(report.logs[0]!.entries, 4);
  const [extra] = findingsOf(report);
  assert.notEqual(extra!.version, first, "the one that was sealed counts");
});

test("a lock that is too short, and none at all", async () => {
  await buildLog({
    ...{ log: "short", batches: [2, 2], timeMs },
    put: async (key, object, lastMs) => {
      if (key === slotName("short", 0)) return;
      await vault.put(key, object, { retainUntilMs: lastMs + HOUR_MS, ifAbsent: true });
    },
  });
  await buildLog({
    ...{ log: "open", batches: [2, 2, 2], timeMs },
    put: async (key, object) => {
      if (key === slotName("open", 0)) return;
      await s3.send({ method: "PUT", key, body: object });
    },
  });
  assert.deepEqual(briefs(await verify("short")), ["lock_too_short short 2"]);
  const report = await verify("open");
  assert.deepEqual(briefs(report), ["lock_missing open 2", "lock_missing open 4"]);
  assert.equal(report.logs[0]!.entries, 6, "they are true, and verified to the end");
});

test("objects where none should be, and notes without a lock", async () => {
  const lone = { retainUntilMs: Date.now() + DAY_MS, ifAbsent: true };
  await vault.put("stray", Buffer.from("x"), lone);
  await vault.put("junk/file", Buffer.from("x"), lone);
  await vault.put("_indelible/canary/1", Buffer.from("x"), lone);
  await buildLog({ log: "unnamed", batches: [1], timeMs, put });
  const beside = (ending: string) => slotName("short", 0).replace("jsonl.gz", ending);
  await vault.put(beside("note"), Buffer.from("x"), {
    ...lone,
    retainUntilMs: Date.now() + 2 * DAY_MS,
  });
  await s3.send({ method: "PUT", key: beside("tsr"), body: Buffer.from("x") });
  const report = await verify();
  const general = report.findings.map(({ code, log, object }) => [code, log ?? object]);
  assert.deepEqual(general.sort(), [
    ["extra_version", "junk/"],
    ["extra_version", "stray"],
    ["log_unknown", "unnamed"],
  ]);
  const short = report.logs.find(({ log }) => log === "short");
  assert.deepEqual(
    short!.findings.map(({ code, object }) => [code, object]),
    [
      ["lock_missing", beside("tsr")],
      ["lock_too_short", slotName("short", 2)],
    ],
  );
});

test("an object that hides a log from the listings", async () => {
  const hiding = putRequest("marked", Buffer.from("x"), {
    ...{ retainUntilMs: Date.now() + DAY_MS, ifAbsent: false },
  });
  await s3.send(hiding);
  const report = await verify();
  const marked = report.logs.find(({ log }) => log === "marked");
  assert.deepEqual(
    marked!.findings.map(({ code }) => code),
    ["batch_unreadable"],
  );
});

test("the index, row by row", async (t) => {
  const sqld = await startSqld();
  t.after(() => sqld.stop());
  await migrate({ url: sqld.url, authToken: sqld.ddlToken });
  await restoreDemo(sqld);
  const editor = createClient({ url: sqld.url, authToken: sqld.ddlToken });
  await dropTriggers(editor);
  const index = openIndexView(sqld);
  const compare = async (): Promise<string[]> =>
    briefs(await check(vault, built.vkeys, { locks: true, only: "demo", parts: { index } }));
  assert.deepEqual(await compare(), []);

  const cases: readonly (readonly [name: string, edit: string, found: readonly string[]])[] = [
    [
      "a line",
      "UPDATE chunk SET lines = replace(lines, 'user-919', 'user-918') WHERE log = 'demo'",
      ["entry_altered demo 1"],
    ],
    [
      "its leaf with it",
      `UPDATE chunk SET leaves = CAST(unhex('${"ab".repeat(32)}') || substr(leaves, 33) AS BLOB) WHERE log = 'demo'`,
      ["entry_altered demo 0"],
    ],
    [
      "all lines",
      "UPDATE chunk SET lines = replace(lines, 'user-', 'User-') WHERE log = 'demo'",
      ["entry_altered demo 0-606"],
    ],
    [
      "lines behind the last",
      `UPDATE chunk SET lines = lines || char(10) || '{}' WHERE log = 'demo'`,
      ["entry_altered demo 606"],
    ],
    ["no lines", "DELETE FROM chunk WHERE log = 'demo'", ["entry_missing demo 0-606"]],
    [
      "a tree hash",
      "UPDATE node SET hash = zeroblob(32) WHERE log = 'demo' AND level = 1 AND n = 1",
      ["root_mismatch demo 256-511"],
    ],
    ["no tree hash", "DELETE FROM node WHERE log = 'demo' AND n = 1", ["root_mismatch demo 0-511"]],
    [
      "the head's leaf",
      `UPDATE head SET leaf = '${"ab".repeat(32)}' WHERE log = 'demo'`,
      ["chain_broken demo 606"],
    ],
    [
      "the head's frontier",
      "UPDATE head SET frontier = replace(frontier, 'a', 'b') WHERE log = 'demo'",
      ["root_mismatch demo 606"],
    ],
    [
      "the head's size",
      "UPDATE head SET size = 600 WHERE log = 'demo'",
      ["index_behind demo 600-606"],
    ],
    ["no head", "DELETE FROM head WHERE log = 'demo'", ["index_behind demo 0-606"]],
    [
      "a row of a seal",
      `UPDATE seal SET sha256 = '${"ab".repeat(32)}' WHERE log = 'demo' AND first = 3`,
      ["batch_altered demo 3-6"],
    ],
    [
      "another version in it",
      "UPDATE seal SET version_id = 'other' WHERE log = 'demo' AND first = 7",
      ["batch_altered demo 7-606"],
    ],
    [
      "no row of a seal",
      "DELETE FROM seal WHERE log = 'demo' AND first = 3",
      ["index_behind demo 3-6"],
    ],
    [
      "no row of any seal",
      "DELETE FROM seal WHERE log = 'demo'",
      ["index_behind demo 0-2", "index_behind demo 3-6"],
    ],
    [
      "a row without a batch",
      "INSERT INTO seal SELECT log, 607, 1, 'demo/x', version_id, sha256, bytes, sealed_at, retain_until, checkpoint, leaf, frontier FROM seal WHERE log = 'demo' AND first = 7",
      ["batch_missing demo 607"],
    ],
  ];
  for (const [name, edit, found] of cases) {
    await t.test(name, async () => {
      await keepCopies(editor);
      const { rowsAffected } = await editor.execute(edit);
      assert.ok(rowsAffected > 0, "the edit changed something");
      assert.deepEqual(
        await compare(),
        [...found].filter((one) => one !== ""),
      );
      await putBack(editor);
      assert.deepEqual(await compare(), []);
    });
  }
});

const TABLES = ["chunk", "head", "node", "seal"];

async function keepCopies(editor: Client): Promise<void> {
  for (const table of TABLES) {
    await editor.execute(`DROP TABLE IF EXISTS ${table}_kept`);
    await editor.execute(`CREATE TABLE ${table}_kept AS SELECT * FROM ${table}`);
  }
}

async function putBack(editor: Client): Promise<void> {
  for (const table of TABLES) {
    await editor.execute(`DELETE FROM ${table}`);
    await editor.execute(`INSERT INTO ${table} SELECT * FROM ${table}_kept`);
  }
}

async function dropTriggers(editor: Client): Promise<void> {
  const { rows } = await editor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'");
  for (const row of rows) await editor.execute(`DROP TRIGGER ${String(row["name"])}`);
}

async function restoreDemo(sqld: TestSqld): Promise<void> {
  const keys = keysOfText(built.vkeys);
  await restoreIndex(
    {
      index: new LibsqlIndex({ url: sqld.url, authToken: sqld.authToken }),
      vault,
      gzip: nodeGzip,
      ...{ sha256, verify: webCryptoVerify(), nowMs: Date.now() },
    },
    {
      origin: ORIGIN,
      keysOf: (origin) => keys.filter(({ name }) => name === origin),
      onBatch: () => {},
      onLog: () => {},
    },
  );
}

/** Version ids of a key, newest first. */
async function versionsOf(key: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const version of vault.versions(key)) ids.push(version.versionId);
  return ids;
}
