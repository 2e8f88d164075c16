/**
 * What `_access` is told of each route's requests: who, what, which range, how much, from where; before the answer where it
 * is an export. Walks the table of routes, so a new one has to say what it is.
 */
import assert from "node:assert/strict";
import test from "node:test";
import type { AccessRecord } from "../../storage/flow/access-events.ts";
import { ALIKE_FROM, AccessRecorder, GATHERED_MAX } from "../../worker/access-recorder.ts";
import { createApp } from "../../worker/app.ts";
import { ROUTES, type Route } from "../../worker/routes.ts";
import { UNTAKEN_MS_MAX } from "../../worker/answer-room.ts";
import { bodyOf, nameOf, pathOf, ROLES } from "./expected.ts";
import { event, LOG, makeFake, OTHER_LOG, problemIn, PUBLIC_LOG, type Fake } from "./fake.ts";
import { ENTRIES, makeLog, NDJSON } from "./reader.ts";

/** By hand: the word, and what is shown of a log with three sealed entries. */
const EXPECTED: Readonly<Record<string, readonly [action: string, shown: object]>> = {
  "GET /v1/logs/:log/entries": ["entries.read", { first: 0, last: 2, count: 3 }],
  "GET /v1/logs/:log/entries/:seq": ["entry.read", { first: 1, last: 1, count: 1 }],
  "GET /v1/logs/:log/entries/:seq/proof": ["proof.read", { first: 1, last: 1, count: 1 }],
  "GET /v1/logs/:log/export": ["entries.export", { first: 0, last: 2, count: 3 }],
  "GET /v1/logs/:log/checkpoint": ["checkpoint.read", {}],
  "GET /v1/logs/:log/consistency": ["consistency.read", { query: { from: "1", to: "3" } }],
  "GET /v1/logs/:log/stats": ["entries.count", { count: 3 }],
  "GET /v1/entries": ["entries.search", { count: 3 }],
  "GET /v1/logs/:log/seals": ["seals.list", { count: 1 }],
  "GET /v1/logs/:log/seals/:first": ["seal.download", { first: 0, last: 2, count: 3 }],
  "GET /v1/logs/:log/seals/:first/lock": ["seal.lock", { first: 0, last: 2, count: 3 }],
  "GET /v1/logs/:log": ["log.read", {}],
  "GET /v1/logs": ["logs.list", { count: 1 }],
  "GET /v1/tokens": ["tokens.list", { count: 1 }],
  "GET /v1/approvals": ["approvals.list", { count: 0 }],
  "GET /v1/audits": ["audits.list", { count: 1 }],
  "GET /v1/audits/:audit": ["audit.read", { count: 1 }],
  "GET /v1/findings": ["findings.list", { count: 0 }],
  "GET /v1/sessions": ["sessions.list", { count: 0 }],
  "GET /v1/webhooks": ["webhooks.list", { count: 0 }],
  "GET /tlog/:log/checkpoint": ["checkpoint.read", {}],
  "GET /tlog/:log/tile/:rest{.+}": ["tile.read", { tile: "tile/0/000.p/3", count: 3 }],
};
/** Routes that read nothing of a log. */
const NO_READS = [
  ...["GET /healthz", "GET /readyz", "GET /metrics", "GET /openapi.json", "GET /v1/session"],
];

/** For administrators of everything. */
const CHIEFS = ["GET /v1/sessions", "GET /v1/webhooks"];

async function recorded({ services, ledger }: Fake) {
  await services.access.flush(ledger);
  return ledger.accessed.splice(0);
}

async function makeFilled(): Promise<Fake> {
  const fake = await makeFake();
  for (const log of [LOG, PUBLIC_LOG]) {
    const body = ["a", "b", "c"].map((action) => event(action));
    const token = fake.token(["writer"], [log]);
    assert.equal((await fake.ask("POST", `/v1/logs/${log}/entries`, { token, body })).status, 201);
    await fake.ledger.seal(log);
  }
  assert.deepEqual(await recorded(fake), [], "appends are entries themselves");
  return fake;
}

test("every route that reads is one record for one request, and the others are none", async () => {
  const fake = await makeFilled();
  const token = fake.token(ROLES);
  // What writes comes last, so that the reads find what was there before.
  const isRead = ({ method }: Route) => Number(method === "GET");
  for (const route of [...ROUTES].sort((a, b) => isRead(b) - isRead(a))) {
    const name = nameOf(route);
    const body = route.method === "POST" ? bodyOf(name) : undefined;
    const headers = { "cf-connecting-ip": "192.0.2.7", "user-agent": "<script>alert(1)</script>" };
    const id = [...fake.ledger.tokenStatus.keys()].at(-1)!;
    const path = pathOf(route, LOG, id);
    // Who is signed in and where alerts go, only administrators of everything see.
    const asks = CHIEFS.includes(name) ? fake.token(ROLES, ["*", LOG]) : token;
    const answer = await fake.ask(route.method, path, { token: asks, body, headers });
    const records = await recorded(fake);
    if (name === "GET /v1/webhooks/:id/deliveries") {
      // There is no webhook here; that it was asked for is on record all the same.
      assert.deepEqual([records.length, route.recorded], [1, "deliveries.list"]);
      continue;
    }
    if (EXPECTED[name] === undefined) {
      assert.ok(route.method !== "GET" || NO_READS.includes(name), `${name} reads unrecorded`);
      assert.deepEqual([records, route.recorded], [[], "no read"], name);
      continue;
    }
    assert.equal(answer.status, 200, name);
    const [action, shown] = EXPECTED[name];
    const [{ timeMs, requestId, by, ...rest }, ...more] = records as [(typeof records)[number]];
    assert.equal(more.length, 0, name);
    assert.ok(Math.abs(Date.now() - timeMs) < 10_000);
    assert.equal(requestId, answer.headers.get("x-request-id"));
    assert.match(by!, /^token:[0-9a-z]{12}$/);
    assert.deepEqual(
      rest,
      {
        ...{
          action,
          log: name.includes(":log") || name === "GET /v1/entries" ? LOG : "_system",
          status: 200,
          requests: 1,
          shown,
        },
        ...(name === "GET /v1/entries" ? { logs: [LOG] } : {}),
        ...{ ip: "192.0.2.7", userAgent: headers["user-agent"] },
        before: action === "seal.download" || action === "entries.export",
      },
      name,
    );
  }
});

test("what was asked for is named: order, range, limit, and what of it was shown", async () => {
  const log = await makeLog(20);
  const shown = async (path: string, headers = {}) => {
    await (await log.get(path, headers)).text();
    return (await recorded(log.fake)).map((record) => record.shown);
  };
  const limit = { limit: "5" };
  assert.deepEqual(await shown(`${ENTRIES}?limit=5`), [
    { query: limit, first: 15, last: 19, count: 5 },
  ]);
  const query = { ...limit, order: "asc", from: "17" };
  assert.deepEqual(await shown(`${ENTRIES}?limit=5&order=asc&from=17`), [
    { query, first: 17, last: 19, count: 3 },
  ]);
  assert.deepEqual(await shown(`${ENTRIES}?order=asc&from=20`, NDJSON), [
    { query: { order: "asc", from: "20" }, count: 0 },
  ]);
});

test("a stream of one page is a read, a longer one an export: on record before it begins", async () => {
  const log = await makeLog(20, 1);
  await (await log.get(ENTRIES, NDJSON)).text();
  const [read] = await recorded(log.fake);
  assert.deepEqual([read!.action, read!.before, read!.shown.count], ["entries.read", false, 20]);
  const chunks = log.fake.index.chunks.bind(log.fake.index);
  log.fake.index.chunks = (name, wanted) => chunks(name, { ...wanted, bytesMax: 1 });
  const stream = await log.get(`${ENTRIES}?order=asc&from=3`, NDJSON);
  const [before] = log.fake.ledger.accessed;
  assert.deepEqual([before!.action, before!.before], ["entries.export", true]);
  await stream.text();
  const shown = { query: { order: "asc", from: "3" }, first: 3, last: 19, count: 17 };
  assert.deepEqual(
    (await recorded(log.fake)).map((record) => record.shown),
    [shown],
    "one entry for one stream",
  );
});

test("a stream that breaks off is on record with how far it came", async () => {
  const log = await makeLog(20, 1);
  const chunks = log.fake.index.chunks.bind(log.fake.index);
  log.fake.index.chunks = (name, wanted) => chunks(name, { ...wanted, bytesMax: 1 });
  const by = [...log.fake.ledger.tokenStatus.keys()].at(-1)!;
  const stream = (await log.get(`${ENTRIES}?order=asc`, NDJSON)).body!.getReader();
  await stream.read();
  await stream.read();
  await stream.cancel();
  await new Promise((resolve) => setImmediate(resolve));
  const [whole, broken, ...more] = await recorded(log.fake);
  assert.deepEqual([whole!.shown.count, more], [20, []]);
  assert.equal(broken!.by, `token:${by}`);
  assert.deepEqual(broken!.shown, {
    ...{ query: { order: "asc" }, first: 0, last: broken!.shown.count! - 1 },
    ...{ count: broken!.shown.count, brokenOff: true },
  });
  assert.ok(broken!.shown.count! >= 2 && broken!.shown.count! < 20);
});

test("a stream that ends with its reader's token is on record as that reader's", async () => {
  let nowMs = 0;
  const log = await makeLog(20, 1);
  const { fake } = log;
  const chunks = fake.index.chunks.bind(fake.index);
  fake.index.chunks = (name, wanted) => chunks(name, { ...wanted, bytesMax: 1 });
  const app = createApp(() => ({ ...fake.services, nowMs: () => nowMs }));
  const headers = { ...NDJSON, authorization: `Bearer ${fake.token(["reader"])}` };
  const stream = (await app.request(`${ENTRIES}?order=asc`, { headers }, {})).body!.getReader();
  await stream.read();
  for (const [id, token] of fake.ledger.tokenStatus) {
    fake.ledger.tokenStatus.set(id, { ...token, revokedAt: "now" });
  }
  nowMs += 1_000;
  await assert.rejects(async () => {
    while (!(await stream.read()).done);
  });
  const [whole, broken] = await recorded(fake);
  assert.deepEqual([broken!.by, broken!.shown.brokenOff], [whole!.by, true]);
  assert.match(broken!.by!, /^token:/);
});

test("a stream that nobody pulls any more is on record with how far it came", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const log = await makeLog(20, 1);
  const chunks = log.fake.index.chunks.bind(log.fake.index);
  log.fake.index.chunks = (name, wanted) => chunks(name, { ...wanted, bytesMax: 1 });
  const stream = (await log.get(`${ENTRIES}?order=asc`, NDJSON)).body!.getReader();
  await stream.read();
  t.mock.timers.tick(UNTAKEN_MS_MAX - 1);
  await stream.read();
  t.mock.timers.tick(UNTAKEN_MS_MAX - 1);
  assert.equal((await recorded(log.fake)).length, 1);
  t.mock.timers.tick(1);
  const [broken, ...more] = await recorded(log.fake);
  assert.deepEqual([broken!.shown.brokenOff, more], [true, []]);
  assert.ok(broken!.shown.count! >= 2);
  await assert.rejects(stream.read(), /took nothing/);
  t.mock.timers.tick(UNTAKEN_MS_MAX);
  assert.deepEqual(await recorded(log.fake), [], "said once");
});

test("an export that cannot be put on record is 503, and nothing of it is given", async () => {
  const log = await makeLog(20, 1, 20);
  const chunks = log.fake.index.chunks.bind(log.fake.index);
  log.fake.index.chunks = (name, wanted) => chunks(name, { ...wanted, bytesMax: 1 });
  for (const code of ["frozen", "index_unavailable", "internal_error", "log_unknown"] as const) {
    log.fake.ledger.refusals.recordAccess = { code, detail: "why" };
    for (const [path, headers] of [
      [`/v1/logs/${LOG}/seals/0`, {}],
      [ENTRIES, NDJSON],
    ] as const) {
      const problem = await problemIn(await log.get(path, headers));
      assert.equal(problem.status, 503);
      assert.equal(problem.code, code === "frozen" ? code : "index_unavailable");
      assert.match(problem.detail, /on record in _access: why/);
    }
    // Plain reads go on.
    assert.equal((await log.get(`${ENTRIES}/3`)).status, 200);
  }
});

test("a token that is refused is on record; noise without one is not", async () => {
  const fake = await makeFilled();
  const token = fake.token(["writer"], [OTHER_LOG]);
  for (const path of [`/v1/logs/${LOG}/entries/0`, "/v1/logs/%00/entries/0", "/v1/tokens"]) {
    assert.equal((await fake.ask("GET", path, { token })).status, 403);
    assert.equal((await fake.ask("GET", path)).status, 401);
    assert.equal((await fake.ask("GET", path, { token: "ind_x" })).status, 401);
  }
  const records = await recorded(fake);
  assert.deepEqual(
    records.map(({ action, log, status, shown }) => [action, log, status, shown]),
    [
      ["entry.read", LOG, 403, {}],
      ["entry.read", null, 403, {}],
      ["tokens.list", "_system", 403, {}],
    ],
  );
  assert.ok(records.every(({ by }) => by?.startsWith("token:")));
});

test("who reads a public log without a token is nobody in particular", async () => {
  const fake = await makeFilled();
  const headers = { "cf-connecting-ip": "192.0.2.7", "user-agent": "x" };
  await fake.ask("GET", `/tlog/${PUBLIC_LOG}/checkpoint`, { headers });
  const [record] = await recorded(fake);
  const { by, ip, userAgent, action } = record!;
  assert.deepEqual([by, ip, userAgent, action], [null, null, null, "checkpoint.read"]);
});

test("a user agent of any length and make is cut to what is kept", async () => {
  const fake = await makeFilled();
  const token = fake.token(["reader"]);
  const headers = { "user-agent": `"\\é\t<b>${"x".repeat(5_000)}` };
  await fake.ask("GET", `/v1/logs/${LOG}/entries/0`, { token, headers });
  const [record] = await recorded(fake);
  assert.equal(record!.userAgent, headers["user-agent"].slice(0, 256));
});

const RECORD: AccessRecord = {
  ...{ by: "token:a", action: "entry.read", log: LOG, timeMs: 0, status: 200, ip: null },
  ...{ userAgent: null, requestId: "r", requests: 1, shown: { first: 1, last: 1, count: 1 } },
};
const at = (seq: number): AccessRecord => ({
  ...RECORD,
  shown: { first: seq, last: seq, count: 1 },
});

test("under load reads that are alike are one record with their number", async () => {
  const { ledger } = await makeFake();
  const recorder = new AccessRecorder();
  for (let n = 0; n < ALIKE_FROM + 500; n += 1) recorder.add(RECORD, ledger, () => {}, 0);
  await recorder.flush(ledger);
  assert.equal(ledger.accessed.length, ALIKE_FROM + 1);
  assert.equal(ledger.accessed.at(-1)!.requests, 500);
});

test("10,000 reads find room, more are counted, and a ledger that fails is given them again", async () => {
  const { ledger } = await makeFake();
  const recorder = new AccessRecorder();
  let lost = 0;
  let failures = 1;
  const flaky = {
    recordAccess: async (
      records: readonly AccessRecord[],
      how: { before: boolean; lost: number },
    ) => {
      if (failures-- > 0) throw new Error("the ledger stopped");
      lost += how.lost;
      return ledger.recordAccess(records, how);
    },
  };
  for (let n = 0; n < GATHERED_MAX + 7; n += 1) recorder.add(at(n), flaky, () => {}, 0);
  await recorder.flush(flaky);
  assert.equal(lost, 7);
  assert.equal(ledger.accessed.length, GATHERED_MAX);
});

test("one gathering is under way at a time, and one that never ended does not stop the next", async () => {
  const { ledger } = await makeFake();
  const recorder = new AccessRecorder();
  let gatherings = 0;
  const later = () => void (gatherings += 1);
  for (const nowMs of [0, 1, 10_999]) recorder.add(at(nowMs), ledger, later, nowMs);
  assert.equal(gatherings, 1);
  recorder.add(at(1), ledger, later, 11_000);
  assert.equal(gatherings, 2);
});
