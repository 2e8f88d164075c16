/** The page's parts that need no browser: the search line, what changed, and how a lock is judged. */
import assert from "node:assert/strict";
import test from "node:test";
import { compareJson, pairsIn } from "../../worker/page/entries/diff.ts";
import { formatLine, parseLine } from "../../worker/page/entries/query-line.ts";
import { judgeLock, type SealLock } from "../../worker/page/seals/lock-state.ts";

const NONE = {
  ...{ action: null, actor: null, target: null, outcome: null },
  ...{ since: null, until: null, q: null },
};

test("a search line is its conditions, and its conditions are the line", () => {
  const rows: readonly (readonly [line: string, conditions: object])[] = [
    ["", {}],
    ["action:role.* actor:ada", { action: "role.*", actor: "ada" }],
    [`actor:"Ada Lovelace" paid twice`, { actor: "Ada Lovelace", q: "paid twice" }],
    [String.raw`actor:"a \"b\" c\\"`, { actor: String.raw`a "b" c${"\\"}` }],
    ["target:urn:doc:7", { target: "urn:doc:7" }],
    ["unknown:x word", { q: "unknown:x word" }],
    ["<script>alert(1)</script>", { q: "<script>alert(1)</script>" }],
    ["since:2026-11-01T10:00:00+01:00", { since: "2026-11-01T10:00:00+01:00" }],
  ];
  for (const [line, conditions] of rows) {
    const parsed = parseLine(line);
    const again = formatLine((name) => parsed[name] ?? null);
    assert.equal(again, line);
    assert.deepEqual({ ...parsed }, { ...NONE, ...conditions }, line);
  }
  assert.equal(parseLine("since:2026-11-01")["since"], "2026-11-01T00:00:00Z");
  assert.equal(parseLine("until:2026-11-01T09:30")["until"], "2026-11-01T09:30:00Z");
  assert.equal(parseLine('actor:"open')["actor"], "open");
});

test("what changed is told member by member, at the place where it did", () => {
  const kinds = compareJson({ a: 1, b: { c: [1, 2] }, d: null }, { a: 1, b: { c: [1, 3] }, e: {} });
  assert.deepEqual(
    kinds.map(({ path, kind }) => [path.join("."), kind]),
    [
      ["a", "same"],
      ["b.c.0", "same"],
      ["b.c.1", "changed"],
      ["d", "removed"],
      ["e", "added"],
    ],
  );
  assert.equal(compareJson({ a: [] }, { a: {} })[0]!.kind, "changed");
  const [pair] = pairsIn({ change: { before: { x: 1 }, after: { x: 2 } }, n: 1 });
  assert.equal(pair!.at, "change");
  assert.deepEqual(pair!.changes[0], { path: ["x"], kind: "changed", before: 1, after: 2 });
  assert.deepEqual(pairsIn({ before: 1 }), []);
  const proto = JSON.parse('{"__proto__":{"x":1}}') as Parameters<typeof compareJson>[0];
  assert.deepEqual(compareJson(proto, {})[0]!.path, ["__proto__"]);
});

test("a lock is red where it is wrong, amber near its end, and plain otherwise", () => {
  const until = "2027-11-23T00:00:00.000Z";
  const lock: SealLock = {
    ...{ first: 0, key: "demo/0.jsonl.gz", version_id: "v", mode: "COMPLIANCE" },
    ...{ retain_until: until, versions: 1, markers: 0, read_at: "2026-11-23T00:00:00.000Z" },
  };
  assert.deepEqual(judgeLock(lock, until), { tone: "plain", faults: [] });
  const near = "2026-12-01T00:00:00.000Z";
  assert.equal(judgeLock({ ...lock, retain_until: near }, near).tone, "warn");
  const wrong: readonly Partial<SealLock>[] = [
    { mode: "GOVERNANCE" },
    { mode: "none", retain_until: null },
    { versions: 2 },
    { versions: 0 },
    { markers: 1 },
    { retain_until: near },
    { read_at: "2028-01-01T00:00:00.000Z" },
  ];
  for (const change of wrong) {
    const { tone, faults } = judgeLock({ ...lock, ...change }, until);
    assert.equal(tone, "bad", JSON.stringify(change));
    assert.ok(faults.length > 0);
  }
});
