/**
 * Seals a log (PROTOCOL §3): from the head the ledger vouches for, through a write-once slot of the vault, to
 * ★ commit 2. What is put was hashed again from the lines and met the ledger's root first.
 */
import { BATCH_BYTES_MAX, BATCH_LINES_MAX, encodeBatch, slotName } from "../log/batch.ts";
import { encodeUtf8, equalBytes, fromHex, toHex } from "../log/bytes.ts";
import { signCheckpoint } from "../log/checkpoint.ts";
import { newFinding, type Finding } from "../log/findings.ts";
import { leafHash, type Head } from "../log/hash.ts";
import { parseVkey } from "../log/note.ts";
import { IndexError, VaultError, type ObjectVersion, type SealRow } from "../ports.ts";
import { formatTime } from "./append.ts";
import { formatFrontier, timeOfLine, treeAt } from "./chunk.ts";
import { leafAt } from "./commit.ts";
import { readLines, type IndexLine } from "./read-lines.ts";
import { readSlot, retainAtLeastMs, sealRowOf, type SlotBatch, type SlotContext } from "./slot.ts";
import { logOrigin } from "../log/checkpoint.ts";
import {
  sealedHeadOf,
  type LogState,
  type Parts,
  type SealedHead,
  type Settings,
} from "./state.ts";

export interface SealOptions {
  /** What the log promises now. */
  readonly retentionDays: number;
  /** Resolves when the memo on disk holds at least the head as it is now. */
  flushed(): Promise<void>;
  /** Called after each commit 2. */
  sealed(row: SealRow): void;
}

export type SealOutcome =
  | { readonly kind: "sealed" }
  /** The lines are not what the ledger committed: nothing more was put. */
  | { readonly kind: "altered"; readonly finding: Finding }
  /** The slot holds a valid batch with other lines, or lines beyond ours. */
  | { readonly kind: "taken" };

/** One batch to be: its lines are known only where the whole backlog fits into it. */
interface Cut {
  readonly first: number;
  readonly after: SealedHead;
  readonly root: Uint8Array;
  readonly lines: readonly string[] | null;
  readonly timeLast: string;
}

/** Seals everything up to the head as it is now. Throws VaultError and IndexError for what may be over later. */
export async function sealLog(
  parts: Parts,
  settings: Settings,
  state: LogState,
  options: SealOptions,
): Promise<SealOutcome> {
  const { head } = state;
  if (state.sealed.size >= head.size) return { kind: "sealed" };
  const cuts = await cutBatches(parts, settings, state, head);
  if ("code" in cuts) return { kind: "altered", finding: cuts };
  // An honest memo is never behind the vault: what follows can be told from a restored old index.
  await options.flushed();
  let previous = state.sealed;
  for (const cut of cuts) {
    const before = previous;
    const lines = cut.lines ?? (await rereadLines(parts, state.name, before, cut));
    if (lines === null) return { kind: "altered", finding: changedMeanwhile(state.name, cut) };
    const row = await sealBatch(parts, settings, state.name, before, cut, lines, options);
    if (row === "taken") return { kind: "taken" };
    options.sealed(row);
    previous = sealedHeadOf(row);
    // A shorter batch was adopted: the cuts no longer fit.
    if (row.first + row.count !== cut.after.size) {
      return sealLog(parts, settings, { ...state, sealed: sealedHeadOf(row) }, options);
    }
  }
  return { kind: "sealed" };
}

/** First pass: hashes every unsealed line, cuts batches, and wants the root that the ledger vouches for. */
async function cutBatches(
  parts: Parts,
  settings: Settings,
  state: LogState,
  head: Head & { frontier: string },
): Promise<Cut[] | Finding> {
  const cuts: Cut[] = [];
  const tree = treeAt(state.sealed, parts.sha256);
  const bytesMax = Math.min(settings.sealBytes, BATCH_BYTES_MAX);
  let lines: string[] = [];
  let bytes = 0;
  let first = state.sealed.size;
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
  for await (const line of readLines(parts.index, state.name, first, head.size, parts.sha256)) {
    if (line.seq !== tree.size)
      return altered(state.name, tree.size, `entry ${tree.size}`, `entry ${line.seq}`);
    if (!line.holds) {
      return altered(
        state.name,
        line.seq,
        "a line whose hash is its leaf",
        `hash ${toHex(line.leaf)}`,
      );
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
    return await locate(parts, state, head, reached);
  }
  return cuts;
}

/**
 * The lines have the leaves beside them but are not those that were committed. The first whose successor names another
 * leaf, or the last, is the altered one if its true leaf (which the successor or the head tells) completes the tree.
 */
async function locate(
  parts: Parts,
  state: LogState,
  head: Head & { frontier: string },
  reached: Head | undefined,
): Promise<Finding> {
  const { name, sealed } = state;
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

function changedMeanwhile(log: string, cut: Cut): Finding {
  const found = "lines that changed between two readings";
  return altered(log, cut.first, "the lines just hashed", found, cut.after.size - 1);
}

/** Second pass of a long backlog: the lines of one cut, which must hash to the same head. */
async function rereadLines(
  parts: Parts,
  log: string,
  before: SealedHead,
  cut: Cut,
): Promise<string[] | null> {
  const tree = treeAt(before, parts.sha256);
  const lines: string[] = [];
  for await (const line of readLines(parts.index, log, cut.first, cut.after.size, parts.sha256)) {
    tree.append(leafHash(encodeUtf8(line.text), parts.sha256));
    lines.push(line.text);
  }
  const same = tree.size === cut.after.size && equalBytes(tree.root(), cut.root);
  return same ? lines : null;
}

async function sealBatch(
  parts: Parts,
  settings: Settings,
  log: string,
  before: SealedHead,
  cut: Cut,
  lines: readonly string[],
  options: SealOptions,
): Promise<SealRow | "taken"> {
  const origin = logOrigin(settings.origin, log);
  const signer = await parts.logKey.signer(origin);
  const context: SlotContext = {
    ...parts,
    log,
    origin,
    keys: [parseVkey(signer.vkey)],
    locks: true,
  };
  const checkpoint = await signCheckpoint({ origin, size: cut.after.size, root: cut.root }, signer);
  const header = {
    first: cut.first,
    frontier: before.frontier.match(/.{64}/g) ?? [],
    log,
    origin,
    prev: before.leaf,
    retention_days: options.retentionDays,
  };
  const object = await parts.gzip.gzip(encodeBatch({ header, lines, checkpoint }));
  const nowMs = parts.clock.nowMs();
  const fromMs = Math.max(Date.parse(cut.timeLast), nowMs);
  const retainUntilMs = retainAtLeastMs(fromMs, options.retentionDays);
  const key = slotName(log, cut.first);
  const read =
    (await putAndRead(parts, context, before, key, object, retainUntilMs)) ??
    (await adopt(parts, context, before, key, object, retainUntilMs));
  if (!(await isOurs(parts, log, cut, read))) return "taken";
  return (await addRow(parts, sealRowOf(read, formatTime(nowMs)))) ?? "taken";
}

/**
 * The row as it now stands in the index. It may have been written before, by a call whose answer was lost: then with
 * that time. Null if the row there is of another version: somebody else sealed this slot.
 */
async function addRow(parts: Parts, row: SealRow): Promise<SealRow | null> {
  try {
    // ★ Commit 2. A crash before: the next start finds the object in its slot and writes this row. After: sealed.
    await parts.index.addSeal(row);
    return row;
  } catch (error) {
    if (!(error instanceof IndexError)) throw error;
    const range = { from: row.first, limit: 1, order: "asc" } as const;
    const [there] = await parts.index.seals(row.log, range);
    if (there?.first !== row.first) throw error;
    return there.versionId === row.versionId && there.sha256 === row.sha256 ? there : null;
  }
}

/** Puts into the empty slot and reads that very version back; null where the slot is taken or the outcome is unknown. */
async function putAndRead(
  parts: Parts,
  context: SlotContext,
  before: SealedHead,
  key: string,
  object: Uint8Array,
  retainUntilMs: number,
): Promise<SlotBatch | null> {
  try {
    const put = await parts.vault.put(key, object, { retainUntilMs, ifAbsent: true });
    return put.kind === "taken" ? null : await readBack(context, before, key, put.versionId);
  } catch (error) {
    if (error instanceof VaultError && error.outcome === "unknown") return null;
    throw error;
  }
}

async function readBack(
  context: SlotContext,
  before: SealedHead,
  key: string,
  versionId: string,
): Promise<SlotBatch> {
  const version = {
    key,
    versionId,
    deleteMarker: false,
    latest: true,
    bytes: 0,
    lastModifiedMs: 0,
  };
  const { valid, findings } = await readSlot(context, [version], before);
  if (valid !== null) return valid;
  const [first] = findings;
  throw new VaultError(
    "vault_refused",
    `what was put into ${key} did not come back: ${first?.code}: ${first?.found}`,
  );
}

/**
 * The slot was taken, or nobody knows: the valid version in it is adopted, whoever put it. A slot without versions is put
 * again later; one with versions of which none is valid gets the batch on top.
 */
async function adopt(
  parts: Parts,
  context: SlotContext,
  before: SealedHead,
  key: string,
  object: Uint8Array,
  retainUntilMs: number,
): Promise<SlotBatch> {
  const versions: ObjectVersion[] = [];
  for await (const version of parts.vault.versions(key))
    if (version.key === key) versions.push(version);
  if (versions.length === 0) {
    throw new VaultError("vault_unreachable", `the outcome of putting ${key} is unknown`);
  }
  const { valid, findings } = await readSlot(context, versions, before);
  for (const one of findings) parts.report("error", "a slot is not as it should be", { ...one });
  if (valid !== null) return valid;
  if (findings.some(({ code }) => code === "fork")) {
    throw new VaultError("vault_refused", `${key} holds two signed histories`);
  }
  const put = await parts.vault.put(key, object, { retainUntilMs, ifAbsent: false });
  if (put.kind === "taken") throw new VaultError("vault_refused", `${key} cannot be written`);
  return readBack(context, before, key, put.versionId);
}

/** Whether an adopted batch holds our lines: its last leaf stands in our chain. */
async function isOurs(parts: Parts, log: string, cut: Cut, read: SlotBatch): Promise<boolean> {
  const { size, leaf } = read.batch.head;
  if (size === cut.after.size) return leaf === cut.after.leaf;
  if (size > cut.after.size) return false;
  return (await leafAt(parts.index, log, size - 1)) === leaf;
}
