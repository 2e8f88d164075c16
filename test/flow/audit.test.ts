/** The auditor: what it finds of each kind of tampering, what it tells and when, and that a restart loses nothing of it. */
import assert from "node:assert/strict";
import test from "node:test";
import { Failures } from "../../storage/flow/audit/failures.ts";
import { slotName } from "../../storage/log/batch.ts";
import { newFinding } from "../../storage/log/findings.ts";
import { VaultError } from "../../storage/ports.ts";
import { World } from "./harness.ts";
import { TAMPERINGS, versionOf } from "./tampering.ts";
import { DAY_MS, Watcher } from "./watcher.ts";

/** Two logs with three batches each, and two entries that are not sealed. */
async function sealedWorld(): Promise<World> {
  const world = new World();
  const one = await world.start();
  for (const log of ["a", "b"]) {
    for (const count of [2, 1, 3]) {
      await one.append(
        log,
        Array.from({ length: count }, () => world.event()),
      );
      await one.seal(log);
    }
    await one.append(log, [world.event(), world.event()]);
  }
  await one.seal("_system");
  return world;
}

void test("an instance that is well: one run on record, and then quiet", async () => {
  const world = await sealedWorld();
  const watcher = await new Watcher(world).start();
  await watcher.pass();
  assert.deepEqual(watcher.told(), []);
  const [run] = watcher.records;
  assert.equal(run?.state, "finished");
  assert.deepEqual(run.findings, []);
  assert.equal(run.coverage.logs, 4, "_access is one, too");
  await watcher.forMs(3_600_000);
  assert.equal(watcher.records.length, 1, "no entry for each quiet pass");
  assert.ok(watcher.auditor.stats().passes > 30);
});

for (const [what, { act, finds }] of Object.entries(TAMPERINGS)) {
  void test(`found, named, told once and cleared: ${what}`, async () => {
    const world = await sealedWorld();
    const watcher = await new Watcher(world).start();
    await watcher.pass();
    const undo = await act(world);
    await watcher.pass();
    assert.deepEqual(watcher.told().sort(), finds.map((one) => `opened ${one}`).sort());
    await watcher.pass();
    assert.deepEqual(watcher.told(), [], "told once");
    const [first, changed] = watcher.records;
    assert.equal(watcher.records.length, 2, "what is found changed, once");
    assert.equal(first?.finding_count, 0);
    assert.equal(changed?.finding_count, finds.length);
    undo();
    await watcher.pass();
    assert.deepEqual(watcher.told().sort(), finds.map((one) => `cleared ${one}`).sort());
    assert.deepEqual(watcher.open(), []);
    assert.equal(watcher.records.length, 3);
  });

  void test(`a restart at any step finds it all the same: ${what}`, async () => {
    const world = await sealedWorld();
    const watcher = await new Watcher(world).start();
    await act(world);
    const first = watcher.auditor.stats().passes;
    for (let at = 0; watcher.alerts.length < finds.length; at += 1) {
      assert.ok(at < 200, `only ${watcher.told().join(", ")}`);
      await watcher.start();
      world.nowMs = await watcher.auditor.run();
      world.nowMs = await watcher.auditor.run();
    }
    assert.equal(first, 0);
    assert.deepEqual(watcher.told().sort(), finds.map((one) => `opened ${one}`).sort());
  });
}

void test("a guard without the index remembers: an end that was cut off, a past that was exchanged", async () => {
  const world = await sealedWorld();
  const guard = await new Watcher(world, { index: false, settings: { source: "guard" } }).start();
  await guard.pass();
  const whole = world.vault.copy();
  const last = slotName("a", 3);
  world.vault.remove(last, await versionOf(world, last));
  await guard.pass();
  assert.deepEqual(guard.told(), ["opened batch_missing a 3-5"]);
  world.vault = whole;
  await guard.pass();
  assert.deepEqual(guard.told(), ["cleared batch_missing a 3-5"]);

  // The same instance by its name and keys, with another past.
  const other = await sealedWorld();
  world.vault = other.vault;
  await (await guard.start()).pass();
  const told = guard.told();
  for (const log of ["a 0-5", "b 0-5"]) assert.ok(told.includes(`opened fork ${log}`), told.join());
  await guard.pass();
  assert.deepEqual(guard.told(), [], "what it remembers stays the old past");
  assert.ok(guard.open().includes("fork a 0-5"));
});

void test("what is wrong with a new seal is told at once, and leaves a run", async () => {
  const world = await sealedWorld();
  const watcher = await new Watcher(world, { settings: { minPauseMs: null } }).start();
  await watcher.pass();
  const one = await world.start();
  await one.append("a", [world.event()]);
  await one.seal("a");
  watcher.auditor.sealed("a");
  await watcher.forMs(10_000);
  assert.equal(watcher.auditor.stats().sealsChecked, 1);
  assert.equal(watcher.records.length, 1, "a seal that holds leaves nothing");
  await one.append("a", [world.event()]);
  await one.seal("a");
  const key = world.vault
    .keys()
    .filter((name) => name.startsWith("a/"))
    .at(-1) as string;
  world.vault.setLock(key, await versionOf(world, key), { mode: "none", retainUntilMs: 0 });
  watcher.auditor.sealed("a");
  await watcher.forMs(10_000);
  assert.deepEqual(watcher.told(), ["opened lock_missing a 9"]);
  const [, run] = watcher.records;
  assert.deepEqual([run?.kind, run?.finding_count], ["sealed", 1]);
  await watcher.forMs(60_000);
  assert.equal(watcher.records.length, 2, "and its entry's seal leaves none");
});

void test("asked for: all, a log, a stretch of one; each on record, and the stretch in whole batches", async () => {
  const world = await sealedWorld();
  const watcher = await new Watcher(world, { settings: { minPauseMs: null } }).start();
  await watcher.pass();
  const scopes = [{ log: null }, { log: "b" }, { log: "a", from: 3, to: 4 }, { log: "_system" }];
  const asked = [];
  for (const scope of scopes) asked.push(await watcher.auditor.request(scope, "token:t"));
  assert.deepEqual(
    asked.map(({ state }) => state),
    ["waiting", "waiting", "waiting", "waiting"],
  );
  await watcher.forMs(30_000);
  const runs = await Promise.all(asked.map(({ id }) => watcher.auditor.audit(id)));
  assert.deepEqual(
    runs.map((run) => [run?.state, run?.coverage.logs, run?.coverage.batches, run?.finding_count]),
    [
      ["finished", 4, 7, 0],
      ["finished", 1, 3, 0],
      ["finished", 1, 2, 0],
      ["finished", 1, 1, 0],
    ],
  );
  assert.match(runs[2]?.unchecked.join() ?? "", /whole batches/);
  assert.equal(watcher.records.length, 5);
  const listed = await watcher.auditor.runs({ limit: 10 });
  assert.deepEqual(listed.map(({ id }) => id).slice(0, 4), asked.map(({ id }) => id).reverse());
  const older = await watcher.auditor.runs({ limit: 10, before: asked[0]!.id });
  assert.deepEqual(
    older.map(({ kind }) => kind),
    ["scheduled"],
  );
});

void test("a request outlives a restart in its middle, and comes before the pass", async () => {
  const world = await sealedWorld();
  const watcher = await new Watcher(world).start();
  const { id } = await watcher.auditor.request({ log: "a" }, "token:t");
  await watcher.start();
  await watcher.auditor.run();
  await watcher.start();
  await watcher.forMs(5_000);
  assert.equal((await watcher.auditor.audit(id))?.state, "finished");
  assert.equal(watcher.records[0]?.id, id);
});

void test("reminders of what stays open, an all-clear, and a store that fails in between repeats nothing", async () => {
  const world = await sealedWorld();
  const settings = { everyMs: 3_600_000, minPauseMs: null };
  const watcher = await new Watcher(world, { settings }).start();
  await watcher.pass();
  const undo = await TAMPERINGS["a sealed line is another one"]!.act(world);
  await watcher.pass();
  assert.deepEqual(watcher.told(), ["opened entry_altered a 2"]);
  for (const day of [1, 2]) {
    watcher.store.failure = new Error("the disk is full");
    await watcher.forMs(DAY_MS + 60_000);
    assert.deepEqual(watcher.told(), ["reminder entry_altered a 2"], `day ${day}`);
  }
  undo();
  await watcher.forMs(4_000_000);
  assert.deepEqual(watcher.told(), ["cleared entry_altered a 2"]);
  await TAMPERINGS["a sealed line is another one"]!.act(world);
  await watcher.forMs(4_000_000);
  assert.deepEqual(watcher.told(), ["opened entry_altered a 2"], "again is another alert");
});

void test("a vault that does not answer is a finding only once it lasts", async () => {
  const world = await sealedWorld();
  const watcher = await new Watcher(world).start();
  await watcher.pass();
  world.vault.down = true;
  await watcher.forMs(100_000);
  assert.deepEqual(watcher.told(), []);
  world.vault.down = false;
  await watcher.pass();
  world.vault.down = true;
  await watcher.forMs(200_000);
  assert.deepEqual(watcher.told(), ["opened vault_unreachable"]);
  world.vault.down = false;
  await watcher.forMs(60_000);
  assert.deepEqual(watcher.told(), ["cleared vault_unreachable"]);
});

void test("work that failed once and waits for its turn while other work is answered is no vault that is away", () => {
  const failures = new Failures();
  const away = new VaultError("vault_unreachable", "no answer");
  failures.failed("scheduled", away, 0);
  assert.equal(failures.sinceMs, 0);
  failures.went("requested", 30_000);
  assert.deepEqual([failures.findings(100_000, 60_000), failures.sinceMs], [[], null]);
  failures.failed("scheduled", away, 100_000);
  assert.deepEqual(failures.findings(159_999, 60_000), []);
  const [found] = failures.findings(160_000, 60_000);
  assert.equal(found?.code, "vault_unreachable");
  assert.match(found.found, /none since 1970-01-01T00:01:40/);
  failures.went("conditions", 161_000);
  assert.equal(failures.findings(162_000, 60_000).length, 1, "it asks neither vault nor index");
});

void test("what the surroundings say counts when it is said twice", async () => {
  const world = await sealedWorld();
  const watcher = await new Watcher(world).start();
  const old = newFinding("unsealed_too_old", { log: "a", first: 6, last: 7 }, "a seal", "none");
  await watcher.forMs(20_000);
  watcher.conditions = [old];
  await watcher.auditor.run();
  watcher.conditions = [];
  await watcher.forMs(20_000);
  assert.deepEqual(watcher.told(), []);
  watcher.conditions = [old];
  await watcher.forMs(200_000);
  assert.deepEqual(watcher.told(), ["opened unsealed_too_old a 6-7"], "no pass clears it");
  watcher.conditions = [];
  await watcher.forMs(30_000);
  assert.deepEqual(watcher.told(), ["cleared unsealed_too_old a 6-7"]);
});

void test("many altered entries do not flood: fifty of a kind are told", async () => {
  const world = new World({ logs: ["a"] });
  const one = await world.start();
  for (let at = 0; at < 120; at += 1) await one.append("a", [world.event()]);
  const chunks = world.index.store.chunks.get("a")!;
  const forged = chunks.map((chunk, at) =>
    at % 2 === 0 ? { ...chunk, lines: chunk.lines.replace("tester", "nobody") } : chunk,
  );
  world.index.store.chunks.set("a", forged);
  const watcher = await new Watcher(world).start();
  await watcher.pass();
  assert.equal(watcher.open().length, 60);
  assert.equal(watcher.alerts.length, 51);
  assert.match(watcher.alerts.at(-1)!.finding.found, /not told one by one/);
  world.index.store.chunks.set("a", chunks);
  watcher.told();
  await watcher.pass();
  assert.equal(watcher.alerts.length, 51, "as many all-clears");
  assert.deepEqual(watcher.open(), []);
});

void test("an audit of a log that nobody knows fails, and says why", async () => {
  const world = await sealedWorld();
  const watcher = await new Watcher(world).start();
  const { id } = await watcher.auditor.request({ log: "nobody" }, "token:1");
  await watcher.forMs(10_000);
  const run = await watcher.auditor.audit(id);
  assert.deepEqual([run?.state, run?.coverage.entries], ["failed", 0]);
  assert.match(run!.why!, /neither _system, index nor vault has a log nobody/);
  assert.ok(
    watcher.records.some((record) => record.id === id && record.state === "failed"),
    "it is on record",
  );
  assert.deepEqual([watcher.told(), watcher.open()], [[], []]);
  const { id: next } = await watcher.auditor.request({ log: "a" }, "token:1");
  await watcher.forMs(10_000);
  assert.equal((await watcher.auditor.audit(next))?.state, "finished", "the next one goes on");
});
