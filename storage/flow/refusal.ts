/**
 * The one error with which a flow says no. `code` is a problem's word from the contract (API §4), so the
 * HTTP side needs no translation; nothing has been written for the request that gets it.
 */

import type { Finding } from "../log/findings.ts";
import { IndexError, VaultError } from "../ports.ts";

export type RefusalCode =
  | "invalid_request"
  | "invalid_event"
  | "entry_altered"
  | "entry_too_large"
  | "body_too_large"
  | "id_conflict"
  | "log_unknown"
  | "log_exists"
  | "token_unknown"
  | "approval_unknown"
  | "webhook_unknown"
  | "approval_decided"
  | "approval_expired"
  | "token_ended"
  | "unauthenticated"
  | "forbidden"
  | "frozen"
  | "clock_backwards"
  | "clock_skew"
  | "index_unavailable"
  | "vault_unreachable"
  | "overloaded"
  | "internal_error";

export interface RefusalPlace {
  /** RFC 6901 pointer into what was sent. */
  readonly pointer: string;
  readonly detail: string;
}

export interface RefusalOptions {
  readonly errors?: readonly RefusalPlace[];
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

export class Refusal extends Error {
  readonly code: RefusalCode;
  /** Pointers begin with the event's index in the job. */
  readonly errors: readonly RefusalPlace[] | undefined;
  readonly retryAfterSeconds: number | undefined;
  constructor(code: RefusalCode, detail: string, options: RefusalOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "Refusal";
    this.code = code;
    this.errors = options.errors;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** Words for an error that keeps a flow from going on now and may be over soon. */
export function refusalOf(error: unknown): Refusal | null {
  if (error instanceof Refusal) return error;
  if (error instanceof IndexError) {
    return new Refusal("index_unavailable", "the index does not answer", {
      retryAfterSeconds: 2,
      cause: error,
    });
  }
  if (error instanceof VaultError) {
    return new Refusal("vault_unreachable", error.message, { retryAfterSeconds: 5, cause: error });
  }
  return null;
}

/** No entry is taken until a person has looked. */
export function frozenRefusal(finding: Finding): Refusal {
  return new Refusal("frozen", `${finding.log} is frozen: ${finding.code}. ${finding.hint}`, {
    retryAfterSeconds: 60,
  });
}
