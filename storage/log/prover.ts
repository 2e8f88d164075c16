/**
 * Inclusion proofs for many entries of one tree (RFC 9162 §2.1.3.1), in ascending order: what `proveInclusion` gives for each of
 * them, for the price of one hash and some look-ups in memory, and each is sure to hold. Of each level of tiles the last ones are kept with all hashes above their leaves,
 * and the roots of the ragged right edge, of which there is at most one a height, are kept for good. Hashes are given as base64, which
 * is what receipts hold: most of them stand in many proofs.
 */
import { equalBytes, toBase64 } from "./bytes.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { LogError } from "./errors.ts";
import { HASH_BYTES, nodeHash, sha256, type Sha256 } from "./hash.ts";
import { checkInclusion, type TileReader } from "./proof.ts";
import { foldFrontier, TILE_HEIGHT, TILE_WIDTH } from "./tree.ts";

/** Tiles of one level that are kept: the one that is walked through, and those that the right edge is folded from. */
const TILES_KEPT = 8;

/** A root with its spelling, made when it is first asked for. */
interface Node {
  readonly hash: Uint8Array;
  text: string;
}

/** `rows[h]` holds the roots of the perfect subtrees of height h inside one tile. */
type Pyramid = readonly (readonly Node[])[];

export class InclusionProver {
  readonly #size: number;
  readonly #treeRoot: Uint8Array;
  readonly #tiles: TileReader;
  readonly #hash: Sha256;
  readonly #kept = new Map<number, Map<number, Promise<Pyramid>>>();
  readonly #edge = new Map<string, Promise<Node>>();
  /** The tile of the last proof: its own hashes, and the siblings above it, which are the same for all its leaves. */
  #tile: TileAt | null = null;

  /** For the tree of a checkpoint. `tiles` is asked for nothing beyond it. */
  constructor(
    { size, root }: Pick<Checkpoint, "size" | "root">,
    tiles: TileReader,
    hash: Sha256 = sha256,
  ) {
    this.#size = size;
    this.#treeRoot = root;
    this.#tiles = tiles;
    this.#hash = hash;
  }

  /**
   * The proof that `leaf` is number `seq`, in base64, its sibling first. Throws `invalid_proof` beyond the tree, `root_mismatch` where it
   * would not hold, `invalid_tile`, and what the reader throws.
   */
  async prove(seq: number, leaf: Uint8Array): Promise<string[]> {
    if (!Number.isSafeInteger(seq) || seq < 0 || seq >= this.#size) {
      throw new LogError("invalid_proof", `no proof of ${seq} in a tree of ${this.#size} exists`);
    }
    const index = Math.floor(seq / TILE_WIDTH);
    const tile = this.#tile?.index === index ? this.#tile : await this.#open(index, seq);
    this.#tile = tile;
    const known = tile.rows[0]![seq % TILE_WIDTH]!;
    if (!equalBytes(known.hash, leaf)) throw mismatch(seq);
    const below =
      tile.rows[0]!.length < TILE_WIDTH
        ? await this.#roots(this.#siblings(seq)[0])
        : pairsOf(tile.rows, seq % TILE_WIDTH);
    return [...below, ...tile.above].map(textOf);
  }

  /** All hashes of a tile are made from its leaves, so if one proof through it holds, all do. */
  async #open(index: number, seq: number): Promise<TileAt> {
    const [low, high] = this.#siblings(seq);
    const above = await this.#roots(high);
    const rows = await this.#pyramid(0, index);
    const proof = [...(await this.#roots(low)), ...above].map(({ hash }) => hash);
    const leaf = rows[0]![seq % TILE_WIDTH]!.hash;
    if (!checkInclusion(seq, this.#size, leaf, proof, this.#treeRoot, this.#hash)) {
      throw mismatch(seq);
    }
    return { index, rows, above };
  }

  #roots(ranges: readonly Range[]): Promise<Node[]> {
    return Promise.all(ranges.map((range) => this.#root(range)));
  }

  /** The ranges that stand beside the way to the root, lowest first: those of less than a tile, and those above. */
  #siblings(seq: number): [low: Range[], high: Range[]] {
    const [low, high]: [Range[], Range[]] = [[], []];
    const tileStart = seq - (seq % TILE_WIDTH);
    let [start, end] = [0, this.#size];
    while (end - start > 1) {
      let split = 1;
      while (split * 2 < end - start) split *= 2;
      const middle = start + split;
      const sibling: Range = seq < middle ? [middle, end] : [start, middle];
      if (seq < middle) end = middle;
      else start = middle;
      // Beside the way inside its own tile lies what belongs to no other leaf's way.
      (sibling[0] >= tileStart && sibling[0] < tileStart + TILE_WIDTH ? low : high).push(sibling);
    }
    return [low.reverse(), high.reverse()];
  }

  #root([start, end]: Range): Promise<Node> {
    const height = Math.log2(end - start);
    if (Number.isInteger(height)) return this.#node(height, start / (end - start));
    const key = `${start}-${end}`;
    const known = this.#edge.get(key);
    if (known !== undefined) return known;
    const folding = this.#fold([start, end]);
    this.#edge.set(key, folding);
    return folding;
  }

  async #fold([start, end]: Range): Promise<Node> {
    const nodes: Uint8Array[] = [];
    for (let at = start; at < end;) {
      let height = 0;
      while (2 ** (height + 1) <= end - at) height++;
      nodes.push((await this.#node(height, at / 2 ** height)).hash);
      at += 2 ** height;
    }
    return newNode(foldFrontier(nodes, this.#hash));
  }

  /** The index-th perfect subtree of a height. */
  async #node(height: number, index: number): Promise<Node> {
    const level = Math.floor(height / TILE_HEIGHT);
    const row = height % TILE_HEIGHT;
    const perTile = TILE_WIDTH / 2 ** row;
    const pyramid = await this.#pyramid(level, Math.floor(index / perTile));
    return pyramid[row]![index % perTile]!;
  }

  #pyramid(level: number, index: number): Promise<Pyramid> {
    let kept = this.#kept.get(level);
    if (kept === undefined) this.#kept.set(level, (kept = new Map()));
    const known = kept.get(index);
    if (known !== undefined) return known;
    const reading = this.#read(level, index);
    kept.set(index, reading);
    for (const oldest of kept.keys()) {
      if (kept.size <= TILES_KEPT) break;
      kept.delete(oldest);
    }
    return reading;
  }

  async #read(level: number, index: number): Promise<Pyramid> {
    const held = Math.floor(this.#size / TILE_WIDTH ** level) - index * TILE_WIDTH;
    const width = Math.min(held, TILE_WIDTH);
    const hashes = await this.#tiles(level, index, width);
    if (hashes.length !== width || hashes.some((hash) => hash.length !== HASH_BYTES)) {
      throw new LogError("invalid_tile", `tile ${level}/${index} does not hold ${width} hashes`);
    }
    const rows: Node[][] = [hashes.map(newNode)];
    for (
      let below = rows[0]!;
      rows.length < TILE_HEIGHT && below.length > 1;
      below = rows.at(-1)!
    ) {
      const row: Node[] = [];
      for (let i = 0; i + 1 < below.length; i += 2) {
        row.push(newNode(nodeHash(below[i]!.hash, below[i + 1]!.hash, this.#hash)));
      }
      rows.push(row);
    }
    return rows;
  }
}

interface TileAt {
  readonly index: number;
  readonly rows: Pyramid;
  readonly above: readonly Node[];
}

/** Of each height inside a whole tile the one beside the way of leaf `at`. */
function pairsOf(rows: Pyramid, at: number): Node[] {
  return rows.map((row, height) => row[Math.floor(at / 2 ** height) ^ 1]!);
}

function mismatch(seq: number): LogError {
  const detail = `entry ${seq} is not under the root that was signed`;
  return new LogError("root_mismatch", detail, { seq });
}

/** Leaves from the first number up to, not including, the second. */
type Range = readonly [start: number, end: number];

function newNode(hash: Uint8Array): Node {
  return { hash, text: "" };
}

function textOf(node: Node): string {
  if (node.text === "") node.text = toBase64(node.hash);
  return node.text;
}
