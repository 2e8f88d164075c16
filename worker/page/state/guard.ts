/** What the guard says: audits, and what they found that still holds. */
import type { Finding } from "../../../storage/log/findings.ts";
import { getJson, send } from "./api.ts";

export interface AuditFact {
  readonly id: string;
  readonly kind: "scheduled" | "requested" | "sealed";
  readonly scope: {
    readonly log: string | null;
    readonly from: number | null;
    readonly to: number | null;
  };
  readonly by: string;
  readonly state: "waiting" | "running" | "finished" | "failed";
  readonly why: string | null;
  readonly asked_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly duration_ms: number;
  readonly work_ms: number;
  /** Null where it speaks of logs that one may not see. */
  readonly coverage: {
    readonly logs: number;
    readonly entries: number;
    readonly batches: number;
    readonly bytes: number;
    readonly unsealed: number;
    readonly locks: number;
  } | null;
  readonly findings: readonly Finding[];
  readonly finding_count: number;
  readonly unchecked: readonly string[];
  readonly passes: number;
}

export interface OpenFact extends Finding {
  readonly severity: "critical" | "warning";
  readonly since: string;
  readonly seen: string;
}

export async function listAudits(
  limit: number,
  signal?: AbortSignal,
): Promise<readonly AuditFact[]> {
  const { audits } = await getJson<{ audits: readonly AuditFact[] }>(
    `/v1/audits?limit=${limit}`,
    signal,
  );
  return audits;
}

export async function openFindings(
  signal?: AbortSignal,
): Promise<{ readonly findings: readonly OpenFact[]; readonly more: number }> {
  return getJson("/v1/findings", signal);
}

/** Asks for an audit of everything, or of one log. */
export function askAudit(log: string | null): Promise<AuditFact> {
  return send<AuditFact>("POST", "/v1/audits", log === null ? {} : { log });
}
