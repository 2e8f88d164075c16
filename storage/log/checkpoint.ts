/**
 * Checkpoints (c2sp.org/tlog-checkpoint): origin, size and root of a log, a line each, signed as a note. Two keys sign
 * them, told apart by name: the log key, named as the origin, what lies under lock; the receipt key, named
 * `<origin>/receipt`, what was acknowledged.
 */
import { fromBase64, toBase64 } from "./bytes.ts";
import { attempt, LogError } from "./errors.ts";
import { HASH_BYTES } from "./hash.ts";
import { openNote, signNote, type NoteSigner, type Verify, type VerifierKey } from "./note.ts";
import { isKeyName } from "./vkey.ts";

/** The first `size` entries of the log `origin` have this root (32 bytes). */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** A checkpoint with those keys that signed it. */
export interface OpenedCheckpoint extends Checkpoint {
  readonly signers: readonly VerifierKey[];
}

const RECEIPT_SUFFIX = "/receipt";

/** The name under which the receipt key of a log signs. */
export function receiptKeyName(origin: string): string {
  return origin + RECEIPT_SUFFIX;
}

/** `<instance origin>/<log>`. */
export function logOrigin(instanceOrigin: string, log: string): string {
  return `${instanceOrigin}/${log}`;
}

/** The log's name at the end of an origin; a log's name has no slash. */
export function logOfOrigin(origin: string): string {
  return origin.slice(origin.lastIndexOf("/") + 1);
}

/** The text that is signed. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  if (!isKeyName(origin)) throw bad("an origin has no white space and no plus");
  if (!Number.isSafeInteger(size) || size < 0)
    throw bad("a size is a whole number from 0 to 2^53-1");
  if (root.length !== HASH_BYTES) throw bad(`a root has ${HASH_BYTES} bytes`);
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** The checkpoint of a text that `formatCheckpoint` would write just so; throws `invalid_checkpoint`. */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin = "", size = "", root = ""] = text.split("\n", 3);
  const hash = attempt("invalid_checkpoint", "a root that is not base64", () => fromBase64(root));
  const checkpoint = { origin, size: Number(size), root: hash };
  if (formatCheckpoint(checkpoint) !== text) {
    throw bad("a checkpoint is an origin, a decimal size and a base64 root, a line each");
  }
  return checkpoint;
}

/** The note of a checkpoint; the signer's name must be the origin's log key or receipt key. */
export async function signCheckpoint(checkpoint: Checkpoint, signer: NoteSigner): Promise<string> {
  const name = signer.vkey.slice(0, signer.vkey.indexOf("+"));
  if (!isKeyOf(name, checkpoint.origin))
    throw bad(`${name} does not sign for ${checkpoint.origin}`);
  return signNote(formatCheckpoint(checkpoint), signer);
}

/**
 * The checkpoint of a note: throws `invalid_note` or `invalid_checkpoint` if it is none, `signature_invalid` if a known key's
 * signature is wrong, or neither the log key nor the receipt key of its origin, as known here, has signed.
 */
export async function openCheckpoint(
  note: string,
  keys: readonly VerifierKey[],
  verify?: Verify,
): Promise<OpenedCheckpoint> {
  const { text, signers } = await openNote(note, keys, verify);
  const checkpoint = parseCheckpoint(text);
  if (!signers.some((key) => isKeyOf(key.name, checkpoint.origin))) {
    throw new LogError("signature_invalid", `no known key of ${checkpoint.origin} has signed`);
  }
  return { ...checkpoint, signers };
}

function isKeyOf(name: string, origin: string): boolean {
  return name === origin || name === receiptKeyName(origin);
}

function bad(detail: string): LogError {
  return new LogError("invalid_checkpoint", detail);
}
