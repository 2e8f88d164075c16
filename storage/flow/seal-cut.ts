/**
 * Cuts what is committed and not sealed into batches (PROTOCOL §3.1): every line is hashed again, and the whole must
 * meet the head that the ledger vouches for. Where it does not, the altered entry is named.
 */
import { BATCH_BYTES_MAX, BATCH_LINES_MAX } from "../log/batch.ts";
import { equalBytes, fromHex, toHex } from "../log/bytes.ts";
import { newFinding, type Finding } from "../log/findings.ts";
import type { Head } from "../log/hash.ts";
import type { IndexHead } from "../ports.ts";
import { formatFrontier, timeOfLine, treeAt } from "./chunk.ts";
import { readLines, type IndexLine } from "./read-lines.ts";
import type { Parts, SealedHead, Settings } from "./state.ts";

/** One batch to be: its lines are known only where the whole backlog fits into it. */
export interface Cut {
  readonly first: number;
  readonly after: SealedHead;
  readonly root: Uint8Array;
  readonly lines: readonly string[] | null;
  readonly timeLast: string;
}

/** First pass: hashes every unsealed line, cuts batches, and wants the root that the ledger vouches for. */
export async function cutBatches(
  parts: Parts,
  settings: Settings,
  log: string,
  sealed: SealedHead,
  head: IndexHead,
): Promise<Cut[] | Finding> {
  const cuts: Cut[] = [];
  const tree = treeAt(sealed, parts.sha256);
  const bytesMax = Math.min(settings.sealBytes, BATCH_BYTES_MAX);
  let lines: string[] = [];
  let bytes = 0;
  let first = sealed.size;
  let last: IndexLine | null = null;
  const cut = (): void => {
    if (last === null || tree.size === first) return;
    const after = {
      size: tree.size,
      leaf: toHex(last.leaf),
      frontier: formatFrontier(tree.frontier()),
      row: null,
    };
    // Keep the lines of a single batch only: a long backlog is read again, batch by batch.
    cuts.push({
      first,
      after,
      root: tree.root(),
      lines: cuts.length === 0 ? lines : null,
      timeLast: timeOfLine(last.text),
    });
    lines = [];
    bytes = 0;
    first = tree.size;
  };
  for await (const line of readLines(parts.index, log, first, head.size, parts.sha256)) {
    if (line.seq !== tree.size)
      return altered(log, tree.size, `entry ${tree.size}`, `entry ${line.seq}`);
    if (!line.holds) {
      return altered(log, line.seq, "a line whose hash is its leaf", `hash ${toHex(line.leaf)}`);
    }
    if (
      lines.length >= BATCH_LINES_MAX ||
      (lines.length > 0 && bytes + line.bytes.length > bytesMax)
    )
      cut();
    tree.append(line.leaf);
    lines.push(line.text);
    bytes += line.bytes.length;
    last = line;
  }
  cut();
  const reached = cuts.at(-1)?.after;
  if (
    reached?.size !== head.size ||
    reached.leaf !== head.leaf ||
    reached.frontier !== head.frontier
  ) {
    return await locate(parts, log, sealed, head, reached);
  }
  return cuts;
}

/**
 * The lines have the leaves beside them but are not those that were committed. The first whose successor names another
 * leaf, or the last, is the altered one if its true leaf (which the successor or the head tells) completes the tree.
 */
async function locate(
  parts: Parts,
  name: string,
  sealed: SealedHead,
  head: IndexHead,
  reached: Head | undefined,
): Promise<Finding> {
  let prev = sealed.leaf;
  let next = sealed.size;
  let suspect: { seq: number; leaf: string; found: string } | null = null;
  const tree = treeAt(sealed, parts.sha256);
  const lines = readLines(parts.index, name, next, head.size, parts.sha256);
  let held: IndexLine | null = null;
  for await (const line of lines) {
    if (line.seq !== next) break;
    const claimed = PREV.exec(line.text)?.[1] ?? "";
    if (suspect === null && claimed !== prev) {
      suspect = { seq: next - 1, leaf: claimed, found: `leaf ${prev}` };
    }
    if (held !== null) tree.append(suspect?.seq === held.seq ? fromHex(suspect.leaf) : held.leaf);
    held = line;
    prev = toHex(line.leaf);
    next += 1;
  }
  suspect ??= { seq: head.size - 1, leaf: head.leaf, found: `leaf ${prev}` };
  if (held !== null) tree.append(suspect.seq === held.seq ? fromHex(suspect.leaf) : held.leaf);
  const { seq, leaf, found } = suspect;
  if (formatFrontier(tree.frontier()) === head.frontier) {
    return altered(name, seq, `leaf ${leaf}`, found);
  }
  const whole = reached === undefined ? "no lines" : `size ${reached.size}, leaf ${reached.leaf}`;
  const expected = `size ${head.size}, leaf ${head.leaf}`;
  return altered(name, sealed.size, expected, whole, head.size - 1);
}

/** Where a line names the one before (FORMAT §3): behind it only members of fixed form follow. */
const PREV = /"prev":"([0-9a-f]{64})","salt":"[^"]{22}","seq":\d+,"time":"[^"]{24}","v":1\}$/;

function altered(
  log: string,
  first: number,
  expected: string,
  found: string,
  last = first,
): Finding {
  return newFinding("entry_altered", { log, first, last }, expected, found);
}

export function changedMeanwhile(log: string, cut: Cut): Finding {
  const found = "lines that changed between two readings";
  return altered(log, cut.first, "the lines just hashed", found, cut.after.size - 1);
}

/** Second pass of a long backlog: the lines of one cut, which must hash to the same head. */
export async function rereadLines(
  parts: Parts,
  log: string,
  before: SealedHead,
  cut: Cut,
): Promise<string[] | null> {
  const tree = treeAt(before, parts.sha256);
  const lines: string[] = [];
  for await (const line of readLines(parts.index, log, cut.first, cut.after.size, parts.sha256)) {
    tree.append(line.leaf);
    lines.push(line.text);
  }
  const same = tree.size === cut.after.size && equalBytes(tree.root(), cut.root);
  return same ? lines : null;
}
