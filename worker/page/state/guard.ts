/** What the guard says: audits, and what they found that still holds. */
import type { ShownAudit, ShownFinding } from "../../../storage/log/audit-run.ts";
import { getJson, send } from "./api.ts";

export async function listAudits(
  limit: number,
  signal?: AbortSignal,
): Promise<readonly ShownAudit[]> {
  const { audits } = await getJson<{ audits: readonly ShownAudit[] }>(
    `/v1/audits?limit=${limit}`,
    signal,
  );
  return audits;
}

export async function openFindings(
  signal?: AbortSignal,
): Promise<{ readonly findings: readonly ShownFinding[]; readonly more: number }> {
  return getJson("/v1/findings", signal);
}

/** Asks for an audit of everything, or of one log. */
export function askAudit(log: string | null): Promise<ShownAudit> {
  return send<ShownAudit>("POST", "/v1/audits", log === null ? {} : { log });
}
