/** The stand-in keeps the contract, and its hooks do what a lost or failed commit would. */
import assert from "node:assert/strict";
import test from "node:test";
import { IndexError } from "../../storage/ports.ts";
import { indexContract } from "./contract.ts";
import { LogWriter, sealRow } from "./log-writer.ts";
import { type FaultPoint, MemoryIndex, MemoryStore } from "./memory-index.ts";

const store = new MemoryStore();
indexContract("memory", () => new MemoryIndex(store));

for (const point of ["before", "after"] as const) {
  const fail = (at: FaultPoint) => {
    if (at === point) throw new IndexError("lost", "unknown");
  };

  test(`a commit that fails ${point} it is written`, async () => {
    const index = new MemoryIndex(new MemoryStore(), { onCommit: fail });
    const writer = new LogWriter("a");
    const chunk = writer.random(2);
    await assert.rejects(index.commit([chunk]), { outcome: "unknown" });
    assert.equal(index.leaves("a").length, point === "after" ? 2 : 0);
    index.hooks = {};
    assert.deepEqual(await index.commit([chunk]), { kind: "committed" });
    await writer.check(index);
  });

  test(`a seal that fails ${point} it is written`, async () => {
    const index = new MemoryIndex(new MemoryStore(), { onAddSeal: fail });
    await assert.rejects(index.addSeal(sealRow("a", 0)), { outcome: "unknown" });
    const found = await index.seals("a", { from: 0, limit: 9, order: "asc" });
    assert.equal(found.length, point === "after" ? 1 : 0);
    index.hooks = {};
    await index.addSeal(sealRow("a", 0));
  });
}

test("a copy of the store does not follow the original", async () => {
  const [writer, original] = [new LogWriter("a"), new MemoryStore()];
  await new MemoryIndex(original).commit([writer.random(1)]);
  const old = original.copy();
  const before = writer.fork();
  await new MemoryIndex(original).commit([writer.random(1)]);
  await before.check(new MemoryIndex(old));
  await writer.check(new MemoryIndex(original));
});
