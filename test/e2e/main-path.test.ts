/**
 * The way of an entry through the real parts, as a person would go it: sent, acknowledged, sealed under lock, found
 * by a stranger's S3 client, undeletable, verified; then edited behind the instance's back and found out; then
 * the index thrown away and built again from the vault.
 */
import assert from "node:assert/strict";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { gunzipSync } from "node:zlib";
import { webCryptoVerify } from "../../storage/keys.ts";
import { checkReceipt } from "../../storage/log/receipt.ts";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { holdTogether, keysOf } from "./checkpoints.ts";
import { call, readWholeLog, type Acknowledged, type WholeLog } from "./client.ts";
import { runCommand, verify } from "./command.ts";
import { editLine } from "../../scripts/tamper-demo/index-file.ts";
import { assertProblem } from "./problems.ts";
import { listSeals, sealNow, sealReply } from "./sealing.ts";
import { sha256 } from "./sha256.ts";
import { auditorStore, getObject, listVersions, secretStore } from "./store.ts";
import { until } from "./until.ts";

interface Page {
  readonly entries: readonly { readonly seq: number; readonly entry: unknown }[];
  readonly next_cursor: string | null;
}

const LOG = "demo";
/** How MinIO says no. */
const REFUSALS =
  /AccessDenied|ObjectLocked|InvalidRequest|MethodNotAllowed|BucketNotEmpty|AllAccessDisabled|InvalidAccessKeyId/;
const EVENT = { action: "invoice.paid", actor: { id: "alice" } };
/** A second of its own, so that nothing is sealed unless a test asks for it. */
const ENV = { INDELIBLE_SEAL_SECONDS: "600" };

let instance: TestInstance;
/** Every checkpoint that was ever handed out. */
const handedOut: string[] = [];
/** The log as it was before anything was done to it. */
let whole: WholeLog;

before(async () => {
  instance = await startInstance({ env: ENV });
});
after(() => instance.stop());

const token = (): string => instance.tokens.demo;
const get = (path: string, accept = "application/json") =>
  call(instance.url, `/v1/logs/${LOG}${path}`, { token: token(), headers: { accept } });

async function append(
  body: string,
  headers: Record<string, string> = {},
  status = 201,
): Promise<Acknowledged> {
  const path = `/v1/logs/${LOG}/entries`;
  const reply = await call(instance.url, path, { token: token(), body, headers });
  assert.equal(reply.status, status, reply.text);
  const acknowledged = reply.json<Acknowledged>();
  handedOut.push(acknowledged.checkpoint);
  return acknowledged;
}

/** The receipts of all entries hold for their exact lines; returns how many checkpoints say "sealed". */
async function checkReceipts(lines: readonly string[]): Promise<number> {
  const keys = await keysOf(instance.dataDir, LOG);
  let sealed = 0;
  for (const [seq, line] of lines.entries()) {
    const receipt = await get(`/entries/${seq}/proof`);
    assert.equal(receipt.status, 200, receipt.text);
    const { checkpoint } = await checkReceipt(receipt.text, line, keys, webCryptoVerify());
    if (checkpoint.signers.some(({ name }) => name === checkpoint.origin)) sealed += 1;
    handedOut.push(receipt.text.slice(receipt.text.indexOf("\n\n") + 2));
  }
  return sealed;
}

test("entries of every content type are acknowledged, in order, with what was sent", async () => {
  const one = await append(JSON.stringify({ ...EVENT, details: { n: 0 } }));
  assert.deepEqual([one.log, one.first, one.count], [LOG, 0, 1]);
  const list = [1, 2, 3].map((n) => ({ ...EVENT, details: { n } }));
  const many = await append(JSON.stringify(list));
  assert.deepEqual([many.first, many.count], [1, 3]);
  const lines = [4, 5].map((n) => `${JSON.stringify({ ...EVENT, details: { n } })}\n`).join("");
  const ndjson = await append(lines, { "content-type": "application/x-ndjson" });
  assert.deepEqual([ndjson.first, ndjson.count], [4, 2]);
  const keyed = await append(JSON.stringify({ ...EVENT, details: { n: 6 } }), {
    "idempotency-key": "key-6",
  });
  const again = await append(JSON.stringify({ ...EVENT, details: { n: 6 } }), {
    "idempotency-key": "key-6",
  });
  assert.deepEqual([again.first, again.count], [null, 0]);
  assert.deepEqual(again.entries, [{ ...keyed.entries[0]!, duplicate: true }]);

  whole = await readWholeLog(instance.url, LOG, token());
  assert.equal(whole.lines.length, 7);
  const all = [one, many, ndjson, keyed].flatMap(({ entries }) => entries);
  assert.deepEqual(
    all.map(({ hash }) => hash),
    whole.leaves,
  );
  whole.lines.forEach((line, n) => {
    const entry = JSON.parse(line) as { by: string; time: string; event: { id?: string } };
    assert.deepEqual(entry.event, {
      ...EVENT,
      details: { n },
      ...(n === 6 ? { id: "key-6" } : {}),
    });
    assert.match(entry.by, /^token:[0-9a-z]{12}$/);
    assert.equal(entry.time, all[n]!.time);
  });
});

test("every way to read gives the same lines", async () => {
  for (const [seq, line] of whole.lines.entries()) {
    assert.equal((await get(`/entries/${seq}`, "application/x-ndjson")).text, `${line}\n`);
    const item = (await get(`/entries/${seq}`)).json<{ entry: unknown; hash: string }>();
    assert.deepEqual(item.entry, JSON.parse(line));
    assert.equal(item.hash, whole.leaves[seq]);
  }
  for (const order of ["asc", "desc"] as const) {
    const seqs: number[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const where: string = cursor === "" ? `&order=${order}` : `&cursor=${cursor}`;
      const page = (await get(`/entries?limit=3${where}`)).json<Page>();
      for (const { seq, entry } of page.entries) {
        assert.deepEqual(entry, JSON.parse(whole.lines[seq]!));
        seqs.push(seq);
      }
      cursor = page.next_cursor;
    }
    const expected = whole.lines.map((_, seq) => seq);
    assert.deepEqual(seqs, order === "asc" ? expected : expected.reverse());
  }
});

test("receipts hold before the seal and after it", async () => {
  assert.equal(await checkReceipts(whole.lines), 0, "nothing is sealed yet");
  const item = await sealNow(instance.url, LOG, token());
  assert.ok(item);
  assert.deepEqual([item.first, item.count], [0, 7]);
  handedOut.push(item.checkpoint);
  assert.equal((await get("/checkpoint")).text, item.checkpoint);
  assert.equal(await checkReceipts(whole.lines), 7, "all are sealed");
  assert.equal(await sealNow(instance.url, LOG, token()), null, "nothing waits");
});

const firstSeal = async () => (await listSeals(instance.url, LOG, token()))[0]!;

test("the batch that the API gives is the locked object that a stock S3 client reads", async () => {
  const item = await firstSeal();
  const store = await auditorStore(instance.dataDir);
  const object = await getObject(store, item.key, item.version_id);
  assert.equal(object.length, item.bytes);
  assert.equal(Buffer.from(sha256(object)).toString("hex"), item.sha256);

  const download = await fetch(`${instance.url}/v1/logs/${LOG}/seals/${item.first}`, {
    headers: { authorization: `Bearer ${token()}` },
  });
  assert.equal(download.status, 200);
  assert.ok(Buffer.from(await download.arrayBuffer()).equals(object));

  const [header, ...rest] = gunzipSync(object).toString("utf8").trimEnd().split("\n");
  assert.equal((JSON.parse(header!) as { count: number }).count, 7);
  assert.deepEqual(rest.slice(0, -1), whole.lines);
  assert.match(rest.at(-1)!, /checkpoint/);

  const lock = await store.client.getObjectRetention(store.bucket, item.key, {
    versionId: item.version_id,
  });
  assert.equal((lock as { mode: string }).mode, "COMPLIANCE");
  const until = Date.parse((lock as { retainUntilDate: string }).retainUntilDate);
  assert.equal(until, Date.parse(item.retain_until));
  assert.ok(until > Date.now() + 23 * 3_600_000, "a day, as the log was made");
});

test("nobody deletes it: the worker's key, the auditor's and root are refused", async () => {
  const item = await firstSeal();
  for (const who of ["worker", "auditor", "root"] as const) {
    const { client, bucket } = secretStore(instance.dataDir, who);
    const { key, version_id: versionId } = item;
    const attempts: Record<string, () => Promise<unknown>> = {
      version: () => client.removeObject(bucket, key, { versionId }),
      bypass: () => client.removeObject(bucket, key, { versionId, governanceBypass: true }),
      force: () => client.removeObject(bucket, key, { forceDelete: true }),
      name: () => client.removeObject(bucket, key),
      many: async () => {
        const refusals = await client.removeObjects(bucket, [{ name: key, versionId }]);
        const [first] = refusals as { Error?: { Code: string } }[];
        if (first !== undefined) throw new Error(JSON.stringify(first));
      },
      bucket: () => client.removeBucket(bucket),
      shorter: () =>
        client.putObjectRetention(bucket, key, {
          mode: "COMPLIANCE" as never,
          retainUntilDate: new Date(Date.now() + 60_000).toISOString(),
          versionId,
        }),
      weaker: () =>
        client.putObjectRetention(bucket, key, {
          mode: "GOVERNANCE" as never,
          retainUntilDate: item.retain_until,
          versionId,
          governanceBypass: true,
        }),
    };
    // The worker's key must be able to put; that a version of it replaces nothing, `verify` and the vault's tests show.
    if (who !== "worker") attempts["overwrite"] = () => client.putObject(bucket, key, "garbage");
    for (const [what, attempt] of Object.entries(attempts)) {
      const refused = await Promise.resolve()
        .then(attempt)
        .then(
          () => null,
          (error: unknown) => error as { code?: string },
        );
      assert.ok(refused !== null, `${what} as ${who} went through`);
      assert.match(refused.code ?? String(refused), REFUSALS, `${what} as ${who}`);
    }
  }
  const store = await auditorStore(instance.dataDir);
  const versions = await listVersions(store, `${LOG}/`);
  assert.deepEqual(versions, [{ key: item.key, versionId: item.version_id, deleteMarker: false }]);
  const object = await getObject(store, item.key, item.version_id);
  assert.equal(Buffer.from(sha256(object)).toString("hex"), item.sha256);
});

test("`npm run verify` says that it holds, while the instance runs", async () => {
  const result = await verify(instance.dataDir);
  assert.equal(result.code, 0, JSON.stringify(result.findings));
  assert.equal(result.holds, true);
  assert.equal(result.logs.find(({ log }) => log === LOG)?.entries, 7);
});

test("a line edited in the database file is named by verify and never served", async () => {
  await append(JSON.stringify([7, 8].map((n) => ({ ...EVENT, details: { n } }))));
  whole = await readWholeLog(instance.url, LOG, token());
  await instance.signal("SIGTERM");
  editLine(instance.databaseFile, LOG, 2, '"alice"', '"mallo"');
  const found = await verify(instance.dataDir);
  assert.equal(found.code, 1);
  assert.deepEqual(
    found.findings.map(({ code, log, first, last }) => ({ code, log, first, last })),
    [{ code: "entry_altered", log: LOG, first: 2, last: 2 }],
  );

  await instance.restart();
  const entry = await get("/entries/2");
  assertProblem(entry, 500, "entry_altered");
  const answers = [
    entry,
    await get("/entries/2", "application/x-ndjson"),
    await get("/entries/2/proof"),
    await get("/entries?limit=1000"),
    await get("/entries?order=asc", "application/x-ndjson").catch((error: unknown) => ({
      text: String(error),
    })),
  ];
  for (const { text } of answers) assert.doesNotMatch(text, /mallo/);
  const { key, version_id: versionId } = await firstSeal();
  const object = await getObject(await auditorStore(instance.dataDir), key, versionId);
  assert.match(gunzipSync(object).toString("utf8"), /"alice"/);
});

test("the index thrown away comes back from the vault: same lines, hashes, tokens, ids", async () => {
  await instance.signal("SIGTERM");
  await rename(join(instance.dataDir, "libsql"), join(instance.dataDir, "libsql.aside"));
  const restored = await runCommand("restore", instance.dataDir);
  assert.equal(restored.code, 0, restored.stdout + restored.stderr);
  await instance.restart();
  await until("the log is open", async () => {
    const reply = await call(instance.url, `/v1/logs/${LOG}/entries`, {
      token: token(),
      body: JSON.stringify({ ...EVENT, details: { n: 6 } }),
      headers: { "idempotency-key": "key-6" },
    });
    if (reply.status !== 201) return null;
    const [entry] = reply.json<Acknowledged>().entries;
    assert.equal(entry!.seq, 6);
    assert.equal(entry!.hash, whole.leaves[6]);
    assert.equal(entry!.duplicate, true);
    return entry!;
  });
  const after = await readWholeLog(instance.url, LOG, token());
  assert.deepEqual(after.lines.slice(0, whole.lines.length), whole.lines);
  const next = await append(JSON.stringify(EVENT));
  assert.equal(next.first, after.lines.length);
  const now = await readWholeLog(instance.url, LOG, token());
  assert.equal(await checkReceipts(now.lines), whole.lines.length);
  const sealed = await sealNow(instance.url, LOG, token());
  handedOut.push(sealed!.checkpoint);

  const keys = await keysOf(instance.dataDir, LOG);
  await holdTogether(handedOut, keys, now);
  assert.equal((await verify(instance.dataDir)).code, 0);
});

test("an unsealed line that was edited is never sealed: the log freezes", async () => {
  const { first } = await append(JSON.stringify({ ...EVENT, details: { secret: "before" } }));
  await instance.killSupervisor();
  for (const part of ["workerd", "sqld", "minio"] as const) await instance.kill(part);
  editLine(instance.databaseFile, LOG, first!, '"before"', '"after!"');
  await instance.restart();
  const reply = await sealReply(instance.url, LOG, token());
  assertProblem(reply, 503, "frozen");
  const more = await call(instance.url, `/v1/logs/${LOG}/entries`, {
    token: token(),
    body: JSON.stringify(EVENT),
  });
  assertProblem(more, 503, "frozen");
  const ready = await call(instance.url, "/readyz");
  assert.match(ready.text, /demo: entry_altered/);
  const objects = await listVersions(await auditorStore(instance.dataDir), `${LOG}/`);
  assert.equal(objects.length, 3, "the batches that were sealed before");
});
