/**
 * `npm run verify -- export FILE… [DIR | --s3 | URL]`: whether an export holds, from its own bytes and the verifier keys, and what that proves; and
 * where the sealed batches can be read, too, whether it has every entry that its filter asks for.
 */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { keysOf } from "../../storage/flow/verify.ts";
import { webCryptoVerify } from "../../storage/keys.ts";
import { Remembered, type KeptCheckpoint } from "../../storage/flow/remembered.ts";
import { ExportCheck, type ExportReport } from "../../storage/log/export-check.ts";
import {
  ExportComplete,
  type CompletenessReport,
  type ExportScope,
} from "../../storage/log/export-complete.ts";
import { BatchScan, type BatchesFrom } from "../../storage/log/batch-scan.ts";
import { EXPORT_LINE_CHARS_MAX } from "../../storage/log/export-jsonl.ts";
import { formatFilter, isEverything } from "../../storage/log/filter.ts";
import type { VerifierKey } from "../../storage/log/note.ts";
import { sealedBatches, slotsOf } from "./batches.ts";
import { dropped } from "./garbage.ts";
import { InputError } from "./keys.ts";
import { eachLine } from "./lines.ts";
import { findingLines, grouped } from "./report.ts";
import { fastSha256 } from "./sha256.ts";
import type { Source } from "./source.ts";

/** A character has three bytes at most, but for pairs. */
const LINE_BYTES_MAX = 3 * EXPORT_LINE_CHARS_MAX;

export interface ExportAsked {
  /** Parts of one export, in their order. */
  readonly files: readonly string[];
  readonly keys: readonly VerifierKey[];
  readonly instanceOrigin: string;
  /** Checkpoints that somebody kept. */
  readonly kept: readonly KeptCheckpoint[];
  readonly json: boolean;
}

/** What was found of it, and with which batches it was compared. */
interface Outcome {
  readonly report: ExportReport;
  readonly complete: CompletenessReport | null;
  readonly where: string | null;
}

/** Gives the exit code: 0 it holds, 1 there are findings. `source` null: the file alone. Throws `InputError` for what cannot be looked at. */
export async function verifyExport(asked: ExportAsked, source: Source | null): Promise<number> {
  const { files, keys, instanceOrigin } = asked;
  if (files.length === 0) throw new InputError("Which file? npm run verify -- export FILE…");
  const startMs = Date.now();
  const follower =
    source === null ? null : new ExportComplete((scope) => scanOf(scope, source.vault, asked));
  const check = new ExportCheck({
    keysFor: (origin) => keysOf(keys, instanceOrigin, origin),
    verify: webCryptoVerify(),
    sha256: fastSha256,
    newSha256: () => createHash("sha256"),
    ...(follower === null ? {} : { follower }),
  });
  let rest: Uint8Array = new Uint8Array(0);
  for (const file of files) {
    // Where another part follows, half a line is what this one broke off with.
    rest = await eachLine(file, LINE_BYTES_MAX, async (line) => {
      await check.line(line);
      dropped(line.length);
    });
  }
  const report = check.finish(rest);
  const complete = (await follower?.finish(report.to)) ?? null;
  const outcome = { report, complete, where: source?.what ?? null };
  const seconds = Math.max(0.001, (Date.now() - startMs) / 1000);
  const what = files.map((file) => basename(file)).join(", ");
  const text = asked.json ? formatJson(outcome, what, seconds) : formatText(outcome, what, seconds);
  process.stdout.write(`${text}\n`);
  return findingsOf(outcome).length === 0 ? 0 : 1;
}

function findingsOf({ report, complete }: Outcome) {
  return [...report.findings, ...(complete?.findings ?? [])];
}

/** The batches that an export has to be held against. */
async function scanOf(
  { header, filter, checkpoints }: ExportScope,
  vault: Source["vault"],
  { keys, instanceOrigin, kept }: ExportAsked,
): Promise<BatchScan> {
  const { log, origin, from, to } = header;
  const batches = sealedBatches({ vault, log, origin, keys: keysOf(keys, instanceOrigin, origin) });
  const slots = await slotsOf(vault, log);
  const readFrom = await firstToRead(slots, batches, from, filter.sinceMs);
  const own = kept.filter((checkpoint) => checkpoint.origin === origin);
  const remembered = new Remembered(log, own);
  const onBatch = (batch: Parameters<typeof remembered.inBatch>[0]) =>
    remembered.inBatch(batch, fastSha256);
  const range = { log, origin, filter, from, to, readFrom };
  return new BatchScan(range, { batches, checkpoints, onBatch });
}

/** The last slot that begins before what is asked for: a log's times never go back. */
async function firstToRead(
  slots: readonly number[],
  batches: BatchesFrom,
  from: number,
  sinceMs: number | null,
): Promise<number> {
  let [low, high] = [
    Math.max(
      0,
      slots.findLastIndex((first) => first <= from),
    ),
    slots.length,
  ];
  if (sinceMs === null) return slots[low] ?? 0;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const timeMs = await firstTimeMs(batches, slots[middle]!);
    if (timeMs !== null && timeMs < sinceMs) low = middle;
    else high = middle;
  }
  return slots[low] ?? 0;
}

/** Of a batch that does not hold nothing is known: the search goes on before it. */
async function firstTimeMs(batches: BatchesFrom, first: number): Promise<number | null> {
  for await (const found of batches(first)) {
    return "code" in found || found.batch.header.first !== first ? null : found.batch.times[0]!;
  }
  return null;
}

/** What follows from an export that holds, and what does not. */
function meaningOf({ report, complete, where }: Outcome): {
  readonly proven: readonly string[];
  readonly notProven: readonly string[];
} {
  const { origin, filter, from, to, checkpointSize } = report;
  const each = `each line is that entry of ${origin}, as the log key signed it for ${grouped(checkpointSize)} entries`;
  const beyond = `what is not among entries ${from} to ${to - 1}, and what was never sent to the log`;
  const proven = [each];
  const notProven = [beyond];
  if (!isEverything(filter)) proven.push("each is asked for by the filter");
  if (complete?.isComplete === true) {
    const looked = `${grouped(complete.lines)} entries in ${grouped(complete.batches)} batches of ${where} were looked through`;
    proven.push(`no entry from ${from} to ${to - 1} that is asked for is left out: ${looked}`);
  } else if (isEverything(filter)) {
    proven.push(`no entry from ${from} to ${to - 1} is left out`);
  } else {
    const how = "name the vault, too: a folder of its batches, --s3, or the instance's address";
    notProven.unshift(`that no entry which the filter asks for was left out; ${how}`);
  }
  return { proven, notProven };
}

function formatText(outcome: Outcome, what: string, seconds: number): string {
  const { report, complete, where } = outcome;
  const { log, filter, from, to, count, parts } = report;
  const lines = [
    `Verified: ${what}${where === null ? "" : `, with ${where}`}`,
    `  log        ${log ?? "?"}`,
    `  asked for  ${formatFilter(filter) || "every entry"}, from ${from} to ${to - 1}`,
    `  records    ${grouped(count)} hold${parts > 1 ? `, in ${parts} parts` : ""}`,
    "",
  ];
  const findings = findingsOf(outcome);
  const more = report.moreFindings + (complete?.moreFindings ?? 0);
  for (const finding of findings) lines.push(...findingLines(finding), "");
  if (more > 0) lines.push(`… and ${grouped(more)} more findings.`, "");
  const rate = `${seconds.toFixed(1)} s, ${grouped(Math.round(count / seconds))} entries/s`;
  if (findings.length > 0) {
    lines.push(`${grouped(findings.length + more)} finding(s). (${rate})`);
    return lines.join("\n");
  }
  const { proven, notProven } = meaningOf(outcome);
  for (const sentence of proven) lines.push(`Proven: ${sentence}.`);
  for (const sentence of notProven) lines.push(`Not proven: ${sentence}.`);
  lines.push(`It holds. (${rate})`);
  return lines.join("\n");
}

function formatJson(outcome: Outcome, what: string, seconds: number): string {
  const { report, complete, where } = outcome;
  const { filter, checkpointSize, moreFindings, findings: _, ...rest } = report;
  const findings = findingsOf(outcome);
  const holds = findings.length === 0;
  const { proven, notProven } = meaningOf(outcome);
  const meaning = holds ? { proven, not_proven: notProven } : {};
  const memory_max_bytes = process.resourceUsage().maxRSS * 1024;
  const summary = { ...rest, filter: formatFilter(filter), checkpoint_size: checkpointSize };
  const compared =
    complete === null
      ? { complete: null }
      : { complete: complete.isComplete, batches: complete.batches, lines: complete.lines };
  const more_findings = moreFindings + (complete?.moreFindings ?? 0);
  const shown = { findings, more_findings, seconds, memory_max_bytes };
  return JSON.stringify(
    { holds, what, where, ...summary, ...compared, ...meaning, ...shown },
    null,
    2,
  );
}
