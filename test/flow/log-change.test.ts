/** A log is changed: only what differs is written, retention only grows, and the verifier knows what was promised when. */
import assert from "node:assert/strict";
import test from "node:test";
import { sha256 } from "../verify/build-log.ts";
import { verifyAll } from "../../storage/flow/verify.ts";
import { nodeGzip } from "../../storage/gzip.ts";
import { webCryptoVerify } from "../../storage/keys.ts";
import { decodeBatch, BATCH_INFLATED_BYTES_MAX } from "../../storage/log/batch.ts";
import { decodeLine, SYSTEM_LOG } from "../../storage/log/entry.ts";
import { encodeJson } from "../../storage/log/json.ts";
import { logChanged } from "../../storage/log/system.ts";
import { parseVkey } from "../../storage/log/vkey.ts";
import { ORIGIN, World, type Process } from "./harness.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

async function lastOfSystem(
  world: World,
): Promise<{ action: string; details: string; by: string }> {
  const chunks = await world.index.chunks(SYSTEM_LOG, { from: 0, to: 1_000 });
  const line = chunks.flatMap(({ lines }) => lines.split("\n")).at(-1) as string;
  const { action, by, eventJson } = decodeLine(line);
  return { action, by, details: encodeJson(eventJson["details"]!) };
}

const change = (one: Process, fields: object) =>
  one.alive(one.administration.changeLog("token:admin", { log: "a", ...fields }));

async function verified(world: World, one: Process) {
  const vkey = await one.ledger.logVkey("a");
  const { vault } = world;
  const report = await verifyAll(
    { vault, gzip: nodeGzip, sha256, verify: webCryptoVerify(), index: null },
    {
      origin: ORIGIN,
      keys: [parseVkey(vkey)],
      ...{ locks: true, only: null, kept: [] },
      onBatch: () => {},
      onLog: () => {},
    },
  );
  const findings = [...report.findings, ...report.logs.flatMap((log) => log.findings)];
  return findings.map(({ code, log, first, expected }) => `${code} ${log} ${first}: ${expected}`);
}

test("only what differs is written, and nothing where nothing does", async () => {
  const world = new World();
  const one = await world.start();
  const size = one.size(SYSTEM_LOG);
  assert.deepEqual(await change(one, { retention_days: 30, description: "", public: false }), {
    ...{ sealed: true, approval: null },
  });
  assert.deepEqual(await change(one, {}), { sealed: true, approval: null });
  assert.equal(one.size(SYSTEM_LOG), size);
  await change(one, { retention_days: 60, description: "", public: true });
  assert.equal(one.size(SYSTEM_LOG), size + 1);
  assert.deepEqual(await lastOfSystem(world), {
    ...{ action: "log.changed", by: "token:admin" },
    details: '{"log":"a","public":true,"retention_days":60}',
  });
  await world.check();
});

test("a retention is never shortened, and the instance's own logs are never public", async () => {
  const world = new World();
  const one = await world.start();
  const size = one.size(SYSTEM_LOG);
  const refused = (fields: object) =>
    assert.rejects(change(one, fields), { code: "invalid_request" });
  await refused({ retention_days: 29 });
  await refused({ retention_days: 1, description: "new" });
  await refused({ log: SYSTEM_LOG, public: true });
  await assert.rejects(change(one, { log: "none" }), { code: "log_unknown" });
  assert.equal(one.size(SYSTEM_LOG), size);
  // Of two at once the longer one holds, whichever comes first.
  await Promise.allSettled([
    change(one, { retention_days: 50 }),
    change(one, { retention_days: 40 }),
  ]);
  assert.equal(one.ledger.directory.logs.get("a")?.retentionDays, 50);
  await world.check();
});

test("batches are locked for what holds when they are sealed, _system for the longest, and all of it verifies", async () => {
  const world = new World();
  const one = await world.start();
  await one.append("a", [world.event()]);
  await one.seal("a");
  await one.append("a", [world.event()]);
  await change(one, { retention_days: 3650 });
  await one.seal("a");
  await one.append("a", [world.event()]);
  await one.seal("a");
  const days: number[] = [];
  for (const { key, versionId } of await world.index.seals("a", {
    from: 0,
    limit: 9,
    order: "asc",
  })) {
    const object = await world.vault.get(key, versionId);
    const { header } = decodeBatch(await nodeGzip.gunzip(object, BATCH_INFLATED_BYTES_MAX));
    const { retainUntilMs } = await world.vault.lock(key, versionId);
    assert.equal(retainUntilMs, world.nowMs + header.retention_days * DAY_MS);
    days.push(header.retention_days);
  }
  assert.deepEqual(days, [30, 3650, 3650]);
  await one.seal(SYSTEM_LOG);
  for (const { key, versionId } of await world.index.seals(SYSTEM_LOG, {
    ...{ from: 0, limit: 9, order: "asc" },
  })) {
    const { retainUntilMs } = await world.vault.lock(key, versionId);
    assert.equal(retainUntilMs, world.nowMs + 3650 * DAY_MS);
  }
  assert.deepEqual(await verified(world, one), []);
  world.crash();
  const two = await world.start();
  assert.equal(two.ledger.directory.logs.get("a")?.retentionDays, 3650);
  await world.check();
});

test("a batch that was sealed for less than the log promised by then is named", async () => {
  const world = new World();
  const one = await world.start();
  await one.append("a", [world.event()]);
  await one.seal("a");
  world.nowMs += HOUR_MS;
  await one.append("a", [world.event()]);
  await one.seal("a");
  // `_system` says that an hour before the second batch the log promised more: as if that one had been sealed wrongly.
  world.nowMs -= HOUR_MS / 2;
  const event = logChanged({ log: "a", retention_days: 60 }, "token:admin");
  await one.alive(one.ledger.appendSystem("token:admin", [event]));
  await one.seal(SYSTEM_LOG);
  assert.deepEqual(await verified(world, one), [
    "lock_too_short a 1: 60 days, as the log promised",
  ]);
});

test("a start that is configured to keep the instance's own logs longer says so in them, once", async () => {
  const world = new World();
  const one = await world.start();
  const size = one.size(SYSTEM_LOG);
  const days = (systemRetentionDays: number) =>
    one.alive(
      one.administration.bootstrap({ origin: ORIGIN, systemRetentionDays, logs: [], tokens: [] }),
    );
  await days(1);
  await days(400);
  assert.equal(one.size(SYSTEM_LOG), size);
  await days(500);
  await days(500);
  assert.equal(one.size(SYSTEM_LOG), size + 2);
  for (const log of [SYSTEM_LOG, "_access"]) {
    assert.equal(one.ledger.directory.logs.get(log)?.retentionDays, 500);
  }
  await world.check();
});

test("an entry that would shorten a retention means nothing, whoever wrote it", async () => {
  const world = new World();
  const one = await world.start();
  const event = logChanged({ log: "a", retention_days: 5 });
  await one.alive(one.ledger.appendSystem("system", [event]));
  assert.equal(one.ledger.directory.logs.get("a")?.retentionDays, 30);
  assert.match(one.ledger.directory.unreadable[0]!.detail, /retention_days is not .* from 30/);
});
