/** Tokens: making one (shown once), listing and revoking those that lie within an administrator's own patterns. */
import * as v from "valibot";
import { formatTimeMs, isRfc3339 } from "../../storage/log/time.ts";
import { makeToken, TOKEN_RANDOM_BYTES, tokenSha256Hex } from "../../storage/token.ts";
import { isNetwork } from "../../storage/networks.ts";
import { isChiefAdmin, isPattern, mayManage, ROLES } from "../access.ts";
import { answerJson } from "../answer.ts";
import { principalOf, type Ask } from "../ask.ts";
import type { TokenStatus } from "../ledger-api.ts";
import { invalidRequest, ProblemError, valueOf } from "../problem.ts";
import { readShape } from "../shape.ts";
import { Description } from "./logs.ts";

/** Twelve-character ids and patterns keep `token.created` far below a line's limit: 100 · 65 characters are 6.5 KB. */
export const TOKEN_LOGS_MAX = 100;

/** Each is looked at on every request of the token; 100 texts of 43 characters are 4 KB of its entry. */
const TOKEN_NETWORKS_MAX = 100;

const ROLE = `one of: ${ROLES.join(", ")}`;
const ROLES_RULE = "a list of one to four different roles";
const LOGS_RULE = `a list of 1 to ${TOKEN_LOGS_MAX} different log names or patterns`;
const PATTERN = "a log's name, or the beginning of one and a *; names with a leading _ in full";
const NETWORK = "a network like 192.0.2.0/24 or 2001:db8::/32";
const NETWORKS_RULE = `a list of at most ${TOKEN_NETWORKS_MAX} networks`;
const EXPIRY = "a point in time like 2027-01-31T00:00:00Z, or null";

const NewTokenShape = v.strictObject({
  roles: v.pipe(
    v.array(v.picklist(ROLES, ROLE), ROLES_RULE),
    v.minLength(1, ROLES_RULE),
    v.check((roles) => areDifferent(roles), ROLES_RULE),
  ),
  logs: v.pipe(
    v.array(v.pipe(v.string(PATTERN), v.check(isPattern, PATTERN)), LOGS_RULE),
    v.minLength(1, LOGS_RULE),
    v.maxLength(TOKEN_LOGS_MAX, LOGS_RULE),
    v.check((logs) => areDifferent(logs), LOGS_RULE),
  ),
  expires_at: v.optional(
    v.nullable(v.pipe(v.string(EXPIRY), v.check(isRfc3339, EXPIRY)), null),
    null,
  ),
  networks: v.optional(
    v.pipe(
      v.array(v.pipe(v.string(NETWORK), v.check(isNetwork, NETWORK)), NETWORKS_RULE),
      v.maxLength(TOKEN_NETWORKS_MAX, NETWORKS_RULE),
    ),
    [],
  ),
  description: v.optional(Description, ""),
});

function areDifferent(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

function tokenItem(token: TokenStatus) {
  return {
    id: token.id,
    roles: token.roles,
    logs: token.logs,
    expires_at: token.expiresAt,
    networks: token.networks,
    description: token.description,
    created_at: token.createdAt,
    revoked_at: token.revokedAt,
  };
}

/** 201 with the token, which nobody can be shown again: only its SHA-256 is kept. */
export async function createToken(ask: Ask): Promise<Response> {
  const { services } = ask;
  const principal = principalOf(ask);
  const shape = await readShape(ask.request, NewTokenShape);
  if (!mayManage(principal, shape)) {
    throw new ProblemError("forbidden", "these roles or logs lie outside of what you may grant");
  }
  const { id, token } = makeToken(services.randomBytes(TOKEN_RANDOM_BYTES));
  const made = await services.ledger.createToken(principal, {
    id,
    sha256: tokenSha256Hex(token, services.sha256),
    roles: shape.roles,
    logs: shape.logs,
    expiresAt: expiryOf(shape.expires_at, services.nowMs()),
    networks: shape.networks,
    description: shape.description,
  });
  const { token: status, sealed } = valueOf(made);
  return answerJson(ask.requestId, 201, { ...tokenItem(status), token, sealed });
}

/** The server's own form of a time that lies ahead. */
function expiryOf(text: string | null, nowMs: number): string | null {
  if (text === null) return null;
  const timeMs = Date.parse(text);
  if (!(timeMs > nowMs)) throw invalidRequest("expires_at lies in the past", "/expires_at");
  return formatTimeMs(timeMs);
}

/** Those that this administrator may manage. */
export async function listTokens(ask: Ask): Promise<Response> {
  const principal = principalOf(ask);
  const tokens = valueOf(await ask.services.ledger.tokens());
  const own = tokens.filter((token) => mayManage(principal, token));
  return answerJson(ask.requestId, 200, { tokens: own.map(tokenItem) });
}

/** Works at once; `sealed` says whether the revocation lies under lock already. Who manages all learns that an id is unknown. */
export async function revokeToken(ask: Ask): Promise<Response> {
  const principal = principalOf(ask);
  const id = ask.param("id");
  const tokens = valueOf(await ask.services.ledger.tokens());
  const token = tokens.find((known) => known.id === id);
  if (token === undefined && isChiefAdmin(principal)) {
    throw new ProblemError("token_unknown", "there is no token of this id");
  }
  if (token === undefined || !mayManage(principal, token)) {
    throw new ProblemError("forbidden", "this token lies outside of what you may revoke");
  }
  const { sealed } = valueOf(await ask.services.ledger.revokeToken(principal, id));
  return answerJson(ask.requestId, 200, { id, sealed });
}
