/**
 * Hashes of lines and of tree nodes (RFC 6962 §2.1): leaf = SHA-256(0x00 ‖ line), node = SHA-256(0x01 ‖ left ‖ right).
 * The leaf of an entry is also the next entry's `prev`. SHA-256 itself is a parameter, @noble/hashes unless given: where the
 * platform has a faster one (Node's `crypto.hash`), the caller passes it in.
 */
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";

/** SHA-256 of the data: 32 new bytes. It must not keep the array that it is given. */
export type Sha256 = (data: Uint8Array) => Uint8Array;

/** How far a log goes: `size` entries, of which the last has this leaf (hex; `ZERO_HASH` at size 0). */
export interface Head {
  readonly size: number;
  readonly leaf: string;
}

export const HASH_BYTES = 32;
/** The `prev` of the first entry. */
export const ZERO_HASH = "0".repeat(2 * HASH_BYTES);

/** SHA-256 of bytes that come one after the other. */
export interface Sha256Stream {
  update(data: Uint8Array): Sha256Stream;
  /** Once, after the last of them. */
  digest(): Uint8Array;
}

const LEAF_PREFIX = 0;
const NODE_PREFIX = 1;

export const sha256: Sha256 = (data) => nobleSha256(data);
export const newSha256 = (): Sha256Stream => nobleSha256.create();

/** Lines are copied behind their prefix here; one room for all, since nothing in between can interrupt a hash. */
const leafRoom = new Uint8Array(1 + 65_535);
leafRoom[0] = LEAF_PREFIX;
const nodeRoom = new Uint8Array(1 + 2 * HASH_BYTES);
nodeRoom[0] = NODE_PREFIX;

/** The leaf of an entry line's exact bytes. */
export function leafHash(line: Uint8Array, hash: Sha256 = sha256): Uint8Array {
  if (line.length < leafRoom.length) {
    leafRoom.set(line, 1);
    return hash(leafRoom.subarray(0, line.length + 1));
  }
  const prefixed = new Uint8Array(1 + line.length);
  prefixed.set(line, 1);
  return hash(prefixed);
}

/** The node above two nodes of 32 bytes each. */
export function nodeHash(left: Uint8Array, right: Uint8Array, hash: Sha256 = sha256): Uint8Array {
  nodeRoom.set(left, 1);
  nodeRoom.set(right, 1 + HASH_BYTES);
  return hash(nodeRoom);
}

/** The root of a tree without leaves: SHA-256 of nothing. */
export function emptyRoot(hash: Sha256 = sha256): Uint8Array {
  return hash(new Uint8Array(0));
}
