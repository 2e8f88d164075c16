/** Sealing (PROTOCOL §3): each call of it fails in each way, and the process dies at each; what lies in the slot is judged. */
import assert from "node:assert/strict";
import test from "node:test";
import { slotName } from "../../storage/log/batch.ts";
import type { Fault } from "./gate.ts";
import { Died, once, until, World, type Process } from "./harness.ts";

/** Every call that a seal makes, in its order. */
const CALLS = [
  "vault.nowMs",
  "index.chunks",
  "memo.store",
  "vault.put",
  "vault.get",
  "vault.lock",
  "index.addSeal",
] as const;
const FAULTS: readonly Fault[] = ["refuse", "lose", "keep", "late", "before", "after"];

async function withEntries(world = new World()): Promise<[World, Process]> {
  const one = await world.start();
  await one.append("a", [world.event(), world.event({ id: "i" })]);
  await one.append("a", [world.event()]);
  // `_system` goes first, and is not what is looked at here.
  await one.seal("_system");
  world.nowMs += 10_000;
  return [world, one];
}

/** Tries until the seal succeeds; starts again where the process dies. */
async function sealAtLast(world: World, process: Process, log = "a"): Promise<Process> {
  let one = process;
  for (let tries = 0; ; tries += 1) {
    assert.ok(tries < 5, "a seal succeeds at last");
    try {
      await one.seal(log);
      assert.equal(one.sealed(log), one.size(log));
      return one;
    } catch (error) {
      await world.check();
      world.nowMs += 120_000;
      if (!(error instanceof Died)) continue;
      world.crash();
      one = await world.start();
      await world.check();
    }
  }
}

for (const name of CALLS) {
  for (const fault of FAULTS) {
    void test(`seal: ${name} ${fault}`, async () => {
      const [world, one] = await withEntries();
      one.gate.fault = once(name, fault);
      const two = await sealAtLast(world, one);
      await world.arrive();
      await world.check();
      // And the next batch follows on it.
      await two.append("a", [world.event()]);
      await sealAtLast(world, two);
      await world.check();
      assert.equal(slots(world, "a"), 2);
      assert.ok(world.reports.every(({ message }) => !message.includes("frozen")));
      world.crash();
    });
  }
}

function slots(world: World, log: string): number {
  return world.vault.keys().filter((key) => key.startsWith(`${log}/`)).length;
}

void test("seal: a PUT on its way arrives after another start has gone on", async () => {
  const [world, one] = await withEntries();
  one.gate.fault = once("vault.put", "late");
  await assert.rejects(one.seal("a"));
  world.crash();
  const two = await world.start();
  await two.append("a", [world.event()]);
  let arrived = false;
  two.gate.fault = ({ name }) => {
    if (name === "vault.put" && !arrived) {
      arrived = true;
      void world.arrive();
    }
    return undefined;
  };
  await two.seal("a");
  assert.equal(slots(world, "a"), 2, "the old PUT's batch was adopted, the rest followed");
  await world.check();
  world.crash();
});

void test("seal: entries that come while a batch is on its way are sealed by who waits for them", async () => {
  const [world, one] = await withEntries();
  let more: Promise<unknown> | undefined;
  one.gate.fault = ({ name }) => {
    if (name === "vault.put") more ??= one.append("a", [world.event()]);
    return undefined;
  };
  await one.seal("a");
  await more;
  assert.equal(one.sealed("a"), 3);
  const state = await one.ledger.open("a");
  assert.equal(await one.ledger.sealer.waitSealed(state, 4, 30_000), true);
  assert.equal(one.sealed("a"), 4);
  assert.equal(await one.ledger.seal("a"), null, "nothing is left");
  await world.check();
  world.crash();
});

void test("seal: the first batch of a log waits for the batch of _system that makes it", async () => {
  const world = new World();
  const one = await world.start();
  await one.append("a", [world.event()]);
  const puts: string[] = [];
  one.gate.fault = ({ name, args }) => {
    if (name === "vault.put") puts.push(String(args[0]).split("/")[0] as string);
    return undefined;
  };
  await one.seal("a");
  assert.deepEqual(puts, ["_system", "a"]);
  await world.check();
  world.crash();
  // Without _system's batch there is none of the log.
  const other = new World();
  const two = await other.start();
  await two.append("a", [other.event()]);
  two.gate.fault = ({ name, args }) =>
    name === "vault.put" && String(args[0]).startsWith("_system/") ? "refuse" : undefined;
  await assert.rejects(two.seal("a"));
  assert.equal(slots(other, "a"), 0);
  await other.check();
  other.crash();
});

void test("seal: nothing is put before the memo holds what is sealed", async () => {
  const [world, one] = await withEntries();
  one.gate.fault = ({ name }) => (name === "memo.store" ? "refuse" : undefined);
  await one.append("a", [world.event()]);
  await assert.rejects(one.seal("a"));
  assert.equal(slots(world, "a"), 0);
  one.gate.fault = () => undefined;
  world.nowMs += 60_000;
  await one.seal("a");
  assert.equal(world.memo?.get("a")?.size, 4);
  await world.check();
  world.crash();
});

void test("seal: a long backlog becomes several batches", async () => {
  const world = new World({ settings: { sealBytes: 3_000 } });
  const one = await world.start();
  for (let n = 0; n < 20; n += 1) await one.append("a", [world.event({ text: "t".repeat(300) })]);
  await one.seal("a");
  assert.ok(slots(world, "a") >= 4);
  await world.check();
  // A crash between two of them.
  for (let n = 0; n < 20; n += 1) await one.append("a", [world.event({ text: "t".repeat(300) })]);
  const before = slots(world, "a");
  one.gate.fault = once("vault.put", "before", 3);
  await assert.rejects(one.seal("a"), Died);
  assert.equal(slots(world, "a"), before + 2);
  world.crash();
  const two = await world.start();
  await two.seal("a");
  await world.check();
  world.crash();
});

void test("seal: no batch holds more lines than a batch may", async () => {
  const world = new World();
  const one = await world.start();
  const events = Array.from({ length: 8_200 }, () => world.event());
  for (let n = 0; n < 8; n += 1) {
    const batch = events.map((event) => ({ ...event }));
    await one.alive(one.ledger.append({ log: "a", by: `token:${n}`, events: batch }));
  }
  await one.seal("a");
  const rows = await world.index.seals("a", { from: 0, limit: 10, order: "asc" });
  assert.deepEqual(
    rows.map(({ count }) => count),
    [65_536, 64],
  );
  world.crash();
});

void test("seal: due by age, by count, and by an alarm that is set again after a failure", async () => {
  const world = new World({ settings: { sealEntries: 3, sealSeconds: 60 } });
  const one = await world.start();
  await one.append("a", [world.event()]);
  assert.ok(world.alarms.length > 0);
  assert.equal(Math.min(...world.alarms), world.nowMs + 60_000);
  await one.ledger.sealer.runDue();
  assert.equal(one.sealed("a"), 0, "not due yet");
  world.nowMs += 60_000;
  world.vault.down = true;
  world.alarms = [];
  await one.alive(one.ledger.sealer.runDue());
  assert.equal(one.sealed("a"), 0);
  assert.ok(world.alarms.length > 0, "an alarm stands behind what is unsealed");
  world.vault.down = false;
  world.nowMs += 1_000;
  await one.alive(one.ledger.sealer.runDue());
  assert.equal(one.sealed("a"), 1);
  await one.append("a", [world.event(), world.event(), world.event()]);
  await until(() => one.sealed("a") === 4, "a seal by count");
  await world.check();
  world.crash();
});

void test("seal: who waits in vain is told so, and sooner once the vault is back", async () => {
  const [world, one] = await withEntries();
  world.vault.down = true;
  const state = await one.ledger.open("a");
  assert.equal(await one.ledger.sealer.waitSealed(state, 3, 3_000), false);
  world.nowMs += 10_000;
  await one.ledger.sealer.runDue();
  await assert.rejects(one.seal("a"));
  world.alarms = [];
  // A failure before holds back the next try; the alarm must come as soon as it may.
  const waiting = one.ledger.sealer.waitSealed(state, 3, 300_000);
  world.vault.down = false;
  assert.ok(Math.min(...world.alarms) <= world.nowMs + 2_000);
  world.nowMs += 2_000;
  await one.ledger.sealer.runDue();
  assert.equal(await waiting, true);
  await world.check();
  world.crash();
});

void test("seal: forbidden while the lock is not proven, entries go on", async () => {
  const [world, one] = await withEntries();
  one.ledger.sealingForbidden = "the lock is not enforced";
  await assert.rejects(one.seal("a"), /not enforced/);
  await one.append("a", [world.event()]);
  assert.equal(slots(world, "a"), 0);
  one.ledger.sealingForbidden = null;
  await one.seal("a");
  await world.check();
  world.crash();
});

void test("seal: at the end everything, _system last, until the deadline", async () => {
  const world = new World();
  const one = await world.start();
  for (const log of ["a", "b"]) await one.append(log, [world.event()]);
  assert.equal(await one.ledger.drain(world.nowMs + 10_000), true);
  assert.deepEqual(one.ledger.unsealed(), {});
  await assert.rejects(one.append("a", [world.event()]), /stopping/);
  await world.check();
  world.crash();
});

void test("seal: each batch is locked long enough, from the later of its last entry and now", async () => {
  const [world, one] = await withEntries();
  await one.seal("a");
  const [row] = await world.index.seals("a", { from: 0, limit: 1, order: "asc" });
  assert.equal(row?.key, slotName("a", 0));
  assert.ok(Date.parse(row.retainUntil) >= world.nowMs + 30 * 86_400_000);
  const lock = await world.vault.lock(row.key, row.versionId);
  assert.equal(lock.mode, "COMPLIANCE");
  assert.equal(lock.retainUntilMs, Date.parse(row.retainUntil));
  const [system] = await world.index.seals("_system", { from: 0, limit: 1, order: "asc" });
  assert.ok(Date.parse(system?.retainUntil ?? "") >= world.nowMs - 10_000 + 400 * 86_400_000);
  world.crash();
});
