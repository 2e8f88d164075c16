/** Signers made of seeds, for tests only: real keys never come near this code. */
import { getPublicKey, hashes, sign } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import { formatVkey, type NoteSigner } from "../../storage/log/note.ts";

hashes.sha512 = sha512;

export function signerOf(name: string, seed: Uint8Array): NoteSigner {
  return {
    vkey: formatVkey(name, getPublicKey(seed)),
    sign: async (message) => sign(message, seed),
  };
}
