/**
 * Two workers on one database and one vault, each with a ledger and a memo of its own: an operator's mistake, or a copy that was
 * believed dead. Both append to the same log at once, both seal it, and the log stays one.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { startMinio } from "../parts/minio.ts";
import { startSqld } from "../parts/sqld.ts";
import { holdTogether, keysOf } from "./checkpoints.ts";
import { call, readWholeLog, type Acknowledged, type WholeLog } from "./client.ts";
import { verify } from "./command.ts";
import { seededRandom } from "./random.ts";
import { untilReady } from "./readiness.ts";
import { listSeals, sealNow } from "./sealing.ts";
import { makeLog, makeToken } from "./tokens.ts";
import { until } from "./until.ts";

const LOG = "demo";
/** Made by the first worker while the second one runs. */
const OTHER_LOG = "granted";
const WRITERS = 8;
const EVENTS_EACH = 40;
/** What a revocation may take to hold everywhere. */
const REVOKED_MS_MAX = 1_000;
/** Of the events, those that are sent to both workers at the same time. */
const TWINS = 0.2;

/** A data folder of the same instance on another machine: keys, tokens and identity, and no memo. */
async function copyIdentity(dataDir: string): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), "indelible-second-"));
  await mkdir(copy, { recursive: true });
  for (const name of ["keys", "tokens", "instance.json"]) {
    await cp(join(dataDir, name), join(copy, name), { recursive: true });
  }
  return copy;
}

interface TwoWorkers {
  readonly first: TestInstance;
  readonly second: TestInstance;
  /** The second one's data folder. */
  readonly copy: string;
  readonly env: Readonly<Record<string, string>>;
}

const ends: (() => Promise<unknown>)[] = [];
let two: TwoWorkers;
before(async () => {
  two = await startTwo();
});
after(async () => {
  for (const end of ends.reverse()) await end();
});

async function startTwo(): Promise<TwoWorkers> {
  const minio = await startMinio();
  ends.push(() => minio.stop());
  const sqld = await startSqld();
  ends.push(() => sqld.stop());
  const env = {
    INDELIBLE_S3_ENDPOINT: minio.endpoint,
    INDELIBLE_S3_BUCKET: minio.bucket,
    INDELIBLE_S3_REGION: minio.region,
    INDELIBLE_S3_ACCESS_KEY: minio.worker.accessKey,
    INDELIBLE_S3_SECRET_KEY: minio.worker.secretKey,
    INDELIBLE_LIBSQL_URL: sqld.url,
    INDELIBLE_LIBSQL_TOKEN: sqld.authToken,
    INDELIBLE_LIBSQL_DDL_TOKEN: sqld.ddlToken,
    INDELIBLE_SYSTEM_RETENTION_DAYS: "1",
    INDELIBLE_SEAL_SECONDS: "1",
  };
  const first = await startInstance({ env });
  ends.push(() => first.stop());
  const copy = await copyIdentity(first.dataDir);
  ends.push(() => rm(copy, { recursive: true }));
  const second = await startInstance({ env, dataDir: copy });
  ends.push(() => second.stop());
  return { first, second, copy, env };
}

test("what one worker grants, rotates or revokes holds in the other within a second", async (t) => {
  const { first, second } = two;
  const { admin } = first.tokens;
  const read = async (token: string): Promise<number> =>
    (await call(second.url, `/v1/logs/${OTHER_LOG}/entries`, { token })).status;
  const append = async (token: string): Promise<number> => {
    const body = JSON.stringify({ action: "tried", actor: { id: "w" } });
    return (await call(second.url, `/v1/logs/${OTHER_LOG}/entries`, { token, body })).status;
  };
  /** Asks the other worker all the time; after how many milliseconds it was asked that answered so. An answer may take its time. */
  const untilAnswers = async (ask: () => Promise<number>, status: number): Promise<number> => {
    for (const startMs = Date.now(); ;) {
      const askedMs = Date.now() - startMs;
      if ((await ask()) === status) return askedMs;
      assert.ok(askedMs < REVOKED_MS_MAX, `${status} did not come in time`);
    }
  };
  await makeLog(first.url, admin, { name: OTHER_LOG });
  const wanted = { roles: ["writer", "reader"], logs: [OTHER_LOG] } as const;
  const took: number[] = [];
  for (let round = 0; round < 2; round += 1) {
    const { id, token } = await makeToken(first.url, admin, wanted);
    took.push(await untilAnswers(() => read(token), 200));
    assert.equal(await append(token), 201);
    // Sent before its answer comes: that waits for the seal, the revocation does not.
    const path = `/v1/tokens/${id}`;
    const size = await systemSize(first);
    const revoked = call(first.url, path, { method: "DELETE", token: admin });
    await until("the revocation is committed", async () => (await systemSize(first)) > size);
    const both = [untilAnswers(() => read(token), 401), untilAnswers(() => append(token), 401)];
    took.push(...(await Promise.all(both)));
    assert.equal((await revoked).status, 200);
  }
  const { id, token } = await makeToken(first.url, admin, wanted);
  await untilAnswers(() => read(token), 200);
  const body = JSON.stringify({ overlap_seconds: 0 });
  const rotated = await call(first.url, `/v1/tokens/${id}/rotate`, { token: admin, body });
  assert.equal(rotated.status, 201, rotated.text);
  took.push(await untilAnswers(() => read(token), 401));
  took.push(await untilAnswers(() => read(rotated.json<{ token: string }>().token), 200));
  t.diagnostic(`known after ${took.join(", ")} ms`);
});

test("reads through two workers are on record in one log, each once", async () => {
  const { first, second } = two;
  const rights = { roles: ["auditor"], logs: ["_access"] } as const;
  const { token: auditor } = await makeToken(first.url, first.tokens.admin, rights);
  const asked: string[] = [];
  for (let n = 0; n < 20; n += 1) {
    const { url, tokens } = n % 2 === 0 ? first : second;
    const reply = await call(url, `/v1/logs/${LOG}`, { token: tokens.demo });
    assert.equal(reply.status, 200, reply.text);
    asked.push(reply.headers.get("x-request-id")!);
  }
  await until("all reads are on record", async () => {
    const views = await Promise.all(
      [first, second].map(({ url }) => readWholeLog(url, "_access", auditor)),
    );
    const [longest] = views.sort((a, b) => b.lines.length - a.lines.length);
    const found = longest!.lines.map((line) => {
      const { event } = JSON.parse(line) as { event: { context?: { request_id: string } } };
      return event.context?.request_id;
    });
    const counts = asked.map((id) => found.filter((each) => each === id).length);
    assert.ok(Math.max(...counts) <= 1, "none twice");
    return counts.every((count) => count === 1);
  });
});

async function systemSize({ url, tokens }: TestInstance): Promise<number> {
  const reply = await call(url, "/v1/logs/_system", { token: tokens.admin });
  assert.equal(reply.status, 200, reply.text);
  return reply.json<{ size: number }>().size;
}

interface Promised {
  readonly id: string;
  readonly seq: number;
  readonly hash: string;
  readonly duplicate: boolean;
}

test("two workers append to one log at once: no gap, no fork, no double, nothing lost", async (t) => {
  const seed = Number(process.env["INDELIBLE_TEST_SEED"] ?? randomInt(2 ** 31));
  t.diagnostic(`seed ${seed}`);
  const random = seededRandom(seed);
  const { first, second, copy, env } = two;
  const both = [first, second] as const;
  const token = first.tokens.demo;
  assert.equal(second.tokens.demo, token);
  const promised: Promised[] = [];
  const notes: string[] = [];
  const write = async (writer: number): Promise<void> => {
    for (let n = 0; n < EVENTS_EACH; n += 1) {
      const id = `w${writer}-${n}`;
      const target = random() < 0.5 ? first : second;
      const targets = random() < TWINS ? both : [target];
      const acks = await Promise.all(targets.map((each) => acknowledged(each, token, id)));
      for (const { entries, checkpoint } of acks) {
        promised.push({ id, ...entries[0]! });
        notes.push(checkpoint);
      }
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
  assert.ok(promised.length > WRITERS * EVENTS_EACH, "some were sent twice");

  // A worker learns of the other's entries when it next writes: until then it shows a beginning of the log.
  const views = await Promise.all(both.map(({ url }) => readWholeLog(url, LOG, token)));
  const [shorter, log] = views.sort((a, b) => a.lines.length - b.lines.length) as [
    WholeLog,
    WholeLog,
  ];
  assert.ok(shorter.lines.every((line, seq) => line === log.lines[seq]));
  const ids = log.lines.map((line) => (JSON.parse(line) as { event: { id: string } }).event.id);
  assert.equal(new Set(ids).size, ids.length, "every id is there once");
  assert.equal(ids.length, WRITERS * EVENTS_EACH, "nothing else is there");
  for (const { id, seq, hash } of promised) {
    assert.equal(ids[seq], id);
    assert.equal(log.leaves[seq], hash);
  }
  const originals = promised.filter(({ duplicate }) => !duplicate).map(({ id }) => id);
  assert.equal(new Set(originals).size, originals.length, "one of two twins is the duplicate");

  // Both seal what is left, at the same time; each slot has one batch.
  await until("all is sealed", async () => {
    await Promise.allSettled(both.map(({ url }) => sealNow(url, LOG, token)));
    const last = (await listSeals(first.url, LOG, token)).at(-1);
    return last !== undefined && last.first + last.count === log.lines.length;
  });
  const seals = await listSeals(second.url, LOG, token);
  let next = 0;
  for (const { first: from, count, checkpoint } of seals) {
    assert.equal(from, next);
    next += count;
    notes.push(checkpoint);
  }
  const keys = [...(await keysOf(first.dataDir, LOG)), ...(await keysOf(copy, LOG))];
  const signers = new Set(keys.map(({ keyId }) => Buffer.from(keyId).toString("hex")));
  assert.equal(signers.size, 3, "the log key and two receipt keys");
  for (const each of both) {
    notes.push((await call(each.url, `/v1/logs/${LOG}/checkpoint?committed`, { token })).text);
  }
  assert.ok((await holdTogether(notes, keys, log)) > 50);
  for (const each of both) await untilReady(each);
  const found = await verify(first.dataDir, [], env);
  assert.deepEqual(found.findings, []);

  // One dies; the other goes on alone.
  await first.killSupervisor();
  await first.kill("workerd");
  await first.kill("sqld");
  const { first: seq } = await acknowledged(second, token, "alone");
  assert.equal(seq, log.lines.length);
  assert.equal((await readWholeLog(second.url, LOG, token)).lines.length, log.lines.length + 1);
});

/** Asks again, with the same id, until there is an answer: 503 is allowed where the two get into each other's way. */
function acknowledged({ url }: TestInstance, token: string, id: string): Promise<Acknowledged> {
  const body = JSON.stringify({ action: "both", actor: { id: "w" }, id });
  return until(`${id} is acknowledged`, async () => {
    const reply = await call(url, `/v1/logs/${LOG}/entries`, { token, body });
    if (reply.status === 201) return JSON.parse(reply.text) as Acknowledged;
    assert.equal(reply.status, 503, reply.text);
    throw new Error(reply.text);
  });
}
