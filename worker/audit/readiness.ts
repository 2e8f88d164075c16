/** The part `audit` of `/readyz`: what holds now, and how long ago everything was looked at. */
import type { AuditorStats, OpenFinding } from "../../storage/flow/audit/types.ts";
import type { Finding } from "../../storage/log/findings.ts";
import type { ReadinessPart } from "../ledger-api.ts";

/** Enough to see what is going on; all of them are at `/v1/findings`. */
const NAMED_MAX = 10;
/** A look at everything may take as long as it may be apart. */
const LATE = 2;

export function readinessOf(
  open: readonly OpenFinding[],
  stats: AuditorStats,
  up: { readonly startedMs: number; readonly everyMs: number },
  nowMs: number,
): ReadinessPart {
  const problems = open.slice(0, NAMED_MAX).map(({ finding }) => sentenceOf(finding));
  const count = open.length + stats.openMore;
  if (count > problems.length) problems.push(`and ${count - problems.length} more findings`);
  const lastMs = stats.lastPass?.finishedMs ?? null;
  if (nowMs - (lastMs ?? up.startedMs) > LATE * up.everyMs) {
    problems.push(
      `not everything was audited since ${new Date(lastMs ?? up.startedMs).toISOString()}`,
    );
  }
  if (stats.failingSinceMs !== null) {
    const since = new Date(stats.failingSinceMs).toISOString();
    problems.push(`audits wait for the vault or the index since ${since}`);
  }
  return {
    ...{ ok: problems.length === 0, problems, open_findings: count },
    passes: stats.passes,
    last_pass_age_seconds: lastMs === null ? null : Math.round((nowMs - lastMs) / 1000),
  };
}

/** `demo: entry_altered at entry 12`. */
function sentenceOf({ code, log, first, last, object, version }: Finding): string {
  const where = log === null ? "" : `${log}: `;
  const range = first === null ? "" : ` at ${first === last ? "" : `${first}–`}${last ?? first}`;
  const place = object === null ? "" : ` in ${object}${version === null ? "" : ` (${version})`}`;
  return `${where}${code}${range}${place}`;
}
