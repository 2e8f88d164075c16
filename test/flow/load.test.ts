/**
 * Opening logs (PROTOCOL §4): each row of the table, found by a real start on index, vault and memo brought into that
 * state; and a start that dies at any of its calls.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { slotName } from "../../storage/log/batch.ts";
import { encodeUtf8 } from "../../storage/log/bytes.ts";
import { decodeLine, type Entry } from "../../storage/log/entry.ts";
import { leafHash } from "../../storage/log/hash.ts";
import { ID_LIFE_MS, type NewEvent } from "../../storage/flow/append.ts";
import { Refusal } from "../../storage/flow/refusal.ts";
import type { Call } from "./gate.ts";
import { MemoryIndex, type MemoryStore } from "../index/memory-index.ts";
import { Died, until, World, type Process } from "./harness.ts";

const refused = (code: string) => (error: unknown) =>
  error instanceof Refusal && error.code === code;

interface Past {
  readonly world: World;
  /** The index when `a` had two sealed entries and one that was not; `_system` was sealed. */
  readonly old: MemoryStore;
  /** An event with an id that was appended after `old`. */
  readonly event: NewEvent;
}

/** `a` and `_system` are sealed but for `unsealed` entries of `a`; nobody runs. */
async function past(unsealed = 0): Promise<Past> {
  const world = new World();
  const one = await world.start();
  await one.append("b", [world.event()]);
  await one.append("a", [world.event(), world.event()]);
  for (const log of ["_system", "a", "b"]) await one.seal(log);
  await one.append("a", [world.event()]);
  const old = world.index.store.copy();
  const event = world.event({ id: "i" });
  await one.append("a", [event]);
  await one.seal("a");
  for (let n = 0; n < unsealed; n += 1) await one.append("a", [world.event()]);
  // The memo is written behind.
  await until(() => world.memo?.get("a")?.size === one.size("a"), "the memo");
  await world.check();
  world.crash();
  return { world, old, event };
}

/** Drives what goes on in the background until no log is recovering. */
async function settled(world: World, one: Process): Promise<void> {
  const states = () => ["_system", ...world.logs].map((log) => one.ledger.state(log));
  for (let tries = 0; states().some((state) => state?.recovering !== false); tries += 1) {
    assert.ok(tries < 100, "recoveries end");
    world.nowMs += 10_000;
    await one.alive(one.ledger.sealer.runDue());
    await one.alive(new Promise((resolve) => setTimeout(resolve, 1_000)));
  }
}

function entries(world: World, log: string): Entry[] {
  const chunks = world.index.store.chunks.get(log) ?? [];
  return chunks.flatMap(({ lines }) => lines.split("\n").map(decodeLine));
}

function count(world: World, log: string, action: string, about?: string): number {
  return entries(world, log).filter(
    (entry) =>
      entry.action === action &&
      (about === undefined || (entry.eventJson["details"] as { log?: string }).log === about),
  ).length;
}

void test("load: nothing happened: goes on", async () => {
  const { world } = await past(1);
  const one = await world.start();
  await one.append("a", [world.event()]);
  await one.seal("a");
  assert.equal(count(world, "_system", "instance.unproven"), 0);
  assert.equal(count(world, "a", "log.recovered"), 0);
  await world.check();
});

void test("load: V extends I, M = V: brought up, ids and all", async () => {
  const { world, old, event } = await past();
  world.index = new MemoryIndex(old);
  const one = await world.start();
  assert.equal(one.size("a"), 4);
  assert.equal(one.sealed("a"), 4);
  assert.equal((await one.append("a", [event])).places[0]?.duplicate, true);
  assert.equal(count(world, "a", "log.recovered"), 0);
  assert.equal(count(world, "_system", "instance.unproven"), 0);
  await world.check();
});

for (const memo of ["missing", "old", "without the log"] as const) {
  void test(`load: V beyond I, M ${memo}: log.recovered, and nothing else until it is sealed`, async () => {
    const { world, old, event } = await past();
    world.index = new MemoryIndex(old);
    const kept = world.memo;
    assert.ok(kept);
    if (memo === "missing") world.memo = null;
    if (memo === "old") kept.set("a", { size: 1, leaf: entries(world, "a")[1]?.prev ?? "" });
    if (memo === "without the log") kept.delete("a");
    world.vault.hooks.put = () => "refused";
    const one = await world.start();
    assert.equal(one.size("a"), 5);
    const details = entries(world, "a")[4]?.eventJson["details"];
    assert.equal(entries(world, "a")[4]?.action, "log.recovered");
    const retired =
      memo === "missing"
        ? null
        : memo === "old"
          ? { size: 1, leaf: entries(world, "a")[1]?.prev }
          : { size: 0, leaf: "0".repeat(64) };
    assert.deepEqual(JSON.parse(JSON.stringify(details)), {
      log: "a",
      reason: "unproven",
      kept: 4,
      missing_from: 4,
      missing_to: null,
      memo: retired,
    });
    await assert.rejects(one.append("a", [world.event()]), refused("frozen"));
    await one.append("b", [world.event()]);
    await world.check();
    world.vault.hooks = {};
    await settled(world, one);
    assert.equal((await one.append("a", [event])).places[0]?.duplicate, true);
    assert.equal(count(world, "_system", "log.recovered", "a"), 1);
    await world.check();
    world.crash();
    const two = await world.start();
    await two.append("a", [world.event()]);
    assert.equal(count(world, "a", "log.recovered"), 1);
    assert.equal(count(world, "_system", "log.recovered", "a"), 1);
    await world.check();
  });
}

void test("load: I extends V, M missing: one instance.unproven, nothing in the log, never again", async () => {
  const { world } = await past(2);
  world.memo = null;
  const one = await world.start();
  assert.equal(count(world, "_system", "instance.unproven"), 1);
  const [entry] = entries(world, "_system").filter(({ action }) => action === "instance.unproven");
  assert.deepEqual(JSON.parse(JSON.stringify(entry?.eventJson["details"])), {
    logs: ["_system", "a", "b"],
  });
  await one.append("a", [world.event()]);
  await one.seal("a");
  world.crash();
  await world.start();
  assert.equal(count(world, "_system", "instance.unproven"), 1);
  assert.equal(count(world, "a", "log.recovered"), 0);
  await world.check();
});

void test("load: I extends V, M missing: said before the first entry, also where the start died before", async () => {
  const { world } = await past(2);
  world.memo = null;
  let commits = 0;
  const dying = world.start(({ name }) => {
    if (name !== "index.commit") return undefined;
    commits += 1;
    return commits === 1 ? "before" : undefined;
  });
  await assert.rejects(dying, Died);
  world.crash();
  await world.start();
  assert.equal(count(world, "_system", "instance.unproven"), 1);
  await world.check();
});

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

void test("load: brought up over an id that an old index still remembers from its life before", async () => {
  const world = new World();
  const one = await world.start();
  await one.append("a", [world.event({ id: "i" })]);
  await one.seal("a");
  const old = world.index.store.copy();
  world.nowMs += ID_LIFE_MS + 1_000;
  const again = world.event({ id: "i" });
  assert.equal((await one.append("a", [again])).count, 1);
  await one.seal("a");
  world.crash();
  world.index.store.chunks.set("a", old.chunks.get("a") ?? []);
  world.index.store.heads.set("a", old.heads.get("a") as never);
  world.index.store.seals.set("a", old.seals.get("a") ?? []);
  world.index.store.events.clear();
  for (const [key, record] of old.events) world.index.store.events.set(key, record);
  const two = await world.start();
  assert.equal((await two.append("a", [again])).places[0]?.duplicate, true);
  await world.check();
});

void test("load: what could not be said at the start is said before the next entry", async () => {
  const { world } = await past(1);
  world.memo = null;
  let away = true;
  const one = await world.start(({ name }) =>
    away && name === "index.commit" ? "refuse" : undefined,
  );
  assert.equal(count(world, "_system", "instance.unproven"), 0);
  await assert.rejects(one.append("a", [world.event()]), refused("index_unavailable"));
  away = false;
  await one.append("a", [world.event()]);
  const actions = entries(world, "_system").map(({ action }) => action);
  assert.deepEqual(actions.slice(-2), ["instance.unproven", "key.announced"]);
  await world.check();
});

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

/** Calls after which the world is another one: dying after any other is dying before the next. */
const WRITES = new Set(["index.commit", "index.addSeal", "vault.put", "memo.store"]);

/** Starts again and again, dying at the first call, then at the second, until a start gets through. */
async function dieEverywhere(
  make: () => Promise<World>,
  verify: (world: World, one: Process) => Promise<void>,
): Promise<number> {
  let calls = 0;
  let name = "";
  for (let at = 1; ; at += 1) {
    for (const point of ["before", "after"] as const) {
      if (point === "after" && !WRITES.has(name)) continue;
      const world = await make();
      calls = 0;
      let dead = true;
      const fault = (call: Call) => {
        calls += 1;
        if (calls !== at) return undefined;
        ({ name } = call);
        return point;
      };
      try {
        const one = await world.start(fault);
        await settled(world, one);
        dead = calls >= at;
        if (dead) await one.gate.died;
      } catch (error) {
        if (!(error instanceof Died)) throw error;
      }
      world.crash();
      const two = await world.start();
      await settled(world, two);
      for (const log of world.logs) await two.append(log, [world.event()]);
      for (const log of ["_system", ...world.logs]) {
        world.nowMs += 60_000;
        await two.seal(log);
      }
      await world.check();
      await verify(world, two);
      world.crash();
      if (!dead) return at;
    }
  }
}

void test("load: a start that brings up and recovers may die at any call", async () => {
  const steps = await dieEverywhere(
    async () => {
      const { world, old } = await past();
      world.index = new MemoryIndex(old);
      world.memo = null;
      return world;
    },
    async (world) => {
      assert.equal(count(world, "a", "log.recovered"), 1);
      assert.equal(count(world, "_system", "log.recovered", "a"), 1);
      const named = entries(world, "_system").flatMap(({ action, eventJson }) =>
        action === "instance.unproven" ? (eventJson["details"] as { logs: string[] }).logs : [],
      );
      for (const log of ["_system", "b"]) {
        // Again only where the memo did not get to know that it was said.
        const times = named.filter((name) => name === log).length;
        assert.ok(times === 1 || times === 2, `${log} was not proven, said ${times} times`);
      }
    },
  );
  assert.ok(steps > 30, `${steps} calls`);
});

void test("load: a start on an empty index without memo may die at any call", async () => {
  const steps = await dieEverywhere(
    async () => {
      const { world } = await past();
      world.index = new MemoryIndex();
      world.memo = null;
      return world;
    },
    async (world) => {
      for (const log of ["a", "b"]) {
        assert.equal(count(world, log, "log.recovered"), 1, log);
        assert.equal(count(world, "_system", "log.recovered", log), 1, log);
      }
      assert.equal(count(world, "_system", "log.recovered", "_system"), 1);
    },
  );
  assert.ok(steps > 50, `${steps} calls`);
});
