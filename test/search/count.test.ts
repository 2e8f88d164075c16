/** Proposals and counts on a real sqld, whatever way they are made, against a naive look at all lines; and runs as bytes. */
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import fc from "fast-check";
import { encodeUtf8, toHex } from "../../storage/log/bytes.ts";
import { leafHash, ZERO_HASH } from "../../storage/log/hash.ts";
import { matchesLine, parseFilter, type Filter } from "../../storage/log/filter.ts";
import { binsOf } from "../../storage/search/bins.ts";
import { SearchCounter } from "../../storage/search/count.ts";
import { SearchFinder } from "../../storage/search/find.ts";
import { Projector } from "../../storage/search/projector.ts";
import {
  decodeRun,
  encodeRun,
  RUN_ENTRIES,
  RunBuilder,
  type Run,
} from "../../storage/search/run.ts";
import { openSearch, SearchTables, type SearchLog } from "../../storage/search/tables.ts";
import type { Field } from "../../storage/search/terms.ts";
import { topOf } from "../../storage/search/top.ts";
import type { Connection } from "../../storage/index/connection.ts";
import { LogWriter } from "../index/log-writer.ts";
import { MemoryIndex } from "../index/memory-index.ts";
import { property } from "../log/property.ts";
import { startSqld, type TestSqld } from "../parts/sqld.ts";
import { seededRandom } from "../e2e/random.ts";

const LOG = "demo";
const START_MS = Date.UTC(2026, 10, 1);
/** A whole run, a part of another, and pages between. */
const ENTRIES = RUN_ENTRIES + 1_500;

let sqld: TestSqld;
let connection: Connection;
let log: SearchLog;
let finder: SearchFinder;
const lines: string[] = [];
const random = seededRandom(11);
const below = (max: number): number => Math.floor(random() * max);

interface Event {
  readonly action: string;
  readonly actor: { readonly id: string };
  readonly outcome?: string;
  readonly targets?: readonly { readonly id: string }[];
}
const eventOf = (line: string) => (JSON.parse(line) as { event: Event }).event;

function newLine(seq: number, prev: string): string {
  const targets = Array.from({ length: below(4) }, () => ({ id: `t ${below(30)}` }));
  const event = {
    action: ["invoice.paid", "invoice.sent", "user.login", "Ä\u{1f600}"][below(4)],
    actor: { id: `user-${below(12) * below(12)}` },
    details: { note: ["paid late", "x"][below(2)] },
    ...(below(3) === 0 ? {} : { outcome: ["success", "denied"][below(2)] }),
    ...(targets.length === 0 ? {} : { targets }),
  };
  const time = new Date(START_MS + Math.floor(seq / 7) * 40).toISOString();
  const ends = { log: LOG, prev, salt: "A".repeat(22), seq, time, v: 1 };
  return JSON.stringify({ by: "system", event, ...ends });
}

before(async () => {
  sqld = await startSqld();
  const index = new MemoryIndex();
  const writer = new LogWriter(LOG);
  let prev = ZERO_HASH;
  const grow = async (count: number): Promise<void> => {
    const more = Array.from({ length: count }, (_, at) => {
      // Some lines are none: they count nowhere.
      const text = at % 997 === 996 ? "no line" : newLine(lines.length + at, prev);
      prev = toHex(leafHash(encodeUtf8(text)));
      return text;
    });
    lines.push(...more);
    assert.deepEqual(await index.commit([writer.chunk(more)]), { kind: "committed" });
  };
  connection = openSearch({ url: sqld.url, authToken: sqld.searchToken });
  const tables = new SearchTables(connection);
  const open = () =>
    new Projector({
      ...{ tables, index, heads: () => index.heads(), pause: async () => {} },
    });
  const projected = async (projector: Projector) => {
    while ((await projector.round()).behind > 0);
  };
  // The second one has to read again what the first had gathered; the third begins with less than a run.
  for (const size of [5_000, RUN_ENTRIES + 200, RUN_ENTRIES + 600, ENTRIES]) {
    const projector = open();
    while (lines.length < size) await grow(Math.min(700, size - lines.length));
    await projected(projector);
  }
  finder = new SearchFinder(connection);
  log = (await finder.logs([LOG])).get(LOG)!;
});
after(() => sqld.stop());

const timeAt = (seq: number): string => new Date(START_MS + Math.floor(seq / 7) * 40).toISOString();

function naive(filter: Filter, startsMs: readonly number[], stepMs: number, limit: number) {
  const hits = lines.filter((line) => line !== "no line" && matchesLine(filter, line));
  const bins = startsMs.map(() => 0);
  const counts = { action: new Map(), actor: new Map(), target: new Map(), outcome: new Map() };
  const count = (field: Field, value: string | undefined) => {
    if (value !== undefined) counts[field].set(value, (counts[field].get(value) ?? 0) + 1);
  };
  for (const line of hits) {
    const timeMs = Date.parse((JSON.parse(line) as { time: string }).time);
    bins[Math.floor((timeMs - startsMs[0]!) / stepMs)]!++;
    const { action, actor, outcome, targets = [] } = eventOf(line);
    count("action", action);
    count("actor", actor.id);
    count("outcome", outcome);
    for (const id of new Set(targets.map(({ id }) => id))) count("target", id);
  }
  const bytes = (text: string) => Buffer.from(text);
  const sorted = (values: Map<string, number>) =>
    [...values]
      .map(([value, n]) => ({ value, count: n }))
      .sort((a, b) => b.count - a.count || Buffer.compare(bytes(a.value), bytes(b.value)))
      .slice(0, limit);
  const { action, actor, target, outcome } = counts;
  const top = {
    ...{ action: sorted(action), actor: sorted(actor) },
    ...{ target: sorted(target), outcome: sorted(outcome) },
  };
  return { bins, top };
}

const some = <T>(value: T): Partial<T>[] => [value, {}, {}] as Partial<T>[];
const pick = <T>(values: readonly T[]): T => values[below(values.length)]!;

/** Every condition but the times, each in a third of all filters. */
function newFilter(times: Record<string, string>): { given: string; filter: Filter } {
  const given: Record<string, string> = Object.assign(
    times,
    pick(some({ action: pick(["invoice.*", "invoice.paid", "Ä*", "none"]) })),
    pick(some({ actor: `user-${below(20)}` })),
    pick(some({ target: `t ${below(30)}` })),
    pick(some({ outcome: pick(["success", "denied", "failure"]) })),
    pick(some({ q: pick(["late", "paid note", "x"]) })),
  );
  return { given: JSON.stringify(given), filter: parseFilter((name) => given[name] ?? null) };
}

test("whatever way hits are found, they are the first of all lines", async () => {
  for (let n = 0; n < 40; n++) {
    const { given, filter } = newFilter({});
    const [from, to] = [below(ENTRIES), below(ENTRIES)].sort((a, b) => a - b) as [number, number];
    const order = pick(["asc", "desc"] as const);
    const limit = 1 + below(20);
    const hits = lines.flatMap((line, seq) =>
      seq >= from && seq < to && line !== "no line" && matchesLine(filter, line) ? [seq] : [],
    );
    const expected = (order === "asc" ? hits : hits.toReversed()).slice(0, limit);
    for (const far of [0, Infinity]) {
      const wanted = [{ log, range: { from, to } }];
      const found = await new SearchFinder(connection, far).propose(wanted, filter, order, limit);
      const seqs = found[0]!.map(({ seq }) => seq);
      assert.deepEqual(seqs, expected, `${given}, ${order} ${from} to ${to}, ${far}`);
    }
  }
});

test("whatever way a count is made, it is that of all lines", async () => {
  assert.ok(log.runs >= RUN_ENTRIES, "some entries are in runs");
  assert.ok(log.runs < log.next, "and some are not yet");
  for (let n = 0; n < 25; n++) {
    const [since, until] = [below(ENTRIES), below(ENTRIES)].sort((a, b) => a - b);
    const times = Object.assign(
      {},
      pick(some({ since: timeAt(since!) })),
      pick(some({ until: timeAt(until! + 7) })),
    );
    const { given, filter } = newFilter(times);
    const fromMs = filter.sinceMs ?? START_MS;
    const bins = binsOf(fromMs, filter.untilMs ?? Date.parse(timeAt(ENTRIES)) + 1, 20);
    const seqs = await finder.seqsAt(log, bins.edgesMs);
    const expected = naive(filter, bins.startsMs, bins.stepMs, 5);
    for (const few of [0, Infinity]) {
      const counter = new SearchCounter(connection, few);
      const counted = await counter.count(log, filter, { bins, seqs, limit: 5 });
      assert.deepEqual(counted, expected, `${given}, ${few}`);
    }
  }
});

test("a run that somebody damaged is made from its rows", async () => {
  const filter = parseFilter((name) => (name === "outcome" ? "denied" : null));
  const bins = binsOf(START_MS, Date.parse(timeAt(ENTRIES)) + 1, 20);
  const seqs = await finder.seqsAt(log, bins.edgesMs);
  const counter = new SearchCounter(connection, 0);
  const before = await counter.count(log, filter, { bins, seqs, limit: 5 });
  await connection.client.execute("UPDATE run SET data = x'00'");
  assert.deepEqual(await counter.count(log, filter, { bins, seqs, limit: 5 }), before);
});

const text = fc.string({ unit: "binary", minLength: 1, maxLength: 5 });
const entry = fc.record({
  ...{ action: text, actor: text, outcome: fc.option(text) },
  targets: fc.uniqueArray(text, { maxLength: 32 }),
});
const entries = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), entry), { maxLength: 20 });

property("a run comes back from its bytes, and nothing from others", entries, (list) => {
  const builder = new RunBuilder(7);
  for (const [gap, one] of list) builder.add(builder.next + gap, one);
  const run = builder.rest();
  const data = encodeRun(run);
  assert.deepEqual(decodeRun(data, run.first, run.count), run);
  assert.equal(decodeRun(data, run.first, run.count + 1), null);
  assert.equal(decodeRun(data.subarray(1), run.first, run.count), null);
});

test("runs end where they have enough entries, values, or characters", () => {
  const builder = new RunBuilder(0);
  const one = { action: "a", actor: "b", outcome: null };
  const targets = (seq: number, length: number) =>
    Array.from({ length: 32 }, (_, n) => `${seq} ${n}`.padEnd(length, "x"));
  let seq = 0;
  const until = (count: number, length: number): Run => {
    while (builder.complete.length < count)
      builder.add(seq, { ...one, targets: targets(seq++, length) });
    return builder.complete.at(-1)!;
  };
  assert.equal(until(1, 256).count, Math.ceil((1_000_000 - 2) / (32 * 256)));
  assert.equal(until(2, 1).count, Math.ceil(60_000 / 32));
  builder.skipTo(seq + RUN_ENTRIES);
  assert.equal(builder.complete[2]!.count, RUN_ENTRIES);
  assert.equal(builder.open, seq + RUN_ENTRIES);
  for (const run of builder.complete) {
    assert.deepEqual(decodeRun(encodeRun(run), run.first, run.count), run);
  }
});

test("of values that occur as often the first by code points come first", () => {
  const counts = new Map([
    ["b", 1],
    ["\u{1f600}", 2],
    ["￿", 2],
    ["a", 1],
    ["c", 3],
  ]);
  const values = topOf(counts, 4).map(({ value }) => value);
  assert.deepEqual(values, ["c", "￿", "\u{1f600}", "a"]);
});
