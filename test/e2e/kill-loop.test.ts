/**
 * Eight writers, and parts killed -9 at random times: every acknowledged entry is there once, with its hash, no checkpoint that
 * was handed out contradicts another, and a guard that looks at everything all the time raises no alarm.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import test from "node:test";
import { startInstance, type PartName, type TestInstance } from "../parts/instance.ts";
import { parseMetrics, valueOf } from "../parts/prometheus.ts";
import { holdTogether, keysOf } from "./checkpoints.ts";
import { call, readWholeLog, type Acknowledged } from "./client.ts";
import { seededRandom } from "./random.ts";
import { untilReady } from "./readiness.ts";
import { sealNow } from "./sealing.ts";
import { makeToken } from "./tokens.ts";
import { until } from "./until.ts";

/** More of them by hand: `INDELIBLE_TEST_ROUNDS=1000`. */
const ROUNDS = Number(process.env["INDELIBLE_TEST_ROUNDS"] ?? 27);
const WRITERS = 8;
const PARTS: readonly PartName[] = ["workerd", "sqld", "minio"];

/** A writer that is never answered again for so long has met a bug, not a restart. */
const WRITER_PATIENCE_MS = 60_000;

interface Writer {
  /** By event id. */
  readonly acknowledged: Map<string, { seq: number; hash: string }>;
  readonly checkpoints: string[];
  done: Promise<void>;
}

test("parts killed -9 under eight writers: nothing acknowledged is lost, doubled or changed", async (t) => {
  const seed = Number(process.env["INDELIBLE_TEST_SEED"] ?? randomInt(2 ** 31));
  t.diagnostic(`seed ${seed}`);
  const random = seededRandom(seed);
  const env = {
    INDELIBLE_SEAL_SECONDS: "1",
    INDELIBLE_INDEX_ENCRYPTION: seed % 2 === 1 ? "on" : "off",
    INDELIBLE_AUDIT_PAUSE_SECONDS: "1",
    INDELIBLE_AUDIT_SHARE: "50",
    INDELIBLE_LOCK_TEST_SECONDS: "5",
  };
  const instance = await startInstance({ env });
  let writing = true;
  const writers = Array.from({ length: WRITERS }, (_, n) => write(instance, n, () => writing));
  const failed = Promise.all(writers.map(({ done }) => done));
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      await Promise.race([failed, pause(20 + random() * 400)]);
      const part = PARTS[round % PARTS.length] as PartName;
      await instance.kill(part);
      const before = writers.map(({ acknowledged }) => acknowledged.size);
      await Promise.race([
        failed,
        until("every writer goes on", () =>
          writers.every((one, n) => one.acknowledged.size > before[n]!),
        ),
      ]);
      await Promise.race([
        failed,
        until("it runs", () => instance.running().parts[part] !== undefined),
      ]);
    }
    writing = false;
    await failed;
    await checkAll(instance, writers);
    t.diagnostic(`${await assertNoAlarm(instance)} looks at everything, and no alarm`);
    t.diagnostic(
      `${writers.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0)} entries`,
    );
  } finally {
    writing = false;
    await Promise.allSettled([failed]);
    await instance.stop();
  }
});

async function checkAll(instance: TestInstance, writers: readonly Writer[]): Promise<void> {
  const { url, tokens } = instance;
  const log = await readWholeLog(url, "demo", tokens.demo);
  const places = new Map<string, number[]>();
  log.lines.forEach((line, seq) => {
    const { id } = (JSON.parse(line) as { event: { id: string } }).event;
    places.set(id, [...(places.get(id) ?? []), seq]);
  });
  for (const { acknowledged } of writers) {
    for (const [id, { seq, hash }] of acknowledged) {
      assert.deepEqual(places.get(id), [seq], `${id} is where it was acknowledged, once`);
      assert.equal(log.leaves[seq], hash, id);
    }
  }
  for (const [id, seqs] of places) assert.equal(seqs.length, 1, `${id} is there once`);
  await untilReady(instance);
  await sealNow(url, "demo", tokens.demo);
  const sealed = (await call(url, "/v1/logs/demo/checkpoint", { token: tokens.demo })).text;
  const seals = (await call(url, "/v1/logs/demo/seals", { token: tokens.demo })).json<{
    seals: { checkpoint: string }[];
  }>();
  const handedOut = writers.flatMap(({ checkpoints }) => checkpoints);
  const notes = [...handedOut, sealed, ...seals.seals.map(({ checkpoint }) => checkpoint)];
  const keys = await keysOf(instance.dataDir, "demo");
  assert.ok((await holdTogether(notes, keys, log)) > ROUNDS);
}

/** Not now, once everything was looked at after the last kill, and not at any time since the start. The number of such looks. */
async function assertNoAlarm(instance: TestInstance): Promise<number> {
  const endMs = Date.now();
  const passes = await until("the guard has looked at everything since", async () => {
    const families = parseMetrics((await call(instance.url, "/metrics")).text);
    const begun =
      valueOf(families, "indelible_audit_last_finished_timestamp_seconds") -
      valueOf(families, "indelible_audit_last_duration_seconds");
    return begun * 1000 > endMs && valueOf(families, "indelible_audit_passes_total");
  });
  const { token } = await makeToken(instance.url, instance.tokens.admin, {
    ...{ roles: ["auditor"], logs: ["*"] },
  });
  const { findings } = (await call(instance.url, "/v1/findings", { token })).json<{
    findings: object[];
  }>();
  assert.deepEqual(findings, []);
  const raised = instance.output().match(/"message":"finding opened: .*/g) ?? [];
  assert.deepEqual(raised, []);
  return passes;
}

function write(instance: TestInstance, n: number, goOn: () => boolean): Writer {
  const writer: Writer = { acknowledged: new Map(), checkpoints: [], done: Promise.resolve() };
  const run = async () => {
    for (let count = 0; goOn(); count += 1) {
      const id = `w${n}-${count}`;
      const ack = await untilAcknowledged(instance, id);
      const [entry] = ack.entries;
      assert.ok(entry);
      writer.acknowledged.set(id, { seq: entry.seq, hash: entry.hash });
      writer.checkpoints.push(ack.checkpoint);
    }
  };
  return Object.assign(writer, { done: run() });
}

/** As the contract tells applications: send again with the same id until there is an answer. */
async function untilAcknowledged(instance: TestInstance, id: string): Promise<Acknowledged> {
  const body = JSON.stringify({ action: "kill.loop", actor: { id: "writer" }, id });
  const deadlineMs = Date.now() + WRITER_PATIENCE_MS;
  let last = "";
  while (Date.now() < deadlineMs) {
    try {
      const token = instance.tokens.demo;
      const reply = await call(instance.url, "/v1/logs/demo/entries", {
        body,
        token,
        timeoutMs: 20_000,
      });
      if (reply.status === 201) return reply.json<Acknowledged>();
      assert.ok(reply.status >= 500, `${id}: ${reply.status} ${reply.text}`);
      last = reply.text;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      last = String(error);
    }
    await pause(20);
  }
  throw new Error(`${id} was not acknowledged within ${WRITER_PATIENCE_MS} ms: ${last}`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
