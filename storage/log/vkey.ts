/**
 * Verifier keys of signed notes: `<name>+<8 hex digits of key id>+<base64(0x01 ‖ public key)>`, where the key id is the first
 * four bytes of SHA-256(name ‖ "\n" ‖ 0x01 ‖ public key). The name is the origin for a log key, `<origin>/receipt` for a receipt key.
 */
import { concatBytes, encodeUtf8, fromBase64, toBase64, toHex } from "./bytes.ts";
import { attempt, LogError } from "./errors.ts";
import { sha256 } from "./hash.ts";

export const KEY_ID_BYTES = 4;
export const PUBLIC_KEY_BYTES = 32;
/** The signature type of plain Ed25519 (c2sp.org/signed-note). */
const ED25519 = 1;

/** What it takes to verify one key's signatures. */
export interface VerifierKey {
  readonly name: string;
  readonly keyId: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** The vkey of a public key under a name; throws `invalid_vkey` for a name that cannot stand in a note. */
export function formatVkey(name: string, publicKey: Uint8Array): string {
  return `${name}+${toHex(keyIdOf(name, publicKey))}+${toBase64(typed(publicKey))}`;
}

/** The key of a vkey; throws `invalid_vkey` for anything that `formatVkey` would not have written. */
export function parseVkey(text: string): VerifierKey {
  const [name = "", id = ""] = text.split("+", 2);
  const bytes = attempt("invalid_vkey", "not a verifier key: <name>+<key id>+<base64>", () =>
    fromBase64(text.slice(name.length + id.length + 2)),
  );
  if (bytes.length !== 1 + PUBLIC_KEY_BYTES || bytes[0] !== ED25519) {
    throw new LogError("invalid_vkey", "not an Ed25519 key");
  }
  const publicKey = bytes.slice(1);
  if (formatVkey(name, publicKey) !== text) {
    throw new LogError("invalid_vkey", "the key id is not that of this name and key");
  }
  return { name, keyId: keyIdOf(name, publicKey), publicKey };
}

/** The key of a name and public key: what `parseVkey` gives for their vkey. */
export function keyOf(name: string, publicKey: Uint8Array): VerifierKey {
  return { name, keyId: keyIdOf(name, publicKey), publicKey };
}

/** A name that can stand in a note: not empty, without white space, control characters or a plus. */
export function isKeyName(name: string): boolean {
  return name !== "" && !/[\s+\p{Cc}\p{Cs}]/u.test(name);
}

/** The first four bytes of SHA-256(name ‖ "\n" ‖ type ‖ public key). */
export function keyIdOf(name: string, publicKey: Uint8Array): Uint8Array {
  if (!isKeyName(name)) throw new LogError("invalid_vkey", "not a key name");
  if (publicKey.length !== PUBLIC_KEY_BYTES) {
    throw new LogError("invalid_vkey", `a public key has ${PUBLIC_KEY_BYTES} bytes`);
  }
  return sha256(concatBytes(encodeUtf8(name + "\n"), typed(publicKey))).slice(0, KEY_ID_BYTES);
}

function typed(publicKey: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(ED25519), publicKey);
}
