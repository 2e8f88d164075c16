/** What the guard says of itself, for Prometheus: what is open by code, and when everything was last looked at. */
import { Counter, Gauge, Registry } from "prom-client";
import { FINDING_CODES } from "../../storage/log/findings.ts";
import type { ChannelStatus } from "../alerts/api.ts";
import type { AuditorStats } from "../../storage/flow/audit/types.ts";

/** What waits to be told to people, of one channel. */
type Told = Pick<ChannelStatus, "waiting" | "dead">;

/** The text for one answer; `null` where the guard does not answer. */
export function auditMetrics(
  stats: AuditorStats | null,
  channels: readonly Told[] | null,
  nowMs: number,
): Promise<string> {
  const registry = new Registry();
  const gauge = (name: string, help: string, value: number) => {
    new Gauge({ name: `indelible_${name}`, help, registers: [registry] }).set(value);
  };
  const counter = (name: string, help: string, value: number) => {
    new Counter({ name: `indelible_${name}`, help, registers: [registry] }).inc(value);
  };
  gauge("guard_up", "1 while the guard answers.", stats === null ? 0 : 1);
  if (channels !== null) {
    const sum = (count: (channel: Told) => number) =>
      channels.reduce((total, channel) => total + count(channel), 0);
    gauge("alert_channels", "Ways on which people are told of findings.", channels.length);
    gauge(
      "alerts_waiting",
      "Alerts that wait for their delivery.",
      sum(({ waiting }) => waiting),
    );
    gauge(
      "alerts_dead",
      "Alerts that could not be delivered.",
      sum(({ dead }) => dead),
    );
  }
  if (stats === null) return registry.metrics();
  const findings = new Gauge({
    name: "indelible_findings_open",
    help: "What the guard knows to be wrong now, by the code of the finding.",
    labelNames: ["code"],
    registers: [registry],
  });
  for (const code of FINDING_CODES) findings.set({ code }, stats.openByCode.get(code) ?? 0);
  gauge("findings_beyond", "Findings beyond those that are kept.", stats.openMore);
  counter("audit_passes_total", "Looks at everything that came to their end.", stats.passes);
  counter(
    "audit_seals_checked_total",
    "Seals checked right after they were written.",
    stats.sealsChecked,
  );
  gauge(
    "audit_requests_waiting",
    "Audits that somebody asked for and that wait.",
    stats.requestsWaiting,
  );
  const failingMs = stats.failingSinceMs === null ? 0 : nowMs - stats.failingSinceMs;
  gauge(
    "audit_failing_seconds",
    "How long vault or index have kept the guard from looking.",
    seconds(failingMs),
  );
  if (stats.lastPass === null) return registry.metrics();
  const { startedMs, finishedMs, workMs, coverage } = stats.lastPass;
  const last = (name: string, what: string, value: number) =>
    gauge(`audit_last_${name}`, `${what} the last look at everything.`, value);
  last("finished_timestamp_seconds", "End of", finishedMs / 1000);
  last("duration_seconds", "Time, with its pauses, of", seconds(finishedMs - startedMs));
  last("work_seconds", "Work alone of", seconds(workMs));
  last("logs", "Logs in", coverage.logs);
  last("entries", "Sealed entries in", coverage.entries);
  last("unsealed_entries", "Entries under no seal yet in", coverage.unsealed);
  last("batches", "Batches in", coverage.batches);
  last("bytes", "Bytes of objects in", coverage.bytes);
  return registry.metrics();
}

function seconds(ms: number): number {
  return Math.max(0, ms) / 1000;
}
