/** What every GuardStore must do (`storage/guard-ports.ts`), without a test runner: it also runs inside workerd. */
import assert from "node:assert/strict";
import type { GuardStore } from "../../storage/guard-ports.ts";
import type { Json } from "../../storage/log/json-value.ts";

const changes = (pairs: Record<string, Json | null>) => new Map(Object.entries(pairs));
const keys = (records: ReadonlyMap<string, Json>) => [...records.keys()];

/** Throws where the store, which is empty, does something else; leaves `kept/…` in it. */
export async function checkGuardStore(store: GuardStore): Promise<void> {
  assert.equal(await store.get("a"), null);
  assert.deepEqual([...(await store.list("", { limit: 10 }))], []);

  const value = { text: 'é\u2028"\u{1f600}\u0000', list: [1, null, true, { deep: -1.5 }] };
  await store.write(changes({ "a/1": value, "a/3": 3, "a/2": "two", b: false }));
  assert.deepEqual(await store.get("a/1"), value);
  assert.equal(await store.get("b"), false);

  const all = await store.list("a/", { limit: 10 });
  assert.deepEqual(
    [...all],
    [
      ["a/1", value],
      ["a/2", "two"],
      ["a/3", 3],
    ],
  );
  assert.deepEqual(keys(await store.list("a/", { limit: 2 })), ["a/1", "a/2"]);
  assert.deepEqual(keys(await store.list("a/", { limit: 2, after: "a/1" })), ["a/2", "a/3"]);
  assert.deepEqual(keys(await store.list("a/", { limit: 2, reverse: true })), ["a/3", "a/2"]);
  const before = { limit: 2, reverse: true, after: "a/2" };
  assert.deepEqual(keys(await store.list("a/", before)), ["a/1"]);
  assert.deepEqual(keys(await store.list("a/", { limit: 2, after: "a/3" })), []);
  assert.deepEqual(keys(await store.list("", { limit: 10 })), ["a/1", "a/2", "a/3", "b"]);
  // Neither a wildcard nor a name of anything: a prefix is a prefix.
  await store.write(changes({ "c%": 1, c_: 2, cx: 3 }));
  assert.deepEqual(keys(await store.list("c%", { limit: 10 })), ["c%"]);

  await store.write(changes({ "a/2": null, "a/3": [], "a/9": {}, nothing: null }));
  assert.deepEqual([...(await store.list("a/", { limit: 10 }))].slice(1), [
    ["a/3", []],
    ["a/9", {}],
  ]);
  const many = Array.from(
    { length: 300 },
    (_, n) => [`m/${String(n).padStart(3, "0")}`, n] as const,
  );
  await store.write(new Map<string, Json>(many));
  assert.equal((await store.list("m/", { limit: 1_000 })).size, 300);

  const left = keys(await store.list("", { limit: 1_000 }));
  await store.write(new Map(left.map((key) => [key, null])));
  await store.write(changes({ "kept/1": 1 }));
  assert.deepEqual(keys(await store.list("", { limit: 10 })), ["kept/1"]);
}
