/**
 * What sealing says when index or vault are not what the ledger left there: altered rows are named and nothing is put;
 * what others put into a slot is passed over, adopted, or stops the log.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { nodeGzip } from "../../storage/gzip.ts";
import { slotName } from "../../storage/log/batch.ts";
import { encodeUtf8, toHex } from "../../storage/log/bytes.ts";
import { leafHash } from "../../storage/log/hash.ts";
import { Refusal } from "../../storage/flow/refusal.ts";
import type { ChunkCommit } from "../../storage/ports.ts";
import { MemoryIndex } from "../index/memory-index.ts";
import { until, World, type Process } from "./harness.ts";

const SLOT = slotName("a", 0);
const frozen = (error: unknown) => error instanceof Refusal && error.code === "frozen";

/** Five entries of `a`, each its own chunk but the last two; three of them sealed if so wanted. */
async function withEntries(sealed = 0): Promise<[World, Process]> {
  const world = new World();
  const one = await world.start();
  await one.seal("_system");
  for (let n = 0; n < 3; n += 1) {
    await one.append("a", [world.event()]);
    if (n + 1 === sealed) await one.seal("a");
  }
  await one.append("a", [world.event(), world.event()]);
  return [world, one];
}

/** Changes the chunk that holds an entry, as somebody with the database's file can. */
function tamper(
  world: World,
  seq: number,
  change: (lines: string[], leaves: Uint8Array, at: number) => void,
): void {
  const chunks = world.index.store.chunks.get("a") as ChunkCommit[];
  const which = chunks.findIndex(({ first, count }) => seq >= first && seq < first + count);
  const chunk = chunks[which] as ChunkCommit;
  const lines = chunk.lines.split("\n");
  const leaves = chunk.leaves.slice();
  change(lines, leaves, seq - chunk.first);
  chunks[which] = { ...chunk, lines: lines.join("\n"), leaves };
}

const forge = (line: string) => line.replace("tester", "nobody");

const WAYS: Record<string, Parameters<typeof tamper>[2]> = {
  "its line": (lines, _leaves, at) => {
    lines[at] = forge(lines[at] as string);
  },
  "its leaf": (_lines, leaves, at) => {
    leaves[at * 32] = (leaves[at * 32] as number) ^ 1;
  },
  "its line and leaf": (lines, leaves, at) => {
    lines[at] = forge(lines[at] as string);
    leaves.set(leafHash(encodeUtf8(lines[at])), at * 32);
  },
  "a newline in its line": (lines, _leaves, at) => {
    lines[at] = `${lines[at] as string}\n{}`;
  },
};

for (const [way, change] of Object.entries(WAYS)) {
  for (const sealed of [0, 2]) {
    for (const seq of [2, 3, 4]) {
      void test(`altered: entry ${seq} after ${sealed} sealed ones, ${way}`, async () => {
        const [world, one] = await withEntries(sealed);
        const keys = world.vault.keys();
        tamper(world, seq, change);
        await assert.rejects(one.seal("a"));
        const finding = one.ledger.state("a")?.frozen;
        assert.equal(finding?.code, "entry_altered");
        // A line that falls into two pushes those behind it, up to the end of its commit.
        const last = way === "a newline in its line" && seq === 3 ? 4 : seq;
        assert.deepEqual([finding.first, finding.last], [last, last]);
        assert.deepEqual(world.vault.keys(), keys, "nothing was put");
        await assert.rejects(one.append("a", [world.event()]), frozen);
        await one.append("b", [world.event()]);
        world.crash();
      });
    }
  }
}

void test("altered: everything from an entry on, chain and all, is an entry altered in this range", async () => {
  const [world, one] = await withEntries(2);
  let prev = "";
  for (const seq of [2, 3, 4]) {
    tamper(world, seq, (lines, leaves, at) => {
      const line = forge(lines[at] as string);
      const text = prev === "" ? line : line.replace(/"prev":"[0-9a-f]{64}"/, `"prev":"${prev}"`);
      lines[at] = text;
      const leaf = leafHash(encodeUtf8(text));
      leaves.set(leaf, at * 32);
      prev = toHex(leaf);
    });
  }
  await assert.rejects(one.seal("a"));
  const finding = one.ledger.state("a")?.frozen;
  assert.equal(finding?.code, "entry_altered");
  assert.ok((finding.first ?? 9) <= 2 && finding.last === 4);
  world.crash();
});

void test("altered: an entry that is gone", async () => {
  const [world, one] = await withEntries(2);
  const chunks = world.index.store.chunks.get("a") as ChunkCommit[];
  chunks.splice(2, 1);
  await assert.rejects(one.seal("a"));
  assert.equal(one.ledger.state("a")?.frozen?.code, "entry_altered");
  assert.equal(one.ledger.state("a")?.frozen?.first, 2);
  world.crash();
});

void test("altered: who waits for a seal of a frozen log is told in the end, and nothing spins", async () => {
  const [world, one] = await withEntries();
  const state = await one.ledger.open("a");
  tamper(world, 3, WAYS["its line"] as Parameters<typeof tamper>[2]);
  assert.equal(await one.ledger.sealer.waitSealed(state, 5, 3_000), false);
  assert.equal(state.frozen?.code, "entry_altered");
  await one.append("b", [world.event()]);
  assert.equal(await one.ledger.sealer.waitSealed(state, 5, 3_000), false);
  const tries = world.reports.filter(({ message }) => message.includes("seal did not succeed"));
  assert.ok(tries.length < 10);
  world.crash();
});

void test("slot: a version that is no batch is passed over, the batch goes on top", async () => {
  const [world, one] = await withEntries();
  world.vault.addVersion(SLOT, new Uint8Array([1, 2, 3]));
  const row = await one.seal("a");
  assert.equal(row?.count, 5);
  await world.check();
  world.crash();
  const two = await world.start();
  assert.equal(two.sealed("a"), 5);
  await two.append("a", [world.event()]);
  await two.seal("a");
  await world.check();
  world.crash();
});

void test("slot: a delete marker is passed over", async () => {
  const [world, one] = await withEntries();
  world.vault.addMarker(SLOT);
  await one.seal("a");
  world.vault.addMarker(SLOT);
  await world.check();
  world.crash();
  const two = await world.start();
  assert.equal(two.sealed("a"), 5);
  assert.equal(two.ledger.state("a")?.unsealable, null);
  await world.check();
  world.crash();
});

void test("slot: a batch of another log or place does not count", async () => {
  const [world, one] = await withEntries();
  await one.append("b", [world.event()]);
  await one.seal("b");
  const [row] = await world.index.seals("b", { from: 0, limit: 1, order: "asc" });
  const body = await world.vault.get(row?.key ?? "", row?.versionId ?? "");
  const retainUntilMs = world.nowMs + 100 * 86_400_000;
  world.vault.addVersion(SLOT, body, { mode: "COMPLIANCE", retainUntilMs });
  assert.equal((await one.seal("a"))?.count, 5);
  await world.check();
  world.crash();
});

void test("slot: what was put is damaged before it is read back: it goes on top, later", async () => {
  const [world, one] = await withEntries();
  let damaged = false;
  world.vault.hooks.read = (method, key) => {
    if (damaged || method !== "get" || key !== SLOT) return;
    damaged = true;
    world.vault.damage(SLOT, "v00000002");
  };
  await assert.rejects(one.seal("a"), /did not come back/);
  world.nowMs += 60_000;
  assert.equal((await one.seal("a"))?.count, 5);
  await world.check();
  world.crash();
});

void test("slot: a lock shorter than promised is not accepted", async () => {
  const [world, one] = await withEntries();
  world.vault.hooks.read = (method, key) => {
    if (method !== "lock" || key !== SLOT) return;
    world.vault.setLock(SLOT, "v00000002", { mode: "COMPLIANCE", retainUntilMs: world.nowMs });
  };
  await assert.rejects(one.seal("a"), /did not come back/);
  assert.equal(one.sealed("a"), 0);
  world.crash();
});

/** The same index in another worker's hands, which seals what it holds. */
async function sealElsewhere(world: World, more: number): Promise<void> {
  const other = new World();
  other.index = new MemoryIndex(world.index.store.copy());
  other.vault = world.vault;
  other.memo = null;
  const process = await other.start();
  for (let n = 0; n < more; n += 1) await process.append("a", [other.event({ n: -n - 1 })]);
  await process.seal("a");
  other.crash();
}

void test("slot: taken by a shorter batch of the same lines: adopted, the rest follows", async () => {
  const world = new World();
  const one = await world.start();
  await one.seal("_system");
  await one.append("a", [world.event(), world.event()]);
  await sealElsewhere(world, 0);
  await one.append("a", [world.event()]);
  await one.seal("a");
  assert.equal(one.sealed("a"), 3);
  const rows = await world.index.seals("a", { from: 0, limit: 9, order: "asc" });
  assert.deepEqual(
    rows.map(({ first, count }) => [first, count]),
    [
      [0, 2],
      [2, 1],
    ],
  );
  await world.check();
  world.crash();
});

void test("slot: taken by a longer batch with our lines and more: compared again, brought up and recovered", async () => {
  const [world, one] = await withEntries();
  await sealElsewhere(world, 2);
  await one.seal("a").catch(() => {});
  // What the other worker promised beyond is not known here.
  const state = await one.ledger.open("a");
  assert.equal(state.frozen, null);
  assert.equal(state.head.size, 8, "five of ours, two of theirs, log.recovered");
  await until(() => !state.recovering, "the end of the recovery");
  assert.equal(state.sealed.size, 8);
  await one.append("a", [world.event()]);
  await world.check();
  world.crash();
});

for (const [length, more] of [
  ["longer", 2],
  ["as long", 1],
  ["shorter", 1],
] as const) {
  void test(`slot: taken by a batch (${length}) of other lines: a fork, frozen now and at each start`, async () => {
    const world = new World();
    const one = await world.start();
    await one.seal("_system");
    await one.append("a", [world.event()]);
    const aside = new World();
    aside.index = new MemoryIndex(world.index.store.copy());
    aside.vault = world.vault;
    for (let n = 0; n < (length === "shorter" ? 2 : 1); n += 1) {
      await one.append("a", [world.event()]);
    }
    await sealElsewhere(aside, more);
    await one.seal("a").catch(() => {});
    assert.equal((await one.ledger.open("a")).frozen?.code, "fork");
    await assert.rejects(one.append("a", [world.event()]), frozen);
    assert.equal(world.index.store.seals.get("a"), undefined);
    world.crash();
    const two = await world.start();
    assert.equal(two.ledger.state("a")?.frozen?.code, "fork");
    await two.append("b", [world.event()]);
  });
}

void test("slot: taken, while a commit of the log is under way: that ends first", async () => {
  const [world, one] = await withEntries();
  const two = await world.start();
  await two.append("a", [world.event()]);
  await two.seal("a");
  // This worker knows of five entries, of six in their slot it learns now.
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let entry: ReturnType<Process["append"]> | undefined;
  one.gate.fault = ({ name }) => {
    if (name !== "vault.put" || entry !== undefined) return undefined;
    world.index.hooks.onCommit = (point) => (point === "before" ? held : undefined);
    entry = one.append("a", [world.event()]);
    return undefined;
  };
  const sealing = one.seal("a").catch(() => {});
  await until(() => one.ledger.state("a") === undefined, "the log is compared again");
  release();
  world.index.hooks = {};
  const closed = (error: unknown) => error instanceof Refusal && error.code === "vault_unreachable";
  await assert.rejects(async () => entry, closed);
  await sealing;
  assert.equal((await one.ledger.open("a")).frozen, null);
  assert.equal(one.size("a"), 6);
  await one.append("a", [world.event()]);
  world.nowMs += 60_000;
  await one.seal("a");
  assert.equal(one.sealed("a"), 7);
  await world.check();
});

void test("slot: two workers on one database seal at once", async () => {
  const [world, one] = await withEntries();
  const two = await world.start();
  await two.append("a", [world.event()]);
  await Promise.allSettled([one.seal("a"), two.seal("a")]);
  await world.check();
  world.nowMs += 60_000;
  await one.append("a", [world.event()]);
  await Promise.allSettled([two.seal("a"), one.seal("a")]);
  await world.check();
  await Promise.allSettled([one.seal("a"), two.seal("a")]);
  assert.equal(one.sealed("a"), 7);
  await world.check();
  world.crash();
});

void test("slot: a batch whose lines were altered under the lock is frozen at the next start", async () => {
  const [world, one] = await withEntries();
  const row = await one.seal("a");
  world.crash();
  const body = await world.vault.get(SLOT, row?.versionId ?? "");
  const text = Buffer.from(await nodeGzip.gunzip(body, 1e6)).toString();
  const forged = await nodeGzip.gzip(encodeUtf8(forge(text)));
  world.vault.alter(SLOT, row?.versionId ?? "", () => forged);
  const two = await world.start();
  assert.equal(two.ledger.state("a")?.frozen?.code, "batch_altered");
  await assert.rejects(two.append("a", [world.event()]), frozen);
  world.crash();
});

void test("slot: what is under a taken slot while the vault goes away is compared as soon as it is back", async () => {
  const [world, one] = await withEntries();
  await sealElsewhere(world, 1);
  let reads = 0;
  one.gate.fault = ({ name }) => {
    // The slot is found taken; then the vault is away for the comparison.
    if (name === "vault.versions") reads += 1;
    return name === "vault.versions" && reads > 1 && reads < 5 ? "refuse" : undefined;
  };
  await one.seal("a").catch(() => {});
  await until(() => one.ledger.state("a") !== undefined, "the log is opened again");
  world.nowMs += 60_000;
  await one.ledger.sealer.runDue();
  await until(() => one.ledger.state("a")?.recovering === false, "and recovered");
  await one.append("a", [world.event()]);
  await world.check();
  world.crash();
});
