/** Filters: what each condition means, what is refused, and all of them together against a naive scan. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { encodeLine } from "../../storage/log/entry.ts";
import { codePoints } from "../../storage/log/event.ts";
import {
  EVERYTHING,
  FilterError,
  formatFilter,
  isEverything,
  matches,
  matchesLine,
  parseFilter,
  searchedOf,
  type Filter,
} from "../../storage/log/filter.ts";
import type { Json, JsonObject } from "../../storage/log/json.ts";
import { wordsOf, wordsOfEvent } from "../../storage/log/words.ts";
import { eventValue, lineFields } from "./events.ts";
import { property } from "./property.ts";

const filterOf = (given: Record<string, string>): Filter =>
  parseFilter((name) => given[name] ?? null);

const EVENT: JsonObject = {
  action: "invoice.paid",
  actor: { id: "ada@example.com", type: "person", name: "Zoë Łukasz" },
  targets: [{ id: "inv_2026-07", name: "July" }, { id: "acct 9" }],
  outcome: "success",
  occurred_at: "2020-01-01T00:00:00Z",
  id: "evt-1",
  context: { ip: "203.0.113.9", user_agent: "curl", location: "Bern", request_id: "REQ7" },
  details: { amount: 12.5, nested: { note: ["Straße", true, null, { deep: "ﬁnd ME" }] } },
};
const AT = Date.parse("2026-01-31T12:00:00.500Z");
const isHit = (given: Record<string, string>): boolean =>
  matches(filterOf(given), { timeMs: AT, event: EVENT });

test("each condition: what meets it and what does not", () => {
  const hits: [string, ...string[]][] = [
    ["action", "invoice.paid", "invoice.*", "inv*", "invoice.paid*"],
    ["actor", "ada@example.com"],
    ["target", "inv_2026-07", "acct 9"],
    ["outcome", "success"],
    [
      "since",
      "2026-01-31T12:00:00.5Z",
      "2026-01-31T13:00:00+01:00",
      "2026-01-31T12:00:00.499999999Z",
    ],
    [
      "until",
      "2026-01-31T12:00:00.501Z",
      "2026-01-31T12:00:00.500000001Z",
      "2026-01-31T11:00:01-01:00",
    ],
    ["q", "zoë", "ZOË łukasz", "Zoe\u0308", "inv_2026-07", "07 INV", "203.0.113.9", "req7", "12.5"],
    ["q", "amount", "straße", "find me", "evt", "ada@example.com", "deep nested note", "9"],
  ];
  for (const [name, ...values] of hits) {
    for (const value of values) assert.equal(isHit({ [name]: value }), true, `${name}=${value}`);
  }
  const misses: [string, ...string[]][] = [
    ["action", "invoice", "Invoice.paid", "invoice.paid.x", "invoices.*", "paid*"],
    ["actor", "ada", "ADA@example.com", "inv_2026-07"],
    ["target", "inv_2026", "ada@example.com", "July"],
    ["outcome", "failure", "denied"],
    ["since", "2026-01-31T12:00:00.501Z", "2026-01-31T12:00:00.500000001Z"],
    ["until", "2026-01-31T12:00:00.5Z", "2020-01-01T00:00:00Z"],
    ["q", "zoe", "luk", "zoë missing", "success", "curl", "bern", "person", "paid", "true", "null"],
  ];
  for (const [name, ...values] of misses) {
    for (const value of values) assert.equal(isHit({ [name]: value }), false, `${name}=${value}`);
  }
});

test("an event without outcome, targets, context or details meets no condition on them", () => {
  const event: JsonObject = { action: "a", actor: { id: "b" } };
  for (const given of [{ outcome: "success" }, { target: "b" }, { q: "a" }]) {
    assert.equal(matches(filterOf(given), { timeMs: AT, event }), false);
  }
  assert.equal(matches(EVERYTHING, { timeMs: AT, event }), true);
});

test("what is no filter is refused by the condition's name", () => {
  const long = "x".repeat(257);
  const refused: [string, ...string[]][] = [
    ["action", "", "*", long, "a\nb", `${long}*`],
    ["actor", "", long, "a\0"],
    ["target", "", long, "\x7f"],
    ["outcome", "", "Success", "ok"],
    ["since", "", "2026-01-31", "2026-02-30T00:00:00Z", "2026-01-31T12:00:00", "now"],
    ["until", "1769860800000", "2026-01-31T12:00:00 01:00"],
    ["q", "", "  ", "-- !", long, [..."abcdefghijklmnopq"].join(" ")],
  ];
  for (const [name, ...values] of refused) {
    for (const value of values) {
      assert.throws(
        () => filterOf({ [name]: value }),
        (error) => error instanceof FilterError && error.parameter === name,
        `${name}=${value}`,
      );
    }
  }
  const same = "2026-01-31T12:00:00Z";
  assert.throws(() => filterOf({ since: same, until: same }), { parameter: "until" });
  assert.equal(codePoints(filterOf({ actor: "😀".repeat(256) }).actor!), 256);
});

test("one text for one filter, and none for none", () => {
  assert.equal(isEverything(filterOf({})), true);
  assert.equal(isEverything(filterOf({ q: "a" })), false);
  assert.equal(formatFilter(filterOf({ q: "b A b" })), formatFilter(filterOf({ q: "a-B" })));
  const different = [
    ...[{ action: "a*" }, { action: "a" }, { actor: "a" }, { target: "a" }, { q: "a" }],
    ...[{ actor: "a&target=b" }, { actor: "a", target: "b" }, { actor: "a%26target=b" }],
    ...[{ actor: "a&outcome=denied" }, { since: "1970-01-01T00:00:00Z" }, {}],
  ].map((given) => formatFilter(filterOf(given)));
  assert.equal(new Set(different).size, different.length);
});

test("a word is what letters, marks and digits make, whatever their case and form", () => {
  assert.deepEqual(wordsOf("a_b-C.d/é１２ﬁ ΟΔΟΣ οδοσ"), [..."abcd", "é12fi", "οδοσ", "οδοσ"]);
  assert.deepEqual(wordsOf("!? \n\t—"), []);
  assert.deepEqual(wordsOf("日本語 नमस्ते"), ["日本語", "नमस्ते"]);
});

/** The description at the head of `filter.ts`, word by word. */
function naive(given: Record<string, string>, timeMs: number, event: JsonObject): boolean {
  const { action, actor, target, outcome, since, until, q } = given;
  const sent = event as {
    action: string;
    outcome?: string;
    actor: { id: string };
    targets?: { id: string }[];
  };
  const checks = [
    action === undefined ||
      sent.action === action ||
      (action.endsWith("*") && sent.action.slice(0, action.length - 1) === action.slice(0, -1)),
    actor === undefined || sent.actor.id === actor,
    target === undefined || (sent.targets ?? []).some(({ id }) => id === target),
    outcome === undefined || sent.outcome === outcome,
    since === undefined || timeMs >= Date.parse(since),
    until === undefined || timeMs < Date.parse(until),
    q === undefined || wordsOf(q).every((word) => wordsOf(naiveText(event)).includes(word)),
  ];
  return checks.every(Boolean);
}

function naiveText(event: JsonObject): string {
  const texts: Json[] = [event["id"] ?? ""];
  const { actor, targets, context } = event as Record<string, Record<string, Json>>;
  for (const party of [actor!, ...((targets ?? []) as unknown as Record<string, Json>[])]) {
    texts.push(party["id"] ?? "", party["name"] ?? "");
  }
  for (const name of ["ip", "request_id", "session_id", "trace_id"])
    texts.push(context?.[name] ?? "");
  JSON.stringify(event["details"], function (this: unknown, name, value: Json) {
    if (!Array.isArray(this)) texts.push(name);
    if (typeof value === "string" || typeof value === "number") texts.push(String(value));
    return value;
  });
  return texts.join(" ");
}

const few = fc.constantFrom("a.b", "a.c", "b", "Ada", "x y", "é");
const fewEvents = fc.record(
  {
    action: few,
    actor: fc.record({ id: few, name: few }),
    targets: fc.array(fc.record({ id: few }), { minLength: 1, maxLength: 2 }),
    outcome: fc.constantFrom("success", "denied"),
    id: few,
    context: fc.record({ ip: few, user_agent: few }, { requiredKeys: [] }),
    details: fc.dictionary(few, fc.oneof(few, fc.nat(3), fc.array(few))),
  },
  { requiredKeys: ["action", "actor"] },
);
const minutes = fc.integer({ min: 0, max: 20 });
const conditions = fc.record(
  {
    action: fc.constantFrom("a.b", "a.*", "b", "b*", "z"),
    ...{ actor: few, target: few, outcome: fc.constantFrom("success", "failure", "denied") },
    since: minutes.map((at) => new Date(at * 60_000).toISOString()),
    until: minutes.map((at) => new Date((at + 21) * 60_000).toISOString()),
    q: fc.constantFrom("a", "ADA", "x", "y a", "1", "É b"),
  },
  { requiredKeys: [] },
);

property(
  "a filter is met exactly where a naive scan says so",
  fc.tuple(conditions, fewEvents, fc.integer({ min: 0, max: 45 })),
  ([given, event, minute]) => {
    const conditions = Object.fromEntries(
      Object.entries(given).filter(([, text]) => text !== undefined),
    );
    const timeMs = minute * 60_000;
    const searched = { timeMs, event: event as unknown as JsonObject };
    assert.equal(
      matches(filterOf(conditions), searched),
      naive(conditions, timeMs, searched.event),
    );
  },
  3_000,
);

property("a line is a hit if its event and time are", lineFields, (fields) => {
  const line = encodeLine(fields);
  const { timeMs, event } = searchedOf(line)!;
  assert.equal(timeMs, Date.parse(fields.time));
  assert.deepEqual({ ...event }, JSON.parse(fields.event));
  const actor = (event["actor"] as JsonObject)["id"] as string;
  assert.equal(matchesLine(filterOf({ actor }), line), true);
  assert.equal(
    matchesLine(filterOf({ actor: `${actor.slice(0, 200)}x` }), line),
    actor === `${actor.slice(0, 200)}x`,
  );
});

property("every word of an event finds it", eventValue, (event) => {
  for (const word of wordsOfEvent(event)) {
    const filter = { ...EVERYTHING, words: [word] };
    assert.equal(matches(filter, { timeMs: 0, event }), true);
  }
});
