/** A guard that looks at nothing, for tests of the HTTP side: what it says was put into it. */
import type { AuditScope, OpenFinding } from "../../storage/flow/audit/types.ts";
import type { AuditRun } from "../../storage/log/audit-run.ts";
import { newFinding, type FindingCode } from "../../storage/log/findings.ts";
import type { AuditorApi } from "../../worker/audit/auditor-api.ts";
import type { Problem, Result } from "../../worker/ledger-api.ts";

const NOW = "2026-03-01T00:00:00.000Z";

export class FakeAuditor implements AuditorApi {
  /** Oldest first. */
  readonly all: AuditRun[] = [];
  readonly open: OpenFinding[] = [];
  more = 0;
  /** Comes in place of every answer. */
  refusal: Problem | null = null;

  /** A run that is over, with findings in these logs. */
  add(scope: AuditScope, found: readonly (string | null)[] = [], by = "system"): AuditRun {
    const findings = found.map((log) => findingIn(log));
    const run: AuditRun = {
      ...{ id: String(this.all.length + 1), kind: "requested", by, state: "finished", why: null },
      scope: { log: scope.log, from: scope.from ?? null, to: scope.to ?? null },
      ...{ asked_at: NOW, started_at: NOW, finished_at: NOW, duration_ms: 5, work_ms: 2.5 },
      coverage: { logs: 1, entries: 3, batches: 1, bytes: 900, unsealed: 0, locks: 1 },
      ...{ findings, finding_count: findings.length, unchecked: [], passes: 1 },
    };
    this.all.push(run);
    return run;
  }

  addOpen(log: string | null, code: FindingCode = "entry_altered"): void {
    const times = { since: NOW, seen: NOW, reminders: 0 };
    const key = String(this.open.length);
    this.open.push({ key, severity: "critical", ...times, finding: findingIn(log, code) });
  }

  async sealed(): Promise<void> {}

  async request(scope: AuditScope, by: string) {
    return this.#answer(() => this.add(scope, [], by));
  }

  async runs({ limit, before }: { limit: number; before?: string }) {
    return this.#answer(() => {
      const at = before === undefined ? this.all.length : Number(before) - 1;
      return this.all.slice(0, at).reverse().slice(0, limit);
    });
  }

  async audit(id: string) {
    return this.#answer(() => this.all.find((run) => run.id === id) ?? null);
  }

  async findings() {
    return this.#answer(() => ({ findings: this.open, more: this.more }));
  }

  async readiness() {
    return { ok: true, problems: [] };
  }

  async stats(): Promise<never> {
    throw new Error("nothing is counted here");
  }

  #answer<T>(work: () => T): Result<T> {
    return this.refusal === null
      ? { ok: true, value: work() }
      : { ok: false, problem: this.refusal };
  }
}

function findingIn(log: string | null, code: FindingCode = "entry_altered") {
  return newFinding(code, log === null ? {} : { log, first: 1 }, "this", "that");
}
