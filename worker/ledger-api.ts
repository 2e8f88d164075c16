/**
 * What the HTTP side asks of the ledger, as plain values: calls cross into a Durable Object, where a
 * thrown error would lose its class. So every answer is a Result, and every refusal a Problem.
 */
import type { AccessRecord } from "../storage/flow/access-events.ts";
import type { Finding } from "../storage/log/findings.ts";
import type { AuditFinished } from "../storage/log/system-events.ts";
import type { WebhookChange } from "../storage/flow/webhook-change.ts";
import type { WebhookRecord } from "../storage/log/webhooks.ts";
import type { SealRow } from "../storage/ports.ts";

/** Stable codes of API.md §4; `worker/problem.ts` has the one table from code to status. */
export type ProblemCode =
  | "invalid_json"
  | "invalid_event"
  | "invalid_request"
  | "unauthenticated"
  | "forbidden"
  | "log_unknown"
  | "entry_unknown"
  | "token_unknown"
  | "approval_unknown"
  | "webhook_unknown"
  | "seal_unknown"
  | "audit_unknown"
  | "route_unknown"
  | "method_not_allowed"
  | "request_timeout"
  | "id_conflict"
  | "log_exists"
  | "token_ended"
  | "approval_decided"
  | "approval_expired"
  | "body_too_large"
  | "too_many_events"
  | "entry_too_large"
  | "unsupported_media_type"
  | "rate_limited"
  | "internal_error"
  | "entry_altered"
  | "issuer_unavailable"
  | "index_unavailable"
  | "vault_unreachable"
  | "clock_backwards"
  | "clock_skew"
  | "frozen"
  | "overloaded"
  | "search_behind"
  | "search_unavailable"
  | "seal_timeout";

export interface Problem {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  readonly retryAfterSeconds?: number;
}

export type Result<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

export type Role = "writer" | "reader" | "auditor" | "admin";

/** Roles, and the logs for which they hold: names or prefixes ending in `*`. */
export interface Grant {
  readonly roles: readonly Role[];
  readonly logs: readonly string[];
}

/** Who asks: as `_system` knows the token, or as an issuer that is believed says. */
export interface Principal extends Grant {
  /** `by` where somebody signed in elsewhere. */
  readonly tokenId: string;
  /** The `by` of entries: `token:<id>`, or `oidc:<issuer>#<subject>`. */
  readonly by: string;
  /** Where several rules gave something: what each of them gave. `roles` and `logs` are then all of it. */
  readonly grants?: readonly Grant[];
  readonly expiresAt: string | null;
  readonly networks: readonly string[];
}

/** A log as the ledger knows it now. */
export interface LogStatus {
  readonly name: string;
  readonly description: string;
  readonly public: boolean;
  readonly retentionDays: number;
  /** `<instance origin>/<log>`, the first line of its checkpoints. */
  readonly origin: string;
  readonly vkey: string;
  readonly receiptVkey: string;
  /** Committed entries. */
  readonly size: number;
  readonly sealedSize: number;
  readonly lastSeal: SealRow | null;
  /** Code of the finding that froze it or stopped its sealing, with what to do; null when all is well. */
  readonly trouble: { readonly code: string; readonly detail: string } | null;
}

export interface AppendRequest {
  readonly log: string;
  readonly principal: Principal;
  /** Canonical events (`parseEvent`) with their ids, in the order sent. */
  readonly events: readonly { readonly text: string; readonly id: string | null }[];
  /** Wait until they lie under lock (30 s at most; then `sealed` is false in the answer). */
  readonly sealed: boolean;
  /** The span on whose behalf it is, as `traceparent` says it; only where traces are taken, and this one is. */
  readonly trace?: string | undefined;
}

export interface AppendAnswer {
  readonly log: string;
  readonly first: number | null;
  readonly count: number;
  readonly entries: readonly {
    readonly seq: number;
    readonly hash: string;
    readonly time: string;
    readonly duplicate: boolean;
  }[];
  /** Signed note: the receipt key's; with `ack=sealed` the log key's sealed one. */
  readonly checkpoint: string;
  /** Only when asked to wait: false means 504 seal_timeout with this body. */
  readonly sealed?: boolean;
}

export interface NewLog {
  readonly name: string;
  readonly retentionDays: number;
  readonly description: string;
  readonly public: boolean;
}

export interface NewToken {
  readonly id: string;
  /** SHA-256 of the whole token, hex. */
  readonly sha256: string;
  readonly roles: readonly Role[];
  readonly logs: readonly string[];
  readonly expiresAt: string | null;
  readonly networks: readonly string[];
  readonly description: string;
}

/** A token as lists show it: never the secret, never its hash. */
export interface TokenStatus extends Omit<NewToken, "sha256"> {
  readonly createdAt: string;
  /** The `by` of its entry, or `operator:<name>`. */
  readonly createdBy: string;
  readonly revokedAt: string | null;
  /** The token before it in a rotation, and the one after it, until whose overlap ends it works. */
  readonly replaces: string | null;
  readonly replacedBy: string | null;
  readonly rotatedUntil: string | null;
  /** To the minute; null where nothing is known of any use. */
  readonly lastUsedAt: string | null;
}

/** A token with the rights of `id`, which then works until `endsAt` (null: no longer). */
export interface TokenRotation {
  readonly id: string;
  readonly to: Pick<NewToken, "id" | "sha256" | "expiresAt">;
  readonly endsAt: string | null;
}

/** Who changes something: a token's holder, or whoever owns the machine and came by the operator's socket. */
export type Asker = Principal | { readonly operator: string };

export interface Readiness {
  readonly state: "ready" | "taking, not sealing" | "not taking";
  /** One item a part: index, vault, lock, clock, audit, and each log that is in trouble. */
  readonly parts: Readonly<Record<string, ReadinessPart>>;
}

/** What audits have found changes nothing about whether entries are taken and sealed. */
export interface ReadinessPart {
  readonly ok: boolean;
  readonly problems: readonly string[];
  /** When it last came to a verdict, of a part that is tested now and then. */
  readonly tested_at?: string;
  /** Of the part `audit`: `passes` counts looks at everything that were finished, the age is that of the last look at everything, null before the first. */
  readonly open_findings?: number;
  readonly passes?: number;
  readonly last_pass_age_seconds?: number | null;
}

export interface MadeToken {
  readonly token: TokenStatus;
  readonly sealed: boolean;
}

/** A change that another administrator has to approve, or had to; never a token's secret or its hash. */
export interface ApprovalStatus {
  readonly id: string;
  /** `token.created`, `token.rotated`, `log.created`, `log.changed`, `webhook.changed` or `webhook.deleted`. */
  readonly action: string;
  /** Fields of the entry that it comes to. */
  readonly change: Readonly<Record<string, unknown>>;
  readonly because: string;
  readonly requestedBy: string;
  readonly requestedAt: string;
  readonly expiresAt: string;
  readonly decision: {
    readonly granted: boolean;
    readonly by: string;
    readonly at: string;
    readonly reason: string;
  } | null;
}

/** What comes in place of a change that has to be approved: nothing has changed yet. */
export interface Waiting {
  readonly approval: ApprovalStatus;
  readonly sealed: boolean;
}

export interface MadeLog {
  readonly log: LogStatus;
  readonly sealed: boolean;
}

export interface LedgerApi {
  /**
   * Who this token is and, where `log` is given, what the log is, if it is public or they are bound to it: `null` for
   * everybody else, as where there is none. Always asked afresh, so a revocation works at once. An unknown, revoked or
   * expired token gives `principal: null`; so does `null`. `signedIn` is who was made out elsewhere.
   */
  admit(query: {
    readonly tokenSha256: string | null;
    readonly signedIn?: Principal | null;
    readonly log: string | null;
  }): Promise<Result<{ readonly principal: Principal | null; readonly log: LogStatus | null }>>;
  /** Checks the token again at commit time; refuses logs that begin with `_`. */
  append(request: AppendRequest): Promise<Result<AppendAnswer>>;
  /** The latest committed checkpoint, signed with the receipt key. */
  committedCheckpoint(
    log: string,
  ): Promise<Result<{ readonly size: number; readonly note: string }>>;
  /** Seals now: the last seal written, or null if nothing waited. */
  seal(log: string): Promise<Result<SealRow | null>>;
  logs(): Promise<Result<readonly LogStatus[]>>;
  createLog(by: Principal, log: NewLog): Promise<Result<MadeLog | Waiting>>;
  /** What is left out stays as it is; nothing is written where nothing differs. */
  changeLog(
    by: Principal,
    log: string,
    change: Partial<Omit<NewLog, "name">>,
  ): Promise<Result<MadeLog | Waiting>>;
  tokens(): Promise<Result<readonly TokenStatus[]>>;
  createToken(by: Asker, token: NewToken): Promise<Result<MadeToken | Waiting>>;
  rotateToken(by: Asker, rotation: TokenRotation): Promise<Result<MadeToken | Waiting>>;
  revokeToken(by: Asker, id: string): Promise<Result<{ readonly sealed: boolean }>>;
  /** Where alerts go, as `_system` says: without addresses and secrets. */
  webhooks(): Promise<Result<readonly WebhookRecord[]>>;
  /** Puts a change on record; whoever keeps addresses and secrets follows. Nothing is written where nothing differs. */
  changeWebhook(
    by: Principal,
    change: WebhookChange,
  ): Promise<Result<{ readonly sealed: boolean } | Waiting>>;
  /** Oldest first, decided ones too. */
  approvals(): Promise<Result<readonly ApprovalStatus[]>>;
  /** Refused where `by` is the person who asked, as far as can be told. */
  decideApproval(
    by: Principal,
    decision: { readonly id: string; readonly granted: boolean; readonly reason: string },
  ): Promise<Result<Waiting>>;
  /**
   * Puts reads on record in `_access`. `before` their answers: returns once they are committed, or says why they cannot be.
   * Otherwise they are written behind the answers, and wait while they cannot be. `lost`: how many the caller had to drop.
   */
  recordAccess(
    records: readonly AccessRecord[],
    how: { readonly before: boolean; readonly lost: number },
  ): Promise<Result<null>>;
  ready(): Promise<Readiness>;
  /** What the ledger counts, as Prometheus reads it. Never throws. */
  metrics(): Promise<string>;
  /** Operator only: makes `_system`, `_access`, `demo` and the first tokens; harmless when repeated. */
  bootstrap(first: Bootstrap): Promise<Result<null>>;
  /** Operator only: takes nothing more, waits for what is under way, seals every log, `_system` last; 10 s at most. */
  drain(): Promise<{
    readonly sealed: boolean;
    readonly unsealed: Readonly<Record<string, number>>;
  }>;
}

/** What the guard asks of the ledger: both throw where it does not answer. */
export interface LedgerForGuard {
  condition(): Promise<readonly Finding[]>;
  recordAudit(fields: AuditFinished, by: string): Promise<Result<null>>;
}

export interface Bootstrap {
  readonly origin: string;
  readonly systemRetentionDays: number;
  readonly tokens: readonly NewToken[];
  readonly logs: readonly NewLog[];
}
