/**
 * What a person has to know before a recovery (PROTOCOL §4): where vault, index, seals and memo of a log stand, what of
 * the index extends the vault and is kept, what is lost, and which batches can be put again from the
 * index. Nothing is written here.
 */
import { parseSlotName, slotName } from "../log/batch.ts";
import { fromHex, toHex } from "../log/bytes.ts";
import { LogError } from "../log/errors.ts";
import type { Finding } from "../log/findings.ts";
import { ZERO_HASH, type Head } from "../log/hash.ts";
import { LineChecker } from "../log/line-check.ts";
import type { Index, IndexHead, SealRow, Vault } from "../ports.ts";
import { KeyOrder } from "./key-order.ts";
import { loadLog, walkContext, type LoadQuery } from "./load.ts";
import { readLines, type IndexLine } from "./read-lines.ts";
import { headAfter, type Before } from "./slot.ts";
import type { Parts, Settings } from "./state.ts";
import { entriesBehind } from "./verify-index.ts";
import { walkLog } from "./walk.ts";

export interface Assessment {
  readonly log: string;
  /** Why the log does not go on by itself; null: it does. */
  readonly finding: Finding | null;
  /** I, and M; null where there is no memo at all. */
  readonly index: IndexHead;
  readonly memo: Head | null;
  /** V, as it will be once `refill` is put again. */
  readonly vault: Head;
  /** Batches that the vault has lost and the index can give back, in order. */
  readonly refill: readonly LostBatch[];
  /** The log's size after the recovery, before its own entry. */
  readonly kept: number;
  /** Seqs that were promised or stood in the index and will not be there: `to` is behind the last; null where unknown. */
  readonly missing: { readonly from: number; readonly to: number | null } | null;
  /** Why this log cannot be recovered; null: it can. */
  readonly hopeless: string | null;
}

/** A seal whose batch is gone, and what the batch continued. */
export interface LostBatch {
  readonly row: SealRow;
  readonly before: ChainEnd;
}

/** Where a chain is: what the next line has to continue. */
export interface ChainEnd extends Head {
  readonly frontier: string;
  readonly timeMs: number;
}

export const CHAIN_START: ChainEnd = {
  ...{ size: 0, leaf: ZERO_HASH, frontier: "" },
  timeMs: Number.NEGATIVE_INFINITY,
};

/** `thorough`: a log that a person named is read whole even if it would go on by itself. */
export async function assess(
  parts: Parts,
  settings: Settings,
  query: Omit<LoadQuery, "assertMayAppend">,
  thorough: boolean,
): Promise<Assessment> {
  const { log, head: index, memo } = query;
  const finding = await findingAtStart(parts, settings, query);
  const base = { log, index, memo, hopeless: null };
  if (finding === null && !thorough) {
    const { size, leaf } = await sealedEnd(parts.index, log);
    const vault = { size, leaf };
    return { ...base, finding, vault, refill: [], kept: index.size, missing: null };
  }
  const { end, refill, wrong } = await followVault(parts, settings, query);
  // Where the head was put back, lines behind it may be good.
  const reach = await entriesBehind(parts.index, log, index.size);
  const kept = await lastKept(parts, log, end, reach);
  const found = finding ?? wrong;
  const vault = { size: end.size, leaf: end.leaf };
  const missing = found === null ? null : missingOf(found, query, end, kept);
  const hopeless = wrong === null ? null : await obstacle(parts.vault, log, end.size, kept, wrong);
  return { ...base, finding: found, vault, refill, kept, missing, hopeless };
}

/** What the next start would find: the same comparison, on an index that takes nothing. */
async function findingAtStart(
  parts: Parts,
  settings: Settings,
  query: Omit<LoadQuery, "assertMayAppend">,
): Promise<Finding | null> {
  const goesOn = new Error("the log goes on by itself");
  const refuse = (): never => {
    throw goesOn;
  };
  const { index } = parts;
  const looking: Index = {
    heads: () => index.heads(),
    chunks: (log, range) => index.chunks(log, range),
    tiles: (log) => index.tiles(log),
    events: (keys) => index.events(keys),
    seals: (log, range) => index.seals(log, range),
    commit: async () => refuse(),
    addSeal: async () => refuse(),
    forgetEvents: async () => {},
  };
  try {
    const options = { ...query, assertMayAppend: refuse };
    const { frozen, unsealable } = await loadLog({ ...parts, index: looking }, settings, options);
    return frozen ?? unsealable;
  } catch (error) {
    if (error === goesOn) return null;
    throw error;
  }
}

async function sealedEnd(index: Pick<Index, "seals">, log: string): Promise<ChainEnd> {
  const range = { from: Number.MAX_SAFE_INTEGER, limit: 1, order: "desc" } as const;
  const [row] = await index.seals(log, range);
  if (row === undefined) return CHAIN_START;
  const { leaf, frontier } = row;
  return { size: row.first + row.count, leaf, frontier, timeMs: CHAIN_START.timeMs };
}

interface Followed {
  readonly end: ChainEnd;
  readonly refill: readonly LostBatch[];
  /** What ended the walk, if the vault has more that could not be followed. */
  readonly wrong: Finding | null;
}

/** Walks the vault from its beginning, stepping over holes for which the index has the very lines that were sealed. */
async function followVault(
  parts: Parts,
  settings: Settings,
  { log }: Pick<LoadQuery, "log">,
): Promise<Followed> {
  const context = await walkContext(parts, settings, log);
  const refill: LostBatch[] = [];
  const order = new KeyOrder();
  let end = CHAIN_START;
  for (;;) {
    let wrong: Finding | null = null;
    const before: Before = end;
    const options = { from: end.size, before, goOn: false, ahead: 2, order };
    for await (const step of walkLog(context, options)) {
      if (step.kind === "batch") {
        end = { ...headAfter(step.read), timeMs: step.read.batch.times.at(-1) as number };
      } else if (step.kind !== "passed") wrong = step.findings[0] ?? null;
    }
    const [row] = await parts.index.seals(log, { from: end.size, limit: 1, order: "asc" });
    const lines = row?.first === end.size && wrong?.code !== "fork" ? row : undefined;
    const after = lines === undefined ? null : await sameLines(parts, log, end, lines);
    if (lines === undefined || after === null) return { end, refill, wrong };
    refill.push({ row: lines, before: end });
    end = after;
  }
}

/** The end of the row's entries, if the index still has just those. */
async function sameLines(
  parts: Pick<Parts, "index" | "sha256">,
  log: string,
  before: ChainEnd,
  row: SealRow,
): Promise<ChainEnd | null> {
  const to = row.first + row.count;
  let last: KeptLine | null = null;
  for await (const line of keptLines(parts, log, before, to)) last = line;
  if (last === null || last.seq !== to - 1 || toHex(last.leaf) !== row.leaf) return null;
  return { size: to, leaf: row.leaf, frontier: row.frontier, timeMs: last.timeMs };
}

export interface KeptLine extends IndexLine {
  readonly timeMs: number;
}

/** Lines of the index that continue `end`, up to `to` at most: valid, with their leaf beside them, each on the one before. */
export async function* keptLines(
  { index, sha256 }: Pick<Parts, "index" | "sha256">,
  log: string,
  end: Pick<ChainEnd, "size" | "leaf" | "timeMs">,
  to: number,
): AsyncGenerator<KeptLine> {
  const checker = new LineChecker(log);
  let { size, timeMs } = end;
  let prev = fromHex(end.leaf);
  for await (const line of readLines(index, log, size, to, sha256)) {
    if (line.seq !== size || !line.holds) return;
    try {
      timeMs = checker.check(line.bytes, 0, line.bytes.length, size, prev, timeMs);
    } catch (error) {
      if (error instanceof LogError) return;
      throw error;
    }
    yield { ...line, timeMs };
    prev = line.leaf;
    size += 1;
  }
}

async function lastKept(parts: Parts, log: string, end: ChainEnd, to: number): Promise<number> {
  let kept = end.size;
  for await (const { seq } of keptLines(parts, log, end, to)) kept = seq + 1;
  return kept;
}

/** Known from the memo or the index's own head where they go further; feared where the memo is on another history. */
function missingOf(
  finding: Finding,
  { head, memo }: Pick<LoadQuery, "head" | "memo">,
  vault: Head,
  kept: number,
): Assessment["missing"] {
  const promised = Math.max(head.size, memo?.size ?? 0);
  if (promised > kept) return { from: kept, to: promised };
  // The memo stands on entries that neither vault nor index has: somewhere behind the vault they were exchanged.
  const exchanged = finding.code === "entry_altered" && memo !== null && memo.size > vault.size;
  return exchanged ? { from: vault.size, to: memo.size } : null;
}

/** Later batches that a new one would run into. */
async function obstacle(
  vault: Pick<Vault, "versions">,
  log: string,
  size: number,
  kept: number,
  wrong: Finding,
): Promise<string | null> {
  if (wrong.code === "fork")
    return "one slot holds two signed histories; this has to be settled first";
  for await (const { key, deleteMarker } of vault.versions(`${log}/`, slotName(log, size))) {
    const slot = parseSlotName(key);
    if (slot === null || deleteMarker || slot.first < kept) continue;
    return `entries from ${kept} on are neither in the index nor in a valid batch, and later batches are`;
  }
  return null;
}
