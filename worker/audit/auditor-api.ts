/** What the HTTP side and the ledger ask of the guard in the worker, as plain values: calls cross into a Durable Object. */
import type { AuditorStats, AuditScope, OpenFinding } from "../../storage/flow/audit/types.ts";
import type { AuditRun } from "../../storage/log/audit-run.ts";
import type { ReadinessPart, Result } from "../ledger-api.ts";

/** Findings that hold now; `more` are beyond those that are kept. */
export interface OpenFindings {
  readonly findings: readonly OpenFinding[];
  readonly more: number;
}

export interface AuditorApi {
  /** These logs were sealed a moment ago. None: only that there is something to guard. */
  sealed(logs: readonly string[]): Promise<void>;
  /** Asks for an audit; durable on return. `rate_limited` where too many wait. */
  request(scope: AuditScope, by: string): Promise<Result<AuditRun>>;
  /** Newest first; `before`: only those older than this id. */
  runs(options: { readonly limit: number; readonly before?: string }): Promise<Result<AuditRun[]>>;
  audit(id: string): Promise<Result<AuditRun | null>>;
  findings(): Promise<Result<OpenFindings>>;
  readiness(): Promise<ReadinessPart>;
  stats(): Promise<AuditorStats>;
}
