/**
 * SHA-256 by OpenSSL, in half the time that its plain call takes: the digest comes as a string of 32 bytes, which costs no
 * buffer outside the heap, and an array so small lies inside it.
 */
import { hash } from "node:crypto";
import { HASH_BYTES, type Sha256 } from "../../storage/log/hash.ts";

export const fastSha256: Sha256 = (data) => {
  const digest = hash("sha256", data, "binary");
  const bytes = new Uint8Array(HASH_BYTES);
  for (let i = 0; i < HASH_BYTES; i++) bytes[i] = digest.charCodeAt(i);
  return bytes;
};
