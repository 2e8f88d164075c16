/** Proofs for many entries of one tree are the same as each of them asked for alone, and read each tile once. */
import assert from "node:assert/strict";
import test from "node:test";
import { toBase64 } from "../../storage/log/bytes.ts";
import { leafHash } from "../../storage/log/hash.ts";
import { proveInclusion, rootAt, type TileReader } from "../../storage/log/proof.ts";
import { InclusionProver } from "../../storage/log/prover.ts";
import { LogError } from "../../storage/log/errors.ts";
import { TileStore } from "./tile-store.ts";

const SIZE_MAX = 70_000;
const store = new TileStore();
const leafOf = (n: number): Uint8Array => leafHash(Uint8Array.of(n >> 16, n >> 8, n));
for (let n = 0; n < SIZE_MAX; n++) store.append(leafOf(n));

async function proverAt(size: number, read: TileReader = store.read): Promise<InclusionProver> {
  return new InclusionProver({ size, root: await rootAt(size, store.read) }, read);
}

async function assertSame(prover: InclusionProver, seq: number, size: number): Promise<void> {
  const wanted = await proveInclusion(seq, size, store.read);
  const found = await prover.prove(seq, leafOf(seq));
  assert.deepEqual(found, wanted.map(toBase64), `${seq} of ${size}`);
}

test("every entry of every small tree", async () => {
  for (let size = 1; size <= 40; size++) {
    const prover = await proverAt(size);
    for (let seq = 0; seq < size; seq++) await assertSame(prover, seq, size);
  }
});

test("around the edges of tiles, whole and ragged, of one level and of two", async () => {
  for (const size of [255, 256, 257, 511, 512, 513, 700, 65_535, 65_536, 65_537, 65_793, 69_999]) {
    const prover = await proverAt(size);
    const seqs = [0, 1, 127, 128, 254, 255, 256, 257, 400, 511, 512, 600, 65_279, 65_280, 65_535];
    const last = [65_536, 65_537, size - 257, size - 256, size - 2, size - 1];
    for (const seq of [...seqs, ...last]) {
      if (seq >= 0 && seq < size) await assertSame(prover, seq, size);
    }
  }
});

test("in whatever order they are asked for", async () => {
  const prover = await proverAt(SIZE_MAX);
  for (let n = 0, seq = 1; n < 200; n++, seq = (seq * 48_271) % 65_521)
    await assertSame(prover, seq, SIZE_MAX);
});

test("a walk through a tree reads each tile of leaves once", async () => {
  const read = new Map<string, number>();
  const counting: TileReader = (level, index, width) => {
    const key = `${level}/${index}`;
    read.set(key, (read.get(key) ?? 0) + 1);
    return store.read(level, index, width);
  };
  const prover = await proverAt(5_000, counting);
  for (let seq = 0; seq < 5_000; seq++) await prover.prove(seq, leafOf(seq));
  const again = [...read].filter(([, times]) => times > 1).map(([key]) => key);
  // The last one is needed from the beginning: the right edge is folded from it.
  assert.deepEqual(again, ["0/19"]);
});

const code = (wanted: LogError["code"]) => (error: unknown) =>
  error instanceof LogError && error.code === wanted;

test("nothing beyond the tree, of another leaf, or from tiles that are not whole or not those signed", async () => {
  for (const size of [300, 512]) {
    const prover = await proverAt(size);
    for (const seq of [-1, size, 1.5, Number.NaN]) {
      await assert.rejects(prover.prove(seq, leafOf(0)), code("invalid_proof"));
    }
    for (const seq of [0, 200, 299]) {
      await assert.rejects(prover.prove(seq, leafOf(seq + 1)), code("root_mismatch"));
      await assertSame(prover, seq, size);
    }
    const short: TileReader = async (...tile) => (await store.read(...tile)).slice(1);
    await assert.rejects((await proverAt(size, short)).prove(0, leafOf(0)), code("invalid_tile"));
    for (const changed of [0, 255]) {
      const forged: TileReader = async (level, index, width) => {
        const tile = await store.read(level, index, width);
        return level === 0 && index === 0 ? tile.with(changed, leafOf(999)) : tile;
      };
      for (const seq of [1, 254]) {
        const proof = (await proverAt(size, forged)).prove(seq, leafOf(seq));
        await assert.rejects(proof, code("root_mismatch"), `${seq} of ${size}`);
      }
    }
  }
});
