/**
 * Every address of the API, with the rule that guards it and the query parameters it knows. The app is
 * built from this table and from nothing else, so a test that walks it has seen everything.
 */
import { READERS, ROLES, type Rule } from "./access.ts";
import type { Recorded } from "./access-record.ts";
import type { Ask } from "./ask.ts";
import { getAudit, listAudits, listFindings, requestAudit } from "./routes/audits.ts";
import { decideApproval, listApprovals } from "./routes/approvals.ts";
import { cheatNow } from "./routes/cheats.ts";
import { answerDescription } from "./openapi/document.ts";
import { append } from "./routes/append.ts";
import { getEntry, listEntries } from "./routes/entries.ts";
import { EXPORT_QUERY, getExport } from "./routes/export.ts";
import { healthz, metrics, readyz } from "./routes/health.ts";
import { changeLog, createLog, getLog, listLogs } from "./routes/logs.ts";
import { getCheckpoint, getConsistency, getReceipt } from "./routes/proofs.ts";
import { getSeal, getSealLock, listSeals, sealNow } from "./routes/seals.ts";
import { SEARCH_QUERY } from "./routes/search.ts";
import { endSession, getSession, listSessions, signIn, signOut } from "./routes/session.ts";
import { SEARCH_ALL_QUERY, searchAll } from "./routes/search-all.ts";
import { getStats, STATS_QUERY } from "./routes/stats.ts";
import { tlogCheckpoint, tlogTile } from "./routes/tlog.ts";
import { createToken, listTokens, revokeToken, rotateToken } from "./routes/tokens.ts";
import {
  changeWebhook,
  createWebhook,
  deleteWebhook,
  listDeliveries,
  listWebhooks,
  redeliver,
  rotateWebhook,
  testWebhook,
} from "./routes/webhooks.ts";

export interface Route {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** In hono's form; `:log` is the log that a rule `for: "log"` speaks of. */
  readonly path: string;
  readonly rule: Rule;
  /** What `_access` calls it. */
  readonly recorded: Recorded;
  readonly query: readonly string[];
  readonly handle: (ask: Ask) => Response | Promise<Response>;
}

const ANYONE: Rule = { for: "anyone" };
const ADMIN: Rule = { for: "token", roles: ["admin"] };
const AUDITOR: Rule = { for: "token", roles: ["auditor"] };
const ANY_TOKEN: Rule = { for: "token", roles: ROLES };
const ANY_OF_LOG: Rule = { for: "log", roles: ROLES };
const READ: Rule = { for: "log", roles: READERS };
const AUDIT: Rule = { for: "log", roles: ["auditor"] };
const READ_OR_PUBLIC: Rule = { for: "log", roles: READERS, public: true };

const LIST = ["order", "from", "limit", "cursor"];

/** The most asked first. */
export const ROUTES: readonly Route[] = [
  route("POST", "/v1/logs/:log/entries", { for: "append" }, "no read", append, ["ack"]),
  route("GET", "/v1/logs/:log/entries", READ, "entries.read", listEntries, [
    ...LIST,
    ...SEARCH_QUERY,
  ]),
  route("GET", "/v1/logs/:log/stats", READ, "entries.count", getStats, STATS_QUERY),
  route(
    "GET",
    "/v1/entries",
    { for: "token", roles: READERS },
    "entries.search",
    searchAll,
    SEARCH_ALL_QUERY,
  ),
  route("GET", "/v1/logs/:log/entries/:seq", READ, "entry.read", getEntry),
  // A writer may prove what it wrote itself; the handler sees to that.
  route(
    "GET",
    "/v1/logs/:log/entries/:seq/proof",
    { for: "log", roles: [...READERS, "writer"] },
    "proof.read",
    getReceipt,
  ),
  route("GET", "/v1/logs/:log/checkpoint", READ, "checkpoint.read", getCheckpoint, ["committed"]),
  route("GET", "/v1/logs/:log/consistency", READ, "consistency.read", getConsistency, [
    "from",
    "to",
  ]),
  route("GET", "/v1/logs/:log/export", AUDIT, "entries.export", getExport, EXPORT_QUERY),
  route("GET", "/v1/logs/:log/seals", AUDIT, "seals.list", listSeals, LIST),
  route("GET", "/v1/logs/:log/seals/:first", AUDIT, "seal.download", getSeal),
  route("GET", "/v1/logs/:log/seals/:first/lock", AUDIT, "seal.lock", getSealLock),
  route(
    "POST",
    "/v1/logs/:log/seal",
    { for: "log", roles: ["auditor", "admin"] },
    "no read",
    sealNow,
  ),
  route("GET", "/v1/logs/:log", ANY_OF_LOG, "log.read", getLog),
  route("PATCH", "/v1/logs/:log", { for: "log", roles: ["admin"] }, "no read", changeLog),
  route("GET", "/v1/logs", ANY_TOKEN, "logs.list", listLogs),
  route("POST", "/v1/logs", ADMIN, "no read", createLog),
  route("POST", "/v1/tokens", ADMIN, "no read", createToken),
  route("GET", "/v1/tokens", ADMIN, "tokens.list", listTokens),
  route("POST", "/v1/tokens/:id/rotate", ADMIN, "no read", rotateToken),
  route("DELETE", "/v1/tokens/:id", ADMIN, "no read", revokeToken),
  route("GET", "/v1/approvals", ADMIN, "approvals.list", listApprovals, ["state"]),
  route("POST", "/v1/approvals/:id", ADMIN, "no read", decideApproval),
  route("POST", "/v1/logs/:log/cheats", { for: "log", roles: ["admin"] }, "no read", cheatNow),
  route("GET", "/v1/session", ANYONE, "no read", getSession),
  route("POST", "/v1/session", ANYONE, "no read", signIn),
  route("DELETE", "/v1/session", ANYONE, "no read", signOut),
  route("POST", "/v1/audits", AUDITOR, "no read", requestAudit),
  route("GET", "/v1/audits", AUDITOR, "audits.list", listAudits, ["limit", "cursor"]),
  route("GET", "/v1/audits/:audit", AUDITOR, "audit.read", getAudit),
  route("GET", "/v1/findings", AUDITOR, "findings.list", listFindings),
  route("GET", "/v1/sessions", ADMIN, "sessions.list", listSessions),
  route("DELETE", "/v1/sessions/:id", ADMIN, "no read", endSession),
  route("POST", "/v1/webhooks", ADMIN, "no read", createWebhook),
  route("GET", "/v1/webhooks", ADMIN, "webhooks.list", listWebhooks),
  route("PATCH", "/v1/webhooks/:id", ADMIN, "no read", changeWebhook),
  route("DELETE", "/v1/webhooks/:id", ADMIN, "no read", deleteWebhook),
  route("POST", "/v1/webhooks/:id/rotate", ADMIN, "no read", rotateWebhook),
  route("POST", "/v1/webhooks/:id/test", ADMIN, "no read", testWebhook),
  route("GET", "/v1/webhooks/:id/deliveries", ADMIN, "deliveries.list", listDeliveries, [
    "limit",
    "cursor",
  ]),
  route("POST", "/v1/webhooks/:id/redeliver", ADMIN, "no read", redeliver),
  route("GET", "/tlog/:log/checkpoint", READ_OR_PUBLIC, "checkpoint.read", tlogCheckpoint),
  route("GET", "/tlog/:log/tile/:rest{.+}", READ_OR_PUBLIC, "tile.read", tlogTile),
  route("GET", "/healthz", ANYONE, "no read", healthz),
  route("GET", "/readyz", ANYONE, "no read", readyz),
  route("GET", "/openapi.json", ANYONE, "no read", (ask) => answerDescription(ask, ROUTES)),
  route("GET", "/metrics", { for: "metrics" }, "no read", metrics),
];

function route(
  method: Route["method"],
  path: string,
  rule: Rule,
  recorded: Recorded,
  handle: Route["handle"],
  query: readonly string[] = [],
): Route {
  return { method, path, rule, recorded, query, handle };
}
