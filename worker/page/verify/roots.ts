/** Whether the index's tree and the vault's are the one whose root was signed. */
import { equalBytes, toBase64 } from "../../../storage/log/bytes.ts";
import type { OpenedCheckpoint } from "../../../storage/log/checkpoint.ts";
import { logFinding } from "../../../storage/log/log-findings.ts";
import type { IndexChain } from "./index-chain.ts";
import type { VerdictBook } from "./verdict.ts";

interface Roots {
  readonly log: string;
  readonly opened: OpenedCheckpoint;
  /** Up to which size was checked. */
  readonly to: number;
  /** False for a part of the log: then its last batch's own root was signed, and that is what counts. */
  readonly isWhole: boolean;
  readonly chain: IndexChain | null;
  /** The root after the last batch; null where none was read. */
  readonly vault: Uint8Array | null;
}

export function compareRoots(
  book: VerdictBook,
  { log, opened, to, isWhole, chain, vault }: Roots,
): void {
  if (chain === null) return book.set("root", "skipped", "no line could be read");
  const place = { log, first: 0, last: opened.size - 1 };
  const signed = isWhole ? opened.root : vault;
  const fail = (found: Uint8Array | null, words: string): void => {
    const expected = signed === null ? "a signed root" : toBase64(signed);
    const other = found === null ? "no root" : toBase64(found);
    book.fail("root", logFinding("root_mismatch", place, expected, other), words);
  };
  const isRoot = (root: Uint8Array | null) =>
    root !== null && signed !== null && equalBytes(root, signed);
  if (isWhole && chain.size !== opened.size) {
    const found = `the index gives ${chain.size} of ${opened.size} entries`;
    const finding = logFinding("entry_missing", place, `${opened.size} entries`, found);
    return book.fail("root", finding, `short: ${found}`);
  }
  if (!isRoot(chain.root())) {
    return fail(chain.root(), `the index's lines up to ${to} have another root`);
  }
  if (vault !== null && !isRoot(vault)) {
    fail(vault, "the sealed batches have another root than the checkpoint");
  }
}
