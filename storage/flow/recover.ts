/**
 * Recovery (PROTOCOL §4): builds a new index in which every log goes on again. A recovered log has the vault's entries,
 * then every line of the old index that continues them, then `log.recovered`, which names what is missing and the
 * memo that it retires; once that is under lock, `_system` is told. Other logs are taken over as they are.
 */
import { decodeLine, SYSTEM_LOG } from "../log/entry.ts";
import { Directory, logRecovered, type LogRecovered } from "../log/system.ts";
import type { Index, IndexHead } from "../ports.ts";
import type { NewEvent } from "./append.ts";
import { EMPTY_HEAD } from "./chunk.ts";
import { commitSurely } from "./commit.ts";
import { walkContext } from "./load.ts";
import { importLines } from "./import-lines.ts";
import { CHAIN_START, keptLines, type Assessment } from "./recover-assess.ts";
import { planEvents } from "./recovered.ts";
import { restoreLog, type RestoreOptions } from "./restore.ts";
import { sealLog } from "./seal.ts";
import { sealRowsFrom } from "./seal-rows.ts";
import { headAfter, type SlotBatch } from "./slot.ts";
import { newState, EMPTY_SEALED, sealedHeadOf, type Parts, type Settings } from "./state.ts";
import { AT_START, walkLog } from "./walk.ts";

/** Why a recovery stopped before anything was exchanged. */
export class RecoveryRefused extends Error {}

export interface Recovered {
  readonly log: string;
  readonly head: IndexHead;
  readonly recovery: LogRecovered;
}

/** A log, and whether it is recovered or taken over as it is. */
export interface ToRebuild {
  readonly assessment: Assessment;
  readonly recover: boolean;
  /** The reason that `log.recovered` gives for a log with which nothing was wrong. */
  readonly asked?: string;
  /** What is to be said before `log.recovered`, in the same commit. */
  readonly announce?: readonly NewEvent[];
}

/** Lines gathered for one import. */
const GATHERED_BYTES_MAX = 3_000_000;

/** Fills the empty index `next`; `parts.index` is the old one. The old one and the vault are only read. */
export async function rebuild(
  parts: Parts,
  next: Index,
  options: Pick<RestoreOptions, "origin" | "keysOf" | "onBatch">,
  logs: readonly ToRebuild[],
): Promise<Recovered[]> {
  const recovered: Recovered[] = [];
  for (const { assessment, recover, asked, announce = [] } of logs) {
    if (!recover) {
      await takeOver(parts, next, options, assessment);
      continue;
    }
    const head = await fromVaultAndIndex(parts, next, options, assessment);
    if (head.size !== assessment.kept) {
      const what = `${assessment.log} has ${head.size} entries instead of ${assessment.kept}`;
      throw new RecoveryRefused(`${what}: vault or index changed meanwhile.`);
    }
    const recovery = recoveryOf(assessment, asked);
    const after = await append({ ...parts, index: next }, assessment.log, head, [
      ...announce,
      logRecovered(recovery),
    ]);
    recovered.push({ log: assessment.log, head: after, recovery });
  }
  return recovered;
}

/** The fields of `log.recovered`; `asked`: why, where nothing was wrong with the log. */
function recoveryOf(
  { log, finding, kept, missing, memo }: Assessment,
  asked = "requested",
): LogRecovered {
  return {
    log,
    reason: finding?.code ?? asked,
    kept,
    missing_from: missing?.from ?? null,
    missing_to: missing?.to ?? null,
    memo: memo === null ? null : { size: memo.size, leaf: memo.leaf },
  };
}

/** A log that nobody recovers: its lines and rows as they are, or, where sealed lines were altered, as the vault has them. */
async function takeOver(
  parts: Parts,
  next: Index,
  options: Pick<RestoreOptions, "origin" | "keysOf" | "onBatch">,
  assessment: Assessment,
): Promise<void> {
  const { log, index, finding } = assessment;
  const chain = await chainLength(parts, log, index.size);
  if (chain === index.size) {
    const head = await importKept(parts, next, log, EMPTY_HEAD, index.size);
    if (head.leaf !== index.leaf)
      throw new RecoveryRefused(`The head of ${log} is not its last entry.`);
    return copyRows(parts.index, next, log);
  }
  if (finding !== null) {
    const what = `${log} is frozen (${finding.code}) and cannot be taken over as it is`;
    throw new RecoveryRefused(`${what}: recover it too, or all logs at once.`);
  }
  const head = await fromVaultAndIndex(parts, next, options, assessment);
  if (head.size !== index.size || head.leaf !== index.leaf) {
    throw new RecoveryRefused(
      `${log} cannot be taken over: entry ${chain} of the index was altered.`,
    );
  }
}

async function chainLength(parts: Parts, log: string, to: number): Promise<number> {
  let size = 0;
  for await (const { seq } of keptLines(parts, log, CHAIN_START, to)) size = seq + 1;
  return size;
}

async function copyRows(from: Index, to: Index, log: string): Promise<void> {
  for await (const row of sealRowsFrom(from, log, 0)) await to.addSeal(row);
}

async function fromVaultAndIndex(
  parts: Parts,
  next: Index,
  options: Pick<RestoreOptions, "origin" | "keysOf" | "onBatch">,
  { log, kept }: Assessment,
): Promise<IndexHead> {
  const restoring = { ...parts, index: next, nowMs: parts.clock.nowMs() };
  let timeMs = CHAIN_START.timeMs;
  const onBatch = ({ batch }: SlotBatch) => {
    timeMs = batch.times.at(-1) as number;
  };
  await restoreLog(restoring, options, log, onBatch);
  const head = (await next.heads()).get(log) ?? EMPTY_HEAD;
  return importKept(parts, next, log, head, kept, timeMs);
}

/** Brings the lines of the old index behind `head` into the new one. */
async function importKept(
  parts: Parts,
  next: Index,
  log: string,
  head: IndexHead,
  to: number,
  timeMs = CHAIN_START.timeMs,
): Promise<IndexHead> {
  const importing = { index: next, sha256: parts.sha256, nowMs: parts.clock.nowMs() };
  let now = head;
  let lines: Uint8Array[] = [];
  let bytes = 0;
  for await (const line of keptLines(parts, log, { ...head, timeMs }, to)) {
    lines.push(line.bytes);
    bytes += line.bytes.length;
    if (bytes < GATHERED_BYTES_MAX) continue;
    now = await importLines(importing, log, now, lines);
    [lines, bytes] = [[], 0];
  }
  return lines.length > 0 ? importLines(importing, log, now, lines) : now;
}

async function append(
  parts: Parts,
  log: string,
  head: IndexHead,
  events: readonly NewEvent[],
): Promise<IndexHead> {
  const planned = planEvents(parts, log, head, events);
  const result = await commitSurely(parts.index, planned.commits);
  if (result.kind !== "committed") throw new RecoveryRefused(`${log} was written meanwhile.`);
  return planned.head;
}

/**
 * After the new index took the old one's place: seals the recovered logs, tells `_system`, seals it. A crash in here is
 * finished by the next start, which finds `log.recovered` at the end of the log. Returns the heads under lock.
 */
export async function finish(
  parts: Parts,
  settings: Settings,
  recovered: readonly Recovered[],
  directory: Directory,
): Promise<Map<string, IndexHead>> {
  const days = (log: string): number => retentionDays(directory, log);
  const heads = new Map<string, IndexHead>();
  // The first batch of a log is put only behind that of `_system` which names it.
  const system = (await parts.index.heads()).get(SYSTEM_LOG) ?? EMPTY_HEAD;
  await seal(parts, settings, SYSTEM_LOG, system, days(SYSTEM_LOG));
  const others = recovered.filter(({ log }) => log !== SYSTEM_LOG);
  for (const { log, head } of others) {
    await seal(parts, settings, log, head, days(log));
    heads.set(log, head);
  }
  const events = others.map(({ recovery }) => logRecovered(recovery));
  const last = events.length > 0 ? await append(parts, SYSTEM_LOG, system, events) : system;
  await seal(parts, settings, SYSTEM_LOG, last, days(SYSTEM_LOG));
  return heads.set(SYSTEM_LOG, last);
}

/** What `_system` says once it is recovered: the vault's entries, and those of the index that continue them. */
export async function keptDirectory(
  parts: Parts,
  settings: Settings,
  kept: number,
): Promise<Directory> {
  const directory = new Directory();
  const context = await walkContext(parts, settings, SYSTEM_LOG);
  let end = CHAIN_START;
  for await (const step of walkLog(context, { from: 0, before: AT_START, goOn: false })) {
    if (step.kind !== "batch") continue;
    const { lines, batch } = step.read;
    for (let i = 0; i < lines.length; i++) directory.apply(decodeLine(lines.text(i)));
    end = { ...headAfter(step.read), timeMs: batch.times.at(-1) as number };
  }
  for await (const { text } of keptLines(parts, SYSTEM_LOG, end, kept)) {
    directory.apply(decodeLine(text));
  }
  return directory;
}

/** `_system` is kept as long as the longest-kept log. */
export function retentionDays(directory: Directory, log: string): number {
  const logs = [...directory.logs.values()];
  if (log === SYSTEM_LOG) return Math.max(1, ...logs.map((one) => one.retentionDays));
  const known = directory.logs.get(log);
  if (known === undefined) throw new RecoveryRefused(`_system does not name ${log}.`);
  return known.retentionDays;
}

async function seal(
  parts: Parts,
  settings: Settings,
  log: string,
  head: IndexHead,
  days: number,
): Promise<void> {
  const range = { from: Number.MAX_SAFE_INTEGER, limit: 1, order: "desc" } as const;
  const [row] = await parts.index.seals(log, range);
  const state = newState(log, head, row === undefined ? EMPTY_SEALED : sealedHeadOf(row));
  const outcome = await sealLog(parts, settings, state, {
    retentionDays: () => days,
    flushed: async () => {},
    sealed: () => {},
  });
  if (outcome.kind === "sealed") return;
  const why = outcome.kind === "taken" ? "its slot is taken" : outcome.finding.found;
  throw new RecoveryRefused(`${log} could not be sealed: ${why}. Run recover again.`);
}
