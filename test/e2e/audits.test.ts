/**
 * The guard in the worker, on a whole instance: what is changed under it is found by itself, within seconds and with its place
 * named; where nothing is wrong, looking at everything over and over leaves no trace.
 */
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { expectedDefinitions } from "../../storage/index/definitions.ts";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { call } from "./client.ts";
import { cutTail, editLine, execute, sizeOf } from "../../scripts/tamper-demo/index-file.ts";
import { readiness, untilReady } from "./readiness.ts";
import { makeLog, makeToken } from "./tokens.ts";
import { until } from "./until.ts";

const LOG = "acme.audited";
let instance: TestInstance;
/** Auditor of everything, `_system` too; and writer of the log. */
let token: string;

before(async () => {
  instance = await startInstance({
    env: { INDELIBLE_AUDIT_PAUSE_SECONDS: "1", INDELIBLE_AUDIT_SHARE: "100" },
  });
  const { admin } = instance.tokens;
  await makeLog(instance.url, admin, { name: LOG });
  const rights = { roles: ["auditor", "writer"], logs: ["*", "_system"] } as const;
  token = (await makeToken(instance.url, admin, rights)).token;
  for (const number of [1, 2, 3]) await append(number, "?ack=sealed");
});
after(async () => {
  await instance.stop();
});

async function append(number: number, query = ""): Promise<void> {
  const body = JSON.stringify({ action: `paid.${number}`, actor: { id: "test" } });
  const reply = await call(instance.url, `/v1/logs/${LOG}/entries${query}`, { token, body });
  assert.equal(reply.status, 201, reply.text);
}

interface Found {
  readonly code: string;
  readonly log: string | null;
  readonly first: number | null;
  readonly last: number | null;
  readonly object: string | null;
  readonly since: string;
}

async function get<T>(path: string): Promise<T> {
  const reply = await call(instance.url, path, { token });
  assert.equal(reply.status, 200, reply.text);
  return JSON.parse(reply.text) as T;
}

const findings = async () => (await get<{ findings: Found[] }>("/v1/findings")).findings;

/**
 * The open finding of this code and object. A pass begins a second after the last, and a second look comes 3 s after the
 * first; how long it took is told, for on a busy machine all of it takes longer.
 */
async function untilFound(code: string, object: string | null = null): Promise<Found> {
  return until(`${code} ${object ?? ""} is found`, async () => {
    const open = await findings();
    const found = open.find((one) => one.code === code && one.object === object);
    if (found !== undefined) return found;
    throw new Error(`open: ${JSON.stringify(open)}`);
  });
}

/** Entries of `_system` that tell of audits. */
async function recorded(): Promise<Record<string, unknown>[]> {
  const path = "/v1/logs/_system/entries?order=asc&limit=1000";
  const { entries } = await get<{ entries: { entry: { event: Recorded } }[] }>(path);
  const audits = entries.filter(({ entry }) => entry.event.action === "audit.finished");
  return audits.map(({ entry }) => entry.event.details);
}
interface Recorded {
  readonly action: string;
  readonly details: Record<string, unknown>;
}

interface AuditPart {
  readonly ok: boolean;
  readonly problems: readonly string[];
  readonly passes: number;
  readonly last_pass_age_seconds: number | null;
}
/** What the guard says of itself; on a busy machine it may not answer in the second that `/readyz` gives it. */
function auditPart(): Promise<AuditPart> {
  return until("the guard answers", async () => {
    const { parts } = await readiness(instance);
    const part = (parts as Record<string, unknown>)["audit"] as Partial<AuditPart>;
    return part.passes === undefined ? null : (part as AuditPart);
  });
}

test("a quiet instance stays quiet: everything is looked at over and over, and nothing is written", async (t) => {
  await untilReady(instance);
  const sizes = async () =>
    (await get<{ logs: { name: string; size: number }[] }>("/v1/logs")).logs.map(
      ({ name, size }) => `${name} ${size}`,
    );
  const beforeAll = await until("the first pass is on record", async () => {
    const audits = await recorded();
    return audits.length > 0 && (await auditPart()).passes > 0 ? await sizes() : null;
  });
  const { passes } = await auditPart();
  const later = await until("two more passes", async () => {
    const part = await auditPart();
    return part.passes >= passes + 2 ? part : null;
  });
  assert.deepEqual(await findings(), []);
  assert.deepEqual(
    (await sizes()).filter((size) => !size.startsWith("_access")),
    beforeAll.filter((size) => !size.startsWith("_access")),
  );
  assert.equal((await recorded()).length, 1);
  assert.ok(later.ok && later.last_pass_age_seconds! <= 10, JSON.stringify(later));
  t.diagnostic(`${later.passes} passes`);
});

test("a range that somebody asks for is looked at, and its result is an entry under his name", async () => {
  const body = JSON.stringify({ log: LOG, from: 1, to: 2 });
  const asked = await call(instance.url, "/v1/audits", { token, body });
  assert.equal(asked.status, 202, asked.text);
  const path = asked.headers.get("location")!;
  const run = await until("it is done", async () => {
    const found = await get<Record<string, unknown>>(path);
    return found["state"] === "finished" ? found : null;
  });
  assert.deepEqual(run["scope"], { log: LOG, from: 1, to: 2 });
  // The batch of entry 1, and the one before it, whose end it continues.
  assert.equal((run["coverage"] as Record<string, unknown>)["batches"], 2, JSON.stringify(run));
  const entry = await until("it is on record", async () => {
    return (await recorded()).find(({ id }) => id === run["id"]) ?? null;
  });
  assert.deepEqual([entry["log"], entry["from"], entry["to"]], [LOG, 1, 2]);
  assert.deepEqual([entry["kind"], entry["finding_count"]], ["requested", 0]);
});

test("a line that is edited in the database file is found, with log and seq, told and put on record", async (t) => {
  editLine(instance.databaseFile, LOG, 1, "paid.2", "paid.9");
  const startMs = Date.now();
  const found = await untilFound("entry_altered");
  t.diagnostic(`found after ${Date.now() - startMs} ms`);
  assert.deepEqual([found.log, found.first, found.last], [LOG, 1, 1]);
  const { ok, problems } = await auditPart();
  assert.deepEqual([ok, problems], [false, [`${LOG}: entry_altered at 1`]]);
  assert.equal((await readiness(instance)).state, "ready", "entries are taken and sealed");
  // Not always the newest: a pass may have begun before somebody asked for the range.
  const audit = await until("an audit has it", async () => {
    const { audits } = await get<{ audits: { findings: Found[] }[] }>("/v1/audits");
    return audits.find((one) => one.findings.length > 0) ?? null;
  });
  assert.deepEqual([audit.findings[0]!.log, audit.findings[0]!.first], [LOG, 1]);
  await until("it is in _system", async () => {
    const last = (await recorded()).at(-1)!;
    const [place] = last["findings"] as Found[];
    return last["finding_count"] === 1 && place?.log === LOG && place.first === 1;
  });
});

test("a finding outlives a restart, and is told once", async () => {
  const open = await findings();
  assert.equal(open.length, 1, "told once, however often it is seen");
  await instance.restart();
  await untilReady(instance);
  const { passes } = await auditPart();
  await until("a pass after the restart", async () => (await auditPart()).passes > passes);
  assert.deepEqual(
    (await findings()).map(({ since }) => since),
    [open[0]!.since],
  );
  const told = instance.output().match(/finding opened: entry_altered/g) ?? [];
  assert.equal(told.length, 0, "it was told before");
});

test("what is put right is over", async () => {
  editLine(instance.databaseFile, LOG, 1, "paid.9", "paid.2");
  await until("it is over", async () => (await findings()).length === 0);
  await instance.untilOutput(/finding cleared: entry_altered/);
  await until("/readyz says so, too", async () => (await auditPart()).ok);
});

test("a trigger that is dropped is named", async (t) => {
  await untilReady(instance);
  execute(instance.databaseFile, "DROP TRIGGER chunk_delete");
  const startMs = Date.now();
  const found = await untilFound("index_altered", "trigger chunk_delete");
  t.diagnostic(`found after ${Date.now() - startMs} ms`);
  assert.equal(found.log, null);
  execute(instance.databaseFile, expectedDefinitions().get("chunk_delete")!.sql);
});

test("a database that is put back under the running worker is noticed without an append", async (t) => {
  const size = sizeOf(instance.databaseFile, LOG);
  for (const number of [4, 5]) await append(number);
  cutTail(instance.databaseFile, LOG, size);
  const startMs = Date.now();
  const found = await untilFound("index_behind");
  t.diagnostic(`found after ${Date.now() - startMs} ms`);
  assert.deepEqual([found.log, found.first, found.last], [LOG, 3, 4]);
  const body = JSON.stringify({ action: "paid", actor: { id: "test" } });
  const refused = await call(instance.url, `/v1/logs/${LOG}/entries`, { token, body });
  assert.equal(refused.status, 503, refused.text);
  assert.match(refused.text, /"frozen"/);
  await until("the trigger that was put back is no finding any more", async () =>
    (await findings()).every(({ code }) => code !== "index_altered"),
  );
});
