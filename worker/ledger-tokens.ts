/** Tokens between the ledger's words and those of its callers; and whether one holds at this moment. */
import type { Asker as FlowAsker, Outcome, Rotation } from "../storage/flow/administration.ts";
import type { Ledger } from "../storage/flow/ledger.ts";
import { Refusal } from "../storage/flow/refusal.ts";
import type { TokenCreated, TokenRecord } from "../storage/log/system.ts";
import { isBound, UNAUTHENTICATED } from "./access.ts";
import type {
  Asker,
  MadeToken,
  NewToken,
  Principal,
  Role,
  TokenRotation,
  TokenStatus,
} from "./ledger-api.ts";

type WithDirectory = Pick<Ledger, "directory">;

/** Checked again here, at commit time: a revocation that came first holds. */
export function assertAlive(
  { directory }: WithDirectory,
  { tokenId, by, expiresAt }: Principal,
): void {
  // Who signed in elsewhere was checked there; what can be known here is that it has ended.
  if (by.startsWith("oidc:") && Date.parse(expiresAt ?? "") > Date.now()) return;
  const token = directory.tokens.get(tokenId);
  if (token !== undefined && token.revokedAt === null && token.endsAtMs > Date.now()) return;
  throw new Refusal("unauthenticated", UNAUTHENTICATED);
}

/** Who changes something, as its entry names them. */
export function askerOf(ledger: WithDirectory, asker: Asker): FlowAsker {
  if ("operator" in asker) return { by: "system", actor: `operator:${asker.operator}` };
  assertAlive(ledger, asker);
  return { by: asker.by };
}

export function principalOf({ directory }: WithDirectory, tokenSha256: string): Principal | null {
  const token = directory.tokenBySha256.get(tokenSha256);
  if (token === undefined || token.endsAtMs <= Date.now()) return null;
  const { id, logs, expiresAt, networks } = token;
  return {
    tokenId: id,
    by: `token:${id}`,
    roles: token.roles as Role[],
    logs,
    expiresAt,
    networks,
  };
}

/** Only for whom a log is there is it looked up: how long that takes tells nobody else that there is one. */
export function mayKnow(
  { directory }: WithDirectory,
  principal: Principal | null,
  log: string,
): boolean {
  const record = directory.logs.get(log);
  return record !== undefined && (record.public || (principal !== null && isBound(principal, log)));
}

export function tokenFields(token: NewToken): TokenCreated {
  const { id, sha256, roles, logs, expiresAt, networks, description } = token;
  return { id, sha256, roles, logs, expires_at: expiresAt, networks, description };
}

export function rotationFields({ id, to, endsAt }: TokenRotation): Rotation {
  const { id: newId, sha256, expiresAt } = to;
  return { id, to: { id: newId, sha256, expires_at: expiresAt }, endsAt };
}

/** A token that is there. */
export function madeToken(
  { directory }: WithDirectory,
  id: string,
  { sealed }: Outcome,
): MadeToken {
  return { token: tokenStatus(directory.tokens.get(id)!), sealed };
}

export function tokenStatus(record: TokenRecord, lastUsedAt: string | null = null): TokenStatus {
  const { sha256: _, roles, endsAtMs: __, ...fields } = record;
  return { ...fields, roles: roles as Role[], lastUsedAt };
}
