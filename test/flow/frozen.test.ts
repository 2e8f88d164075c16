/** Opening logs (PROTOCOL §4): the rows of the table after which a log is frozen, not sealed, or not opened. */
import assert from "node:assert/strict";
import test from "node:test";
import { slotName } from "../../storage/log/batch.ts";
import { encodeUtf8 } from "../../storage/log/bytes.ts";
import { leafHash } from "../../storage/log/hash.ts";
import { MemoryIndex } from "../index/memory-index.ts";
import { until, World } from "./harness.ts";
import { count, past, refused, settled } from "./past.ts";

void test("load: M beyond both: index_behind, for the logs concerned", async () => {
  const { world, old } = await past(1);
  const { store } = world.index;
  for (const part of ["chunks", "seals"] as const) {
    store[part].set("a", (old[part].get("a") ?? []) as never);
  }
  store.heads.set("a", old.heads.get("a") as never);
  const one = await world.start();
  assert.equal(one.ledger.state("a")?.frozen?.code, "index_behind");
  await assert.rejects(one.append("a", [world.event()]), refused("frozen"));
  await one.append("b", [world.event()]);
  await assert.rejects(one.seal("a"));
  assert.equal(one.size("a"), 3, "nothing was brought up");
  // Reads go on: what is there can be vouched for by a key that signed nothing else.
  assert.equal((await one.ledger.committedCheckpoint("a")).size, 3);
});

void test("load: the whole index came back old, M knows: frozen", async () => {
  const { world, old } = await past(1);
  world.index = new MemoryIndex(old);
  const one = await world.start();
  assert.equal(one.ledger.state("a")?.frozen?.code, "index_behind");
});

void test("load: M not on I's chain: entry_altered", async () => {
  const { world } = await past(2);
  world.memo?.set("a", { size: 5, leaf: "f".repeat(64) });
  const one = await world.start();
  assert.equal(one.ledger.state("a")?.frozen?.code, "entry_altered");
  await assert.rejects(one.append("a", [world.event()]), refused("frozen"));
});

void test("load: I and V part: fork", async () => {
  const { world, old } = await past();
  // A worker without vault and memo goes on from an old index.
  const aside = new World();
  aside.index = new MemoryIndex(old);
  const other = await aside.start();
  await other.append("a", [aside.event({ n: -1 }), aside.event({ n: -2 })]);
  aside.crash();
  world.index.store.chunks.set("a", aside.index.store.chunks.get("a") ?? []);
  world.index.store.heads.set("a", aside.index.store.heads.get("a") as never);
  world.index.store.seals.set("a", old.seals.get("a") ?? []);
  const one = await world.start();
  assert.equal(one.ledger.state("a")?.frozen?.code, "fork");
  await assert.rejects(one.append("a", [world.event()]), refused("frozen"));
  await one.append("b", [world.event()]);
});

void test("load: S beyond V: entries go on, sealing stops, until the batch is back", async () => {
  const { world } = await past(1);
  const [row] = await world.index.seals("a", { from: 9, limit: 1, order: "desc" });
  assert.ok(row);
  const body = await world.vault.get(row.key, row.versionId);
  const whole = world.vault.copy();
  world.vault.remove(row.key, row.versionId);
  const one = await world.start();
  assert.equal(one.ledger.state("a")?.frozen, null);
  assert.equal(one.ledger.state("a")?.unsealable?.code, "batch_missing");
  await one.append("a", [world.event()]);
  await assert.rejects(one.seal("a"));
  assert.deepEqual(
    world.vault.keys().filter((key) => key.startsWith("a/")),
    [slotName("a", 0)],
  );
  world.crash();
  assert.ok(body.length > 0);
  world.vault = whole;
  const two = await world.start();
  await two.append("a", [world.event()]);
  await two.seal("a");
  await world.check();
});

void test("load: the only batch is gone; and one that is gone before a later one", async () => {
  const { world } = await past();
  const [first, second] = await world.index.seals("a", { from: 0, limit: 2, order: "asc" });
  assert.ok(first && second);
  const whole = world.vault.copy();
  world.vault.remove(second.key, second.versionId);
  world.vault.remove(first.key, first.versionId);
  const one = await world.start();
  assert.equal(one.ledger.state("a")?.unsealable?.code, "batch_missing");
  world.crash();
  // The row of the second is lost with the index's last moments; the second is there, the first is not.
  world.vault = whole;
  world.vault.remove(first.key, first.versionId);
  world.index.store.seals.set("a", [first]);
  const two = await world.start();
  assert.equal(two.ledger.state("a")?.frozen?.code, "batch_missing");
  await assert.rejects(two.append("a", [world.event()]), refused("frozen"));
});

void test("load: S's batch is gone and an old index lacks what later batches hold: nothing is put in their place", async () => {
  const world = new World();
  const one = await world.start();
  await one.seal("_system");
  await one.append("a", [world.event()]);
  await one.seal("a");
  await one.append("a", [world.event()]);
  await one.seal("a");
  const old = world.index.store.copy();
  const oldMemo = new Map(world.memo);
  await one.append("a", [world.event()]);
  await one.seal("a");
  world.crash();
  world.index = new MemoryIndex(old);
  world.memo = oldMemo;
  const [row] = await world.index.seals("a", { from: 9, limit: 1, order: "desc" });
  world.vault.remove(row?.key ?? "", row?.versionId ?? "");
  const two = await world.start();
  assert.equal(two.ledger.state("a")?.frozen?.code, "batch_missing");
});

for (const [what, code] of [
  ["damaged", "batch_unreadable"],
  ["cut short", "batch_unreadable"],
  ["unlocked", "batch_altered"],
] as const) {
  void test(`load: the newest batch is ${what}: ${code}`, async () => {
    const { world } = await past(1);
    const [row] = await world.index.seals("a", { from: 9, limit: 1, order: "desc" });
    assert.ok(row);
    if (what === "damaged") world.vault.damage(row.key, row.versionId);
    if (what === "cut short") {
      world.vault.alter(row.key, row.versionId, (body) => body.subarray(0, body.length / 2));
    }
    if (what === "unlocked") {
      world.vault.setLock(row.key, row.versionId, { mode: "none", retainUntilMs: 0 });
    }
    const one = await world.start();
    assert.equal(one.ledger.state("a")?.frozen?.code, code);
    await assert.rejects(one.append("a", [world.event()]), refused("frozen"));
    await one.append("b", [world.event()]);
  });
}

void test("load: a log in the vault that _system does not name is shown, and its name not used again", async () => {
  const { world } = await past();
  world.vault.addVersion("stranger/0000000000000000.jsonl.gz", new Uint8Array(9));
  const one = await world.start();
  assert.deepEqual(one.ledger.unknownLogs, ["stranger"]);
  await assert.rejects(one.append("stranger", [world.event()]), refused("log_unknown"));
  const log = { log: "stranger", retention_days: 1, description: "", public: false };
  await assert.rejects(one.administration.createLog("token:t", log), refused("log_exists"));
  await world.check();
});

void test("load: no vault, no start; one that goes away then keeps single logs closed for a while", async () => {
  const { world } = await past(1);
  world.vault.down = true;
  await assert.rejects(world.start(), /does not answer/);
  world.vault.down = false;
  let away = true;
  const one = await world.start(({ name, args }) =>
    away && name === "vault.versions" && args[0] === "a/" ? "refuse" : undefined,
  );
  assert.equal(one.ledger.state("a"), undefined);
  await assert.rejects(one.append("a", [world.event()]), /does not answer/);
  await one.append("b", [world.event()]);
  away = false;
  await until(
    () => one.ledger.state("a") !== undefined,
    "the log is opened without being asked for",
  );
  await one.append("a", [world.event()]);
  await world.check();
});

void test("load: clocks minutes apart: nothing is stamped, not even log.recovered", async () => {
  const { world, old } = await past();
  world.index.store.chunks.set("a", old.chunks.get("a") ?? []);
  world.index.store.heads.set("a", old.heads.get("a") as never);
  world.index.store.seals.set("a", old.seals.get("a") ?? []);
  for (const [key, record] of world.index.store.events) {
    if (record.log === "a") world.index.store.events.delete(key);
  }
  world.memo?.delete("a");
  const vaultMs = world.nowMs;
  world.vault.clock = () => vaultMs;
  world.nowMs += 6 * 60_000;
  const one = await world.start();
  assert.equal(one.ledger.state("a"), undefined);
  await assert.rejects(one.append("a", [world.event()]), refused("clock_skew"));
  await assert.rejects(one.append("b", [world.event()]), refused("clock_skew"));
  assert.equal(count(world, "a", "log.recovered"), 0);
  world.crash();
  world.nowMs = vaultMs;
  const two = await world.start();
  await settled(world, two);
  await world.check();
});

void test("load: rows of _system that were edited give nobody rights", async () => {
  const { world } = await past();
  const chunks = world.index.store.chunks.get("_system") ?? [];
  const [chunk] = chunks;
  assert.ok(chunk);
  chunks[0] = { ...chunk, lines: chunk.lines.replace('"public":false', '"public":true') };
  await assert.rejects(world.start(), refused("frozen"));
});

for (const which of ["one in the middle", "the last"] as const) {
  void test(`load: an edited row of _system with the leaf that belongs to it: ${which}`, async () => {
    const { world } = await past();
    const chunks = world.index.store.chunks.get("_system") ?? [];
    const at = which === "the last" ? chunks.length - 1 : 0;
    const chunk = chunks[at];
    assert.ok(chunk);
    const lines = chunk.lines.split("\n");
    const line = which === "the last" ? lines.length - 1 : 1;
    lines[line] = (lines[line] as string).replace('"indelible"', '"somebody"');
    const leaves = chunk.leaves.slice();
    leaves.set(leafHash(encodeUtf8(lines[line])), 32 * line);
    chunks[at] = { ...chunk, lines: lines.join("\n"), leaves };
    await assert.rejects(world.start(), refused("frozen"));
  });
}

void test("load: the slot of S holds a longer batch than its row says: nothing is put behind the row", async () => {
  const world = new World();
  const one = await world.start();
  await one.seal("_system");
  await one.append("a", [world.event()]);
  const early = world.index.store.copy();
  await one.append("a", [world.event()]);
  await one.seal("a");
  world.crash();
  // The row of a worker that sealed one entry, beside a slot where two are.
  const aside = new World();
  aside.index = new MemoryIndex(early);
  const other = await aside.start();
  await other.seal("a");
  aside.crash();
  const [row] = await aside.index.seals("a", { from: 0, limit: 1, order: "asc" });
  assert.ok(row);
  const body = await aside.vault.get(row.key, row.versionId);
  const lock = await aside.vault.lock(row.key, row.versionId);
  const versionId = world.vault.addVersion(row.key, body, lock);
  world.index.store.seals.set("a", [{ ...row, versionId }]);
  const two = await world.start();
  assert.equal(two.ledger.state("a")?.unsealable?.code, "extra_version");
  await two.append("a", [world.event()]);
  await assert.rejects(two.seal("a"));
});
