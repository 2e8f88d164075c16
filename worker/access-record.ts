/**
 * What `_access` says of a request (SECURITY, "Who looked"). Each route of the table names the read that it is, or says that
 * it is none; a handler adds what it showed. The record is made in one place, when the answer is known.
 */
import { ACCESS_LOG, isLogName, SYSTEM_LOG } from "../storage/log/entry.ts";
import {
  cut,
  cutAll,
  USER_AGENT_CHARS_MAX,
  type AccessRecord,
  type Shown,
} from "../storage/flow/access-events.ts";
import type { LedgerApi, Principal } from "./ledger-api.ts";
import { PROBLEMS, ProblemError, problemOf } from "./problem.ts";
import type { Query } from "./query.ts";

/** The words for reads. */
export type ReadAction =
  | "entries.read"
  | "entries.export"
  | "entries.search"
  | "entries.count"
  | "entry.read"
  | "proof.read"
  | "consistency.read"
  | "checkpoint.read"
  | "seals.list"
  | "seal.download"
  | "seal.lock"
  | "log.read"
  | "logs.list"
  | "tokens.list"
  | "approvals.list"
  | "audits.list"
  | "audit.read"
  | "findings.list"
  | "sessions.list"
  | "webhooks.list"
  | "deliveries.list"
  | "tile.read";

/** What a route is to `_access`: a read, or none because it writes an entry itself or shows nothing that is kept. */
export type Recorded = ReadAction | "no read";

/** Whole objects and long streams: on record before they are given, or not given. */
const EXPORTS: readonly ReadAction[] = ["seal.download", "entries.export"];

/** What one request turned out to be, filled in on its way. */
export class ReadNote {
  readonly requestId: string;
  action: Recorded;
  /** The log's name in the path, empty where there is none. */
  readonly logName: string;
  /** Whose token it is, also where it is refused. */
  principal: Principal | null = null;
  address: string | null = null;
  query: Query | null = null;
  #shown: Shown = {};
  #searched: readonly string[] | null = null;
  readonly #request: Request;
  #written = false;
  #brokeOff: (shown: Shown) => void = () => {};

  constructor(action: Recorded, requestId: string, request: Request, logName: string) {
    this.action = action;
    this.requestId = requestId;
    this.#request = request;
    this.logName = logName;
  }

  /** What the answer holds. `isExport`: it is a long stream. */
  shown(shown: Shown, isExport = false): void {
    this.#shown = shown;
    if (isExport) this.action = "entries.export";
  }

  /** It was a search in these logs. */
  searched(logs: readonly string[]): void {
    this.#searched = logs;
  }

  /** A stream that is on record came no further than this. */
  brokeOff(shown: Shown): void {
    this.#brokeOff({ ...shown, brokenOff: true });
  }

  /** Puts an export on record before its answer goes out. Throws what becomes a 503. */
  async beforeAnswer(ledger: LedgerApi, status: number, nowMs: number): Promise<void> {
    if (!EXPORTS.some((action) => action === this.action)) return;
    const record = this.#record(status, nowMs, this.#shown);
    if (record === null) return;
    const result = await ledger.recordAccess([record], { before: true, lost: 0 });
    if (!result.ok) throw unrecorded(problemOf(result.problem));
    this.#written = true;
  }

  /** Gives what is to be put on record behind the answer to `add`; later too, if a stream breaks off. */
  afterAnswer(status: number, nowMs: () => number, add: (record: AccessRecord) => void): void {
    if (this.action === "no read") return;
    const record = this.#written ? null : this.#record(status, nowMs(), this.#shown);
    if (record !== null) add(record);
    this.#brokeOff = (shown) => {
      const broken = this.#record(status, nowMs(), shown);
      if (broken !== null) add(broken);
    };
  }

  /** Null: no read, or one that was refused to nobody known. */
  #record(status: number, timeMs: number, shown: Shown): AccessRecord | null {
    const { action, principal, requestId } = this;
    if (action === "no read" || (principal === null && status >= 400)) return null;
    const isOk = status < 400;
    return {
      by: principal?.by ?? null,
      action,
      log: this.#log(),
      ...(this.#searched === null ? {} : { logs: this.#searched }),
      timeMs,
      status,
      // Who reads a public log is nobody in particular, and is not written down.
      ip: principal === null ? null : this.address,
      userAgent: principal === null ? null : this.#userAgent(),
      requestId,
      requests: 1,
      // Of what was refused only that is known to be what it should.
      shown: isOk ? { ...this.#query(), ...shown } : {},
    };
  }

  /** Lists of logs and of tokens say what `_system` says. */
  #log(): string | null {
    if (this.#searched !== null) return this.#searched[0] ?? null;
    if (this.logName === "") return SYSTEM_LOG;
    return isLogName(this.logName) ? this.logName : null;
  }

  #userAgent(): string | null {
    const text = this.#request.headers.get("user-agent");
    return text === null ? null : cut(text, USER_AGENT_CHARS_MAX);
  }

  #query(): Pick<Shown, "query"> {
    const query = this.query?.entries() ?? {};
    return Object.keys(query).length === 0 ? {} : { query: cutAll(query) };
  }
}

/** Whatever the reason is: what cannot be put on record is not given, and may be asked for again. */
function unrecorded({ code, detail, retryAfterSeconds, cause }: ProblemError): ProblemError {
  const is503 = PROBLEMS[code].status === 503;
  const words = `this is given only once it is on record in ${ACCESS_LOG}: ${detail}`;
  return new ProblemError(is503 ? code : "index_unavailable", words, { retryAfterSeconds, cause });
}
