/**
 * Three moments of one instance's life, each a folder to copy: what tests of the start put together anew. And the questions
 * that every such start is asked.
 */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { holdTogether, keysOf } from "./checkpoints.ts";
import { call, readWholeLog, type Acknowledged, type Reply, type WholeLog } from "./client.ts";
import { verify } from "./command.ts";
import { copyFolder, memoSize } from "./folders.ts";
import { assertProblem } from "./problems.ts";
import { readiness, untilReadiness, untilReady } from "./readiness.ts";
import { listSeals, sealNow, sealReply, type SealItem } from "./sealing.ts";
import { makeLog, makeToken } from "./tokens.ts";
import { until } from "./until.ts";

/** The log to which things are done, and one to which nothing is. */
export const LOG = "demo";
export const OTHER = "other";

/** Nothing is sealed unless a test asks for it, or stops the instance in order. */
const ENV = { INDELIBLE_SEAL_SECONDS: "600" };

export interface Moment {
  readonly dataDir: string;
  readonly log: WholeLog;
  readonly seals: readonly SealItem[];
  /** Every checkpoint of `LOG` that was handed out until then. */
  readonly notes: readonly string[];
}

export interface Moments {
  /** Stopped in order, with 2 entries in one batch. */
  readonly early: Moment;
  /** Stopped in order, with 6 entries in three batches. */
  readonly late: Moment;
  /** Killed, with 8 entries in four batches and 3 more that are committed only. */
  readonly killed: Moment;
  /** Writes and audits both logs, and reads `_system`. */
  readonly token: string;
}

export async function makeMoments(): Promise<Moments> {
  let instance = await startInstance({ env: ENV });
  const { dataDir } = instance;
  const { admin } = instance.tokens;
  await makeLog(instance.url, admin, { name: OTHER });
  const { token } = await makeToken(instance.url, admin, {
    roles: ["writer", "auditor"],
    logs: [LOG, OTHER, "_system"],
  });
  const notes: string[] = [];
  const append = async (count: number): Promise<void> => {
    notes.push((await appendTo(instance, token, LOG, count)).checkpoint);
  };
  const moment = async (folder: string): Promise<Moment> => {
    const seals = await listSeals(instance.url, LOG, token);
    notes.push(...seals.map(({ checkpoint }) => checkpoint));
    const log = await readWholeLog(instance.url, LOG, token);
    return { dataDir: folder, log, seals, notes: [...notes] };
  };
  const stopped = async (): Promise<Moment> => {
    await instance.signal("SIGTERM");
    const copy = await copyFolder(dataDir);
    instance = await startInstance({ env: ENV, dataDir });
    return moment(copy);
  };
  await append(2);
  await appendTo(instance, token, OTHER, 1);
  const early = await stopped();
  await append(2);
  await sealNow(instance.url, LOG, token);
  await append(2);
  const late = await stopped();

  await append(2);
  await appendTo(instance, token, OTHER, 1);
  for (const log of [LOG, OTHER]) await sealNow(instance.url, log, token);
  await sealNow(instance.url, "_system", admin);
  await append(3);
  await until("the memo is written", async () => (await memoSize(dataDir, LOG)) === 11);
  const killed = await moment(dataDir);
  await instance.killSupervisor();
  for (const part of ["workerd", "sqld", "minio"] as const) await instance.kill(part);
  return { early, late, killed, token };
}

export async function removeMoments({ early, late, killed }: Moments): Promise<void> {
  for (const { dataDir } of [early, late, killed]) await rm(dataDir, { recursive: true });
}

export function tryAppend(
  instance: TestInstance,
  token: string,
  log: string,
  count = 1,
): Promise<Reply> {
  const event = (n: number) => ({ action: "tabled", actor: { id: `actor-${n}` } });
  const body = JSON.stringify(Array.from({ length: count }, (_, n) => event(n)));
  return call(instance.url, `/v1/logs/${log}/entries`, { token, body });
}

export async function appendTo(
  instance: TestInstance,
  token: string,
  log: string,
  count = 1,
): Promise<Acknowledged> {
  const reply = await tryAppend(instance, token, log, count);
  assert.equal(reply.status, 201, reply.text);
  return JSON.parse(reply.text) as Acknowledged;
}

/** Starts on a copy of a moment to which something was done; the copy is gone afterwards. */
export async function row(
  moment: Moment,
  prepare: (dataDir: string) => unknown,
  look: (instance: TestInstance) => Promise<unknown>,
): Promise<void> {
  const dataDir = await copyFolder(moment.dataDir);
  try {
    await prepare(dataDir);
    const instance = await startInstance({ env: ENV, dataDir });
    try {
      await look(instance);
    } finally {
      await instance.stop();
    }
  } finally {
    await rm(dataDir, { recursive: true });
  }
}

/** Resolves when the log took one more entry. */
export async function untilTaking(instance: TestInstance, token: string): Promise<void> {
  await until(`${LOG} takes entries`, async () => {
    return (await tryAppend(instance, token, LOG)).status === 201;
  });
}

/** Everything that was acknowledged is there, no checkpoint that was handed out is contradicted, and the log goes on. */
export async function assertGoesOn(
  instance: TestInstance,
  token: string,
  { log: expected, notes }: Pick<Moment, "log" | "notes">,
): Promise<void> {
  await untilTaking(instance, token);
  const before = await readWholeLog(instance.url, LOG, token);
  assert.deepEqual(before.lines.slice(0, expected.lines.length), expected.lines);
  const { first, checkpoint } = await appendTo(instance, token, LOG);
  assert.equal(first, before.lines.length);
  const sealed = await sealNow(instance.url, LOG, token);
  assert.equal(sealed!.first + sealed!.count, first + 1);
  const log = await readWholeLog(instance.url, LOG, token);
  const keys = await keysOf(instance.dataDir, LOG);
  await holdTogether([...notes, checkpoint, sealed!.checkpoint], keys, log);
  await untilReady(instance);
  const found = await verify(instance.dataDir);
  assert.deepEqual(found.findings, []);
  assert.equal(found.code, 0);
}

/** The log takes and seals nothing, says why, and can be read as it is; the other log does not notice. */
export async function assertFrozen(
  instance: TestInstance,
  token: string,
  finding: string,
  { lines }: WholeLog,
): Promise<void> {
  await untilReadiness(instance, "taking, not sealing", new RegExp(`${LOG}: ${finding}: `));
  assert.doesNotMatch((await readiness(instance)).detail, new RegExp(`${OTHER}: |_system: `));
  const refused = assertProblem(await tryAppend(instance, token, LOG), 503, "frozen");
  assert.match(refused.detail, new RegExp(finding));
  assertProblem(await sealReply(instance.url, LOG, token), 503, "frozen");
  assert.deepEqual((await readWholeLog(instance.url, LOG, token)).lines, lines);
  const shown = (await call(instance.url, `/v1/logs/${LOG}`, { token })).json<{
    trouble: { code: string };
  }>();
  assert.equal(shown.trouble.code, finding);
  await appendTo(instance, token, OTHER);
  assert.ok(await sealNow(instance.url, OTHER, token));
}

export interface Notice {
  readonly seq: number;
  readonly action: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** What starts and recoveries wrote into a log by themselves. */
export async function notices(
  instance: TestInstance,
  token: string,
  log: string,
): Promise<Notice[]> {
  const { lines } = await readWholeLog(instance.url, log, token);
  return lines
    .map((line) => JSON.parse(line) as { seq: number; event: Omit<Notice, "seq"> })
    .filter(({ event }) => /^(?:log\.recovered|instance\.unproven)$/.test(event.action))
    .map(({ seq, event }) => ({ seq, action: event.action, details: event.details }));
}
