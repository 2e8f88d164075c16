/** The secrets of sessions and links: 256 random bits in base64url, kept as their SHA-256. */
import { encodeUtf8, toHex } from "../../storage/log/bytes.ts";
import { sha256 } from "../../storage/log/hash.ts";

const SECRET_BYTES = 32;

export function makeSecret(randomBytes: (count: number) => Uint8Array): string {
  const text = btoa(String.fromCharCode(...randomBytes(SECRET_BYTES)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Under what a secret is kept. */
export function secretHash(secret: string): string {
  return toHex(sha256(encodeUtf8(secret)));
}
