/**
 * Two people: a change that lowers a guard waits as `approval.requested`, whole, until another administrator decides. Who asked
 * does not decide, nor does a token that he made or rotated since two people are required: he was shown it.
 */
import {
  approvalRequested,
  type ApprovalRecord,
  type Directory,
  type InstanceSetting,
} from "../log/system.ts";
import { formatTime, type NewEvent } from "./append.ts";
import { fieldsOf, type Change } from "./changes.ts";
import { loweredGuard } from "./guards.ts";
import { Refusal } from "./refusal.ts";

const HOUR_MS = 3_600_000;

/** Thirty days: who approves what somebody wanted longer ago approves something else. */
export const APPROVAL_HOURS_MAX = 720;
/** Unless configured. */
export const APPROVAL_HOURS = 24;

export interface ApprovalRules {
  readonly twoPerson: boolean;
  readonly approvalHours: number;
  /** A new approval's id. */
  readonly newId: () => string;
  readonly nowMs: () => number;
}

/** What `_system` says of a setting before it says anything. */
const SETTINGS_BEFORE = { two_person: "off", approval_hours: String(APPROVAL_HOURS) };

/** Settings that are not what `_system` says. */
export function settingsToRecord(directory: Directory, rules: ApprovalRules): InstanceSetting[] {
  const wanted = {
    two_person: rules.twoPerson ? "on" : "off",
    approval_hours: String(rules.approvalHours),
  };
  const names = ["two_person", "approval_hours"] as const;
  return names
    .filter((name) => wanted[name] !== (directory.settings.get(name) ?? SETTINGS_BEFORE[name]))
    .map((name) => ({ name, value: wanted[name] }));
}

/** Why a change has to be approved, or null. What was switched off goes on until that is on record. Who owns the machine asks nobody (`by` is `system`). */
export function whyApproval(
  directory: Directory,
  { twoPerson }: ApprovalRules,
  by: string,
  change: Change,
): string | null {
  if (by === "system" || !(twoPerson || directory.twoPerson)) return null;
  return loweredGuard(change, isOwn(directory, by, change));
}

function isOwn({ persons }: Directory, by: string, { action, fields }: Change): boolean {
  return action === "token.rotated" && persons.of(`token:${fields.replaces}`) === persons.of(by);
}

/** Once more in its turn: a revocation that was written meanwhile holds. */
export function assertHolds(directory: Directory, by: string): void {
  if (!isRevoked(directory, by)) return;
  throw new Refusal("unauthenticated", "the token is unknown, expired or revoked");
}

function isRevoked({ tokens }: Directory, by: string): boolean {
  const token = by.startsWith("token:") ? tokens.get(by.slice("token:".length)) : undefined;
  return token !== undefined && token.revokedAt !== null;
}

export function requestOf(
  by: string,
  change: Change,
  because: string,
  rules: ApprovalRules,
): { readonly id: string; readonly event: NewEvent } {
  const id = rules.newId();
  const expiresAt = formatTime(rules.nowMs() + rules.approvalHours * HOUR_MS);
  const { action } = change;
  const fields = { id, action, change: fieldsOf(change), because, expires_at: expiresAt };
  return { id, event: approvalRequested(fields, by) };
}

/** What another administrator says of an approval; `reason` in his words, may be empty. */
export interface Decision {
  readonly id: string;
  readonly granted: boolean;
  readonly reason: string;
}

/** The approval, if `by` may decide it now. */
export function decidable(
  directory: Directory,
  { id, by, granted }: Omit<Decision, "reason"> & { readonly by: string },
  nowMs: number,
): ApprovalRecord {
  const { approvals, persons } = directory;
  const record = approvals.records.get(id);
  if (record === undefined) throw new Refusal("approval_unknown", `there is no approval ${id}`);
  const { decision, expiresAt, requestedBy } = record;
  if (decision !== null) {
    const what = decision.granted ? "granted" : "refused";
    throw new Refusal("approval_decided", `it was ${what} by ${decision.by} at ${decision.at}`);
  }
  if (nowMs >= Date.parse(expiresAt)) {
    throw new Refusal("approval_expired", `it could be decided until ${expiresAt}: ask again`);
  }
  if (persons.of(by) === persons.of(requestedBy)) {
    const detail =
      "another administrator decides: this token asked for it, or one of the two was made by the other's holder";
    throw new Refusal("forbidden", detail);
  }
  if (granted && isRevoked(directory, requestedBy)) {
    const detail = `${requestedBy}, which asked for it, has been revoked: it can only be refused`;
    throw new Refusal("approval_expired", detail);
  }
  return record;
}
