/**
 * Checks the receipts of many entries that lead to one checkpoint. Those of one whole tile (256 entries) are the same from the ninth hash on, so
 * of the next one only what lies below has to be hashed; a receipt that differs anywhere else is checked as a whole.
 */
import { equalBytes, fromBase64 } from "./bytes.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { LogError } from "./errors.ts";
import { HASH_BYTES, nodeHash, sha256, type Sha256 } from "./hash.ts";
import { checkInclusion } from "./proof.ts";
import { formatReceiptOf, parseReceipt } from "./receipt.ts";
import { TILE_HEIGHT, TILE_WIDTH } from "./tree.ts";

/** What the last proof went through above its tile. */
interface Proven {
  readonly tile: number;
  readonly node: Uint8Array;
  /** The receipt's text from there on, the note included. */
  readonly rest: string;
}

export class ReceiptWalk {
  readonly #checkpoint: Pick<Checkpoint, "size" | "root">;
  readonly #note: string;
  readonly #hash: Sha256;
  #proven: Proven | null = null;

  /** `note` was opened as `checkpoint`, and is what receipts have to end in. */
  constructor(checkpoint: Pick<Checkpoint, "size" | "root">, note: string, hash: Sha256 = sha256) {
    this.#checkpoint = checkpoint;
    this.#note = note;
    this.#hash = hash;
  }

  /** Throws `invalid_receipt` unless the receipt proves that `leaf` is entry `seq`. */
  check(seq: number, leaf: Uint8Array, receipt: string): void {
    if (this.#isUnderProven(seq, leaf, receipt)) return;
    const { seq: index, proof, checkpoint: note } = parseReceipt(receipt);
    if (index !== seq || note !== this.#note) {
      throw new LogError(
        "invalid_receipt",
        "a receipt of another entry, or for another checkpoint",
      );
    }
    const { size, root } = this.#checkpoint;
    if (!checkInclusion(seq, size, leaf, proof, root, this.#hash)) {
      throw new LogError("invalid_receipt", "a proof that leads elsewhere");
    }
    const tile = Math.floor(seq / TILE_WIDTH);
    if ((tile + 1) * TILE_WIDTH > size) return;
    const node = this.#fold(seq, leaf, proof.slice(0, TILE_HEIGHT));
    this.#proven = { tile, node, rest: receipt.slice(restAt(seq)) };
  }

  #isUnderProven(seq: number, leaf: Uint8Array, receipt: string): boolean {
    const proven = this.#proven;
    if (proven?.tile !== Math.floor(seq / TILE_WIDTH)) return false;
    const start = receiptStart(seq);
    const at = restAt(seq);
    if (!receipt.startsWith(start) || receipt.slice(at) !== proven.rest) return false;
    const lines = receipt.slice(start.length, at).split("\n");
    if (lines.length !== TILE_HEIGHT + 1) return false;
    try {
      const hashes = lines.slice(0, TILE_HEIGHT).map(fromBase64);
      if (hashes.some(({ length }) => length !== HASH_BYTES)) return false;
      return equalBytes(this.#fold(seq, leaf, hashes), proven.node);
    } catch {
      return false;
    }
  }

  /** The root of the perfect subtree that the siblings lead to. */
  #fold(seq: number, leaf: Uint8Array, siblings: readonly Uint8Array[]): Uint8Array {
    let [node, at] = [leaf, seq % TILE_WIDTH];
    for (const sibling of siblings) {
      node =
        at % 2 === 1 ? nodeHash(sibling, node, this.#hash) : nodeHash(node, sibling, this.#hash);
      at = Math.floor(at / 2);
    }
    return node;
  }
}

/** 32 bytes in base64, and a newline. */
const HASH_LINE_CHARS = 45;

/** A receipt's first lines. */
function receiptStart(seq: number): string {
  return formatReceiptOf(seq, [], "").slice(0, -1);
}

/** Where what is above a tile begins in the receipt of one of its entries. */
function restAt(seq: number): number {
  return receiptStart(seq).length + TILE_HEIGHT * HASH_LINE_CHARS;
}
