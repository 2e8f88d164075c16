/** Approvals: what waits for a second administrator, and the decision. */
import * as v from "valibot";
import { isChiefAdmin, mayApprove } from "../access.ts";
import { answerJson } from "../answer.ts";
import { principalOf, type Ask } from "../ask.ts";
import type { ApprovalStatus, Waiting } from "../ledger-api.ts";
import { ProblemError, valueOf } from "../problem.ts";
import { Description, readShape } from "../shape.ts";

/** The newest; older ones are in `_system`. About 1 KB each: 1 MB. */
const APPROVALS_MAX = 1_000;

const DECISION = "approve or refuse";

export const DecisionShape = v.strictObject({
  decision: v.picklist(["approve", "refuse"], DECISION),
  reason: v.optional(Description, ""),
});

export const APPROVAL_STATES = ["pending", "granted", "refused", "expired"] as const;
type State = (typeof APPROVAL_STATES)[number];

function stateOf({ decision, expiresAt }: ApprovalStatus, nowMs: number): State {
  if (decision !== null) return decision.granted ? "granted" : "refused";
  return nowMs < Date.parse(expiresAt) ? "pending" : "expired";
}

function approvalItem(approval: ApprovalStatus, nowMs: number) {
  const { decision } = approval;
  return {
    id: approval.id,
    state: stateOf(approval, nowMs),
    action: approval.action,
    change: approval.change,
    because: approval.because,
    requested_by: approval.requestedBy,
    requested_at: approval.requestedAt,
    expires_at: approval.expiresAt,
    decided_by: decision?.by ?? null,
    decided_at: decision?.at ?? null,
    reason: decision?.reason ?? null,
  };
}

/** 202: nothing has changed yet. `members` is what the requester is shown this once. */
export function answerWaiting(ask: Ask, { approval, sealed }: Waiting, members: object): Response {
  const item = approvalItem(approval, ask.services.nowMs());
  return answerJson(ask.requestId, 202, { approval: item, ...members, sealed });
}

/** Those that this administrator could decide, newest first; `state` picks some of them. */
export async function listApprovals(ask: Ask): Promise<Response> {
  const principal = principalOf(ask);
  const wanted = ask.query.oneOf("state", APPROVAL_STATES);
  const nowMs = ask.services.nowMs();
  const approvals = valueOf(await ask.services.ledger.approvals())
    .filter((approval) => mayApprove(principal, approval))
    .map((approval) => approvalItem(approval, nowMs))
    .filter(({ state }) => wanted === null || state === wanted);
  const newest = approvals.slice(-APPROVALS_MAX).reverse();
  ask.read.shown({ count: newest.length });
  return answerJson(ask.requestId, 200, { approvals: newest });
}

/** What is granted is done in the same commit. The ledger sees to it that it is another person. */
export async function decideApproval(ask: Ask): Promise<Response> {
  const principal = principalOf(ask);
  const id = ask.param("id");
  const { decision, reason } = await readShape(ask.request, DecisionShape);
  const { ledger } = ask.services;
  const known = valueOf(await ledger.approvals()).find((approval) => approval.id === id);
  if (known === undefined && isChiefAdmin(principal)) {
    throw new ProblemError("approval_unknown", "there is no approval of this id");
  }
  if (known === undefined || !mayApprove(principal, known)) {
    throw new ProblemError("forbidden", "this approval lies outside of what you may decide");
  }
  const granted = decision === "approve";
  const decided = valueOf(await ledger.decideApproval(principal, { id, granted, reason }));
  const approval = approvalItem(decided.approval, ask.services.nowMs());
  return answerJson(ask.requestId, 200, { approval, sealed: decided.sealed });
}
