/**
 * Opens a log (PROTOCOL §4): finds out where index (I), vault (V), seal rows (S) and memo (M) stand, lets `compare`
 * say what follows, and brings the index up where the vault has more. It reads the vault from the last sealed slot on.
 */
import { logOrigin } from "../log/checkpoint.ts";
import { newFinding, type Finding, type FindingCode } from "../log/findings.ts";
import type { Head } from "../log/hash.ts";
import { decodeLine } from "../log/entry.ts";
import type { LogRecovered } from "../log/system.ts";
import { parseVkey } from "../log/note.ts";
import { toHex } from "../log/bytes.ts";
import { HASH_BYTES } from "../log/hash.ts";
import type { IndexHead } from "../ports.ts";
import { formatTime } from "./append.ts";
import { EMPTY_HEAD, sameHead } from "./chunk.ts";
import { leafAt } from "./commit.ts";
import { compare, type Facts } from "./compare.ts";
import { readLines } from "./read-lines.ts";
import { importLines } from "./import-lines.ts";
import { sealRowOf, type SlotBatch } from "./slot.ts";
import { EMPTY_SEALED, sealedHeadOf, type Parts, type SealedHead, type Settings } from "./state.ts";
import { AT_START, walkLog, type WalkContext } from "./walk.ts";

export interface LoadQuery {
  readonly log: string;
  /** I. */
  readonly head: IndexHead;
  /** M; null where there is no memo at all. */
  readonly memo: Head | null;
  /** Memos that `log.recovered` entries of this log retired. */
  readonly retired: readonly { readonly memo: Head | null }[];
}

export interface Loaded {
  readonly head: IndexHead;
  readonly sealed: SealedHead;
  readonly frozen: Finding | null;
  readonly unsealable: Finding | null;
  readonly unproven: "no" | "noted" | "recovered";
  /** The memo that was compared. */
  readonly memo: Head | null;
  /** What the log's last entry says, if it is a recovery whose batch may not be under lock yet. */
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
  const memos = [...query.retired, ...(recovery === null ? [] : [recovery])];
  const retired = memos.some(({ memo }) => sameAs(memo, query.memo));
  const memo = retired ? null : query.memo;
  const context = await walkContext(parts, settings, log);
  const vault = await readVault(context, sealed, [head.size, memo?.size ?? 0]);
  const facts: Facts = {
    index: head,
    vault: vault.head,
    sealed,
    memo,
    memoRetired: retired,
    newestBatch: vault.newestBatch,
    holds: await leavesOf(parts, log, head, vault, memo),
  };
  const verdict = compare(facts);
  const result = {
    head,
    sealed,
    frozen: null,
    unsealable: null,
    memo: query.memo,
    recovery,
  } as const;
  if (verdict.kind === "frozen") {
    const finding = vault.findings[0] ?? explain(log, verdict.finding, facts);
    return { ...result, unproven: "no", frozen: { ...finding, code: verdict.finding } };
  }
  if (!verdict.sealing) {
    const unsealable = explain(log, "batch_missing", facts);
    return { ...result, unproven: verdict.unproven, unsealable };
  }
  const brought = await bringUp(parts, context, head, sealed);
  return { ...result, ...brought, unproven: verdict.unproven };
}

export async function walkContext(
  parts: Parts,
  settings: Settings,
  log: string,
): Promise<WalkContext> {
  const origin = logOrigin(settings.origin, log);
  const { vkey } = await parts.logKey.signer(origin);
  return { ...parts, log, origin, keys: [parseVkey(vkey)], locks: true };
}

interface VaultReading {
  readonly head: Head;
  readonly newestBatch: Facts["newestBatch"];
  readonly findings: readonly Finding[];
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
  if (reading.head.size > 0 || from === 0 || !gone) return reading;
  // S's own batch is not there: what is left has to be found from the beginning. That S is gone `compare` sees by itself.
  const whole = await readFrom(context, 0, AT_START, sizes);
  const endsBeforeS = whole.findings[0]?.first === from;
  return endsBeforeS ? { ...whole, newestBatch: "valid", findings: [] } : whole;
}

async function readFrom(
  context: WalkContext,
  from: number,
  before: typeof AT_START | null,
  sizes: readonly number[],
): Promise<VaultReading> {
  let head: Head = EMPTY_HEAD;
  const leaves = new Map<number, string>();
  for await (const step of walkLog(context, { from, before, goOn: false })) {
    if (step.kind === "batch") {
      head = step.read.batch.head;
      pick(step.read, sizes, leaves);
    } else if (step.kind !== "passed") {
      const [finding] = step.findings;
      const newestBatch = wordFor(finding?.code ?? "batch_unreadable");
      return { head, newestBatch, findings: step.findings, leaves };
    }
  }
  return { head, newestBatch: "valid", findings: [], leaves };
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

/** Brings lines of batches beyond I into the index, and writes the seal rows of batches beyond S. */
async function bringUp(
  parts: Parts,
  context: WalkContext,
  head: IndexHead,
  sealed: SealedHead,
): Promise<{ head: IndexHead; sealed: SealedHead }> {
  let now = head;
  let last = sealed;
  const options = { from: sealed.size, before: sealed, goOn: false };
  for await (const step of walkLog(context, options)) {
    if (step.kind === "passed") continue;
    if (step.kind !== "batch") break;
    const { first, count } = step.read.batch.header;
    if (first + count > now.size) {
      const known = Math.max(0, now.size - first);
      now = await importLines(
        { index: parts.index, sha256: parts.sha256, nowMs: parts.clock.nowMs() },
        context.log,
        now,
        linesFrom(step.read, known),
      );
    }
    const row = sealRowOf(step.read, formatTime(step.read.version.lastModifiedMs));
    // ★ Commit 2, made up for: a crash came between the batch's read-back and its row.
    await parts.index.addSeal(row);
    last = sealedHeadOf(row);
  }
  return { head: now, sealed: last };
}

function* linesFrom(read: SlotBatch, from: number): Generator<Uint8Array> {
  for (let i = from; i < read.lines.length; i += 1) yield read.lines.at(i);
}

/** The fields of `log.recovered` where that is the log's last entry. */
async function lastRecovery(
  parts: Parts,
  log: string,
  { size }: IndexHead,
): Promise<LogRecovered | null> {
  for await (const line of readLines(parts.index, log, Math.max(0, size - 1), size, parts.sha256)) {
    if (!line.holds || !line.text.includes('"log.recovered"')) return null;
    const { action, by, eventJson } = decodeLine(line.text);
    if (action === "log.recovered" && by === "system") {
      return eventJson["details"] as unknown as LogRecovered;
    }
  }
  return null;
}

function sameAs(a: Head | null, b: Head | null): boolean {
  return a !== null && b !== null && sameHead(a, b);
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
