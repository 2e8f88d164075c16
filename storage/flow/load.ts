/**
 * Opens a log (PROTOCOL §4): finds out where index (I), vault (V), seal rows (S) and memo (M) stand, lets `compare`
 * say what follows, and brings the index up where the vault has more. It reads the vault from the last sealed slot on.
 */
import { logOrigin } from "../log/checkpoint.ts";
import { newFinding, type Finding, type FindingCode } from "../log/findings.ts";
import type { Head } from "../log/hash.ts";
import type { LogRecovered } from "../log/system.ts";
import { parseVkey } from "../log/note.ts";
import { keyOf } from "../log/vkey.ts";
import { equalBytes, toHex } from "../log/bytes.ts";
import { HASH_BYTES } from "../log/hash.ts";
import { VaultError, type IndexHead } from "../ports.ts";
import { formatTime } from "./append.ts";
import { EMPTY_HEAD } from "./chunk.ts";
import { leafAt } from "./commit.ts";
import { compare, type Facts } from "./compare.ts";
import { importLines, type More } from "./import-lines.ts";
import { checkTail } from "./load-tail.ts";
import { lastRecovery, planRecovery, sameMemo } from "./recovered.ts";
import { sealRowOf, type SlotBatch } from "./slot.ts";
import { EMPTY_SEALED, sealedHeadOf, type Parts, type SealedHead, type Settings } from "./state.ts";
import { AT_START, walkLog, type WalkContext, type WalkOptions } from "./walk.ts";

export interface LoadQuery {
  readonly log: string;
  /** I. */
  readonly head: IndexHead;
  /** M; null where there is no memo at all. */
  readonly memo: Head | null;
  /** Memos that `log.recovered` entries of this log retired, and the size that each kept. */
  readonly retired: readonly { readonly memo: Head | null; readonly kept: number }[];
  /** A person is replacing the log key: until that is done, the newest batch is by the one before. */
  readonly newLogKey?: boolean;
  /** Throws the Refusal that says why no entry may be written now, not even `log.recovered`. */
  assertMayAppend(): void;
}

export interface Loaded {
  readonly head: IndexHead;
  readonly sealed: SealedHead;
  readonly frozen: Finding | null;
  readonly unsealable: Finding | null;
  /** Nothing is known of what was promised, and nothing is missing: for `instance.unproven`. */
  readonly unproven: boolean;
  /** What the log's last entry says, if it is a recovery: its batch may not be under lock yet. */
  readonly recovery: LogRecovered | null;
}

export async function loadLog(parts: Parts, settings: Settings, query: LoadQuery): Promise<Loaded> {
  const { log, head } = query;
  const [lastRow] = await parts.index.seals(log, {
    from: Number.MAX_SAFE_INTEGER,
    limit: 1,
    order: "desc",
  });
  const sealed = lastRow === undefined ? EMPTY_SEALED : sealedHeadOf(lastRow);
  const recovery = await lastRecovery(parts, log, head);
  const retiredBy = [...query.retired, ...(recovery === null ? [] : [recovery])].filter((one) =>
    sameMemo(one.memo, query.memo),
  );
  const memo = retiredBy.length > 0 ? null : query.memo;
  const context = await walkContext(parts, settings, log);
  const read = await readVault(context, sealed, [head.size, memo?.size ?? 0]);
  if (!read.listed) {
    const message =
      "the log cannot be listed in the vault; its batches were looked for by their names";
    parts.report("error", message, { log });
  }
  const vault = query.newLogKey === true ? read : signedLast(context, read);
  const facts: Facts = {
    index: head,
    vault: vault.head,
    sealed,
    memo,
    // Sealing waits for a newer memo: once the recovery is under lock, the retired one has come back old.
    memoRetired: retiredBy.some(({ kept }) => kept >= vault.head.size),
    newestBatch: vault.newestBatch,
    holds: await leavesOf(parts, log, head, vault, memo),
  };
  const verdict = compare(facts);
  const result = { head, sealed, frozen: null, unsealable: null, unproven: false, recovery };
  if (verdict.kind === "frozen") {
    const finding = vault.findings[0] ?? explain(log, verdict.finding, facts);
    return { ...result, frozen: { ...finding, code: verdict.finding } };
  }
  const wrong = await checkTail(parts, settings, log, head, sealed);
  if (wrong !== null) return { ...result, frozen: wrong };
  const unproven = verdict.unproven === "noted";
  if (!verdict.sealing) {
    return { ...result, unproven, unsealable: explain(log, "batch_missing", facts) };
  }
  if (verdict.unproven === "recovered") query.assertMayAppend();
  const recover = verdict.unproven === "recovered" ? query.memo : undefined;
  const brought = await bringUp(parts, context, {
    ...{ head, sealed, vault: vault.head, recover },
    listed: vault.listed,
  });
  if (brought.sealed.size === vault.head.size) return { ...result, ...brought, unproven };
  const more = longerThanRow(log, brought.sealed, vault.head);
  const beyond = vault.head.size > brought.head.size;
  return { ...result, ...brought, unproven, [beyond ? "frozen" : "unsealable"]: more };
}

/** The slot of S holds more than its row says: what to make of the rest is for a person to say. */
function longerThanRow(log: string, sealed: SealedHead, vault: Head): Finding {
  const place = { log, first: sealed.size, last: vault.size - 1, object: sealed.row?.key ?? null };
  const found = `a version that holds the log up to ${vault.size}`;
  return newFinding("extra_version", place, `${sealed.size} entries, as the seal says`, found);
}

/** The log key of today comes first. */
export async function walkContext(
  parts: Parts,
  settings: Settings,
  log: string,
): Promise<WalkContext> {
  const origin = logOrigin(settings.origin, log);
  const { vkey } = await parts.logKey.signer(origin);
  const replaced = (parts.replacedKeys ?? []).map((publicKey) => keyOf(origin, publicKey));
  return { ...parts, log, origin, keys: [parseVkey(vkey), ...replaced], locks: true };
}

/**
 * The newest batch of a log is by the log key of today: replacing it ends with a batch by the new one in every log.
 * Else `keys/` was exchanged by hand, and nobody who verifies would have been told.
 */
function signedLast(
  { log, keys: [current] }: Pick<WalkContext, "log" | "keys">,
  vault: VaultReading,
): VaultReading {
  const { newest, newestBatch } = vault;
  if (newest === null || newestBatch !== "valid" || current === undefined) return vault;
  const { signers } = newest.batch.checkpoint;
  if (signers.some(({ publicKey }) => equalBytes(publicKey, current.publicKey))) return vault;
  const { key: object, versionId: version } = newest.version;
  const place = { log, first: newest.batch.header.first, object, version };
  const found = "one that is said to be replaced, and nothing by the one that replaced it";
  const finding = {
    ...newFinding("signature_invalid", place, "the log key of this instance", found),
    hint: "The log key was exchanged by hand. Put the right one back; if it is lost, npm run recover -- --new-log-key.",
  };
  return { ...vault, newestBatch: "batch_altered", findings: [finding] };
}

interface VaultReading {
  readonly head: Head;
  /** The batch that ends at V; null where there is none. */
  readonly newest: Pick<SlotBatch, "batch" | "version"> | null;
  readonly newestBatch: Facts["newestBatch"];
  readonly findings: readonly Finding[];
  /** False where the batches were looked for by their names. */
  readonly listed: boolean;
  /** Leaves (hex) at the ends of the sizes that were asked for, where the reading passed them. */
  readonly leaves: ReadonlyMap<number, string>;
}

/** V: the last valid batch, from the slot of S on; from the first slot where S is not there any more. */
async function readVault(
  context: WalkContext,
  sealed: SealedHead,
  sizes: readonly number[],
): Promise<VaultReading> {
  const from = sealed.row?.first ?? 0;
  const reading = await readFrom(context, from, from === 0 ? AT_START : null, sizes);
  const gone = reading.newestBatch === "valid" || reading.newestBatch === "batch_missing";
  if (sealed.row === null || reading.head.size > 0 || !gone) return reading;
  // S's own batch is not there. If later ones are, entries would be put in the place of theirs.
  const beyond = await readFrom(context, sealed.size, sealed, sizes);
  if (beyond.head.size > 0 || beyond.newestBatch !== "valid") {
    const findings = [missingBatch(context.log, sealed), ...beyond.findings];
    return { ...beyond, newestBatch: "batch_missing", findings };
  }
  // Else what is left ends before S, which `compare` sees by itself.
  const whole = await readFrom(context, 0, AT_START, sizes);
  return whole.newestBatch === "batch_missing"
    ? { ...whole, newestBatch: "valid", findings: [] }
    : whole;
}

function missingBatch(log: string, { row, size }: SealedHead): Finding {
  const { first = 0, key = null, versionId = null } = row ?? {};
  const place = { log, first, last: size - 1, object: key, version: versionId };
  return newFinding("batch_missing", place, "the batch of the last seal", "later ones alone");
}

/** As far as the listing goes; where one object spoils or hides it, batch by batch, by their names. */
async function readFrom(
  context: WalkContext,
  from: number,
  before: typeof AT_START | null,
  sizes: readonly number[],
): Promise<VaultReading> {
  const options = { from, before, goOn: false } as const;
  try {
    return { ...(await readSlots(context, options, sizes)), listed: true };
  } catch (error) {
    if (!(error instanceof VaultError) || error.code !== "batch_unreadable") throw error;
  }
  try {
    return { ...(await readSlots(context, { ...options, keys: "next" }, sizes)), listed: false };
  } catch (error) {
    if (!(error instanceof VaultError) || error.code !== "batch_unreadable") throw error;
    const place = { log: context.log, first: from };
    const findings = [newFinding("batch_unreadable", place, "a readable batch", error.message)];
    const nothing = { head: EMPTY_HEAD, newest: null, leaves: new Map<number, string>() };
    return { ...nothing, newestBatch: "batch_unreadable", findings, listed: false };
  }
}

async function readSlots(
  context: WalkContext,
  options: WalkOptions,
  sizes: readonly number[],
): Promise<Omit<VaultReading, "listed">> {
  let head: Head = EMPTY_HEAD;
  let newest: VaultReading["newest"] = null;
  const leaves = new Map<number, string>();
  for await (const step of walkLog(context, options)) {
    if (step.kind === "batch") {
      const { batch, version } = step.read;
      head = batch.head;
      newest = { batch, version };
      pick(step.read, sizes, leaves);
    } else if (step.kind !== "passed") {
      const [finding] = step.findings;
      const newestBatch = wordFor(finding?.code ?? "batch_unreadable");
      return { head, newest, newestBatch, findings: step.findings, leaves };
    }
  }
  return { head, newest, newestBatch: "valid", findings: [], leaves };
}

function pick(read: SlotBatch, sizes: readonly number[], leaves: Map<number, string>): void {
  const { first, count } = read.batch.header;
  for (const size of sizes) {
    if (size <= first || size > first + count) continue;
    const at = (size - 1 - first) * HASH_BYTES;
    leaves.set(size, toHex(read.batch.leaves.subarray(at, at + HASH_BYTES)));
  }
}

function wordFor(code: FindingCode): Facts["newestBatch"] {
  if (code === "batch_unreadable" || code === "batch_missing" || code === "fork") return code;
  // No versions but markers and the like: nothing there can be read.
  return code === "delete_marker" ? "batch_unreadable" : "batch_altered";
}

/** Reads the few leaves of the index that the comparison may ask for, so that it stays a pure function. */
async function leavesOf(
  parts: Parts,
  log: string,
  index: IndexHead,
  vault: VaultReading,
  memo: Head | null,
): Promise<Facts["holds"]> {
  const inIndex = new Map<number, string>([[index.size, index.leaf]]);
  for (const { size } of [vault.head, memo ?? EMPTY_HEAD]) {
    if (size === 0 || size >= index.size) continue;
    inIndex.set(size, await leafAt(parts.index, log, size - 1));
  }
  const inVault = new Map(vault.leaves).set(vault.head.size, vault.head.leaf);
  return (other, { size, leaf }) =>
    size === 0 || (other === "index" ? inIndex : inVault).get(size) === leaf;
}

interface BringUp {
  readonly head: IndexHead;
  readonly sealed: SealedHead;
  /** V. */
  readonly vault: Head;
  /** The memo that cannot say what was promised beyond V; undefined where nothing is unproven. */
  readonly recover: Head | null | undefined;
  readonly listed: boolean;
}

/**
 * Brings lines of batches beyond I into the index, and writes the seal rows of batches beyond S. Where
 * `log.recovered` has to follow, it is one commit with the last line: after a crash the log either still
 * lacks lines, or has this entry at its end.
 */
async function bringUp(
  parts: Parts,
  context: WalkContext,
  { head, sealed, vault, recover, listed }: BringUp,
): Promise<Pick<Loaded, "head" | "sealed"> & Partial<Pick<Loaded, "recovery">>> {
  let now = head;
  let last = sealed;
  let recovery: LogRecovered | undefined;
  const imported = { index: parts.index, sha256: parts.sha256, nowMs: parts.clock.nowMs() };
  const recovered: More = (after) => {
    if (recover === undefined || after.size < vault.size) return { commits: [], head: after };
    const planned = planRecovery(parts, context.log, after, recover);
    recovery = planned.recovery;
    return planned;
  };
  const options = { from: sealed.size, before: sealed, goOn: false };
  for await (const step of walkLog(context, listed ? options : { ...options, keys: "next" })) {
    if (step.kind === "passed") continue;
    if (step.kind !== "batch") break;
    const { first, count } = step.read.batch.header;
    if (first + count > now.size) {
      const lines = linesFrom(step.read, Math.max(0, now.size - first));
      now = await importLines(imported, context.log, now, lines, recovered);
    }
    const row = sealRowOf(step.read, formatTime(step.read.version.lastModifiedMs));
    // ★ Commit 2, made up for: a crash came between the batch's read-back and its row.
    await parts.index.addSeal(row);
    last = sealedHeadOf(row);
  }
  return { head: now, sealed: last, ...(recovery === undefined ? {} : { recovery }) };
}

function* linesFrom(read: SlotBatch, from: number): Generator<Uint8Array> {
  for (let i = from; i < read.lines.length; i += 1) yield read.lines.at(i);
}

function explain(log: string, code: FindingCode, facts: Facts): Finding {
  const { index, vault, sealed, memo } = facts;
  const heads: Record<string, [string, Head | null, string, Head | null]> = {
    fork: ["the vault", vault, "the index", index],
    batch_missing: ["the last seal", sealed, "the vault", vault],
    entry_altered: ["the memo", memo, "the index", index],
    index_behind: ["the memo", memo, "the index", index],
  };
  const [name, expected, other, found] = heads[code] ?? ["the vault", vault, "the index", index];
  const first = Math.min(expected?.size ?? 0, found?.size ?? 0);
  const last = Math.max(first, (expected?.size ?? 1) - 1);
  const place = { log, first, last };
  return newFinding(code, place, `${name} at ${words(expected)}`, `${other} at ${words(found)}`);
}

function words(head: Head | null): string {
  return head === null ? "nothing" : `size ${head.size}, leaf ${head.leaf}`;
}

export function frozenFinding(
  log: string,
  code: FindingCode,
  expected: Head,
  found: Head,
): Finding {
  const place = { log, first: Math.min(expected.size, found.size), last: expected.size - 1 };
  return newFinding(code, place, words(expected), words(found));
}
