/** Terms, bins and blocks: each value has one term and comes back from it, bins are round and cover the range, lines come back. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { EVERYTHING, parseFilter } from "../../storage/log/filter.ts";
import { binsOf } from "../../storage/search/bins.ts";
import { BLOCK_LINES, BlockBuilder, linesOfBlock } from "../../storage/search/blocks.ts";
import { formatMatch, formatTerm, prefixOf, valueOfTerm } from "../../storage/search/terms.ts";
import { property } from "../log/property.ts";

const text = fc.string({ unit: "binary", minLength: 1, maxLength: 40 });

property("a value comes back from its term, which is one token", text, (value) => {
  const term = formatTerm("actor", 7, value);
  assert.match(term, /^u7_[0-9a-z_]*$/);
  assert.equal(valueOfTerm(term, prefixOf("actor", 7)), value);
});

property("a value begins with another exactly if its term does", fc.tuple(text, text), ([a, b]) => {
  const isPrefix = formatTerm("action", 1, b).startsWith(formatTerm("action", 1, a));
  assert.equal(isPrefix, [...b].slice(0, [...a].length).join("") === a);
  const other = formatTerm("action", 11, a);
  assert.equal(other.startsWith(prefixOf("action", 1)), false);
});

test("a filter's query names every condition but the times", () => {
  const given: Record<string, string> = {
    ...{ action: "a.*", actor: "B", target: "c", outcome: "denied", q: "x y" },
    since: "2026-01-01T00:00:00Z",
  };
  const filter = parseFilter((name) => given[name] ?? null);
  const rest = "u3__42_ AND t3_c AND w3_x AND w3_y AND o3_denied AND ";
  assert.equal(formatMatch(filter, 3), `${rest}a3_a_2e_*`);
  assert.equal(formatMatch(filter, 3, ["a.b", "a.c"]), `${rest}(a3_a_2e_b OR a3_a_2e_c)`);
  assert.equal(formatMatch(EVERYTHING, 3), null);
});

const times = fc.tuple(
  fc.integer({ min: 0, max: 4e12 }),
  fc.oneof(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: 4e12 })),
  fc.integer({ min: 1, max: 120 }),
);

property(
  "bins are no more than asked for, on round steps, and cover the range",
  times,
  ([from, length, max]) => {
    const { stepMs, startsMs, edgesMs } = binsOf(from, from + length, max);
    assert.ok(startsMs.length >= 1);
    assert.ok(startsMs.length <= max || max === 1, `${startsMs.length} of ${max}`);
    assert.deepEqual([edgesMs[0], edgesMs.at(-1)], [from, from + length]);
    assert.equal(edgesMs.length, startsMs.length + 1);
    for (const [at, start] of startsMs.entries()) {
      assert.equal(start, startsMs[0]! + at * stepMs);
      assert.ok(start % stepMs === 0 && start < from + length && start + stepMs > from);
    }
  },
);

test("lines come back from blocks, whatever their number and length", () => {
  for (const count of [1, 15, 16, 17, 100]) {
    const builder = new BlockBuilder();
    const lines = new Map<number, string>();
    for (let seq = 5; seq < 5 + count; seq++) {
      const line = `{"é":"${"x".repeat((seq * 977) % 20_000)}"}`;
      lines.set(seq, line);
      builder.add(seq, line);
    }
    builder.end();
    const found = new Map<number, string>();
    for (const { first, data } of builder.blocks) {
      const some = linesOfBlock(data);
      assert.ok(some.length <= BLOCK_LINES);
      for (const [at, line] of some.entries()) found.set(first + at, line);
    }
    assert.deepEqual(found, lines);
  }
  assert.deepEqual(linesOfBlock(new Uint8Array([1, 2, 3])), []);
});
