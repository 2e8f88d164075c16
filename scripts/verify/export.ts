/** `npm run verify -- export FILE…`: whether an export holds, from its own bytes and the verifier keys, and what that proves. */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { keysOf } from "../../storage/flow/verify.ts";
import { webCryptoVerify } from "../../storage/keys.ts";
import { ExportCheck, type ExportReport } from "../../storage/log/export-check.ts";
import { EXPORT_LINE_CHARS_MAX } from "../../storage/log/export-jsonl.ts";
import { formatFilter, isEverything } from "../../storage/log/filter.ts";
import type { VerifierKey } from "../../storage/log/note.ts";
import { dropped } from "./garbage.ts";
import { InputError } from "./keys.ts";
import { eachLine } from "./lines.ts";
import { findingLines, grouped } from "./report.ts";
import { fastSha256 } from "./sha256.ts";

/** A character has three bytes at most, but for pairs. */
const LINE_BYTES_MAX = 3 * EXPORT_LINE_CHARS_MAX;

export interface ExportAsked {
  /** Parts of one export, in their order. */
  readonly files: readonly string[];
  readonly keys: readonly VerifierKey[];
  readonly instanceOrigin: string;
  readonly json: boolean;
}

/** Gives the exit code: 0 it holds, 1 there are findings. Throws `InputError` for what cannot be looked at. */
export async function verifyExport(asked: ExportAsked): Promise<number> {
  const { files, keys, instanceOrigin } = asked;
  if (files.length === 0) throw new InputError("Which file? npm run verify -- export FILE…");
  const startMs = Date.now();
  const check = new ExportCheck({
    keysFor: (origin) => keysOf(keys, instanceOrigin, origin),
    verify: webCryptoVerify(),
    sha256: fastSha256,
    newSha256: () => createHash("sha256"),
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
  const seconds = Math.max(0.001, (Date.now() - startMs) / 1000);
  const what = files.map((file) => basename(file)).join(", ");
  const text = asked.json ? formatJson(report, what, seconds) : formatText(report, what, seconds);
  process.stdout.write(`${text}\n`);
  return report.findings.length === 0 ? 0 : 1;
}

/** What follows from an export that holds, and what does not. */
function meaningOf({ origin, filter, from, to, checkpointSize }: ExportReport): {
  readonly proven: readonly string[];
  readonly notProven: readonly string[];
} {
  const each = `each line is that entry of ${origin}, as the log key signed it for ${grouped(checkpointSize)} entries`;
  const beyond = "what came later than the export, and what was never sent to the log";
  if (isEverything(filter)) {
    return {
      proven: [each, `no entry from ${from} to ${to - 1} is left out`],
      notProven: [beyond],
    };
  }
  const left =
    "that no entry which the filter asks for was left out: compare with the sealed batches";
  return { proven: [each, "each is asked for by the filter"], notProven: [left, beyond] };
}

function formatText(report: ExportReport, what: string, seconds: number): string {
  const { log, filter, from, to, count, parts, findings, moreFindings } = report;
  const lines = [
    `Verified: ${what}`,
    `  log        ${log ?? "?"}`,
    `  asked for  ${formatFilter(filter) || "every entry"}, from ${from} to ${to - 1}`,
    `  records    ${grouped(count)} hold${parts > 1 ? `, in ${parts} parts` : ""}`,
    "",
  ];
  for (const finding of findings) lines.push(...findingLines(finding), "");
  if (moreFindings > 0) lines.push(`… and ${grouped(moreFindings)} more findings.`, "");
  const rate = `${seconds.toFixed(1)} s, ${grouped(Math.round(count / seconds))} entries/s`;
  if (findings.length > 0) {
    lines.push(`${grouped(findings.length + moreFindings)} finding(s). (${rate})`);
    return lines.join("\n");
  }
  const { proven, notProven } = meaningOf(report);
  for (const sentence of proven) lines.push(`Proven: ${sentence}.`);
  for (const sentence of notProven) lines.push(`Not proven: ${sentence}.`);
  lines.push(`It holds. (${rate})`);
  return lines.join("\n");
}

function formatJson(report: ExportReport, what: string, seconds: number): string {
  const { filter, checkpointSize, moreFindings, findings, ...rest } = report;
  const holds = findings.length === 0;
  const { proven, notProven } = meaningOf(report);
  const meaning = holds ? { proven, not_proven: notProven } : {};
  const memory_max_bytes = process.resourceUsage().maxRSS * 1024;
  const summary = { ...rest, filter: formatFilter(filter), checkpoint_size: checkpointSize };
  const shown = { findings, more_findings: moreFindings, seconds, memory_max_bytes };
  return JSON.stringify({ holds, what, ...summary, ...meaning, ...shown }, null, 2);
}
