/**
 * The entries of `_system` (FORMAT §8) as events: `action` is the word, `details` the fields, `actor` who asked. Builders make them,
 * `Directory` reads them; field names are those of the format.
 */
import { parseEvent, PARTY_ID_CHARS_MAX, type Event } from "./event.ts";
import type { FindingPlace } from "./findings.ts";
import { encodeJson, parseJson, type Json, type JsonObject } from "./json.ts";

export interface InstanceCreated {
  readonly origin: string;
  readonly format: string;
}

export interface LogCreated {
  readonly log: string;
  readonly retention_days: number;
  readonly description: string;
  readonly public: boolean;
}

/** What is left out stays as it was. */
export type LogChanged = Pick<LogCreated, "log"> & Partial<Omit<LogCreated, "log">>;

export type KeyUse = "log" | "receipt";

export interface KeyAnnounced {
  readonly log: string;
  readonly use: KeyUse;
  readonly vkey: string;
}

/** `expires_at` RFC 3339 or null; `sha256` hex of the whole token; `networks` empty for any. */
export interface TokenCreated {
  readonly id: string;
  readonly roles: readonly string[];
  readonly logs: readonly string[];
  readonly expires_at: string | null;
  readonly networks: readonly string[];
  readonly description: string;
  readonly sha256: string;
  /** The token whose place it takes, by id. */
  readonly replaces?: string;
}

/**
 * With `to`, the id of the token that takes its place, and `ends_at`, RFC 3339, the token works until then. A reader that
 * does not know these two takes it as revoked from this entry on, which is the safe side; so it is where they are left out.
 */
export interface TokenRevoked {
  readonly id: string;
  readonly to?: string;
  readonly ends_at?: string;
}

/** The head of a memo that a recovery retires. */
export interface RetiredMemo {
  readonly size: number;
  readonly leaf: string;
}

/**
 * `kept` is the size that was kept; `missing_from` and `missing_to` the first seq known or feared missing and the one after the last,
 * null where unknown; `memo` what was retired, null if there was none.
 */
export interface LogRecovered {
  readonly log: string;
  readonly reason: string;
  readonly kept: number;
  readonly missing_from: number | null;
  readonly missing_to: number | null;
  readonly memo: RetiredMemo | null;
}

/** A setting that decides who may do what, where it is not what `_system` says so far; a start writes it. */
export interface InstanceSetting {
  readonly name: string;
  readonly value: string;
}

/** A change that another administrator has to approve until `expires_at` (RFC 3339): what would be written, whole. */
export interface ApprovalRequested {
  readonly id: string;
  readonly action: string;
  readonly change: JsonObject;
  /** Which guard it lowers, for people. */
  readonly because: string;
  readonly expires_at: string;
}

/** `reason` is in the words of whoever decided; it may be empty. */
export interface ApprovalDecided {
  readonly id: string;
  readonly reason: string;
}

/** The place of a finding; `object` and `version` in the vault. */
export interface FoundPlace extends Required<FindingPlace> {
  readonly code: string;
}

/**
 * The result of an audit that was asked for or was due: of entries [`from`, `to`) of `log`, null for all. `passes` is how many
 * looks at everything it tells of; `findings` are the first of `finding_count`. Nothing follows from it.
 */
export interface AuditFinished {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly why: string | null;
  readonly log: string | null;
  readonly from: number | null;
  readonly to: number | null;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly duration_ms: number;
  readonly passes: number;
  readonly logs: number;
  readonly batches: number;
  readonly entries: number;
  readonly unsealed: number;
  readonly finding_count: number;
  readonly findings: readonly FoundPlace[];
}

/** A place where alerts go. `address` is its scheme, host and port; `target_sha256` (hex) of all of it, which may hold a secret. */
export interface WebhookCreated {
  readonly id: string;
  readonly format: string;
  /** The least that it is told of: `warning` or `critical`. */
  readonly severity: string;
  readonly description: string;
  readonly address: string;
  readonly target_sha256: string;
}

/** What is not named stays as it was; an address changes with its hash. */
export interface WebhookChanged {
  readonly id: string;
  readonly severity?: string;
  readonly description?: string;
  readonly address?: string;
  readonly target_sha256?: string;
  readonly enabled?: boolean;
}

/** It has a new secret; the one before signs, too, until `ends_at` (RFC 3339). */
export interface WebhookRotated {
  readonly id: string;
  readonly ends_at: string;
}

export const INSTANCE_FORMAT = "indelible/1";

/** Each builder takes the fields and the `by` of who asked: the instance itself unless given. */
export const instanceCreated = (fields: InstanceCreated, by?: string): Event =>
  systemEvent("instance.created", { ...fields }, by);
export const logCreated = (fields: LogCreated, by?: string): Event =>
  systemEvent("log.created", { ...fields }, by);
export const logChanged = (fields: LogChanged, by?: string): Event =>
  systemEvent("log.changed", { ...fields }, by);
export const keyAnnounced = (fields: KeyAnnounced, by?: string): Event =>
  systemEvent("key.announced", { ...fields }, by);
export const tokenCreated = (fields: TokenCreated, by?: string): Event =>
  systemEvent(
    "token.created",
    { ...fields, roles: [...fields.roles], logs: [...fields.logs], networks: [...fields.networks] },
    by,
  );
export const tokenRevoked = (fields: TokenRevoked, by?: string): Event =>
  systemEvent("token.revoked", { ...fields }, by);
export const logRecovered = (fields: LogRecovered, by?: string): Event =>
  systemEvent(
    "log.recovered",
    { ...fields, memo: fields.memo === null ? null : { ...fields.memo } },
    by,
  );
export const instanceUnproven = (
  fields: { readonly logs: readonly string[] },
  by?: string,
): Event => systemEvent("instance.unproven", { logs: [...fields.logs] }, by);

export const instanceSetting = (fields: InstanceSetting, by?: string): Event =>
  systemEvent("instance.setting", { ...fields }, by);
export const approvalRequested = (fields: ApprovalRequested, by?: string): Event =>
  systemEvent("approval.requested", { ...fields }, by);
export const approvalGranted = (fields: ApprovalDecided, by?: string): Event =>
  systemEvent("approval.granted", { ...fields }, by);
export const approvalRefused = (fields: ApprovalDecided, by?: string): Event =>
  systemEvent("approval.refused", { ...fields }, by);

/** The id is the audit's: sent again, it is still one entry. */
export const auditFinished = (fields: AuditFinished, by?: string): Event =>
  systemEvent(
    "audit.finished",
    { ...fields, findings: fields.findings.map((place) => ({ ...place })) },
    by,
    `audit-${fields.id}`,
  );
export const webhookCreated = (fields: WebhookCreated, by?: string): Event =>
  systemEvent("webhook.created", { ...fields }, by);
export const webhookChanged = (fields: WebhookChanged, by?: string): Event =>
  systemEvent("webhook.changed", { ...fields }, by);
export const webhookRotated = (fields: WebhookRotated, by?: string): Event =>
  systemEvent("webhook.rotated", { ...fields }, by);
export const webhookDeleted = (fields: { readonly id: string }, by?: string): Event =>
  systemEvent("webhook.deleted", { ...fields }, by);

/** An event of the instance's own, made by the rules for everyone's: what builders gave is parsed and checked again. */
function systemEvent(
  action: string,
  details: { [name: string]: Json },
  by = "system",
  id?: string,
): Event {
  const event = { action, actor: actorOf(by), details, ...(id === undefined ? {} : { id }) };
  return parseEvent(parseJson(encodeJson(event)));
}

/** Who asked, as an actor: the `by` of a line, cut to what an actor's id may hold. */
export function actorOf(by: string): { readonly id: string; readonly type: string } {
  if (by === "system") return { id: "indelible", type: "system" };
  const id = [...by].slice(0, PARTY_ID_CHARS_MAX).join("");
  return { id, type: by.slice(0, Math.max(by.indexOf(":"), 0)) || "system" };
}
