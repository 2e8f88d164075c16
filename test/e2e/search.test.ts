/**
 * The search on a running instance, against a naive scan of all exact lines: every condition and some together, pages while entries come
 * in, counts, all logs at once; and tables that are gone, old, or written by somebody else.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { matchesLine, parseFilter } from "../../storage/log/filter.ts";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { call, readWholeLog } from "./client.ts";
import { runCommand } from "./command.ts";
import { editLine, execute } from "../../scripts/tamper-demo/index-file.ts";
import { assertProblem } from "./problems.ts";
import { seededRandom } from "./random.ts";
import { makeLog, makeToken } from "./tokens.ts";
import { until } from "./until.ts";

const LOG = "demo";
const OTHER = "other";
const ENTRIES = 600;

type Query = Readonly<Record<string, string>>;
interface Found {
  readonly entries: {
    seq: number;
    hash: string;
    entry: { log: string; seq: number; time: string };
  }[];
  readonly next_cursor: string | null;
  readonly searched_to: number;
}

let instance: TestInstance;
let reader = "";
let writer = "";
const random = seededRandom(6);
const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;

function newEvent(n: number) {
  const targets = [{ id: `inv_${n % 40}` }, { id: `acct ${n % 3}`, name: "Konto Zürich" }];
  return {
    action: pick(["invoice.paid", "invoice.sent", "user.login", "Invoice.paid"]),
    actor: { id: `user-${n % 17}`, name: pick(["Zoë", "ADA Lovelace", "Ada"]) },
    ...(n % 5 === 0 ? {} : { targets: targets.slice(0, 1 + (n % 2)) }),
    ...(n % 4 === 0 ? {} : { outcome: pick(["success", "failure", "denied"]) }),
    details: { note: pick(["paid late", "日本語 テスト", "x"]), n },
  };
}

async function append(log: string, from: number, count: number): Promise<void> {
  const events = Array.from({ length: count }, (_, n) => newEvent(from + n));
  const reply = await call(instance.url, `/v1/logs/${log}/entries`, {
    ...{ token: writer, body: JSON.stringify(events) },
  });
  assert.equal(reply.status, 201, reply.text);
}

async function get<T>(path: string, query: Query = {}, token = reader): Promise<T> {
  const reply = await call(instance.url, `${path}?${new URLSearchParams(query).toString()}`, {
    token,
  });
  assert.equal(reply.status, 200, reply.text);
  return reply.json<T & Record<string, unknown>>();
}
const find = (query: Query, log = LOG) => get<Found>(`/v1/logs/${log}/entries`, query);
const seqsOf = ({ entries }: Found): number[] => entries.map(({ seq }) => seq);

/** The hits among all exact lines, oldest first. */
async function naive(query: Query, log = LOG): Promise<number[]> {
  const filter = parseFilter((name) => query[name] ?? null);
  const { lines } = await readWholeLog(instance.url, log, reader);
  return lines.flatMap((line, seq) => (matchesLine(filter, line) ? [seq] : []));
}

before(async () => {
  instance = await startInstance({ env: { INDELIBLE_SEAL_SECONDS: "600" } });
  await makeLog(instance.url, instance.tokens.admin, { name: OTHER });
  const logs = [LOG, OTHER];
  const made = (roles: ("reader" | "writer")[]) =>
    makeToken(instance.url, instance.tokens.admin, { roles, logs });
  reader = (await made(["reader"])).token;
  writer = (await made(["writer"])).token;
  // Chunks of many lengths, and times that differ.
  for (let n = 0, count = 1; n < ENTRIES; n += count, count = Math.min(ENTRIES - n, count + 7)) {
    await append(LOG, n, count);
    await append(OTHER, n, 3);
  }
});
after(() => instance.stop());

test("every condition, alone and with others, finds what a scan of all lines finds", async () => {
  const { lines } = await readWholeLog(instance.url, LOG, reader);
  const timeOf = (seq: number) => (JSON.parse(lines[seq]!) as { time: string }).time;
  const queries: Query[] = [
    ...[{ action: "invoice.paid" }, { action: "invoice.*" }, { action: "inv*" }, { action: "z*" }],
    ...[{ actor: "user-3" }, { actor: "user-1" }, { target: "inv_7" }, { target: "acct 2" }],
    ...[
      { outcome: "denied" },
      { q: "zoë" },
      { q: "ada LOVELACE" },
      { q: "inv_7" },
      { q: "日本語" },
    ],
    ...[{ since: timeOf(200) }, { until: timeOf(200) }, { since: timeOf(100), until: timeOf(400) }],
    { action: "invoice.*", outcome: "success", q: "late" },
    { actor: "user-3", target: "acct 1", since: timeOf(50) },
    { q: "zürich konto ada", action: "user.login", until: timeOf(500), outcome: "failure" },
    { q: "nowhere" },
  ];
  for (const query of queries) {
    const expected = await naive(query);
    const said = JSON.stringify(query);
    const oldest = await find({ ...query, order: "asc", limit: "1000", fresh: "" });
    assert.deepEqual(seqsOf(oldest), expected, said);
    assert.deepEqual([oldest.next_cursor, oldest.searched_to], [null, ENTRIES], said);
    const newest = await find({ ...query, limit: "7" });
    assert.deepEqual(seqsOf(newest), expected.toReversed().slice(0, 7), said);
    const { total } = await get<{ total: number }>(`/v1/logs/${LOG}/stats`, query);
    assert.equal(total, expected.length, said);
  }
});

test("what is shown is the exact entry, as the list without a filter shows it", async () => {
  const { entries } = await find({ actor: "user-5", limit: "3" });
  assert.equal(entries.length, 3);
  for (const found of entries) {
    assert.deepEqual(found, await get(`/v1/logs/${LOG}/entries/${found.seq}`));
  }
});

test("pages go on behind the last one while entries come in: none twice, none left out", async () => {
  for (const order of ["asc", "desc"] as const) {
    const query = { actor: "user-2", order, limit: "5" };
    const before = await naive(query);
    const seen: number[] = [];
    let cursor: string | null = null;
    let n = 0;
    do {
      const page: Found = await find({
        actor: "user-2",
        ...(cursor ? { cursor, limit: "5" } : query),
      });
      seen.push(...seqsOf(page));
      cursor = page.next_cursor;
      if (n++ === 1) await append(LOG, 2, 18);
      if (n === 3 && order === "asc") await find({ q: "x", fresh: "" });
    } while (cursor !== null);
    const expected = order === "asc" ? await naive(query) : before.reverse();
    assert.deepEqual(seen, expected, order);
  }
  const { next_cursor: cursor } = await find({ actor: "user-2", limit: "1" });
  for (const [path, query] of [
    [`/v1/logs/${LOG}/entries`, { actor: "user-3", cursor: cursor! }],
    [`/v1/logs/${OTHER}/entries`, { actor: "user-2", cursor: cursor! }],
    [`/v1/logs/${LOG}/entries`, { actor: "user-2", cursor: "bm9uZQ" }],
  ] as const) {
    const reply = await call(instance.url, `${path}?${new URLSearchParams(query).toString()}`, {
      token: reader,
    });
    assertProblem(reply, 400, "invalid_request");
    assert.match(reply.text, /"pointer":"\?cursor"/);
  }
});

test("counts: bins on round steps over the whole range, and the values of most entries", async () => {
  interface Stats {
    total: number;
    bin_ms: number;
    from: string;
    to: string;
    bins: { start: string; count: number }[];
    top: Record<string, { value: string; count: number }[]>;
    searched_to: number;
  }
  const { lines } = await readWholeLog(instance.url, LOG, reader);
  const entries = lines.map(
    (line) => JSON.parse(line) as { time: string; event: ReturnType<typeof newEvent> },
  );
  for (const query of [
    {},
    { action: "invoice.*" },
    { since: entries[150]!.time, until: entries[300]!.time },
  ]) {
    const stats = await get<Stats>(`/v1/logs/${LOG}/stats`, {
      ...query,
      bins: "30",
      top: "5",
      fresh: "",
    });
    const hits = (await naive(query)).map((seq) => entries[seq]!);
    assert.equal(stats.total, hits.length);
    assert.ok(stats.bins.length <= 30);
    for (const [at, { start, count }] of stats.bins.entries()) {
      const startMs = Date.parse(start);
      assert.equal(startMs, Date.parse(stats.bins[0]!.start) + at * stats.bin_ms);
      assert.equal(startMs % stats.bin_ms, 0);
      const inside = hits.filter(({ time }) => {
        const offset = Date.parse(time) - startMs;
        return offset >= 0 && offset < stats.bin_ms;
      });
      assert.equal(count, inside.length, start);
    }
    const tops = {
      action: hits.map(({ event }) => [event.action]),
      actor: hits.map(({ event }) => [event.actor.id]),
      target: hits.map(({ event }) => (event.targets ?? []).map(({ id }) => id)),
      outcome: hits.map(({ event }) => (event.outcome === undefined ? [] : [event.outcome])),
    };
    for (const [field, values] of Object.entries(tops)) {
      const counts = new Map<string, number>();
      for (const value of values.flat()) counts.set(value, (counts.get(value) ?? 0) + 1);
      const expected = [...counts]
        .map(([value, count]) => ({ value, count }))
        .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
        .slice(0, 5);
      assert.deepEqual(stats.top[field], expected, `${field} of ${JSON.stringify(query)}`);
    }
  }
  const empty = { since: "2020-01-01T00:00:00Z", until: "2020-01-11T00:00:00Z" };
  const none = await get<Stats>(`/v1/logs/${LOG}/stats`, empty);
  assert.deepEqual([none.total, none.bins.length, none.bin_ms], [0, 120, 2 * 3_600_000]);
});

test("all logs that the token may read, by time, page by page", async () => {
  const hits: string[] = [];
  for (const log of [LOG, OTHER]) {
    const { lines } = await readWholeLog(instance.url, log, reader);
    for (const seq of await naive({ q: "zoë" }, log)) {
      const { time } = JSON.parse(lines[seq]!) as { time: string };
      hits.push(`${time} ${log} ${String(seq).padStart(6, "0")}`);
    }
  }
  hits.sort();
  for (const order of ["asc", "desc"] as const) {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query: Query = {
        q: "zoë",
        limit: "40",
        ...(cursor ? { cursor } : { order, fresh: "" }),
      };
      const page: Found = await get<Found>("/v1/entries", query);
      for (const { entry } of page.entries) {
        seen.push(`${entry.time} ${entry.log} ${String(entry.seq).padStart(6, "0")}`);
      }
      cursor = page.next_cursor;
    } while (cursor !== null);
    assert.deepEqual(seen, order === "asc" ? hits : hits.toReversed(), order);
  }
});

test("who may not read a log finds nothing in it", async () => {
  const { url, tokens } = instance;
  const elsewhere = await makeToken(url, tokens.admin, { roles: ["reader"], logs: ["elsewhere"] });
  for (const token of [elsewhere.token, writer, tokens.admin]) {
    for (const path of [`/v1/logs/${LOG}/entries?q=zoe`, `/v1/logs/${LOG}/stats`]) {
      assertProblem(await call(url, path, { token }), 403, "forbidden");
    }
    const reply = await call(url, `/v1/entries?logs=${LOG}`, { token });
    assertProblem(reply, 403, "forbidden");
  }
  const all = await get<Found>("/v1/entries", {}, elsewhere.token);
  assert.deepEqual([all.entries, all.searched_to], [[], {}]);
  assertProblem(await call(url, "/v1/entries"), 401, "unauthenticated");
});

test("tables that somebody else wrote show nothing that is not so", async () => {
  const [seq = -1] = await naive({ actor: "user-9" });
  const file = searchFile();
  const id = `(SELECT number * 68719476736 + ${seq} FROM log WHERE name = '${LOG}')`;
  // The entry is proposed for another actor, and its kept line says so too.
  execute(
    file,
    `INSERT INTO word (rowid, terms) SELECT ${id}, 'u' || number || '_mallory' FROM log WHERE name = '${LOG}'`,
    `UPDATE doc SET actor = 'mallory' WHERE id = ${id}`,
    `UPDATE block SET data = x'cb4d2cc9c84f010a00' WHERE id = (SELECT max(id) FROM block WHERE id <= ${id})`,
  );
  assert.deepEqual((await find({ actor: "mallory" })).entries, []);
  const honest = await find({ actor: "user-9", order: "asc", limit: "1" });
  assert.deepEqual(seqsOf(honest), [seq]);
  assert.deepEqual(honest.entries[0], await get(`/v1/logs/${LOG}/entries/${seq}`));
});

test("a line that was altered in the index is not shown as a hit", async () => {
  const hits = await naive({ actor: "user-4" });
  const seq = hits.at(-1)!;
  editLine(instance.databaseFile, LOG, seq, '"user-4"', '"user-X"');
  // Of the true line the tables have a copy that still has the committed leaf; the altered one is never given.
  const found = await find({ actor: "user-4", limit: "1" });
  assert.deepEqual(seqsOf(found), [seq]);
  assert.match(JSON.stringify(found), /"id":"user-4"/);
  execute(searchFile(), "DELETE FROM block");
  const reply = await call(instance.url, `/v1/logs/${LOG}/entries?actor=user-4`, { token: reader });
  assertProblem(reply, 500, "entry_altered");
  editLine(instance.databaseFile, LOG, seq, '"user-X"', '"user-4"');
});

test("tables that are dropped are built anew, by the instance and by the command", async () => {
  const query = { actor: "user-4" };
  const expected = (await naive(query)).reverse();
  const again = async () => seqsOf(await find({ ...query, fresh: "", limit: "1000" }));
  const online = await runCommand("reindex", instance.dataDir);
  assert.equal(online.code, 0, online.stderr);
  assert.match(online.stderr, /The search tables have [0-9,. ]+ entries/);
  assert.deepEqual(await again(), expected);
  const unknown = await runCommand("reindex", instance.dataDir, ["--log", "nowhere"]);
  assert.deepEqual([unknown.code, unknown.stderr], [2, "There is no log nowhere.\n"]);
  execute(searchFile(), "DROP TABLE log", "PRAGMA user_version = 0");
  assert.deepEqual(await again(), expected);
  await instance.signal("SIGTERM");
  const offline = await runCommand("reindex", instance.dataDir);
  assert.equal(offline.code, 0, offline.stderr);
  await instance.restart();
  // Right after a start the logs are known, too.
  const one = await runCommand("reindex", instance.dataDir, ["--log", LOG]);
  assert.equal(one.code, 0, one.stderr);
  assert.deepEqual(await again(), expected);
});

test("searches and counts are on record, with what was asked and how much was found", async () => {
  const rights = { roles: ["auditor"], logs: ["_access"] } as const;
  const auditor = (await makeToken(instance.url, instance.tokens.admin, rights)).token;
  await find({ actor: "user-1", limit: "2" });
  await get(`/v1/logs/${LOG}/stats`, { target: "inv_1" });
  await get("/v1/entries", { q: "ada", limit: "3" });
  interface Read {
    event: { action: string; details: Record<string, unknown>; targets: { id: string }[] };
  }
  const reads = await until("the reads are on record", async () => {
    const path = "/v1/logs/_access/entries?limit=10";
    const reply = await call(instance.url, path, { token: auditor });
    const events = reply
      .json<{ entries: { entry: Read }[] }>()
      .entries.map(({ entry }) => entry.event);
    const found = events
      .filter(({ action }) => /^entries\.(search|count)$/.test(action))
      .slice(0, 3);
    return found.length === 3 && found[0]!.targets.length === 2 && found.reverse();
  });
  assert.deepEqual(
    reads.map(({ action, details, targets }) => [
      action,
      details["query"],
      details["count"],
      targets.map(({ id }) => id),
    ]),
    [
      ["entries.search", { actor: "user-1", limit: "2" }, 2, [LOG]],
      ["entries.count", { target: "inv_1" }, (await naive({ target: "inv_1" })).length, [LOG]],
      ["entries.search", { q: "ada", limit: "3" }, 3, [LOG, OTHER]],
    ],
  );
});

function searchFile(): string {
  return join(instance.dataDir, "libsql", "dbs", "search", "data");
}
