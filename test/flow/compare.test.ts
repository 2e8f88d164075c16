/**
 * The comparison of PROTOCOL §4: each row of its table by name, then every combination of short histories against an
 * oracle that works on the histories themselves.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { compare, type Facts, type Verdict } from "../../storage/flow/compare.ts";

/** A history is a text, an entry a letter: `xy` is a fork of `xx` after one entry. A leaf speaks for all before it. */
type History = string;

interface Found {
  readonly index: History;
  readonly vault: History;
  /** A part of the index: both are one database. */
  readonly sealed: History;
  readonly memo: History | null;
  readonly retired?: boolean;
  readonly newestBatch?: Facts["newestBatch"];
}

function compareFound({ index, vault, sealed, memo, retired, newestBatch }: Found): Verdict {
  const head = (history: History) => ({ size: history.length, leaf: history });
  return compare({
    index: head(index),
    vault: head(vault),
    sealed: head(sealed),
    memo: memo === null ? null : head(memo),
    memoRetired: retired ?? false,
    newestBatch: newestBatch ?? "valid",
    holds: (other, { size, leaf }) => {
      const history = other === "index" ? index : vault;
      assert.ok(size <= history.length, "asked only where the other is long enough");
      return history.slice(0, size) === leaf;
    },
  });
}

const GO_ON = { kind: "open", bringUp: false, adopt: false, unproven: "no", sealing: true };
const frozen = (finding: string) => ({ kind: "frozen", finding });

const TABLE: [name: string, found: Found, verdict: object][] = [
  ["nothing yet", { index: "", vault: "", sealed: "", memo: null }, GO_ON],
  ["I extends V and M, S = V", { index: "xxx", vault: "xx", sealed: "xx", memo: "xxx" }, GO_ON],
  [
    "I extends V and M, S behind V",
    { index: "xxx", vault: "xx", sealed: "x", memo: "xx" },
    { ...GO_ON, adopt: true },
  ],
  [
    "V extends I, M = V",
    { index: "x", vault: "xxx", sealed: "x", memo: "xxx" },
    { ...GO_ON, bringUp: true, adopt: true },
  ],
  [
    "V beyond I, M behind V",
    { index: "x", vault: "xxx", sealed: "x", memo: "xx" },
    { ...GO_ON, bringUp: true, adopt: true, unproven: "recovered" },
  ],
  [
    "V beyond I, M missing",
    { index: "", vault: "xxx", sealed: "", memo: null },
    { ...GO_ON, bringUp: true, adopt: true, unproven: "recovered" },
  ],
  [
    "V beyond I, M missing because retired",
    { index: "x", vault: "xxx", sealed: "x", memo: null, retired: true },
    { ...GO_ON, bringUp: true, adopt: true, unproven: "recovered" },
  ],
  [
    "I extends V, M missing",
    { index: "xxx", vault: "xx", sealed: "xx", memo: null },
    { ...GO_ON, unproven: "noted" },
  ],
  [
    "I extends V, M missing because retired",
    { index: "xxx", vault: "xx", sealed: "xx", memo: null, retired: true },
    GO_ON,
  ],
  [
    "I extends V, M behind V",
    { index: "xxx", vault: "xx", sealed: "xx", memo: "x" },
    { ...GO_ON, unproven: "noted" },
  ],
  ["M beyond both", { index: "x", vault: "xx", sealed: "x", memo: "xxx" }, frozen("index_behind")],
  [
    "M not on I's chain",
    { index: "xxx", vault: "x", sealed: "x", memo: "xyx" },
    frozen("entry_altered"),
  ],
  ["I and V part", { index: "xyx", vault: "xx", sealed: "x", memo: "xyx" }, frozen("fork")],
  [
    "S beyond V",
    { index: "xxx", vault: "x", sealed: "xx", memo: "xxx" },
    { ...GO_ON, sealing: false },
  ],
  ...(["batch_unreadable", "batch_altered", "batch_missing", "fork"] as const).map(
    (newestBatch): [string, Found, object] => [
      `newest batch: ${newestBatch}`,
      { index: "xxx", vault: "x", sealed: "x", memo: "xxx", newestBatch },
      frozen(newestBatch),
    ],
  ),
];

for (const [name, found, verdict] of TABLE) {
  void test(`compare: ${name}`, () => assert.deepEqual(compareFound(found), verdict));
}

/** PROTOCOL §4 again, as sentences about histories. */
function oracle({ index, vault, sealed, memo, retired, newestBatch }: Found): object {
  if (newestBatch !== "valid") return frozen(newestBatch as string);
  const longer = index.length >= vault.length ? index : vault;
  const shorter = longer === index ? vault : index;
  if (!longer.startsWith(shorter)) return frozen("fork");
  // Of what lies beyond both, only a size and a leaf are known: whether it would extend them nobody can tell.
  if (memo !== null && memo.length > longer.length) return frozen("index_behind");
  if (memo !== null && !longer.startsWith(memo)) return frozen("entry_altered");
  const known = memo !== null && memo.startsWith(vault);
  const sealing = vault.startsWith(sealed);
  if (vault.length > index.length) {
    return {
      kind: "open",
      bringUp: true,
      adopt: true,
      unproven: known ? "no" : "recovered",
      sealing,
    };
  }
  const nothing = index === "";
  return {
    kind: "open",
    bringUp: false,
    adopt: vault.length > sealed.length,
    unproven: known || nothing || retired === true ? "no" : "noted",
    sealing,
  };
}

void test("compare: every combination of histories up to three entries", () => {
  const histories = [""];
  for (const history of histories) {
    if (history.length < 3) histories.push(`${history}x`, `${history}y`);
  }
  assert.equal(histories.length, 15);
  let count = 0;
  const memos = histories.flatMap((memo) => [{ memo, retired: false }]);
  const noMemos = [
    { memo: null, retired: false },
    { memo: null, retired: true },
  ];
  for (const index of histories) {
    for (const vault of histories) {
      for (const { memo, retired } of [...memos, ...noMemos]) {
        for (let size = 0; size <= index.length; size += 1) {
          for (const newestBatch of ["valid", "batch_altered"] as const) {
            const sealed = index.slice(0, size);
            const found = { index, vault, sealed, memo, retired, newestBatch };
            assert.deepEqual(compareFound(found), oracle(found), JSON.stringify(found));
            count += 1;
          }
        }
      }
    }
  }
  // 49 pairs of I and S, 15 of V, 17 of M, 2 of what the newest batch is.
  assert.equal(count, 49 * 15 * 17 * 2);
});
