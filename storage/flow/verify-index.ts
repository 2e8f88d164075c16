/**
 * Whether the index says what the vault says: line by line against the leaves of a sealed batch, and by the chain alone
 * where no batch is (not sealed yet, or missing). Only reads; works on any part of a log by itself, so parts can be
 * compared at the same time.
 */
import { encodeUtf8, equalBytes, fromHex, toHex } from "../log/bytes.ts";
import { LogError } from "../log/errors.ts";
import { findingOf, newFinding, type Finding } from "../log/findings.ts";
import { HASH_BYTES, leafHash, type Sha256 } from "../log/hash.ts";
import { LineChecker } from "../log/line-check.ts";
import { TILE_WIDTH, type CompactTree } from "../log/tree.ts";
import { formatTimeMs } from "../log/time.ts";
import { IndexError, type Chunk, type Index, type IndexHead, type TreeNode } from "../ports.ts";
import { formatFrontier } from "./chunk.ts";
import { FindingList } from "./finding-list.ts";

/** What a verifier asks of an index. `heads` need not wait for writes under way. */
export type IndexView = Pick<Index, "heads" | "chunks" | "tiles" | "seals"> & {
  /** How many chunks begin in [from, to). Where it is not there, rows that nobody reads on the way stay unseen. */
  readonly chunkCount?: (log: string, from: number, to: number) => Promise<number>;
};

/** Of lines read at once; sqld's answer may have 10 MB, and JSON escapes quotes. */
const READ_BYTES_MAX = 4_000_000;

const NEWLINE = 0x0a;

export interface IndexContext {
  readonly index: IndexView;
  readonly sha256: Sha256;
  /** Waited for after each few hundred lines: lets others have the thread. */
  readonly breathe?: () => Promise<void>;
}

/** Lines that are hashed in some 5 ms. */
const BREATH_LINES = 500;

/** A sealed run of entries: the leaf of each, 32 bytes, and the subtrees that they completed. */
export interface SealedRun {
  readonly log: string;
  readonly first: number;
  readonly leaves: Uint8Array;
  readonly nodes: readonly TreeNode[];
}

/** Every entry of the run whose line or leaf in the index is another one or missing. Throws IndexError. */
export async function compareRun(context: IndexContext, run: SealedRun): Promise<Finding[]> {
  const { log, first, leaves, nodes } = run;
  const findings = new FindingList();
  const to = first + leaves.length / HASH_BYTES;
  for await (const entry of indexEntries(context, log, first, to, findings)) {
    const at = (entry.seq - first) * HASH_BYTES;
    const sealed = leaves.subarray(at, at + HASH_BYTES);
    const wrong = !equalBytes(entry.leaf, sealed)
      ? `a line whose leaf is ${toHex(entry.leaf)}`
      : !equalBytes(entry.stored, sealed) && `${toHex(entry.stored)} beside the line`;
    if (wrong === false) continue;
    const place = { log, first: entry.seq };
    findings.add(newFinding("entry_altered", place, `the sealed leaf ${toHex(sealed)}`, wrong));
  }
  await compareNodes(context, log, nodes, findings);
  return findings.all();
}

/** Where a chain stands: what the next line continues. */
export interface ChainState {
  leaf: Uint8Array;
  /** Of the last entry; not a number where its line does not tell. */
  timeMs: number;
  /** Grown by the leaves that the index keeps; null where what came before is not known. */
  readonly tree: CompactTree | null;
}

/**
 * Entries [from, to) of the index without a batch to hold them against: each line is valid, has the leaf beside it,
 * and follows on the one before. `state` is moved to `to`; `onSize` is told each size that was reached.
 */
export async function checkChain(
  context: IndexContext,
  log: string,
  from: number,
  to: number,
  state: ChainState,
  onSize: (size: number) => void = () => {},
): Promise<Finding[]> {
  const findings = new FindingList();
  const checker = new LineChecker(log);
  const nodes: TreeNode[] = [];
  const onNode = (level: number, index: number, hash: Uint8Array) =>
    nodes.push({ level, index, hash });
  for await (const { seq, line, leaf, stored } of indexEntries(context, log, from, to, findings)) {
    if (!equalBytes(leaf, stored)) {
      state.timeMs = Number.NaN;
      const [expected, found] = [`leaf ${toHex(stored)}`, `a line whose leaf is ${toHex(leaf)}`];
      findings.add(newFinding("entry_altered", { log, first: seq }, expected, found));
    } else {
      try {
        state.timeMs = checker.check(line, 0, line.length, seq, state.leaf, state.timeMs);
      } catch (error) {
        if (!(error instanceof LogError)) throw error;
        state.timeMs = Number.NaN;
        findings.add(findingOf(error, { log, first: seq }));
      }
    }
    state.leaf = stored.slice();
    if (state.tree?.size === seq) {
      state.tree.append(state.leaf, onNode);
      onSize(seq + 1);
    }
  }
  await compareNodes(context, log, nodes, findings);
  return findings.all();
}

/** The size that the index's rows of a log reach, at least `from`; its head may be behind them only where it was changed. */
export async function entriesBehind(
  index: Pick<Index, "chunks">,
  log: string,
  from: number,
): Promise<number> {
  const range = { from, to: Number.MAX_SAFE_INTEGER, order: "desc", bytesMax: 1 } as const;
  const [last] = await index.chunks(log, range);
  return last === undefined ? from : Math.max(from, last.first + last.count);
}

/** Whether the index's head row is what its lines lead to. */
export function checkHead(log: string, head: IndexHead, state: ChainState): Finding[] {
  const place = { log, first: Math.max(0, head.size - 1) };
  const leaf = toHex(state.leaf);
  if (head.leaf !== leaf) {
    return [newFinding("chain_broken", place, `the head's leaf ${head.leaf}`, `leaf ${leaf}`)];
  }
  const frontier = state.tree?.size === head.size ? formatFrontier(state.tree.frontier()) : null;
  if (frontier !== null && frontier !== head.frontier) {
    const found = "another frontier in the index's head";
    return [newFinding("root_mismatch", place, "the frontier of its entries", found)];
  }
  const time = Number.isFinite(state.timeMs) ? formatTimeMs(state.timeMs) : head.time;
  if (head.size > 0 && head.time !== time) {
    const [expected, found] = [`${time}, as its last entry says`, `${head.time} in the head`];
    return [newFinding("entry_altered", place, expected, found)];
  }
  return [];
}

interface IndexEntry {
  readonly seq: number;
  readonly line: Uint8Array;
  /** Of the line, computed here. */
  readonly leaf: Uint8Array;
  /** What the index keeps beside the line; empty if nothing. */
  readonly stored: Uint8Array;
}

/** Entries of [from, to) that the index has; those that it has not are findings. */
async function* indexEntries(
  context: IndexContext,
  log: string,
  from: number,
  to: number,
  findings: FindingList,
): AsyncGenerator<IndexEntry> {
  let next = from;
  const begins = new Set<number>();
  const missing = (until: number): void => {
    if (until <= next) return;
    const place = { log, first: next, last: until - 1 };
    findings.add(newFinding("entry_missing", place, "entries in the index", "none"));
    next = until;
  };
  while (next < to) {
    const range = { from: next, to, bytesMax: READ_BYTES_MAX };
    const chunks = await context.index.chunks(log, range);
    if (chunks.length === 0) missing(await nextChunk(context.index, log, next, to));
    for (const chunk of chunks) {
      missing(Math.min(chunk.first, to));
      if (chunk.first >= from && chunk.first < to) begins.add(chunk.first);
      for (const entry of entriesOf(chunk, context.sha256)) {
        if (entry.seq < next || entry.seq >= to) continue;
        yield entry;
        next = entry.seq + 1;
        if (context.breathe !== undefined && next % BREATH_LINES === 0) await context.breathe();
      }
      missing(Math.min(chunk.first + chunk.count, to));
    }
  }
  const beside = await rowBeside(context.index, log, { from, to }, begins);
  if (beside === null) return;
  const place = { log, first: Math.max(0, beside) };
  const found = `another one that begins at ${beside}`;
  findings.add(newFinding("entry_altered", place, "one row of the index for each entry", found));
}

/** Where a chunk begins that lies across those that were read, so that some readers get it instead; null if none does. */
async function rowBeside(
  { chunkCount }: IndexView,
  log: string,
  { from, to }: { readonly from: number; readonly to: number },
  begins: ReadonlySet<number>,
): Promise<number | null> {
  if (chunkCount === undefined) return null;
  // Before entry 0 there is nothing that anybody would read.
  let low = from === 0 ? Number.MIN_SAFE_INTEGER : from;
  const lowest = low;
  const isMore = async (until: number): Promise<boolean> => {
    const read = [...begins].filter((first) => first < until).length;
    return (await chunkCount(log, lowest, until)) > read;
  };
  if (!(await isMore(to))) return null;
  for (let high = to; high - low > 1;) {
    const middle = Math.floor((low + high) / 2);
    if (await isMore(middle)) high = middle;
    else low = middle;
  }
  return low;
}

function* entriesOf({ first, count, lines, leaves }: Chunk, sha256: Sha256): Generator<IndexEntry> {
  const bytes = encodeUtf8(lines);
  let start = 0;
  for (let i = 0; i < count && start <= bytes.length; i++) {
    const newline = bytes.indexOf(NEWLINE, start);
    // What stands behind the last line that the row counts is a part of it, and so of its leaf.
    const end = newline < 0 || i === count - 1 ? bytes.length : newline;
    const line = bytes.subarray(start, end);
    const stored = leaves.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES);
    yield { seq: first + i, line, leaf: leafHash(line, sha256), stored };
    start = end + 1;
  }
}

/** Behind a hole: where the next chunk begins; `to` if there is none before. */
async function nextChunk(index: IndexView, log: string, from: number, to: number): Promise<number> {
  let lowest = to;
  for (;;) {
    const range = { from, to: lowest, order: "desc", bytesMax: READ_BYTES_MAX } as const;
    const behind = (await index.chunks(log, range)).filter(({ first }) => first > from);
    if (behind.length === 0) return lowest;
    lowest = Math.min(lowest, ...behind.map(({ first }) => first));
  }
}

/** The hashes that the index keeps for proofs, above the leaves. */
async function compareNodes(
  { index }: IndexContext,
  log: string,
  nodes: readonly TreeNode[],
  findings: FindingList,
): Promise<void> {
  const tiles = new Map<string, TreeNode[]>();
  for (const node of nodes) {
    const tile = `${node.level}/${Math.floor(node.index / TILE_WIDTH)}`;
    const list = tiles.get(tile);
    if (list === undefined) tiles.set(tile, [node]);
    else list.push(node);
  }
  for (const group of tiles.values()) {
    const { level, index: last } = group.at(-1) as TreeNode;
    const tile = Math.floor(last / TILE_WIDTH);
    const hashes = await readTile(index, log, level, tile, (last % TILE_WIDTH) + 1);
    for (const { index: at, hash } of group) {
      const kept = hashes?.[at % TILE_WIDTH];
      if (kept !== undefined && equalBytes(kept, hash)) continue;
      const span = TILE_WIDTH ** level;
      const place = { log, first: at * span, last: (at + 1) * span - 1 };
      const found = kept === undefined ? "none in the index" : toHex(kept);
      findings.add(newFinding("root_mismatch", place, `the subtree's root ${toHex(hash)}`, found));
    }
  }
}

/** Null where the index has not all of them. */
async function readTile(
  index: IndexView,
  log: string,
  level: number,
  tile: number,
  width: number,
): Promise<Uint8Array[] | null> {
  try {
    return await index.tiles(log)(level, tile, width);
  } catch (error) {
    // A tile that is short comes as an error without a cause; everything else is a failure of the index.
    if (error instanceof IndexError && error.cause === undefined) return null;
    throw error;
  }
}

export function chainAt(
  leafHex: string,
  timeMs: number | null,
  tree: CompactTree | null,
): ChainState {
  return { leaf: fromHex(leafHex), timeMs: timeMs ?? Number.NEGATIVE_INFINITY, tree };
}
