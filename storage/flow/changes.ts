/**
 * What administrators change, each as the entries of `_system` that it comes to. A plan is made when a change is asked for and,
 * where it had to wait for an approval, once more when it is granted: what held then need not hold now.
 */
import { isLogName } from "../log/entry.ts";
import type { JsonObject } from "../log/json.ts";
import {
  keyAnnounced,
  logChanged,
  logCreated,
  tokenCreated,
  tokenRevoked,
  type ApprovalRecord,
  type LogChanged,
  type LogCreated,
  type TokenCreated,
  type TokenRecord,
} from "../log/system.ts";
import type { NewEvent } from "./append.ts";
import type { Ledger } from "./ledger.ts";
import { differenceOf } from "./log-change.ts";
import { Refusal } from "./refusal.ts";
import { planWebhook, type WebhookChange } from "./webhook-change.ts";

/** A new token in the place of another, which ends at `ends_at` (RFC 3339; null: at once). */
export interface TokenRotated extends TokenCreated {
  readonly replaces: string;
  readonly ends_at: string | null;
}

export type Change =
  | { readonly action: "log.created"; readonly fields: LogCreated }
  | { readonly action: "log.changed"; readonly fields: LogChanged }
  | { readonly action: "token.created"; readonly fields: TokenCreated }
  | { readonly action: "token.rotated"; readonly fields: TokenRotated }
  | WebhookChange;

export type FieldsOf<A extends Change["action"]> = Extract<Change, { action: A }>["fields"];

export interface Plan {
  /** As it will be written: without what does not differ. */
  readonly change: Change;
  readonly events: readonly NewEvent[];
}

/** Who stands in the entries as their actor, the approval that allows them (null: none was needed), and today. */
export interface PlanContext {
  readonly actor: string;
  readonly approval: string | null;
  readonly nowMs: number;
}

/** Null where there is nothing to change. Throws a Refusal where it cannot be. */
export async function planChange(
  ledger: Ledger,
  change: Change,
  context: PlanContext,
): Promise<Plan | null> {
  switch (change.action) {
    case "log.created":
      return { change, events: await planLog(ledger, change.fields, context) };
    case "log.changed":
      return planLogChange(ledger, change.fields, context);
    case "token.created":
      assertNewToken(ledger, change.fields.id);
      return { change, events: [tokenCreated(allowed(change.fields, context), context.actor)] };
    case "token.rotated":
      return { change, events: planRotation(ledger, change.fields, context) };
    case "webhook.created":
    case "webhook.changed":
    case "webhook.rotated":
    case "webhook.deleted":
      return planWebhook(ledger.directory, change, context);
    default:
      return change satisfies never;
  }
}

/** A change as its request keeps it: what was written by `planChange`'s caller is read as that. */
export function changeOf({ action, change }: ApprovalRecord): Change {
  return { action, fields: change } as unknown as Change;
}

export function fieldsOf({ fields }: Change): JsonObject {
  return { ...fields } as unknown as JsonObject;
}

/** `log.created` and the keys that speak for the log. */
export async function birthOf(ledger: Ledger, log: LogCreated, by = "system"): Promise<NewEvent[]> {
  const name = log.log;
  return [
    logCreated(log, by),
    keyAnnounced({ log: name, use: "log", vkey: await ledger.logVkey(name) }, by),
    keyAnnounced({ log: name, use: "receipt", vkey: await ledger.receiptVkey(name) }, by),
  ];
}

function planLog(ledger: Ledger, log: LogCreated, context: PlanContext): Promise<NewEvent[]> {
  if (!isLogName(log.log) || log.log.startsWith("_")) {
    throw new Refusal("invalid_request", `${log.log} is not a name for a log`);
  }
  if (ledger.directory.logs.has(log.log)) {
    throw new Refusal("log_exists", `there is a log ${log.log} already`);
  }
  if (ledger.unknownLogs.includes(log.log)) {
    const detail = `the vault holds a log ${log.log} that this instance did not make; its name is not used again`;
    throw new Refusal("log_exists", detail);
  }
  return birthOf(ledger, allowed(log, context), context.actor);
}

function planLogChange(ledger: Ledger, wanted: LogChanged, context: PlanContext): Plan | null {
  const known = ledger.directory.logs.get(wanted.log);
  if (known === undefined) throw new Refusal("log_unknown", `there is no log ${wanted.log}`);
  const fields = differenceOf(known, wanted);
  if (fields === null) return null;
  return {
    change: { action: "log.changed", fields },
    events: [logChanged(allowed(fields, context), context.actor)],
  };
}

/** Both entries are one commit: there is no moment with neither token. */
function planRotation(ledger: Ledger, rotated: TokenRotated, context: PlanContext): NewEvent[] {
  const { ends_at: endsAt, ...token } = rotated;
  const { replaces: id } = token;
  assertRotatable(knownToken(ledger, id), context.nowMs);
  assertNewToken(ledger, token.id);
  const end = endsAt === null ? {} : { ends_at: endsAt };
  return [
    tokenCreated(allowed(token, context), context.actor),
    tokenRevoked(allowed({ id, to: token.id, ...end }, context), context.actor),
  ];
}

export function knownToken({ directory }: Ledger, id: string): TokenRecord {
  const token = directory.tokens.get(id);
  if (token === undefined) throw new Refusal("token_unknown", `there is no token ${id}`);
  return token;
}

function assertNewToken({ directory }: Ledger, id: string): void {
  if (!directory.tokens.has(id)) return;
  throw new Refusal("invalid_request", `there is a token ${id} already`);
}

/** Whoever lost the answer of a rotation rotates the token that it made. */
function assertRotatable(
  { id, revokedAt, replacedBy, endsAtMs }: TokenRecord,
  nowMs: number,
): void {
  const refuse = (what: string) => new Refusal("token_ended", `token ${id} ${what}`);
  if (revokedAt !== null) throw refuse("is revoked: make another");
  if (replacedBy !== null) throw refuse(`was rotated to ${replacedBy} already: rotate that one`);
  if (endsAtMs <= nowMs) throw refuse("has expired: make another");
}

/** An entry that had to be approved names its approval, and counts only behind the grant. */
function allowed<T extends object>(fields: T, { approval }: PlanContext): T {
  return approval === null ? fields : { ...fields, approval };
}
