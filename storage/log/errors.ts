/**
 * The one error of the log: a stable code to act upon, a sentence for people, and the places in the input that it speaks
 * of. Everything that decodes or checks either returns a value or throws this.
 */

export type LogErrorCode =
  | "chain_broken"
  | "entry_too_large"
  | "invalid_answer"
  | "invalid_batch"
  | "invalid_checkpoint"
  | "invalid_entry"
  | "invalid_event"
  | "invalid_export"
  | "invalid_json"
  | "invalid_note"
  | "invalid_proof"
  | "invalid_receipt"
  | "invalid_system"
  | "invalid_text"
  | "invalid_tile"
  | "invalid_vkey"
  | "root_mismatch"
  | "signature_invalid";

/** A place in the input: a JSON pointer (RFC 6901; "" is the whole), and what is wrong there. */
export interface ErrorPlace {
  readonly pointer: string;
  readonly detail: string;
}

/** What an error may know beyond its sentence. */
export interface ErrorFacts {
  readonly errors?: readonly ErrorPlace[];
  /** The entry that the error is about. */
  readonly seq?: number;
  readonly cause?: unknown;
}

export class LogError extends Error {
  override readonly name = "LogError";
  readonly code: LogErrorCode;
  readonly detail: string;
  readonly errors: readonly ErrorPlace[];
  readonly seq: number | undefined;

  constructor(code: LogErrorCode, detail: string, facts: ErrorFacts = {}) {
    super(`${code}: ${detail}`, facts.cause === undefined ? {} : { cause: facts.cause });
    this.code = code;
    this.detail = detail;
    this.errors = facts.errors ?? [];
    this.seq = facts.seq;
  }
}

/** What `work` gives; whatever it throws becomes a LogError of this code. */
export function attempt<T>(code: LogErrorCode, detail: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new LogError(code, detail, { cause });
  }
}

/** One step of a JSON pointer, escaped as RFC 6901 §3 wants it. */
export function pointerStep(name: string | number): string {
  return typeof name === "number"
    ? `/${name}`
    : `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
