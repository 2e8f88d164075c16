/**
 * What a verification says: a line of progress while it runs on a terminal, then a table of logs and the findings for
 * people, or one JSON object for machines. Sizes are in bytes.
 */
import type { SlotBatch } from "../../storage/flow/slot.ts";
import type { LogReport } from "../../storage/flow/verify-log.ts";
import type { VerifyReport } from "../../storage/flow/verify.ts";
import type { Finding } from "../../storage/log/findings.ts";

const PROGRESS_EACH_MS = 250;

/** Counts what was verified, and shows it on a terminal as it grows. */
export class Progress {
  readonly #startMs = Date.now();
  readonly #secondsByLog = new Map<string, number>();
  readonly #isTerminal: boolean;
  #entries = 0;
  #bytes = 0;
  #shownMs = 0;
  #logMs = Date.now();

  constructor(isTerminal: boolean) {
    this.#isTerminal = isTerminal;
  }

  batch({ batch, bytes }: SlotBatch): void {
    this.#entries += batch.header.count;
    this.#bytes += bytes;
    const nowMs = Date.now();
    if (!this.#isTerminal || nowMs - this.#shownMs < PROGRESS_EACH_MS) return;
    this.#shownMs = nowMs;
    const rate = Math.round(this.#entries / this.seconds());
    const done = `${grouped(this.#entries)} entries, ${size(this.#bytes)}, ${grouped(rate)}/s`;
    process.stderr.write(`\r\u001b[K${batch.header.log}: ${done}`);
  }

  log({ log }: LogReport): void {
    const nowMs = Date.now();
    this.#secondsByLog.set(log, (nowMs - this.#logMs) / 1000);
    this.#logMs = nowMs;
  }

  end(): void {
    if (this.#isTerminal && this.#shownMs > 0) process.stderr.write("\r\u001b[K");
  }

  /** Since the start, never 0. */
  seconds(): number {
    return Math.max(0.001, (Date.now() - this.#startMs) / 1000);
  }

  secondsOf(log: string): number {
    return this.#secondsByLog.get(log) ?? 0;
  }
}

export function allFindings({ logs, findings }: VerifyReport): Finding[] {
  return [...findings, ...logs.flatMap((log) => log.findings)];
}

/** One object: `holds`, `findings`, and a summary of each log. */
export function formatJson(
  report: VerifyReport,
  { what, locks, index, progress }: Shown & { readonly progress: Progress },
): string {
  const logs = report.logs.map((log) => {
    const { findings, objectBytes, lineBytes, moreFindings, unchecked: _, ...summary } = log;
    return {
      ...summary,
      object_bytes: objectBytes,
      line_bytes: lineBytes,
      findings: findings.length + moreFindings,
      seconds: progress.secondsOf(log.log),
    };
  });
  const findings = allFindings(report);
  const unchecked = [...report.unchecked, ...report.logs.flatMap((log) => log.unchecked)];
  const seconds = progress.seconds();
  const checked = { vault: true, locks, index };
  const holds = findings.length === 0;
  const memory_max_bytes = process.resourceUsage().maxRSS * 1024;
  const summary = { holds, what, checked, seconds, memory_max_bytes };
  return JSON.stringify({ ...summary, logs, findings, unchecked }, null, 2);
}

export interface Shown {
  /** What was verified. */
  readonly what: string;
  readonly locks: boolean;
  readonly index: boolean;
}

export function formatText(report: VerifyReport, shown: Shown, progress: Progress): string {
  const lines = [`Verified: ${shown.what}`, ...table(report.logs), ""];
  for (const finding of allFindings(report)) lines.push(...findingLines(finding), "");
  const more = report.logs.reduce((sum, log) => sum + log.moreFindings, 0);
  if (more > 0) lines.push(`… and ${grouped(more)} more findings.`, "");
  const unchecked = [...report.unchecked, ...report.logs.flatMap((log) => log.unchecked)];
  if (!shown.locks) unchecked.push("a folder has no locks and no versions: ask the store itself");
  if (!shown.index) unchecked.push("no index was compared");
  lines.push(...unchecked.map((sentence) => `Not looked at: ${sentence}.`));
  const entries = report.logs.reduce((sum, log) => sum + log.entries, 0);
  const seconds = progress.seconds();
  const rate = `${seconds.toFixed(1)} s, ${grouped(Math.round(entries / seconds))} entries/s`;
  const count = allFindings(report).length + more;
  lines.push(count === 0 ? `It holds. (${rate})` : `${grouped(count)} finding(s). (${rate})`);
  return lines.join("\n");
}

function table(logs: readonly LogReport[]): string[] {
  const head = ["log", "entries", "batches", "stored", "unsealed", "last leaf", "findings"];
  const rows = logs.map((log) => [
    log.log,
    grouped(log.entries),
    grouped(log.batches),
    size(log.objectBytes),
    log.index === null ? "?" : grouped(log.index.unsealed),
    log.head.leaf.slice(0, 16),
    grouped(log.findings.length + log.moreFindings),
  ]);
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  );
  return [head, ...rows].map(
    (row) =>
      "  " +
      row
        .map((cell, column) =>
          column === 0 || column === 5
            ? cell.padEnd(widths[column]!)
            : cell.padStart(widths[column]!),
        )
        .join("  ")
        .trimEnd(),
  );
}

export function findingLines(finding: Finding): string[] {
  const { code, log, first, last, object, version, expected, found, hint } = finding;
  const entries =
    first === null ? "" : first === last ? ` entry ${first}` : ` entries ${first}–${last}`;
  const place = [`${log ?? ""}${entries}`.trim(), object, version && `version ${version}`];
  return [
    `${code}  ${place.filter(Boolean).join(", ")}`,
    `  expected  ${expected}`,
    `  found     ${found}`,
    `  ${hint}`,
  ];
}

export function grouped(count: number): string {
  return count.toLocaleString("en-US");
}

export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
