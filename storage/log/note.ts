/**
 * Signed notes (c2sp.org/signed-note): a text that ends in a newline, an empty line, and one or more signature lines
 * `— <key name> <base64(key id ‖ signature)>`. Only Ed25519 (type 0x01) is signed and verified here. A key that is known must
 * have signed rightly or the whole note is refused; keys that are not known are passed over.
 */
import { hashes, verify as nobleVerify } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import { concatBytes, encodeUtf8, equalBytes, fromBase64, toBase64, utf8Length } from "./bytes.ts";
import { attempt, LogError } from "./errors.ts";
import { hasControl } from "./event.ts";
import { isKeyName, KEY_ID_BYTES, parseVkey, type VerifierKey } from "./vkey.ts";

export { formatVkey, parseVkey, type VerifierKey } from "./vkey.ts";

export const SIGNATURE_BYTES = 64;
/** A checkpoint and a hundred cosignatures stay far below. */
export const NOTE_BYTES_MAX = 65_536;
export const SIGNATURES_MAX = 100;

/** True if `signature` (64 bytes) is the Ed25519 signature of the message; RFC 8032, without leniency. */
export type Verify = (
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: Uint8Array,
) => boolean | Promise<boolean>;

/** Who can sign as the key of a vkey; where its secret is, nobody here knows. */
export interface NoteSigner {
  readonly vkey: string;
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** A note whose signatures by known keys all verified; `signers` are those keys, in the note's order. */
export interface OpenedNote {
  readonly text: string;
  readonly signers: readonly VerifierKey[];
}

/** A note in its parts, no signature verified. */
export interface ParsedNote {
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export interface NoteSignature {
  readonly name: string;
  readonly keyId: Uint8Array;
  readonly signature: Uint8Array;
}

/** Ed25519 by @noble/ed25519: what `openNote` uses unless the platform's own is given. */
export const verifyEd25519: Verify = (signature, message, publicKey) => {
  hashes.sha512 ??= sha512;
  return nobleVerify(signature, message, publicKey, { zip215: false });
};

const SIGNATURE_START = "\u2014 ";

/** The note of a text, with one signature; throws `invalid_note` if the text cannot be one. */
export async function signNote(text: string, signer: NoteSigner): Promise<string> {
  if (!text.endsWith("\n") || text.length < 2 || hasControl(text.replaceAll("\n", ""))) {
    throw new LogError(
      "invalid_note",
      "a note's text ends in a newline and has no other control characters",
    );
  }
  const { name, keyId } = parseVkey(signer.vkey);
  const signature = await signer.sign(encodeUtf8(text));
  if (signature.length !== SIGNATURE_BYTES)
    throw new LogError("invalid_note", "the signer gave no signature");
  return `${text}\n${SIGNATURE_START}${name} ${toBase64(concatBytes(keyId, signature))}\n`;
}

/**
 * Opens a note. Throws `invalid_note` if it is none, `signature_invalid` if a known key's signature is wrong or no known
 * key signed. `verify` is @noble/ed25519 unless given.
 */
export async function openNote(
  note: string,
  keys: readonly VerifierKey[],
  verify: Verify = verifyEd25519,
): Promise<OpenedNote> {
  const { text, signatures } = parseNote(note);
  const message = encodeUtf8(text);
  const signers: VerifierKey[] = [];
  for (const { name, keyId, signature } of signatures) {
    for (const key of keys) {
      if (key.name !== name || !equalBytes(key.keyId, keyId)) continue;
      if (
        signature.length !== SIGNATURE_BYTES ||
        !(await verify(signature, message, key.publicKey))
      ) {
        throw new LogError("signature_invalid", `the signature of ${name} does not verify`);
      }
      if (!signers.includes(key)) signers.push(key);
    }
  }
  if (signers.length === 0)
    throw new LogError("signature_invalid", "no known key has signed the note");
  return { text, signers };
}

/** The parts of a note; throws `invalid_note`. The signatures are not verified: see `openNote`. */
export function parseNote(note: string): ParsedNote {
  if (utf8Length(note) > NOTE_BYTES_MAX) throw bad(`a note has at most ${NOTE_BYTES_MAX} bytes`);
  if (hasControl(note.replaceAll("\n", ""))) throw bad("a control character");
  const end = note.lastIndexOf("\n\n");
  if (end < 1 || !note.endsWith("\n"))
    throw bad("a note is a text, an empty line and signature lines");
  const lines = note.slice(end + 2, -1).split("\n");
  if (lines.length > SIGNATURES_MAX) throw bad(`more than ${SIGNATURES_MAX} signatures`);
  return { text: note.slice(0, end + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): NoteSignature {
  if (!line.startsWith(SIGNATURE_START))
    throw bad("a signature line begins with a dash and a space");
  const parts = line.slice(SIGNATURE_START.length).split(" ");
  const [name, encoded] = parts;
  if (parts.length !== 2 || !isKeyName(name!))
    throw bad("a signature line has a name and a signature");
  const bytes = attempt("invalid_note", "a signature that is not base64", () =>
    fromBase64(encoded!),
  );
  if (bytes.length <= KEY_ID_BYTES) throw bad("a signature line without a signature");
  return {
    name: name!,
    keyId: bytes.subarray(0, KEY_ID_BYTES),
    signature: bytes.subarray(KEY_ID_BYTES),
  };
}

function bad(detail: string): LogError {
  return new LogError("invalid_note", detail);
}
