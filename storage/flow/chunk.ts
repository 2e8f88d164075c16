/**
 * Grows a log by lines and cuts what was added into chunks for commit 1: place, leaf, tree, head. Appending,
 * bringing an index up from the vault, restoring and recovering all build their commits here, so
 * they cannot come to differ.
 */
import { fromHex, toHex } from "../log/bytes.ts";
import { leafHash, sha256 as nobleSha256, ZERO_HASH, type Head, type Sha256 } from "../log/hash.ts";
import { CompactTree } from "../log/tree.ts";
import type { ChunkCommit, EventRecord, IndexHead, TreeNode } from "../ports.ts";

/**
 * Most bytes of lines in one chunk. sqld takes a value of 4 MB at most; the longest line (65,535 bytes)
 * may come on top of a chunk that was just under the limit: 3,500,000 + 65,535 < 4,000,000.
 */
export const CHUNK_BYTES_MAX = 3_500_000;

export const EMPTY_HEAD: IndexHead = { size: 0, leaf: ZERO_HASH, frontier: "", time: "" };

const HASH_HEX_LENGTH = 64;

/** Frontier text (hex, concatenated) to hashes, largest subtree first. */
export function parseFrontier(text: string): Uint8Array[] {
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < text.length; at += HASH_HEX_LENGTH) {
    hashes.push(fromHex(text.slice(at, at + HASH_HEX_LENGTH)));
  }
  return hashes;
}

/** The inverse of `parseFrontier`. */
export function formatFrontier(hashes: readonly Uint8Array[]): string {
  return hashes.map(toHex).join("");
}

/** A compact tree that stands where `head` stands. */
export function treeAt(head: Pick<IndexHead, "size" | "frontier">, sha256?: Sha256): CompactTree {
  return new CompactTree(head.size, parseFrontier(head.frontier), sha256);
}

/** A line ends in `,"time":"…","v":1}` (FORMAT §3): the time is its last 32 to 9 characters. */
export function timeOfLine(line: string): string {
  return line.slice(-32, -8);
}

export function sameHead(a: Head, b: Head): boolean {
  return a.size === b.size && a.leaf === b.leaf;
}

export class ChunkBuilder {
  readonly #log: string;
  readonly #tree: CompactTree;
  readonly #sha256: Sha256;
  readonly #bytesMax: number;
  readonly #commits: ChunkCommit[] = [];
  #before: IndexHead;
  #leaf: string;
  #time: string;
  #lines: string[] = [];
  #lineBytes = 0;
  #leaves: Uint8Array[] = [];
  #nodes: TreeNode[] = [];
  #ids: EventRecord[] = [];

  /** `bytesMax`: of lines in one chunk, at most `CHUNK_BYTES_MAX`. */
  constructor(
    log: string,
    head: IndexHead,
    sha256: Sha256 = nobleSha256,
    bytesMax: number = CHUNK_BYTES_MAX,
  ) {
    this.#log = log;
    this.#tree = treeAt(head, sha256);
    this.#sha256 = sha256;
    this.#before = head;
    this.#leaf = head.leaf;
    this.#time = head.time;
    this.#bytesMax = bytesMax;
  }

  /** `seq` of the next line. */
  get size(): number {
    return this.#tree.size;
  }

  /** Leaf of the last line, hex: the next line's `prev`. */
  get leaf(): string {
    return this.#leaf;
  }

  get time(): string {
    return this.#time;
  }

  /** Adds one line (its text and the same in UTF-8) and returns its leaf in hex. */
  add(text: string, bytes: Uint8Array, time: string): string {
    if (this.#lineBytes + bytes.length > this.#bytesMax && this.#lines.length > 0) this.#cut();
    const leaf = leafHash(bytes, this.#sha256);
    this.#tree.append(leaf, (level, index, hash) => this.#nodes.push({ level, index, hash }));
    this.#lines.push(text);
    this.#lineBytes += bytes.length + 1;
    this.#leaves.push(leaf);
    this.#leaf = toHex(leaf);
    this.#time = time;
    return this.#leaf;
  }

  /** Remembers the id of the line just added. */
  addId(record: EventRecord): void {
    this.#ids.push(record);
  }

  /** The head as it will be. */
  head(): IndexHead {
    return {
      size: this.#tree.size,
      leaf: this.#leaf,
      frontier: formatFrontier(this.#tree.frontier()),
      time: this.#time,
    };
  }

  root(): Uint8Array {
    return this.#tree.root();
  }

  /** Everything added since the start (or since the last `take`), as steps of one commit. */
  take(): ChunkCommit[] {
    if (this.#lines.length > 0) this.#cut();
    return this.#commits.splice(0);
  }

  #cut(): void {
    const after = this.head();
    this.#commits.push({
      log: this.#log,
      first: this.#before.size,
      count: this.#lines.length,
      lines: this.#lines.join("\n"),
      leaves: joinHashes(this.#leaves),
      before: { size: this.#before.size, leaf: this.#before.leaf },
      after,
      nodes: this.#nodes,
      ids: this.#ids,
    });
    this.#before = after;
    this.#lines = [];
    this.#lineBytes = 0;
    this.#leaves = [];
    this.#nodes = [];
    this.#ids = [];
  }
}

function joinHashes(hashes: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(hashes.length * 32);
  hashes.forEach((hash, index) => joined.set(hash, index * 32));
  return joined;
}
