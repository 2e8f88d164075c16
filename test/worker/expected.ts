/** Who may call which route, written by hand: what the table of routes is held against, with and without the real parts. */
import type { Role } from "../../worker/ledger-api.ts";
import type { Route } from "../../worker/routes.ts";
import { event, LOG } from "./fake.ts";

export const ROLES: readonly Role[] = ["writer", "reader", "auditor", "admin"];

/** Roles that may, by route; `anyone` needs no token. The writer of the proof is the entry's own. */
export const ALLOWED: Readonly<Record<string, readonly Role[] | "anyone">> = {
  "POST /v1/logs": ["admin"],
  "GET /v1/logs": ROLES,
  "GET /v1/logs/:log": ROLES,
  "PATCH /v1/logs/:log": ["admin"],
  "POST /v1/logs/:log/entries": ["writer"],
  "GET /v1/logs/:log/entries": ["reader", "auditor"],
  "GET /v1/logs/:log/stats": ["reader", "auditor"],
  "GET /v1/entries": ["reader", "auditor"],
  "GET /v1/logs/:log/entries/:seq": ["reader", "auditor"],
  "GET /v1/logs/:log/entries/:seq/proof": ["reader", "auditor"],
  "GET /v1/logs/:log/checkpoint": ["reader", "auditor"],
  "GET /v1/logs/:log/consistency": ["reader", "auditor"],
  "GET /v1/logs/:log/export": ["auditor"],
  "GET /v1/logs/:log/seals": ["auditor"],
  "GET /v1/logs/:log/seals/:first": ["auditor"],
  "GET /v1/logs/:log/seals/:first/lock": ["auditor"],
  "POST /v1/logs/:log/seal": ["auditor", "admin"],
  "POST /v1/tokens": ["admin"],
  "GET /v1/tokens": ["admin"],
  "POST /v1/tokens/:id/rotate": ["admin"],
  "DELETE /v1/tokens/:id": ["admin"],
  "GET /v1/approvals": ["admin"],
  "POST /v1/approvals/:id": ["admin"],
  "POST /v1/logs/:log/cheats": ["admin"],
  "GET /v1/session": "anyone",
  "POST /v1/session": "anyone",
  "DELETE /v1/session": "anyone",
  "POST /v1/audits": ["auditor"],
  "GET /v1/audits": ["auditor"],
  "GET /v1/audits/:audit": ["auditor"],
  "GET /v1/findings": ["auditor"],
  "GET /v1/sessions": ["admin"],
  "DELETE /v1/sessions/:id": ["admin"],
  "POST /v1/webhooks": ["admin"],
  "GET /v1/webhooks": ["admin"],
  "PATCH /v1/webhooks/:id": ["admin"],
  "DELETE /v1/webhooks/:id": ["admin"],
  "POST /v1/webhooks/:id/rotate": ["admin"],
  "POST /v1/webhooks/:id/test": ["admin"],
  "GET /v1/webhooks/:id/deliveries": ["admin"],
  "POST /v1/webhooks/:id/redeliver": ["admin"],
  "GET /tlog/:log/checkpoint": ["reader", "auditor"],
  "GET /tlog/:log/tile/:rest{.+}": ["reader", "auditor"],
  "GET /healthz": "anyone",
  "GET /readyz": "anyone",
  "GET /openapi.json": "anyone",
  "GET /metrics": ROLES,
};

/** What opens it stands in the body: test/worker/session.test.ts. */
export const OPENED_BY_BODY: readonly string[] = ["POST /v1/session"];

/** An administrator of one log has no administrator's token to manage, no approval, and may not make logs elsewhere; nobody signs in to the page from elsewhere. */
export const BEYOND_ONE_LOG: readonly string[] = [
  "POST /v1/logs",
  "POST /v1/tokens/:id/rotate",
  "DELETE /v1/tokens/:id",
  "POST /v1/approvals/:id",
  "POST /v1/logs/:log/cheats",
  "GET /v1/sessions",
  "DELETE /v1/sessions/:id",
  "POST /v1/webhooks",
  "GET /v1/webhooks",
  "PATCH /v1/webhooks/:id",
  "DELETE /v1/webhooks/:id",
  "POST /v1/webhooks/:id/rotate",
  "POST /v1/webhooks/:id/test",
  "GET /v1/webhooks/:id/deliveries",
  "POST /v1/webhooks/:id/redeliver",
  ...OPENED_BY_BODY,
];

/** A body that the route takes, for those that take one. */
export function bodyOf(name: string): unknown {
  if (name.startsWith("PATCH ")) return { description: "changed" };
  if (name === "POST /v1/logs/:log/entries") return event("invoice.paid");
  if (name === "POST /v1/logs") return { name: "acme.new", retention_days: 1 };
  if (name === "POST /v1/tokens") return { roles: ["reader"], logs: [LOG] };
  if (name.endsWith("/rotate")) return {};
  if (name === "POST /v1/audits") return { log: LOG };
  if (name === "POST /v1/webhooks") return { url: "https://hooks.example.org/" };
  if (name === "POST /v1/approvals/:id") return { decision: "refuse" };
  return undefined;
}

/** A path of the route that leads to something. */
export function pathOf(
  { path }: Route,
  log: string,
  tokenId = "abcdefghijkl",
  auditId = "1",
): string {
  const query = path.endsWith("/consistency") ? "?from=1&to=3" : "";
  const filled = path
    .replace(":log", log)
    .replace(":seq", "1")
    .replace(":first", "0")
    .replace(":id", tokenId)
    .replace(":audit", auditId)
    .replace(":rest{.+}", "0/000.p/3");
  return filled + query;
}

export const nameOf = ({ method, path }: Route): string => `${method} ${path}`;
