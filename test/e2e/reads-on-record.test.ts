/**
 * Who looked: every read of a running instance is in `_access`, by the token that made it, sealed and verified like any
 * other entry; a minute's sum is written by an orderly end; with `_access` frozen downloads are refused and plain reads go on.
 */
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { call, readWholeLog } from "./client.ts";
import { verify } from "./command.ts";
import { editLine } from "../../scripts/tamper-demo/index-file.ts";
import { assertProblem } from "./problems.ts";
import { sealNow } from "./sealing.ts";
import { makeToken } from "./tokens.ts";
import { until } from "./until.ts";

const LOG = "demo";
/** Of 60 kB: more than the buffers of a connection that is left hold. */
const ENTRIES = 400;
/** Nothing is sealed unless a test asks for it. */
const ENV = { INDELIBLE_SEAL_SECONDS: "600" };
const USER_AGENT = `<script>alert("x")</script>'; DROP TABLE chunk; --`;

interface AccessEntry {
  readonly by: string;
  readonly event: {
    readonly action: string;
    readonly outcome: string;
    readonly context?: { readonly ip: string; readonly user_agent: string; request_id: string };
    readonly details: Readonly<Record<string, unknown>>;
    readonly targets: readonly { readonly id: string }[];
  };
}

let instance: TestInstance;
let auditor = "";
const demoId = (): string => instance.tokens.demo.split("_")[1]!;

before(async () => {
  instance = await startInstance({ env: ENV });
  const rights = { roles: ["auditor"], logs: ["_access", "_system"] } as const;
  auditor = (await makeToken(instance.url, instance.tokens.admin, rights)).token;
  const token = instance.tokens.demo;
  const event = { action: "invoice.paid", actor: { id: "alice" } };
  // Each request is a row of the index of its own, larger than one read of it.
  for (let n = 0; n < ENTRIES; n += ENTRIES / 8) {
    const details = { n, text: "x".repeat(60_000) };
    const body = JSON.stringify(Array.from({ length: ENTRIES / 8 }, () => ({ ...event, details })));
    const reply = await call(instance.url, `/v1/logs/${LOG}/entries`, { token, body });
    assert.equal(reply.status, 201, reply.text);
  }
  await sealNow(instance.url, LOG, token);
});
after(() => instance.stop());

const read = (path: string, headers: Record<string, string> = {}) =>
  call(instance.url, path, {
    token: instance.tokens.demo,
    headers: { "user-agent": USER_AGENT, ...headers },
  });

async function accessEntries(from = 0): Promise<AccessEntry[]> {
  const { lines } = await readWholeLog(instance.url, "_access", auditor);
  return lines.slice(from).map((line) => JSON.parse(line) as AccessEntry);
}

const isSum = ({ event }: AccessEntry): boolean => event.action === "reads.summed_up";

/** The reads that are entries of their own, beyond the first `from` entries. What is summed up comes when a minute is over. */
async function readsFrom(from: number): Promise<AccessEntry[]> {
  return (await accessEntries(from)).filter((entry) => !isSum(entry));
}

/** The same, once there are so many. */
function untilReads(from: number, count: number): Promise<AccessEntry[]> {
  return until(`${count} reads in _access beyond ${from}`, async () => {
    const reads = await readsFrom(from);
    return reads.length >= count && reads;
  });
}

async function accessSize(): Promise<number> {
  const reply = await call(instance.url, "/v1/logs/_access", { token: auditor });
  return reply.json<{ size: number }>().size;
}

test("N reads are N entries with the token's id, and no read of them adds another", async () => {
  const paths = [
    ...Array.from({ length: 20 }, (_, n) => `/v1/logs/${LOG}/entries/${n}`),
    `/v1/logs/${LOG}/entries?limit=7&order=asc&from=2`,
    `/v1/logs/${LOG}/entries/3/proof`,
    `/v1/logs/${LOG}/checkpoint`,
    `/v1/logs/${LOG}/consistency?from=1&to=3`,
    `/v1/logs/${LOG}/seals`,
    `/tlog/${LOG}/tile/0/000`,
    `/v1/logs/${LOG}`,
  ];
  const replies = [];
  for (const path of paths) replies.push(await read(path));
  for (const { status, text } of replies) assert.equal(status, 200, text);
  const entries = await untilReads(0, paths.length);
  assert.equal(entries.length, paths.length, "looking at _access adds nothing at once");
  const ids = entries.map(({ event }) => event.context?.request_id);
  assert.deepEqual(
    new Set(ids),
    new Set(replies.map(({ headers }) => headers.get("x-request-id"))),
  );
  for (const { by, event } of entries) {
    assert.equal(by, `token:${demoId()}`);
    assert.equal(event.context?.ip, "127.0.0.1");
    assert.equal(event.context?.user_agent, USER_AGENT);
    assert.deepEqual(event.targets, [{ id: LOG, type: "log" }]);
  }
  const list = entries.find(({ event }) => event.action === "entries.read");
  assert.deepEqual(list?.event.details, {
    ...{ status: 200, query: { limit: "7", order: "asc", from: "2" } },
    ...{ first: 2, last: 8, count: 7 },
  });
});

test("downloads and long streams are on record before they end, and how far a stream came", async () => {
  const size = await accessSize();
  const list = await call(instance.url, `/v1/logs/${LOG}/seals?order=asc&limit=1`, {
    token: instance.tokens.demo,
  });
  const [sealed] = list.json<{ seals: [{ count: number }] }>().seals;
  await untilReads(size, 1);
  assert.equal((await read(`/v1/logs/${LOG}/seals/0`)).status, 200);
  const reply = await read(`/v1/logs/${LOG}/entries?order=asc`, { accept: "application/x-ndjson" });
  assert.equal(reply.text.split("\n").length - 1, ENTRIES);
  const reads = await readsFrom(size);
  assert.equal(reads.length, 3, "each before its answer");
  const exports = reads.slice(1).map(({ event: { action, outcome, details } }) => {
    return [action, outcome, details["count"]];
  });
  assert.deepEqual(exports, [
    ["seal.download", "success", sealed.count],
    ["entries.export", "success", ENTRIES],
  ]);
});

test("a client that leaves a stream is on record with how far it came", async () => {
  const size = await accessSize();
  const headers = {
    authorization: `Bearer ${instance.tokens.demo}`,
    accept: "application/x-ndjson",
  };
  // That it left the worker learns at once as a rule, otherwise after minutes: so it leaves again.
  const broken = await until("a stream that broke off", async () => {
    const leaving = new AbortController();
    const { signal } = leaving;
    const stream = await fetch(`${instance.url}/v1/logs/${LOG}/entries`, { headers, signal });
    await stream.body!.getReader().read();
    setTimeout(() => leaving.abort(), 50);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const entries = await accessEntries(size);
    return entries.find(({ event }) => event.details["broken_off"] === true) ?? null;
  });
  const { action, outcome, details } = broken.event;
  assert.deepEqual([action, outcome], ["entries.export", "failure"]);
  assert.ok((details["count"] as number) < ENTRIES);
});

test("with the index away what needs it not goes on, and is on record when it is back", async () => {
  const size = await accessSize();
  const { pid } = instance.running().parts["sqld"]!;
  process.kill(pid, "SIGSTOP");
  try {
    for (let n = 0; n < 3; n += 1) assert.equal((await read(`/v1/logs/${LOG}`)).status, 200);
  } finally {
    process.kill(pid, "SIGCONT");
  }
  const entries = await untilReads(size, 3);
  assert.deepEqual(new Set(entries.map(({ event }) => event.action)), new Set(["log.read"]));
});

test("an orderly end writes the minute that was summed up; all of it is sealed and verified", async () => {
  const [size, sinceMs] = [await accessSize(), Date.now()];
  const denied = await call(instance.url, "/v1/logs/_system/entries", {
    token: instance.tokens.demo,
  });
  assertProblem(denied, 403, "forbidden");
  await instance.restart();
  const minutes = Math.ceil((Date.now() - sinceMs) / 60_000);
  const entries = await accessEntries(size);
  const sums = entries.filter(isSum);
  assert.equal(sums.length, entries.length);
  const refused = sums.find(({ event }) => event.outcome === "denied")!;
  assert.equal(refused.by, `token:${demoId()}`);
  const isOurs = ({ by }: AccessEntry) => by === `token:${auditor.split("_")[1]}`;
  const ours = sums.filter(isOurs);
  // As a rule one for all looks at _access; the minute that had begun may have ended by itself.
  assert.ok(ours.length >= 1 && ours.length <= minutes + 1, `${ours.length} in ${minutes} min`);
  const looks = (await accessEntries()).filter((entry) => isSum(entry) && isOurs(entry));
  const requests = looks.map(({ event }) => event.details["requests"] as number);
  assert.ok(requests.reduce((a, b) => a + b) > 3);
  const result = await verify(instance.dataDir);
  assert.deepEqual([result.code, result.findings], [0, []]);
  const sealed = result.logs.find(({ log }) => log === "_access");
  assert.equal(sealed?.entries, size + entries.length);
});

test("with _access frozen a download is 503, a plain read is answered", async () => {
  await read(`/v1/logs/${LOG}/entries/0`);
  await until("an unsealed entry of _access", async () => {
    const reply = await call(instance.url, "/v1/logs/_access", { token: auditor });
    const { size, sealed_size } = reply.json<{ size: number; sealed_size: number }>();
    return size > sealed_size;
  });
  const seq = (await accessSize()) - 1;
  await instance.killSupervisor();
  for (const part of ["workerd", "sqld", "minio"] as const) await instance.kill(part);
  editLine(instance.databaseFile, "_access", seq, demoId(), "x".repeat(demoId().length));
  await instance.restart();
  await until("_access is frozen", async () => {
    const { text } = await call(instance.url, "/readyz");
    if (/_access: (?:entry_altered|fork)/.test(text)) return true;
    await call(instance.url, "/v1/logs/_access/seal", { method: "POST", token: auditor });
    return false;
  });
  const download = await read(`/v1/logs/${LOG}/seals/0`);
  assert.match(assertProblem(download, 503, "frozen").detail, /on record in _access/);
  const stream = await read(`/v1/logs/${LOG}/entries`, { accept: "application/x-ndjson" });
  assert.equal(stream.status, 503, "a long stream is an export");
  assert.equal((await read(`/v1/logs/${LOG}/entries/0`)).status, 200);
  await until("the read waits", async () =>
    /^indelible_access_waiting [1-9]/m.test((await call(instance.url, "/metrics")).text),
  );
});
