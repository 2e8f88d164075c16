/** What somebody can do to an index or a vault behind the instance's back, each with the way back. */
import { slotName } from "../../storage/log/batch.ts";
import type { ChunkCommit, IndexHead, SealRow } from "../../storage/ports.ts";
import type { World } from "./harness.ts";

/** Does it, and returns what undoes it. */
export type Tampering = (world: World) => Promise<() => void> | (() => void);

const LOG = "a";
const SLOT = slotName(LOG, 2);

export const TAMPERINGS: Readonly<Record<string, { act: Tampering; finds: readonly string[] }>> = {
  "a sealed line is another one": {
    act: (world) =>
      changeChunk(world, 2, ({ lines }) => ({ lines: lines.replace("tester", "nobody") })),
    finds: ["entry_altered a 2"],
  },
  "a line that waits for its seal is another one": {
    act: (world) =>
      changeChunk(world, 6, ({ lines }) => ({ lines: lines.replace("tester", "nobody") })),
    finds: ["entry_altered a 6"],
  },
  "the leaf beside a line is another one": {
    act: (world) =>
      changeChunk(world, 0, ({ leaves }) => ({
        leaves: leaves.map((byte, at) => (at === 32 ? byte ^ 1 : byte)),
      })),
    finds: ["entry_altered a 1"],
  },
  "a row of lines is gone": {
    act: (world) => {
      const chunks = world.index.store.chunks.get(LOG) as ChunkCommit[];
      world.index.store.chunks.set(
        LOG,
        chunks.filter(({ first }) => first !== 2),
      );
      return () => void world.index.store.chunks.set(LOG, chunks);
    },
    finds: ["entry_missing a 2"],
  },
  "the tail is cut off": {
    act: (world) => {
      const chunks = world.index.store.chunks.get(LOG) as ChunkCommit[];
      world.index.store.chunks.set(
        LOG,
        chunks.filter(({ first }) => first < 6),
      );
      return () => void world.index.store.chunks.set(LOG, chunks);
    },
    finds: ["entry_missing a 6-7", "chain_broken a 7"],
  },
  "the head is another one": {
    act: (world) => {
      const { heads } = world.index.store;
      const head = heads.get(LOG) as IndexHead;
      heads.set(LOG, {
        ...head,
        leaf: head.leaf.replace(/^./, (digit) => (digit === "0" ? "1" : "0")),
      });
      return () => void heads.set(LOG, head);
    },
    finds: ["chain_broken a 7"],
  },
  "the row of a seal names other bytes": {
    act: (world) => {
      const rows = world.index.store.seals.get(LOG) as SealRow[];
      world.index.store.seals.set(
        LOG,
        rows.map((row) => (row.first === 2 ? { ...row, bytes: row.bytes + 1 } : row)),
      );
      return () => void world.index.store.seals.set(LOG, rows);
    },
    finds: ["batch_altered a 2"],
  },
  "a bit of a sealed object falls over": {
    act: async (world) => {
      const version = await versionOf(world, SLOT);
      const flip = (body: Uint8Array) => body.map((byte, at) => (at === 40 ? byte ^ 1 : byte));
      world.vault.alter(SLOT, version, flip);
      return () => world.vault.alter(SLOT, version, flip);
    },
    finds: ["batch_unreadable a 2"],
  },
  "a sealed object cannot be read": {
    act: async (world) => {
      const before = world.vault.copy();
      world.vault.damage(SLOT, await versionOf(world, SLOT));
      return () => void (world.vault = before);
    },
    finds: ["batch_unreadable a 2"],
  },
  "a sealed object is gone": {
    act: async (world) => {
      const before = world.vault.copy();
      world.vault.remove(SLOT, await versionOf(world, SLOT));
      return () => void (world.vault = before);
    },
    finds: ["batch_missing a 2", "batch_missing a 2"],
  },
  "the last sealed object is gone": {
    act: async (world) => {
      const before = world.vault.copy();
      const last = slotName(LOG, 3);
      world.vault.remove(last, await versionOf(world, last));
      return () => void (world.vault = before);
    },
    finds: ["batch_missing a 3-5"],
  },
  "everything of a log is gone from the vault": {
    act: async (world) => {
      const before = world.vault.copy();
      for (const first of [0, 2, 3]) {
        world.vault.remove(slotName(LOG, first), await versionOf(world, slotName(LOG, first)));
      }
      return () => void (world.vault = before);
    },
    finds: ["batch_missing a 0-1", "batch_missing a 2", "batch_missing a 3-5"],
  },
  "a version lies on top": {
    act: (world) => {
      const version = world.vault.addVersion(SLOT, Buffer.from("garbage"));
      return () => world.vault.remove(SLOT, version);
    },
    finds: ["extra_version a 2"],
  },
  "a delete marker lies on top": {
    act: (world) => {
      const before = world.vault.copy();
      world.vault.addMarker(SLOT);
      return () => void (world.vault = before);
    },
    finds: ["delete_marker a 2"],
  },
  "the lock is gone": {
    act: async (world) => {
      const version = await versionOf(world, SLOT);
      const lock = await world.vault.lock(SLOT, version);
      world.vault.setLock(SLOT, version, { mode: "none", retainUntilMs: 0 });
      return () => world.vault.setLock(SLOT, version, lock);
    },
    finds: ["lock_missing a 2"],
  },
  "the lock ends earlier": {
    act: async (world) => {
      const version = await versionOf(world, SLOT);
      const lock = await world.vault.lock(SLOT, version);
      const retainUntilMs = lock.retainUntilMs - 2 * 86_400_000;
      world.vault.setLock(SLOT, version, { ...lock, retainUntilMs });
      return () => world.vault.setLock(SLOT, version, lock);
    },
    finds: ["lock_too_short a 2"],
  },
  "an object that belongs to no log": {
    act: (world) => {
      const version = world.vault.addVersion("stray/thing", Buffer.from("x"));
      return () => world.vault.remove("stray/thing", version);
    },
    finds: ["extra_version"],
  },
  "batches of a log that nobody made": {
    act: (world) => {
      const version = world.vault.addVersion(slotName("ghost", 0), Buffer.from("x"));
      return () => world.vault.remove(slotName("ghost", 0), version);
    },
    finds: ["batch_unreadable ghost 0", "log_unknown ghost"],
  },
};

function changeChunk(
  world: World,
  seq: number,
  change: (chunk: ChunkCommit) => Partial<ChunkCommit>,
): () => void {
  const chunks = world.index.store.chunks.get(LOG) as ChunkCommit[];
  const changed = chunks.map((chunk) => {
    const holds = seq >= chunk.first && seq < chunk.first + chunk.count;
    return holds ? { ...chunk, ...change(chunk) } : chunk;
  });
  world.index.store.chunks.set(LOG, changed);
  return () => void world.index.store.chunks.set(LOG, chunks);
}

export async function versionOf(world: World, key: string): Promise<string> {
  for await (const version of world.vault.versions(key)) {
    if (version.key === key) return version.versionId;
  }
  throw new Error(`there is no ${key}`);
}
