/** When tokens were last used: noted at no cost, written behind once a minute, and never in the way. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { TokenUseKeeper } from "../../worker/token-uses.ts";

const START_MS = Date.parse("2026-03-01T00:00:30.000Z");

class MemoryUses {
  readonly rows = new Map<string, string>();
  writes = 0;
  away = false;

  async load(): Promise<Map<string, string>> {
    if (this.away) throw new Error("away");
    return new Map(this.rows);
  }

  async store(uses: ReadonlyMap<string, string>): Promise<void> {
    if (this.away) throw new Error("away");
    this.writes += 1;
    for (const [id, time] of uses) this.rows.set(id, time);
  }
}

function makeKeeper(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const store = new MemoryUses();
  const clock = { ms: START_MS };
  const said: string[] = [];
  const keeper = new TokenUseKeeper(
    store,
    () => clock.ms,
    (_, message) => void said.push(message),
  );
  /** A minute passes, and what it starts. */
  const minute = async (): Promise<void> => {
    clock.ms += 60_000;
    t.mock.timers.tick(60_000);
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  };
  return { store, clock, said, keeper, minute };
}

test("a thousand uses of two tokens are one write a minute, to the minute", async (t) => {
  const { store, keeper, minute } = makeKeeper(t);
  for (let n = 0; n < 1_000; n += 1) keeper.note(n % 2 === 0 ? "even" : "odd");
  assert.equal(store.writes, 0);
  assert.equal((await keeper.all()).get("odd"), "2026-03-01T00:00:00.000Z");
  await minute();
  assert.equal(store.writes, 1);
  assert.deepEqual([...store.rows.keys()], ["even", "odd"]);
  await minute();
  assert.equal(store.writes, 1, "nothing was used");
  keeper.note("odd");
  await keeper.flush();
  assert.deepEqual([store.writes, store.rows.get("odd")], [2, "2026-03-01T00:02:00.000Z"]);
});

test("an index that is away costs nothing but the knowledge of other workers", async (t) => {
  const { store, said, keeper, minute } = makeKeeper(t);
  store.rows.set("other", "2026-02-01T00:00:00.000Z").set("old", "2026-02-01T00:00:00.000Z");
  keeper.note("old");
  store.away = true;
  await minute();
  assert.deepEqual(said, ["when tokens were used could not be written"]);
  assert.deepEqual([...(await keeper.all())], [["old", "2026-03-01T00:00:00.000Z"]]);
  store.away = false;
  await minute();
  assert.equal(store.rows.get("old"), "2026-03-01T00:00:00.000Z");
  assert.deepEqual([...(await keeper.all()).keys()], ["other", "old"]);
});
