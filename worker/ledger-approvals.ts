/** Approvals between the ledger's words and those of its callers. */
import type { Outcome } from "../storage/flow/administration.ts";
import type { Ledger } from "../storage/flow/ledger.ts";
import type { ApprovalRecord } from "../storage/log/system.ts";
import type { ApprovalStatus, Waiting } from "./ledger-api.ts";

type WithDirectory = Pick<Ledger, "directory">;

/** Null for a change that was made at once. */
export function waitingOf(ledger: WithDirectory, { approval, sealed }: Outcome): Waiting | null {
  return approval === null ? null : { approval: approvalOf(ledger, approval), sealed };
}

/** One that is there. */
export function approvalOf({ directory }: WithDirectory, id: string): ApprovalStatus {
  return approvalStatus(directory.approvals.records.get(id)!);
}

/** A token's hash is shown to nobody. */
export function approvalStatus({ change, ...record }: ApprovalRecord): ApprovalStatus {
  const { sha256: _, ...shown } = change;
  return { ...record, change: shown };
}
