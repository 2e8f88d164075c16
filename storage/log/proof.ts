/**
 * Inclusion and consistency proofs (RFC 9162 §2.1.3 and §2.1.4), made from tiles (c2sp.org/tlog-tiles) and checked without
 * them. A range of leaves that begins at a multiple of a power of two not smaller than it has a root of its own; every hash of a
 * proof is such a root, and each is folded from perfect subtrees, which tiles hold.
 */
import { equalBytes } from "./bytes.ts";
import { LogError } from "./errors.ts";
import { emptyRoot, HASH_BYTES, nodeHash, sha256, type Sha256 } from "./hash.ts";
import { foldFrontier, TILE_HEIGHT, TILE_WIDTH } from "./tree.ts";

/**
 * Gives the first `width` hashes of a tile: at level 0 leaves, at level L the roots of perfect subtrees of height 8·L;
 * the first of them is number 256·index. Proofs read each tile once.
 */
export type TileReader = (level: number, index: number, width: number) => Promise<Uint8Array[]>;

/** The proof that leaf `seq` is in the tree of `size` leaves, from the leaf's sibling up; see `checkInclusion`. */
export async function proveInclusion(
  seq: number,
  size: number,
  tiles: TileReader,
  hash: Sha256 = sha256,
): Promise<Uint8Array[]> {
  assertSizes(seq, size - 1);
  const subtrees = new Subtrees(size, tiles, hash);
  const siblings: Range[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + splitPoint(end - start);
    if (seq < middle) {
      siblings.push([middle, end]);
      end = middle;
    } else {
      siblings.push([start, middle]);
      start = middle;
    }
  }
  return subtrees.roots(siblings.reverse());
}

/** The proof that the tree of `to` leaves begins with that of `from`; empty from 0 and from itself. See `checkConsistency`. */
export async function proveConsistency(
  from: number,
  to: number,
  tiles: TileReader,
  hash: Sha256 = sha256,
): Promise<Uint8Array[]> {
  assertSizes(from, to);
  if (from === 0 || from === to) return [];
  const ranges: Range[] = [];
  let [start, end] = [0, to];
  while (from < end) {
    const middle = start + splitPoint(end - start);
    if (from <= middle) {
      ranges.push([middle, end]);
      end = middle;
    } else {
      ranges.push([start, middle]);
      start = middle;
    }
  }
  // What is left is a subtree of both trees. If it begins at 0 it is the whole old tree, whose root the checker has.
  if (start > 0) ranges.push([start, end]);
  return new Subtrees(to, tiles, hash).roots(ranges.reverse());
}

/** The root of the first `size` leaves. */
export async function rootAt(
  size: number,
  tiles: TileReader,
  hash: Sha256 = sha256,
): Promise<Uint8Array> {
  return foldFrontier(await frontierAt(size, tiles, hash), hash);
}

/** The roots of the perfect subtrees that cover the first `size` leaves, largest first. */
export async function frontierAt(
  size: number,
  tiles: TileReader,
  hash: Sha256 = sha256,
): Promise<Uint8Array[]> {
  assertSizes(0, size);
  return new Subtrees(size, tiles, hash).perfect([0, size]);
}

/** Leaves from the first number up to, not including, the second. */
type Range = readonly [start: number, end: number];

/** Roots of ranges in the tree of `size` leaves; no tile is asked to hold more than that tree has. */
class Subtrees {
  private readonly size: number;
  private readonly tiles: TileReader;
  private readonly hash: Sha256;
  private readonly read = new Map<string, Promise<Uint8Array[]>>();

  constructor(size: number, tiles: TileReader, hash: Sha256) {
    this.size = size;
    this.tiles = tiles;
    this.hash = hash;
  }

  roots(ranges: readonly Range[]): Promise<Uint8Array[]> {
    return Promise.all(
      ranges.map(async (range) => foldFrontier(await this.perfect(range), this.hash)),
    );
  }

  /** The roots of the perfect subtrees that cover a range, largest first. */
  perfect([start, end]: Range): Promise<Uint8Array[]> {
    const nodes: Promise<Uint8Array>[] = [];
    while (start < end) {
      let height = 0;
      for (let width = 2; width <= end - start; width *= 2) height++;
      nodes.push(this.node(height, start / 2 ** height));
      start += 2 ** height;
    }
    return Promise.all(nodes);
  }

  /** The index-th perfect subtree of a height: folded from up to 128 hashes of one tile. */
  private async node(height: number, index: number): Promise<Uint8Array> {
    const level = Math.floor(height / TILE_HEIGHT);
    const width = 2 ** (height % TILE_HEIGHT);
    const first = index * width;
    const tile = await this.tile(level, Math.floor(first / TILE_WIDTH));
    let row = tile.slice(first % TILE_WIDTH, (first % TILE_WIDTH) + width);
    while (row.length > 1) {
      row = row.flatMap((left, i) => (i % 2 === 0 ? [nodeHash(left, row[i + 1]!, this.hash)] : []));
    }
    return row[0]!;
  }

  private tile(level: number, index: number): Promise<Uint8Array[]> {
    const key = `${level}/${index}`;
    const known = this.read.get(key);
    if (known !== undefined) return known;
    const held = Math.floor(this.size / TILE_WIDTH ** level) - index * TILE_WIDTH;
    const tile = this.readTile(level, index, Math.min(held, TILE_WIDTH));
    this.read.set(key, tile);
    return tile;
  }

  private async readTile(level: number, index: number, width: number): Promise<Uint8Array[]> {
    const hashes = await this.tiles(level, index, width);
    if (hashes.length !== width || hashes.some((node) => node.length !== HASH_BYTES)) {
      throw new LogError("invalid_tile", `tile ${level}/${index} does not hold ${width} hashes`);
    }
    return hashes;
  }
}

/** The largest power of two smaller than `width` (RFC 6962 §2.1), for widths above 1. */
function splitPoint(width: number): number {
  let split = 1;
  while (split * 2 < width) split *= 2;
  return split;
}

function assertSizes(from: number, to: number): void {
  if (!areSizes(from, to))
    throw new LogError("invalid_proof", `no proof from ${from} to ${to} exists`);
}

function areSizes(from: number, to: number): boolean {
  return Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 0 && from <= to;
}

/** Told of each step of a proof: the sibling, on which side it stands, and the node above both. */
export type OnStep = (sibling: Uint8Array, side: "left" | "right", node: Uint8Array) => void;

/** True if the proof shows that `leaf` is number `seq` of the tree of `size` leaves with this root (RFC 9162 §2.1.3.2). */
export function checkInclusion(
  seq: number,
  size: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
  root: Uint8Array,
  hash: Sha256 = sha256,
  onStep: OnStep = () => {},
): boolean {
  if (!areSizes(seq, size) || seq === size || !areHashes([leaf, root, ...proof])) return false;
  let [index, last, node] = [seq, size - 1, leaf];
  for (const sibling of proof) {
    if (last === 0) return false;
    if (index % 2 === 1 || index === last) {
      node = nodeHash(sibling, node, hash);
      onStep(sibling, "left", node);
      while (index % 2 === 0 && index !== 0) [index, last] = [index / 2, Math.floor(last / 2)];
    } else {
      node = nodeHash(node, sibling, hash);
      onStep(sibling, "right", node);
    }
    [index, last] = [Math.floor(index / 2), Math.floor(last / 2)];
  }
  return last === 0 && equalBytes(node, root);
}

/**
 * True if the proof shows that the tree of `to` leaves begins with the tree of `from` leaves (RFC 9162 §2.1.4.2). From 0
 * and from itself the proof is empty; the root of an empty tree must be the hash of nothing.
 */
export function checkConsistency(
  from: number,
  to: number,
  fromRoot: Uint8Array,
  toRoot: Uint8Array,
  proof: readonly Uint8Array[],
  hash: Sha256 = sha256,
): boolean {
  if (!areSizes(from, to) || !areHashes([fromRoot, toRoot, ...proof])) return false;
  if (to === 0 && !equalBytes(toRoot, emptyRoot(hash))) return false;
  if (from === to) return proof.length === 0 && equalBytes(fromRoot, toRoot);
  if (from === 0) return proof.length === 0 && equalBytes(fromRoot, emptyRoot(hash));
  return climbConsistency(from, to, fromRoot, toRoot, proof, hash);
}

function climbConsistency(
  from: number,
  to: number,
  fromRoot: Uint8Array,
  toRoot: Uint8Array,
  proof: readonly Uint8Array[],
  hash: Sha256,
): boolean {
  let [index, last] = [from - 1, to - 1];
  while (index % 2 === 1) [index, last] = [(index - 1) / 2, Math.floor(last / 2)];
  // A whole old tree that is a perfect subtree of the new one is left out of the proof: its root is known.
  const hashes = index === 0 ? [fromRoot, ...proof] : proof;
  const [first, ...rest] = hashes;
  if (first === undefined) return false;
  let [old, now] = [first, first];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (index % 2 === 1 || index === last) {
      old = nodeHash(sibling, old, hash);
      now = nodeHash(sibling, now, hash);
      while (index % 2 === 0 && index !== 0) [index, last] = [index / 2, Math.floor(last / 2)];
    } else {
      now = nodeHash(now, sibling, hash);
    }
    [index, last] = [Math.floor(index / 2), Math.floor(last / 2)];
  }
  return last === 0 && equalBytes(old, fromRoot) && equalBytes(now, toRoot);
}

function areHashes(hashes: readonly Uint8Array[]): boolean {
  return hashes.every((hash) => hash.length === HASH_BYTES);
}
