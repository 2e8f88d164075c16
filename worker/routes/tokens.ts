/** Tokens: making one (shown once), rotating, listing and revoking those that lie within an administrator's own patterns. */
import { makeToken, TOKEN_RANDOM_BYTES, tokenSha256Hex } from "../../storage/token.ts";
import { overlapEnd } from "../../storage/token-rules.ts";
import { isChiefAdmin, mayManage } from "../access.ts";
import { answerJson } from "../answer.ts";
import { principalOf, type Ask } from "../ask.ts";
import type { MadeToken, TokenStatus, Waiting } from "../ledger-api.ts";
import { ProblemError, valueOf } from "../problem.ts";
import { readShape, readShapeIfAny } from "../shape.ts";
import { answerWaiting } from "./approvals.ts";
import { NewTokenShape, readExpiry, RotationShape, tokenItem, warningsOf } from "../token-shape.ts";

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
    expiresAt: readExpiry(shape.expires_at, services.nowMs()),
    networks: shape.networks,
    description: shape.description,
  });
  return answerMade(ask, valueOf(made), { id, token });
}

/** A token that has to be approved is shown now or never, and works once it is. */
function answerMade(
  ask: Ask,
  made: MadeToken | Waiting,
  { id, token }: { readonly id: string; readonly token: string },
): Response {
  if ("approval" in made) return answerWaiting(ask, made, { id, token });
  const { token: status, sealed } = made;
  const item = tokenItem(status, ask.services.nowMs());
  return answerJson(ask.requestId, 201, { ...item, token, sealed, ...warningsOf(status) });
}

/**
 * 201 with a new token of the same rights; the old one works until the overlap ends. For administrators only: a token
 * that could renew itself would live as long as whoever stole it likes.
 */
export async function rotateToken(ask: Ask): Promise<Response> {
  const { services } = ask;
  const principal = principalOf(ask);
  const shape = await readShapeIfAny(ask.request, RotationShape);
  const old = await ownToken(ask, "rotate");
  const { id, token } = makeToken(services.randomBytes(TOKEN_RANDOM_BYTES));
  const nowMs = services.nowMs();
  const made = await services.ledger.rotateToken(principal, {
    id: old.id,
    to: {
      id,
      sha256: tokenSha256Hex(token, services.sha256),
      expiresAt: readExpiry(shape.expires_at, nowMs),
    },
    endsAt: overlapEnd(shape.overlap_seconds, nowMs),
  });
  return answerMade(ask, valueOf(made), { id, token });
}

/** Those that this administrator may manage. */
export async function listTokens(ask: Ask): Promise<Response> {
  const principal = principalOf(ask);
  const nowMs = ask.services.nowMs();
  const tokens = valueOf(await ask.services.ledger.tokens());
  const own = tokens.filter((token) => mayManage(principal, token));
  ask.read.shown({ count: own.length });
  return answerJson(ask.requestId, 200, { tokens: own.map((token) => tokenItem(token, nowMs)) });
}

/** Works at once; `sealed` says whether the revocation lies under lock already. */
export async function revokeToken(ask: Ask): Promise<Response> {
  const { id } = await ownToken(ask, "revoke");
  const { sealed } = valueOf(await ask.services.ledger.revokeToken(principalOf(ask), id));
  return answerJson(ask.requestId, 200, { id, sealed });
}

/** The token of the path, if it may be managed. Who manages all learns that an id is unknown. */
async function ownToken(ask: Ask, verb: string): Promise<TokenStatus> {
  const principal = principalOf(ask);
  const id = ask.param("id");
  const tokens = valueOf(await ask.services.ledger.tokens());
  const token = tokens.find((known) => known.id === id);
  if (token === undefined && isChiefAdmin(principal)) {
    throw new ProblemError("token_unknown", "there is no token of this id");
  }
  if (token === undefined || !mayManage(principal, token)) {
    throw new ProblemError("forbidden", `this token lies outside of what you may ${verb}`);
  }
  return token;
}
