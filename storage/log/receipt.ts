/**
 * Receipts (c2sp.org/tlog-proof): the proof that an entry is in a log, against a signed checkpoint.
 *
 *   c2sp.org/tlog-proof@v1
 *   index <seq>
 *   <base64 of 32 bytes>          0 or more, the leaf's sibling first
 *   (empty line)
 *   <the checkpoint, a signed note>
 */
import { decodeUtf8, encodeUtf8, fromBase64, toBase64 } from "./bytes.ts";
import { logOfOrigin, openCheckpoint, type OpenedCheckpoint } from "./checkpoint.ts";
import { decodeLine } from "./entry.ts";
import { attempt, LogError } from "./errors.ts";
import { HASH_BYTES, leafHash, sha256, type Sha256 } from "./hash.ts";
import { parseNote, type Verify, type VerifierKey } from "./note.ts";
import { checkInclusion } from "./proof.ts";

/** A receipt in its parts; `checkpoint` is the note. */
export interface Receipt {
  readonly seq: number;
  readonly proof: readonly Uint8Array[];
  readonly checkpoint: string;
}

const HEADER = "c2sp.org/tlog-proof@v1";
/** A tree of 2^53 leaves is so deep. */
export const PROOF_HASHES_MAX = 53;

export function formatReceipt({ seq, proof, checkpoint }: Receipt): string {
  return formatReceiptOf(seq, proof.map(toBase64), checkpoint);
}

/** The same for who has the hashes in base64. */
export function formatReceiptOf(seq: number, proof: readonly string[], checkpoint: string): string {
  return [HEADER, `index ${seq}`, ...proof, "", checkpoint].join("\n");
}

/** The parts of a text that `formatReceipt` would write just so; throws `invalid_receipt`. Nothing is verified. */
export function parseReceipt(text: string): Receipt {
  const end = text.indexOf("\n\n");
  const [header, index = "", ...hashes] = text.slice(0, Math.max(end, 0)).split("\n");
  const seq = /^index (?:0|[1-9][0-9]{0,15})$/.test(index) ? Number(index.slice(6)) : Number.NaN;
  if (header !== HEADER || !Number.isSafeInteger(seq)) {
    throw bad(`a receipt begins with ${HEADER} and an index`);
  }
  if (hashes.length > PROOF_HASHES_MAX) throw bad(`more than ${PROOF_HASHES_MAX} hashes`);
  const checkpoint = text.slice(end + 2);
  attempt("invalid_receipt", "a receipt ends in a signed checkpoint", () => parseNote(checkpoint));
  return { seq, proof: hashes.map(decodedHash), checkpoint };
}

/**
 * Checks a receipt for a line. Throws `invalid_receipt`, `invalid_entry` or `signature_invalid`; otherwise the line is entry
 * `seq` of the log that the checkpoint is of, as signed by one of the keys.
 */
export async function checkReceipt(
  text: string,
  line: Uint8Array | string,
  keys: readonly VerifierKey[],
  verify?: Verify,
  hash: Sha256 = sha256,
): Promise<{ readonly checkpoint: OpenedCheckpoint; readonly seq: number }> {
  const bytes = typeof line === "string" ? encodeUtf8(line) : line;
  const receipt = parseReceipt(text);
  const entry = decodeLine(typeof line === "string" ? line : decodeUtf8(line));
  const checkpoint = await openCheckpoint(receipt.checkpoint, keys, verify);
  if (entry.seq !== receipt.seq || entry.log !== logOfOrigin(checkpoint.origin)) {
    throw bad("the receipt is of another entry");
  }
  const leaf = leafHash(bytes, hash);
  if (!checkInclusion(receipt.seq, checkpoint.size, leaf, receipt.proof, checkpoint.root, hash)) {
    throw bad("the proof does not lead from the line to the checkpoint");
  }
  return { checkpoint, seq: receipt.seq };
}

function decodedHash(text: string): Uint8Array {
  const hash = attempt("invalid_receipt", "a hash that is not base64", () => fromBase64(text));
  if (hash.length !== HASH_BYTES) throw bad(`a hash has ${HASH_BYTES} bytes`);
  return hash;
}

function bad(detail: string): LogError {
  return new LogError("invalid_receipt", detail);
}
