/**
 * Who may do what (API §5): roles, log patterns, and the rule that each route carries. Closed by
 * default: a rule that is not met is 401 without a valid token and 403 with one, whether or not the
 * log exists; only within a token's patterns does anybody learn that a log is unknown.
 */
import { Networks } from "../storage/networks.ts";
import { TOKEN_ROLES } from "../storage/token-rules.ts";
import type { ApprovalStatus, Grant, LogStatus, Principal, Role } from "./ledger-api.ts";
import { ProblemError } from "./problem.ts";

export const ROLES: readonly Role[] = TOKEN_ROLES;
/** Who may see entries. */
export const READERS: readonly Role[] = ["reader", "auditor"];

/** What a route asks of the one who calls it. `anyone`: nothing. */
export type Rule =
  | { readonly for: "anyone" }
  /** Any valid token, or the machine itself. */
  | { readonly for: "metrics" }
  /** A token with one of these roles, for any log. */
  | { readonly for: "token"; readonly roles: readonly Role[] }
  /** A token with one of these roles for the log of the path; `public`: nobody needs one where the log is public. */
  | { readonly for: "log"; readonly roles: readonly Role[]; readonly public?: true }
  /** A writer of the log of the path, which the ledger checks again when it commits. */
  | { readonly for: "append" };

/** True where a pattern, a name or a prefix ending in `*`, covers the log. Names that begin with `_` are named in full. */
export function covers(pattern: string, log: string): boolean {
  if (!pattern.endsWith("*")) return pattern === log;
  return !log.startsWith("_") && log.startsWith(pattern.slice(0, -1));
}

/** True where the token is bound to the log, whatever its roles. */
export function isBound({ logs }: Grant, log: string): boolean {
  return logs.some((pattern) => covers(pattern, log));
}

function hasRole(grant: Grant, roles: readonly Role[]): boolean {
  return grant.roles.some((role) => roles.includes(role));
}

/** A token is one grant; whoever signed in elsewhere has one for each rule, and a role holds for the logs of its own rule only. */
function grantsOf(principal: Principal): readonly Grant[] {
  return principal.grants ?? [principal];
}

/** True where one of the roles holds for this log. */
export function may(principal: Principal, roles: readonly Role[], log: string): boolean {
  return grantsOf(principal).some((grant) => hasRole(grant, roles) && isBound(grant, log));
}

/** True where one of the roles holds for every log: for `*`, which is how those are named that see the whole instance. */
export function mayAll(principal: Principal, roles: readonly Role[]): boolean {
  return grantsOf(principal).some((grant) => hasRole(grant, roles) && grant.logs.includes("*"));
}

export function assertUsable(principal: Principal | null): asserts principal is Principal {
  if (principal === null) throw unauthenticated();
}

/** A token that is bound to networks is refused where the sender's address lies outside of them or is not known. */
export function assertNetwork(principal: Principal | null, address: string | null): void {
  if (principal === null || principal.networks.length === 0) return;
  if (new Networks(principal.networks).covers(address)) return;
  throw new ProblemError("forbidden", "the token may not be used from this address");
}

export function assertRole(principal: Principal | null, roles: readonly Role[]): void {
  assertUsable(principal);
  if (!hasRole(principal, roles)) throw forbidden(roles);
}

/** One of the roles, for this log. */
export function assertMay(principal: Principal | null, roles: readonly Role[], log: string): void {
  assertUsable(principal);
  if (!may(principal, roles, log)) throw forbidden(roles, log);
}

/** A writer, and no log of the instance's own: those take entries from the instance only. */
export function assertMayAppend(
  principal: Principal | null,
  log: string,
): asserts principal is Principal {
  assertUsable(principal);
  if (log.startsWith("_")) {
    throw new ProblemError("forbidden", "logs that begin with _ are written by the instance only");
  }
  assertMay(principal, ["writer"], log);
}

/** As `assertMay`, and everybody where the log is public. */
export function assertMayOrPublic(
  principal: Principal | null,
  roles: readonly Role[],
  name: string,
  log: LogStatus | null,
): void {
  if (log?.public !== true) assertMay(principal, roles, name);
}

/** Throws where there is no such log; only for who is bound to the name. */
export function assertKnown(log: LogStatus | null): asserts log is LogStatus {
  if (log === null) throw new ProblemError("log_unknown", "there is no log of this name");
}

/** Admin of `*`: alone manages admins and the logs that begin with `_`. */
export function isChiefAdmin(principal: Principal): boolean {
  return adminLogs(principal).includes("*");
}

/** The patterns of which he is admin. */
function adminLogs(principal: Principal): readonly string[] {
  return grantsOf(principal).flatMap(({ roles, logs }) => (roles.includes("admin") ? logs : []));
}

/** True where all that `inner` covers lies within what the admin's patterns cover; nothing does for who is no admin. */
export function liesWithin(principal: Principal, inner: string): boolean {
  if (inner.startsWith("_")) return isChiefAdmin(principal);
  return adminLogs(principal).some((outer) => {
    if (!outer.endsWith("*")) return outer === inner;
    return inner.replace(/\*$/, "").startsWith(outer.slice(0, -1));
  });
}

/** Whether this admin may grant, change or revoke a token of these roles and patterns. */
export function mayManage(
  principal: Principal,
  token: { readonly roles: readonly Role[]; readonly logs: readonly string[] },
): boolean {
  if (!principal.roles.includes("admin")) return false;
  if (isChiefAdmin(principal)) return true;
  return !token.roles.includes("admin") && token.logs.every((log) => liesWithin(principal, log));
}

/** Whether this admin may see and decide an approval: he could have made the change himself. */
export function mayApprove(principal: Principal, { action, change }: ApprovalStatus): boolean {
  if (isChiefAdmin(principal)) return true;
  const { log, roles, logs } = change;
  if (action.startsWith("log.") && typeof log === "string") return may(principal, ["admin"], log);
  if (!action.startsWith("token.") || !Array.isArray(roles) || !Array.isArray(logs)) return false;
  return mayManage(principal, { roles, logs });
}

/** The same words for a token that is missing, malformed, unknown, expired or revoked. */
export const UNAUTHENTICATED = "send a valid token: Authorization: Bearer <token>";

/** `reason` is for the operator alone. */
export function unauthenticated(reason?: Error): ProblemError {
  return new ProblemError("unauthenticated", UNAUTHENTICATED, { cause: reason });
}

/** The same words whether or not the log exists. */
function forbidden(roles: readonly Role[], log?: string): ProblemError {
  const needed = roles.join(" or ");
  const where = log === undefined ? "" : " for this log";
  return new ProblemError("forbidden", `the token is not ${needed}${where}`);
}
