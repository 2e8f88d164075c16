/**
 * Refusals as RFC 9457 problem documents. One table from code to status and title; whatever is thrown
 * anywhere below a route becomes one of its rows here, and what nobody foresaw becomes
 * `internal_error` without a word about its inside.
 */
import { LogError } from "../storage/log/errors.ts";
import { IndexError, VaultError } from "../storage/ports.ts";
import type { Problem, ProblemCode as LedgerProblemCode, Result } from "./ledger-api.ts";

/** The ledger's codes, and those that only a download from the vault can meet (findings, API §6). */
export type ProblemCode =
  LedgerProblemCode | "batch_altered" | "batch_missing" | "batch_unreadable";

interface Row {
  readonly status: number;
  readonly title: string;
  /** Seconds for Retry-After where the problem itself names none. */
  readonly retryAfterSeconds?: number;
}

/** Status and title by code (API §4). */
export const PROBLEMS: Readonly<Record<ProblemCode, Row>> = {
  invalid_json: { status: 400, title: "The body is not JSON as this log takes it" },
  invalid_event: { status: 400, title: "An event does not have the right shape" },
  invalid_request: { status: 400, title: "The request does not have the right shape" },
  unauthenticated: { status: 401, title: "A valid token is needed" },
  forbidden: { status: 403, title: "This token does not allow it" },
  log_unknown: { status: 404, title: "There is no such log" },
  entry_unknown: { status: 404, title: "There is no such entry" },
  token_unknown: { status: 404, title: "There is no such token" },
  approval_unknown: { status: 404, title: "There is no such approval" },
  audit_unknown: { status: 404, title: "There is no such audit" },
  webhook_unknown: { status: 404, title: "There is no such webhook" },
  seal_unknown: { status: 404, title: "There is no such seal" },
  route_unknown: { status: 404, title: "There is no such address" },
  method_not_allowed: { status: 405, title: "This address does not take that method" },
  request_timeout: { status: 408, title: "The body did not arrive in time" },
  id_conflict: { status: 409, title: "The id belongs to another event" },
  log_exists: { status: 409, title: "The log exists already" },
  token_ended: { status: 409, title: "The token does not work any more" },
  approval_decided: { status: 409, title: "The approval was decided already" },
  approval_expired: { status: 409, title: "The approval cannot be granted any more" },
  body_too_large: { status: 413, title: "The body is too large" },
  too_many_events: { status: 413, title: "Too many events in one request" },
  entry_too_large: { status: 413, title: "An entry would be too large" },
  unsupported_media_type: { status: 415, title: "The body has a type that is not taken here" },
  rate_limited: { status: 429, title: "Too many requests", retryAfterSeconds: 1 },
  internal_error: { status: 500, title: "Something went wrong here" },
  entry_altered: { status: 500, title: "The index does not hold what was committed" },
  batch_altered: { status: 500, title: "The vault does not hold what was sealed" },
  batch_missing: { status: 500, title: "The vault does not have what was sealed" },
  batch_unreadable: { status: 500, title: "The vault cannot give what was sealed" },
  issuer_unavailable: {
    status: 503,
    title: "The issuer of the token does not answer",
    retryAfterSeconds: 30,
  },
  index_unavailable: { status: 503, title: "The index does not answer", retryAfterSeconds: 1 },
  vault_unreachable: { status: 503, title: "The vault does not answer", retryAfterSeconds: 5 },
  clock_backwards: { status: 503, title: "The clock went backwards", retryAfterSeconds: 5 },
  clock_skew: { status: 503, title: "The clock is wrong", retryAfterSeconds: 60 },
  frozen: { status: 503, title: "The log is frozen", retryAfterSeconds: 60 },
  overloaded: { status: 503, title: "Too much at once", retryAfterSeconds: 1 },
  search_behind: { status: 503, title: "The search tables are behind", retryAfterSeconds: 1 },
  search_unavailable: {
    status: 503,
    title: "The search tables do not answer",
    retryAfterSeconds: 5,
  },
  seal_timeout: { status: 504, title: "Committed, but not sealed in time" },
};

/** A refusal on its way to the one place that answers it. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly errors: Problem["errors"];
  readonly retryAfterSeconds: number | undefined;
  /** Members beside those of RFC 9457. */
  readonly members: Readonly<Record<string, unknown>> | undefined;
  /** Headers beside the usual ones, such as Allow. */
  readonly headers: Readonly<Record<string, string>> | undefined;

  constructor(code: ProblemCode, detail: string, facts: ProblemFacts = {}) {
    super(`${code}: ${detail}`, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "ProblemError";
    this.code = code;
    this.detail = detail;
    this.errors = facts.errors;
    this.retryAfterSeconds = facts.retryAfterSeconds;
    this.members = facts.members;
    this.headers = facts.headers;
  }
}

export interface ProblemFacts {
  readonly errors?: Problem["errors"];
  readonly retryAfterSeconds?: number | undefined;
  readonly members?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** A wrong input at one place, named by a JSON pointer into the body or by the parameter's name. */
export function invalidRequest(detail: string, pointer?: string): ProblemError {
  const errors = pointer === undefined ? undefined : [{ pointer, detail }];
  return new ProblemError("invalid_request", detail, errors === undefined ? {} : { errors });
}

/** The value of an answer of the ledger; throws its refusal. */
export function valueOf<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw problemOf(result.problem);
}

/** A refusal of the ledger, as this side throws it. */
export function problemOf({ code, detail, errors, retryAfterSeconds }: Problem): ProblemError {
  return new ProblemError(code, detail, {
    ...(errors === undefined ? {} : { errors }),
    retryAfterSeconds,
  });
}

/** Every error as a problem; one that nobody foresaw is `internal_error`, with the error as its cause. */
export function asProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof LogError) return ofLog(error);
  if (error instanceof IndexError) {
    return new ProblemError("index_unavailable", "the index did not answer", { cause: error });
  }
  if (error instanceof VaultError) return ofVault(error);
  if (isOverload(error)) {
    return new ProblemError("overloaded", "too many requests wait; try again", { cause: error });
  }
  return new ProblemError("internal_error", "the request could not be answered", { cause: error });
}

/** What the operator must hear of. The ledger tells of its own refusals; what has a cause, and every 500, was met here. */
export function isOurFault({ code, cause }: ProblemError): boolean {
  const { status } = PROBLEMS[code];
  return status === 500 || (status > 500 && cause !== undefined);
}

/** Only errors about what was sent are the sender's; another one is about what we keep. */
function ofLog(error: LogError): ProblemError {
  const { code, detail, errors } = error;
  if (code === "invalid_json" || code === "invalid_event" || code === "entry_too_large") {
    return new ProblemError(code, detail, { errors });
  }
  return new ProblemError("internal_error", "the request could not be answered", { cause: error });
}

function ofVault(error: VaultError): ProblemError {
  if (error.code === "vault_refused") {
    return new ProblemError("vault_unreachable", "the vault refused to answer", { cause: error });
  }
  return new ProblemError(error.code, PROBLEMS[error.code].title.toLowerCase(), { cause: error });
}

/** workerd marks what a Durable Object refused for want of room or because it is being restarted. */
function isOverload(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  const { overloaded, retryable } = error as { overloaded?: unknown; retryable?: unknown };
  return overloaded === true || retryable === true;
}
