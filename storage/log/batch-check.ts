/**
 * Whether a batch is true, from its own bytes and a verifier key: every line is canonical, valid and in its place, each
 * follows on the leaf before, the tree that continues the frontier has the root that the log key signed.
 * What a batch cannot show by itself, that it continues the one before, is for `Replay` to see.
 */
import { equalBytes, fromHex, toHex } from "./bytes.ts";
import type { BatchHeader, DecodedBatch } from "./batch.ts";
import { openCheckpoint, type OpenedCheckpoint } from "./checkpoint.ts";
import { LogError } from "./errors.ts";
import { HASH_BYTES, leafHash, sha256, type Head, type Sha256 } from "./hash.ts";
import { LineChecker } from "./line-check.ts";
import type { Verify, VerifierKey } from "./note.ts";
import { CompactTree, type OnNode } from "./tree.ts";

interface BatchCheckOptions {
  readonly verify?: Verify;
  readonly sha256?: Sha256;
  /** Told of each leaf's place in tiles above the lowest; see `CompactTree.append`. */
  readonly onNode?: OnNode;
  /** Waited for after each few hundred lines: lets others have the thread. */
  readonly breathe?: () => Promise<void>;
}

/** Lines that are checked in some 5 ms. */
const BREATH_LINES = 500;

/** A batch that holds. */
export interface CheckedBatch {
  readonly header: BatchHeader;
  /** After its last entry. */
  readonly head: Head;
  /** Of all entries up to its last, largest subtree first. */
  readonly frontier: Uint8Array[];
  /** Times of its entries, milliseconds since 1970. */
  readonly times: Float64Array;
  /** Leaves of its entries, 32 bytes each, in a row. */
  readonly leaves: Uint8Array;
  readonly checkpoint: OpenedCheckpoint;
  /** The checkpoint as it stands in the batch. */
  readonly note: string;
}

/**
 * Checks a decoded batch. Throws `invalid_entry`, `entry_too_large` or `chain_broken` (with `seq`) for a line, `signature_invalid` if the log key
 * of its origin, as known here, has not signed, `invalid_checkpoint` if it signed something else, `root_mismatch`.
 */
export async function checkBatch(
  batch: DecodedBatch,
  keys: readonly VerifierKey[],
  options: BatchCheckOptions = {},
): Promise<CheckedBatch> {
  const { header, checkpoint: note } = batch;
  const logKeys = keys.filter((key) => key.name === header.origin);
  const checkpoint = await openCheckpoint(note, logKeys, options.verify);
  const size = header.first + header.count;
  if (checkpoint.origin !== header.origin || checkpoint.size !== size) {
    const detail = `the checkpoint is of ${checkpoint.origin} at ${checkpoint.size}, not of ${header.origin} at ${size}`;
    throw new LogError("invalid_checkpoint", detail);
  }
  const { tree, times, leaves } = await checkLines(batch, options);
  if (!equalBytes(tree.root(), checkpoint.root)) {
    throw new LogError(
      "root_mismatch",
      `the entries do not have the root that was signed for size ${size}`,
    );
  }
  const leaf = toHex(leaves.subarray(-HASH_BYTES));
  return {
    header,
    head: { size, leaf },
    frontier: tree.frontier(),
    times,
    leaves,
    checkpoint,
    note,
  };
}

/** The lines of a batch, each in its place and chained; no signature is looked at. Throws as `checkBatch` does for a line. */
async function checkLines(
  { header, lines }: Pick<DecodedBatch, "header" | "lines">,
  options: BatchCheckOptions = {},
): Promise<{
  readonly tree: CompactTree;
  readonly times: Float64Array;
  readonly leaves: Uint8Array;
}> {
  const hash = options.sha256 ?? sha256;
  const tree = new CompactTree(header.first, header.frontier.map(fromHex), hash);
  const checker = new LineChecker(header.log);
  const times = new Float64Array(header.count);
  const leaves = new Uint8Array(header.count * HASH_BYTES);
  let prev = fromHex(header.prev);
  let timeMs = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < header.count; i++) {
    const start = lines.starts[i]!;
    const end = lines.starts[i + 1]! - 1;
    timeMs = checker.check(lines.bytes, start, end, header.first + i, prev, timeMs);
    const leaf = leafHash(lines.bytes.subarray(start, end), hash);
    tree.append(leaf, options.onNode);
    leaves.set(leaf, i * HASH_BYTES);
    times[i] = timeMs;
    prev = leaf;
    if (options.breathe !== undefined && i % BREATH_LINES === BREATH_LINES - 1) {
      await options.breathe();
    }
  }
  return { tree, times, leaves };
}
