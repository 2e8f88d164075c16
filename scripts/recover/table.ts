/** What a recovery found and will do, for a person who has to say yes. */
import type { Assessment } from "../../storage/flow/recover-assess.ts";
import type { IndexHead } from "../../storage/ports.ts";
import { formatTable } from "../parts/table.ts";
import { grouped } from "../verify/report.ts";

/** One row a log that is recovered; then, in words, what happens to each. */
export function formatPlan(logs: readonly Assessment[]): string {
  const head = ["log", "finding", "index", "vault", "memo", "kept", "missing", "put again"];
  const rows = logs.map((log) => [
    log.log,
    log.finding?.code ?? "none",
    grouped(log.index.size),
    grouped(log.vault.size),
    log.memo === null ? "none" : grouped(log.memo.size),
    grouped(log.kept),
    missing(log),
    log.refill.length === 0 ? "" : `${log.refill.length} batches`,
  ]);
  return [...formatTable(head, rows), "", ...logs.flatMap(words)].join("\n");
}

/** What was done. */
export function formatDone(heads: ReadonlyMap<string, IndexHead>, aside: string): string {
  const sizes = [...heads].map(([name, { size }]) => `${name} ${size}`).join(", ");
  return `Recovered and sealed: ${sizes}. The old index is kept in ${aside}.`;
}

function missing({ missing: range }: Assessment): string {
  if (range === null) return "nothing known";
  return `${range.from}–${range.to === null ? "?" : range.to - 1}`;
}

function words({ log, finding, kept, index, hopeless }: Assessment): string[] {
  const found =
    finding === null ? [] : [`${log}: expected ${finding.expected}; found ${finding.found}.`];
  if (hopeless !== null) return [...found, `${log} cannot be recovered: ${hopeless}.`];
  const dropped = Math.max(0, index.size - kept);
  const drop =
    dropped === 0
      ? "nothing of the index is dropped"
      : `${grouped(dropped)} entries of the index are dropped`;
  return [...found, `${log}: ${drop}; entry ${kept} will be log.recovered.`];
}
