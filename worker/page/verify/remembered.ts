/**
 * The checkpoint that this browser saw last: a server that went back behind it, or parts from it, is caught even where
 * everything it shows agrees with itself. Without one nothing of the kind can be told, and that is said.
 */
import { equalBytes, toBase64 } from "../../../storage/log/bytes.ts";
import { logFinding } from "../../../storage/log/log-findings.ts";
import type { Checkpoint, OpenedCheckpoint } from "../../../storage/log/checkpoint.ts";
import { checkConsistency } from "../../../storage/log/proof.ts";
import { SourceError, type LogSource } from "./source.ts";
import type { VerdictBook } from "./verdict.ts";

/** What was proven at the last visit. */
export interface Remembered extends Checkpoint {
  /** When that was, `YYYY-MM-DDTHH:MM:SS.mmmZ` by the browser's clock. */
  readonly at: string;
}

interface Now {
  readonly log: string;
  readonly remembered: Remembered | null;
  readonly now: OpenedCheckpoint | null;
  /** Roots at the remembered size that were computed here; null where none was. */
  readonly vault: Uint8Array | null;
  readonly index: Uint8Array | null;
}

export async function checkRemembered(
  source: Pick<LogSource, "consistency">,
  book: VerdictBook,
  { log, remembered, now, vault, index }: Now,
): Promise<void> {
  if (remembered === null) {
    const words =
      "nothing remembered: at a first visit a rewritten log with the stolen key looks like the true one";
    return book.set("remembered", "open", words);
  }
  const { size, origin } = remembered;
  const place = { log, first: 0, last: size - 1 };
  const was = `${origin} at ${size}, root ${toBase64(remembered.root)}`;
  const fail = (code: "fork" | "entry_missing", found: string, words: string) =>
    book.fail("remembered", logFinding(code, place, was, found), words);
  if (now === null || now.size < size) {
    const sizeNow = now?.size ?? 0;
    const place = { log, first: sizeNow, last: size - 1 };
    const found = `a checkpoint of size ${sizeNow}`;
    const words = `rolled back: seen ${size} sealed entries, now there are ${sizeNow}`;
    return book.fail("remembered", logFinding("entry_missing", place, was, found), words);
  }
  if (now.origin !== origin) return fail("fork", now.origin, "another log under this name");
  const isOther = (root: Uint8Array | null) => root !== null && !equalBytes(root, remembered.root);
  if (isOther(vault))
    return fail("fork", toBase64(vault!), `the vault's first ${size} entries are others`);
  if (isOther(index))
    return fail("fork", toBase64(index!), `the index's first ${size} entries are others`);
  const isComputed = vault !== null || index !== null;
  if (!isComputed && !(await isConsistent(source, remembered, now))) {
    return fail("fork", `no proof to ${now.size}`, `${size} → ${now.size} is not one history`);
  }
  book.set("remembered", "holds", `${size} → ${now.size} consistent, seen ${remembered.at}`);
}

/** By the server's proof, which cannot be made for a history that is another one. */
async function isConsistent(
  source: Pick<LogSource, "consistency">,
  from: Checkpoint,
  to: Checkpoint,
): Promise<boolean> {
  if (from.size === to.size) return equalBytes(from.root, to.root);
  try {
    const proof = await source.consistency(from.size, to.size);
    return checkConsistency(from.size, to.size, from.root, to.root, proof);
  } catch (error) {
    if (error instanceof SourceError && error.code === "unreachable") throw error;
    return false;
  }
}
