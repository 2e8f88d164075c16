/** The tree and its proofs, for every size to 64 and every pair of places in it, against the naive oracle. */
import assert from "node:assert/strict";
import test from "node:test";
import { toHex } from "../../storage/log/bytes.ts";
import { LogError } from "../../storage/log/errors.ts";
import { leafHash } from "../../storage/log/hash.ts";
import {
  checkConsistency,
  checkInclusion,
  frontierAt,
  proveConsistency,
  proveInclusion,
  rootAt,
} from "../../storage/log/proof.ts";
import { CompactTree, foldFrontier, frontierLength } from "../../storage/log/tree.ts";
import { naivePath, naiveProof, naiveRoot } from "./oracle.ts";
import { TileStore } from "./tile-store.ts";

const SIZE_MAX = 64;
const leaves = Array.from({ length: SIZE_MAX }, (_, i) => leafHash(Uint8Array.of(i)));
const store = new TileStore();
for (const leaf of leaves) store.append(leaf);
const roots = Array.from({ length: SIZE_MAX + 1 }, (_, size) => naiveRoot(leaves.slice(0, size)));
const hex = (hashes: readonly Uint8Array[]) => hashes.map(toHex);

/** The same hashes with one bit of one byte turned. */
function spoilt(hashes: readonly Uint8Array[], i: number): Uint8Array[] {
  return hashes.map((hash, k) =>
    k === i ? hash.map((byte, at) => (at === 7 ? byte ^ 16 : byte)) : hash,
  );
}

test("roots and frontiers of every size", async () => {
  const tree = new CompactTree();
  for (let size = 0; size <= SIZE_MAX; size++) {
    assert.equal(tree.size, size);
    assert.equal(toHex(tree.root()), toHex(roots[size]!));
    assert.equal(toHex(await rootAt(size, store.read)), toHex(roots[size]!));
    assert.deepEqual(hex(await frontierAt(size, store.read)), hex(tree.frontier()));
    assert.equal(tree.frontier().length, frontierLength(size));
    assert.equal(toHex(foldFrontier(tree.frontier())), toHex(roots[size]!));
    if (size < SIZE_MAX) tree.append(leaves[size]!);
  }
});

test("a tree goes on from any frontier, and a clone goes its own way", () => {
  for (let size = 0; size <= SIZE_MAX; size++) {
    const begun = new CompactTree();
    for (const leaf of leaves.slice(0, size)) begun.append(leaf);
    const before = toHex(begun.root());
    const clone = begun.clone();
    const restored = new CompactTree(size, begun.frontier());
    for (const leaf of leaves.slice(size)) {
      clone.append(leaf);
      restored.append(leaf);
    }
    assert.equal(toHex(clone.root()), toHex(roots[SIZE_MAX]!));
    assert.equal(toHex(restored.root()), toHex(roots[SIZE_MAX]!));
    assert.equal(toHex(begun.root()), before);
  }
});

test("a frontier that does not fit its size is refused", () => {
  assert.throws(() => new CompactTree(3, [leaves[0]!]), LogError);
  assert.throws(() => new CompactTree(1, [new Uint8Array(31)]), LogError);
  assert.throws(() => new CompactTree(-1, []), LogError);
  assert.throws(() => new CompactTree(2 ** 53, []), LogError);
});

test("inclusion of every leaf in every size, and nothing else", async () => {
  for (let size = 1; size <= SIZE_MAX; size++) {
    const root = roots[size]!;
    for (let seq = 0; seq < size; seq++) {
      const proof = await proveInclusion(seq, size, store.read);
      assert.deepEqual(hex(proof), hex(naivePath(seq, leaves.slice(0, size))));
      const leaf = leaves[seq]!;
      assert.ok(checkInclusion(seq, size, leaf, proof, root), `${seq} of ${size}`);
      refuseInclusion(seq, size, leaf, proof, root);
    }
  }
});

function refuseInclusion(
  seq: number,
  size: number,
  leaf: Uint8Array,
  proof: Uint8Array[],
  root: Uint8Array,
): void {
  const check = checkInclusion;
  const place = `${seq} of ${size}`;
  for (let other = 0; other < size; other++) {
    if (other !== seq) assert.ok(!check(other, size, leaf, proof, root), `${place} as ${other}`);
  }
  assert.ok(!check(size, size, leaf, proof, root), `${place} beyond the end`);
  assert.ok(!check(-1, size, leaf, proof, root), `${place} before the start`);
  assert.ok(!check(seq + 0.5, size, leaf, proof, root), `${place} in between`);
  assert.ok(
    !check(seq, size, leaves[(seq + 1) % SIZE_MAX]!, proof, root),
    `${place}: another leaf`,
  );
  assert.ok(!check(seq, size, leaf, proof, roots[size - 1]!), `${place}: another root`);
  assert.ok(!check(seq, size, leaf, [...proof, leaf], root), `${place}: too long`);
  assert.ok(!check(seq, size, leaf.subarray(1), proof, root), `${place}: a short leaf`);
  for (let i = 0; i < proof.length; i++) {
    assert.ok(!check(seq, size, leaf, proof.toSpliced(i, 1), root), `${place}: without hash ${i}`);
    assert.ok(!check(seq, size, leaf, spoilt(proof, i), root), `${place}: hash ${i} turned`);
  }
}

test("an inclusion proof holds for another size only where that tree has the same shape and root", async () => {
  for (let size = 1; size <= SIZE_MAX; size++) {
    for (let seq = 0; seq < size; seq++) {
      const proof = await proveInclusion(seq, size, store.read);
      for (let other = 1; other <= SIZE_MAX; other++) {
        if (other === size) continue;
        assert.ok(!checkInclusion(seq, other, leaves[seq]!, proof, roots[other]!));
      }
    }
  }
});

test("consistency of every pair of sizes, and nothing else", async () => {
  for (let to = 0; to <= SIZE_MAX; to++) {
    for (let from = 0; from <= to; from++) {
      const proof = await proveConsistency(from, to, store.read);
      const naive = from === 0 || from === to ? [] : naiveProof(from, leaves.slice(0, to));
      assert.deepEqual(hex(proof), hex(naive));
      assert.ok(checkConsistency(from, to, roots[from]!, roots[to]!, proof), `${from} to ${to}`);
      refuseConsistency(from, to, proof);
    }
  }
});

function refuseConsistency(from: number, to: number, proof: Uint8Array[]): void {
  const [a, b] = [roots[from]!, roots[to]!];
  const check = checkConsistency;
  const place = `${from} to ${to}`;
  const foreign = leafHash(Uint8Array.of(200));
  assert.ok(!check(from, to, foreign, b, proof), `${place}: another old root`);
  assert.ok(!check(from, to, a, b, [...proof, foreign]), `${place}: too long`);
  assert.ok(!check(to + 1, to, a, b, proof), `${place}: backwards`);
  assert.ok(!check(-1, to, a, b, proof), `${place}: below zero`);
  if (from > 0) assert.ok(!check(from, to, a, foreign, proof), `${place}: another new root`);
  for (let i = 0; i < proof.length; i++) {
    assert.ok(!check(from, to, a, b, proof.toSpliced(i, 1)), `${place}: without hash ${i}`);
    assert.ok(!check(from, to, a, b, spoilt(proof, i)), `${place}: hash ${i} turned`);
  }
  for (let other = 1; other < to; other++) {
    if (other === from || from === 0 || from === to) continue;
    assert.ok(!check(other, to, roots[other]!, b, proof), `${place}: proof taken for ${other}`);
  }
}

test("beyond one tile: proofs and roots read from three levels agree with the tree", async () => {
  const big = new TileStore();
  const all: Uint8Array[] = [];
  const sizes = [255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_001];
  const bigRoots = new Map<number, Uint8Array>();
  for (let i = 0; i < 66_001; i++) {
    const leaf = leafHash(Uint8Array.of(i & 255, (i >> 8) & 255, i >> 16));
    all.push(leaf);
    big.append(leaf);
    if (sizes.includes(i + 1)) bigRoots.set(i + 1, big.tree.root());
  }
  for (const size of sizes) {
    assert.equal(toHex(await rootAt(size, big.read)), toHex(bigRoots.get(size)!));
    for (const seq of [0, 1, 254, size >> 1, size - 2, size - 1]) {
      const proof = await proveInclusion(seq, size, big.read);
      assert.ok(
        checkInclusion(seq, size, all[seq]!, proof, bigRoots.get(size)!),
        `${seq} of ${size}`,
      );
    }
    for (const from of sizes.filter((other) => other <= size)) {
      const proof = await proveConsistency(from, size, big.read);
      const [a, b] = [bigRoots.get(from)!, bigRoots.get(size)!];
      assert.ok(checkConsistency(from, size, a, b, proof), `${from} to ${size}`);
    }
  }
});

test("nodes are announced once each, in order, at the heights of tiles", () => {
  const seen: string[] = [];
  const tree = new CompactTree();
  for (let i = 0; i < 600; i++) {
    tree.append(leaves[i % SIZE_MAX]!, (level, index) => seen.push(`${level}/${index} after ${i}`));
  }
  assert.deepEqual(seen, ["1/0 after 255", "1/1 after 511"]);
});

test("proofs that cannot exist, and tiles that hold too little, are errors", async () => {
  const code = (expected: string) => (error: unknown) =>
    error instanceof LogError && error.code === expected;
  await assert.rejects(proveInclusion(3, 3, store.read), code("invalid_proof"));
  await assert.rejects(proveInclusion(-1, 3, store.read), code("invalid_proof"));
  await assert.rejects(proveConsistency(4, 3, store.read), code("invalid_proof"));
  await assert.rejects(rootAt(SIZE_MAX + 1, store.read), code("invalid_tile"));
  await assert.rejects(
    rootAt(2, async () => [leaves[0]!, leaves[1]!.subarray(1)]),
    code("invalid_tile"),
  );
});
