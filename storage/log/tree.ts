/**
 * A Merkle tree (RFC 6962 §2.1) of which only the right edge is kept: the roots of the perfect subtrees that cover its
 * leaves, largest first, one for each bit set in the size. Appending needs no more, and neither does the root.
 * Sizes go to 2^53 - 1, so there are no bitwise operators here, which stop at 2^31.
 */
import { LogError } from "./errors.ts";
import { emptyRoot, HASH_BYTES, nodeHash, sha256, type Sha256 } from "./hash.ts";

/** A tile holds the hashes of eight levels: 256 across. */
export const TILE_HEIGHT = 8;
export const TILE_WIDTH = 256;

/** Told of each perfect subtree of height 8·tileLevel, tileLevel ≥ 1, that has become whole: it is the index-th of its kind. */
export type OnNode = (tileLevel: number, index: number, hash: Uint8Array) => void;

export class CompactTree {
  private readonly hash: Sha256;
  private readonly nodes: Uint8Array[];
  private leaves: number;

  /** A tree of `size` leaves with this frontier, largest subtree first; throws `invalid_proof` if they do not match. */
  constructor(size = 0, frontier: readonly Uint8Array[] = [], hash: Sha256 = sha256) {
    if (frontier.length !== frontierLength(size)) {
      const detail = `a tree of ${size} leaves has ${frontierLength(size)} subtrees, not ${frontier.length}`;
      throw new LogError("invalid_proof", detail);
    }
    if (frontier.some((node) => node.length !== HASH_BYTES)) {
      throw new LogError("invalid_proof", `a node has ${HASH_BYTES} bytes`);
    }
    this.leaves = size;
    this.nodes = [...frontier];
    this.hash = hash;
  }

  get size(): number {
    return this.leaves;
  }

  /** Adds the next leaf. The array is kept: it must not be changed afterwards. */
  append(leaf: Uint8Array, onNode?: OnNode): void {
    let node = leaf;
    let index = this.leaves;
    for (let height = 1; index % 2 === 1; height++) {
      node = nodeHash(this.nodes.pop()!, node, this.hash);
      index = (index - 1) / 2;
      if (onNode !== undefined && height % TILE_HEIGHT === 0)
        onNode(height / TILE_HEIGHT, index, node);
    }
    this.nodes.push(node);
    this.leaves++;
  }

  /** The root of all leaves, 32 bytes. */
  root(): Uint8Array {
    return foldFrontier(this.nodes, this.hash);
  }

  /** The roots of the perfect subtrees, largest first: a copy of the list. */
  frontier(): Uint8Array[] {
    return [...this.nodes];
  }

  clone(): CompactTree {
    return new CompactTree(this.leaves, this.nodes, this.hash);
  }
}

/** How many perfect subtrees cover `size` leaves: one a bit set. */
export function frontierLength(size: number): number {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new LogError("invalid_proof", "a size is a whole number from 0 to 2^53-1");
  }
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}

/** The root above a frontier, from the smallest subtree up. */
export function foldFrontier(frontier: readonly Uint8Array[], hash: Sha256 = sha256): Uint8Array {
  if (frontier.length === 0) return emptyRoot(hash);
  return frontier.reduceRight((right, left) => nodeHash(left, right, hash));
}
