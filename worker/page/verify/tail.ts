/**
 * Entries that are not sealed yet: a chain and a promise, under no lock. What holds here is never called verified: the best
 * that can be said is that it agrees with what the instance has promised with its receipt key.
 */
import { equalBytes, toBase64 } from "../../../storage/log/bytes.ts";
import { openCheckpoint, type OpenedCheckpoint } from "../../../storage/log/checkpoint.ts";
import { LogError } from "../../../storage/log/errors.ts";
import { findingOf, logFinding } from "../../../storage/log/log-findings.ts";
import { parseVkey } from "../../../storage/log/note.ts";
import type { IndexChain } from "./index-chain.ts";
import type { IndexReader } from "./read-index.ts";
import type { LogFacts } from "./source.ts";
import type { VerdictBook } from "./verdict.ts";

interface Tail {
  readonly facts: LogFacts;
  /** The newest committed checkpoint; null where the server gave none. */
  readonly committed: string | null;
  /** Where the index's chain stands: behind the sealed entries. */
  readonly chain: IndexChain;
  readonly reader: IndexReader;
}

const LINES_PAGE = 5_000;

export async function checkTail(
  book: VerdictBook,
  { facts, committed, chain, reader }: Tail,
): Promise<void> {
  if (committed === null)
    return book.set("tail", "skipped", "the server gave no committed checkpoint");
  const start = chain.size;
  const opened = await promised(book, facts, committed);
  if (opened === null) return;
  if (opened.size <= start) return book.set("tail", "holds", "every entry is sealed");
  const place = { log: facts.name, first: start, last: opened.size - 1 };
  const wasFailed = book.failed;
  book.set("tail", "running", "");
  while (chain.size < opened.size) {
    const { lines } = await reader.read(chain.size, Math.min(LINES_PAGE, opened.size - chain.size));
    if (lines.length === 0) break;
    for (const line of lines) chain.take(line);
  }
  const count = opened.size - start;
  if (wasFailed) return book.set("tail", "skipped", "the sealed part does not match");
  const root = chain.root();
  if (root === null || !equalBytes(root, opened.root)) {
    const found = root === null ? "no root" : toBase64(root);
    const finding = logFinding("root_mismatch", place, toBase64(opened.root), found);
    return book.fail("tail", finding, `${count} unsealed entries are not those that were promised`);
  }
  book.set("tail", "open", `${count} not sealed yet: chained and promised, under no lock`);
}

/** The committed checkpoint; null, told as a fault, where the receipt key has not signed it. */
async function promised(
  book: VerdictBook,
  facts: LogFacts,
  note: string,
): Promise<OpenedCheckpoint | null> {
  try {
    return await openCheckpoint(note, [parseVkey(facts.receiptVkey), parseVkey(facts.vkey)]);
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    book.fail(
      "tail",
      findingOf(error, { log: facts.name }),
      `the promise's signature: ${error.detail}`,
    );
    return null;
  }
}
