/** Which object spoils a listing is found by listings alone, and none is blamed for what another one hides. */
import assert from "node:assert/strict";
import test from "node:test";
import { findSpoiled } from "../../storage/flow/spoiled.ts";
import { slotName } from "../../storage/log/batch.ts";
import { VaultError } from "../../storage/ports.ts";

/** A store that refuses each listing that one of these keys would be in. */
function spoiledBy(keys: readonly string[], hiddenBy: string | null = null) {
  const asked: string[] = [];
  const vault = {
    async *versions(prefix: string) {
      asked.push(prefix);
      if (/\/[./\\]/.test(prefix)) throw new VaultError("vault_refused", "no name");
      const options = hiddenBy === null ? {} : { key: hiddenBy };
      const spoiled = hiddenBy !== null || keys.some((key) => key.startsWith(prefix));
      if (spoiled) throw new VaultError("batch_unreadable", "spoiled", "nothing", options);
      yield* [];
    },
  };
  return { vault, asked };
}

test("the object is named, a batch at little cost, whatever its name", async (t) => {
  for (const key of [
    slotName("demo", 0),
    slotName("demo", 987_654_321),
    "demo/zzz",
    "demo/A ~{x}",
  ]) {
    const { vault, asked } = spoiledBy([key]);
    assert.equal(await findSpoiled(vault, "demo/"), key);
    t.diagnostic(`${key}: ${asked.length} listings`);
    assert.ok(asked.length < (key.endsWith(".jsonl.gz") ? 200 : 1_000));
  }
  const two = spoiledBy([slotName("demo", 7), slotName("demo", 3)]);
  assert.equal(await findSpoiled(two.vault, "demo/"), slotName("demo", 3), "the first of them");
  assert.equal(await findSpoiled(spoiledBy(["demo/a\u00fc"]).vault, "demo/"), "demo/a");
});

test("none where nothing is spoiled, and none where an object above hides all of it", async () => {
  assert.equal(await findSpoiled(spoiledBy(["other/1"]).vault, "demo/"), null);
  assert.equal(await findSpoiled(spoiledBy([], "demo").vault, "demo/"), null);
});

test("a store that does not answer is no clue", async () => {
  const vault = {
    // eslint-disable-next-line require-yield -- it never comes to that
    async *versions(): AsyncGenerator<never> {
      throw new VaultError("vault_unreachable", "away");
    },
  };
  await assert.rejects(findSpoiled(vault, "demo/"), { code: "vault_unreachable" });
});
