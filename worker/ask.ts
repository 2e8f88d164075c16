/** One request on its way: what a route's handler is given, and what the parts behind it are. */
import type { Sha256 } from "../storage/log/hash.ts";
import type { Index, Vault } from "../storage/ports.ts";
import type { ReadNote } from "./access-record.ts";
import type { AuditorApi } from "./audit/auditor-api.ts";
import type { WebhooksApi } from "./alerts/api.ts";
import type { AccessRecorder } from "./access-recorder.ts";
import type { AddressSettings } from "./address.ts";
import type { AdmitCache } from "./admit.ts";
import type { AnswerRoom } from "./answer-room.ts";
import type { BodyRooms } from "./body-room.ts";
import type { Limits } from "./limits.ts";
import type { LedgerApi, LogStatus, Principal } from "./ledger-api.ts";
import type { SignIn } from "./oidc/sign-in.ts";
import type { ReadinessCache } from "./readiness-cache.ts";
import type { HttpMetrics } from "./metrics.ts";
import type { SessionStore } from "./session/book.ts";
import type { ProblemError } from "./problem.ts";
import type { SearchParts } from "./search/parts.ts";
import type { Query } from "./query.ts";
import type { RequestSpan, Tracing } from "./tracing/tracing.ts";

/** What Try it asks of the attacker, and its answer as it came. */
export type Cheat = (wanted: { readonly way: string; readonly seq: number }) => Promise<Response>;

/** What stands behind the HTTP side. Made anew for each request where a part may not be shared by several. */
export interface Services {
  readonly ledger: LedgerApi;
  readonly auditor: AuditorApi;
  /** Where alerts go. */
  readonly webhooks: WebhooksApi;
  readonly index: () => Index;
  readonly vault: () => Vault;
  /** Null where there are no search tables. */
  readonly search: () => SearchParts | null;
  readonly sha256: Sha256;
  readonly nowMs: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Whom the ledger admitted a moment ago; one for all requests. */
  readonly admitted: AdmitCache;
  /** Checks tokens of issuers; `null` where nobody's sign-ins are taken. */
  readonly signIn: SignIn | null;
  /** Asks the attacker of Try it; `null` where there is none, as in production. */
  readonly cheat: Cheat | null;
  /** Sessions of the page. */
  readonly sessions: SessionStore;
  /** What the ledger said of its readiness a moment ago; one for all requests. */
  readonly readiness: ReadinessCache;
  /** Who asks too often or too much at once; one for all requests. */
  readonly limits: Limits;
  /** Memory for large bodies; one for all requests. */
  readonly bodyRooms: BodyRooms;
  /** Memory for large answers; one for all requests. */
  readonly answerRoom: AnswerRoom;
  /** What was answered so far; one for all requests. */
  readonly http: HttpMetrics;
  /** Reads on their way to `_access`; one for all requests. */
  readonly access: AccessRecorder;
  /** Goes on with work after this request was answered. */
  readonly later: (work: Promise<unknown>) => void;
  /** How the sender's address is found. */
  readonly addressing: AddressSettings;
  /** Origins whose pages may read answers; none unless configured. */
  readonly corsOrigins: ReadonlySet<string>;
  /** Tells the operator of a refusal that is our own fault. */
  readonly report: (requestId: string, problem: ProblemError, traceId?: string) => void;
  /** Takes traces; `null` where they are off. */
  readonly tracing: Tracing | null;
}

export interface Ask {
  readonly request: Request;
  readonly requestId: string;
  /** The sender's address; `null` where it is not known. */
  readonly address: string | null;
  readonly services: Services;
  readonly query: Query;
  /** What `_access` will say of this request: a handler adds what it shows. */
  readonly read: ReadNote;
  /** Of this request, for what is done on its behalf; `null` where traces are off. */
  readonly span: RequestSpan | null;
  /** A part of the path by its name in the route. */
  readonly param: (name: string) => string;
  /** Who asks; `null` where the rule lets anyone in. */
  readonly principal: Principal | null;
  /** The log of the path, where the rule looks it up. */
  readonly log: LogStatus | null;
  /** Meets the rule once more, or throws: for answers that take so long that a right may end meanwhile. */
  readonly admitAgain: () => Promise<unknown>;
}

/** For routes whose rule admits no one without a token. */
export function principalOf({ principal }: Ask): Principal {
  if (principal === null) throw new Error("a route that needs a token was reached without one");
  return principal;
}

/** For routes whose rule looks the log up. */
export function logOf({ log }: Ask): LogStatus {
  if (log === null) throw new Error("a route that needs a log was reached without one");
  return log;
}
