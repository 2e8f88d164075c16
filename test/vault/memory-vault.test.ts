/** The faults that the vault in memory can be told to have, which tests of the flows rely on. */
import assert from "node:assert/strict";
import test from "node:test";
import { all, isVaultError } from "./contract.ts";
import { MemoryVault } from "./memory-vault.ts";
import type { PutFault } from "./memory-vault.ts";

const OPTIONS = { retainUntilMs: Date.UTC(2030, 0), ifAbsent: true };
const put = (vault: MemoryVault, key = "demo/a", text = "x") =>
  vault.put(key, Buffer.from(text), OPTIONS);

test("a PUT that fails is kept or not, as told", async () => {
  for (const [fault, outcome, kept] of [
    ["refused", "nothing", 0],
    ["lost", "unknown", 0],
    ["kept", "unknown", 1],
    ["late", "unknown", 0],
  ] as [PutFault, "nothing" | "unknown", number][]) {
    const vault = new MemoryVault();
    vault.hooks.put = () => fault;
    await assert.rejects(put(vault), isVaultError("vault_unreachable", outcome));
    assert.equal((await all(vault.versions(""))).length, kept);
  }
});

test("a late PUT arrives when it is let, and loses the slot if it is taken by then", async () => {
  const vault = new MemoryVault();
  vault.hooks.put = () => "late";
  await assert.rejects(put(vault, "demo/a", "late"));
  await assert.rejects(put(vault, "demo/b", "late"));
  vault.hooks = {};
  await put(vault, "demo/a", "in time");
  vault.arrive();
  const texts = [];
  for (const { key, versionId } of await all(vault.versions(""))) {
    texts.push(Buffer.from(await vault.get(key, versionId)).toString());
  }
  assert.deepEqual(texts, ["in time", "late"]);
});

test("it is down and up again", async () => {
  const vault = new MemoryVault();
  vault.down = true;
  await assert.rejects(put(vault), isVaultError("vault_unreachable"));
  await assert.rejects(vault.prefixes(), isVaultError("vault_unreachable"));
  vault.down = false;
  assert.equal((await put(vault)).kind, "put");
});

test("it can be tampered with, and a copy is not touched by that", async () => {
  const vault = new MemoryVault();
  const first = await put(vault);
  assert.ok(first.kind === "put");
  const before = vault.copy();
  vault.alter("demo/a", first.versionId, (body) => body.map((byte) => byte ^ 1));
  vault.setLock("demo/a", first.versionId, { mode: "GOVERNANCE", retainUntilMs: 0 });
  vault.addMarker("demo/a");
  const third = vault.addVersion("demo/a", Buffer.from("on top"));
  const listed = await all(vault.versions("demo/"));
  assert.deepEqual(
    listed.map((one) => [one.deleteMarker, one.latest]),
    [
      [false, true],
      [true, false],
      [false, false],
    ],
  );
  assert.equal(Buffer.from(await vault.get("demo/a", first.versionId)).toString(), "y");
  assert.equal((await vault.lock("demo/a", first.versionId)).mode, "GOVERNANCE");
  vault.damage("demo/a", third);
  await assert.rejects(vault.get("demo/a", third), isVaultError("batch_unreadable"));
  vault.remove("demo/a", third);
  await assert.rejects(vault.get("demo/a", third), isVaultError("batch_missing"));

  assert.equal((await all(before.versions(""))).length, 1);
  assert.equal(Buffer.from(await before.get("demo/a", first.versionId)).toString(), "x");
  assert.equal((await before.lock("demo/a", first.versionId)).mode, "COMPLIANCE");
});

test("hooks may wait, and reads may be made to fail", async () => {
  const vault = new MemoryVault();
  let release = () => {};
  vault.hooks.put = () => new Promise((resolve) => (release = () => resolve(undefined)));
  const waiting = put(vault);
  assert.deepEqual(vault.keys(), []);
  release();
  assert.equal((await waiting).kind, "put");
  vault.hooks.read = (method) => {
    if (method === "versions") throw new Error("not now");
  };
  await assert.rejects(all(vault.versions("")), /not now/);
  await vault.nowMs();
});
