/** An audit as a span: from its start to its end, with what it covered and how much it found. */
import type { AuditRun } from "../../storage/log/audit-run.ts";
import type { Env } from "../env.ts";
import { tracingOf } from "./of-env.ts";
import { inBackground } from "./tracing.ts";

/** Nothing where traces are off. */
export function auditSpan(env: Env, run: AuditRun): void {
  const tracing = tracingOf(env);
  if (tracing === null) return;
  const { kind, id, scope, state, why, coverage, finding_count: findings } = run;
  const { logs, batches, entries } = coverage;
  const endMs = Date.parse(run.finished_at ?? run.asked_at);
  tracing.done({
    name: `audit ${kind}`,
    startMs: Date.parse(run.started_at ?? run.asked_at),
    endMs,
    attributes: {
      "indelible.audit": id,
      ...(scope.log === null ? {} : { "indelible.log": scope.log }),
      ...{ "indelible.logs": logs, "indelible.batches": batches, "indelible.entries": entries },
      ...{ "indelible.work_ms": run.work_ms, "indelible.findings": findings },
    },
    ...(state === "failed" ? { error: why ?? "it failed" } : {}),
  });
  tracing.sendLater(inBackground);
}
