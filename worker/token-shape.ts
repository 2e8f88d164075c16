/** The bodies of calls about tokens, what they say of a token's end, and a token as answers show it. */
import * as v from "valibot";
import { isNetwork } from "../storage/networks.ts";
import {
  expiryOf,
  isPattern,
  TOKEN_LOGS_MAX,
  TOKEN_NETWORKS_MAX,
  TOKEN_ROLES,
  tokenState,
} from "../storage/token-rules.ts";
import type { TokenStatus } from "./ledger-api.ts";
import { invalidRequest } from "./problem.ts";
import { Description, OverlapSeconds } from "./shape.ts";

const ROLE = `one of: ${TOKEN_ROLES.join(", ")}`;
const ROLES_RULE = "a list of one to four different roles";
const LOGS_RULE = `a list of 1 to ${TOKEN_LOGS_MAX} different log names or patterns`;
const PATTERN = "a log's name, or the beginning of one and a *; names with a leading _ in full";
const NETWORK = "a network like 192.0.2.0/24 or 2001:db8::/32";
const NETWORKS_RULE = `a list of at most ${TOKEN_NETWORKS_MAX} networks`;
const EXPIRY = "a point in time like 2027-01-31T00:00:00Z, or null for never";

/** Left out and `null` are not the same: 90 days, and never. */
const ExpiresAt = v.optional(v.nullable(v.string(EXPIRY)));

export const NewTokenShape = v.strictObject({
  roles: v.pipe(
    v.array(v.picklist(TOKEN_ROLES, ROLE), ROLES_RULE),
    v.minLength(1, ROLES_RULE),
    v.check((roles) => areDifferent(roles), ROLES_RULE),
  ),
  logs: v.pipe(
    v.array(v.pipe(v.string(PATTERN), v.check(isPattern, PATTERN)), LOGS_RULE),
    v.minLength(1, LOGS_RULE),
    v.maxLength(TOKEN_LOGS_MAX, LOGS_RULE),
    v.check((logs) => areDifferent(logs), LOGS_RULE),
  ),
  expires_at: ExpiresAt,
  networks: v.optional(
    v.pipe(
      v.array(v.pipe(v.string(NETWORK), v.check(isNetwork, NETWORK)), NETWORKS_RULE),
      v.maxLength(TOKEN_NETWORKS_MAX, NETWORKS_RULE),
    ),
    [],
  ),
  description: v.optional(Description, ""),
});

export const RotationShape = v.strictObject({
  expires_at: ExpiresAt,
  overlap_seconds: OverlapSeconds,
});

function areDifferent(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

/** The server's own form of what a body says of the token's end. */
export function readExpiry(wanted: string | null | undefined, nowMs: number): string | null {
  try {
    return expiryOf(wanted, nowMs);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalidRequest(`expires_at ${error.message}: ${EXPIRY}`, "/expires_at");
  }
}

export function tokenItem(token: TokenStatus, nowMs: number) {
  return {
    id: token.id,
    state: tokenState(token, nowMs),
    roles: token.roles,
    logs: token.logs,
    expires_at: token.expiresAt,
    networks: token.networks,
    description: token.description,
    created_at: token.createdAt,
    created_by: token.createdBy,
    revoked_at: token.revokedAt,
    replaces: token.replaces,
    replaced_by: token.replacedBy,
    ends_at: token.rotatedUntil,
    last_used_at: token.lastUsedAt,
  };
}

/** What whoever made the token should think about. */
export function warningsOf({ expiresAt }: TokenStatus): { readonly warnings?: readonly string[] } {
  if (expiresAt !== null) return {};
  return { warnings: ["this token does not expire: it works until somebody revokes it"] };
}
