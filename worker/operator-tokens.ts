/**
 * The operator's calls about tokens, for whoever owns the machine and has none (`npm run token`): all roles and logs, on record as
 * the operator's. The token itself is made, and stays, on the other side: only its hash comes here.
 */
import * as v from "valibot";
import { overlapEnd } from "../storage/token-rules.ts";
import { answerJson } from "./answer.ts";
import type { LedgerApi, MadeToken, Waiting } from "./ledger-api.ts";
import { valueOf } from "./problem.ts";
import { readShape } from "./shape.ts";
import { NewTokenShape, readExpiry, RotationShape, tokenItem } from "./token-shape.ts";

export const TokenId = v.pipe(v.string(), v.regex(/^[0-9a-z]{12}$/));
export const Sha256Hex = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
/** Names of users are short; an actor's id has room for 256 characters. */
const OperatorName = v.pipe(v.string(), v.regex(/^\P{Cc}{1,64}$/u));

const CreateShape = v.strictObject({
  ...NewTokenShape.entries,
  id: TokenId,
  sha256: Sha256Hex,
  operator: OperatorName,
});
const RotateShape = v.strictObject({
  ...RotationShape.entries,
  replaces: TokenId,
  id: TokenId,
  sha256: Sha256Hex,
  operator: OperatorName,
});
const RevokeShape = v.strictObject({ id: TokenId, operator: OperatorName });

/** Answers `GET /tokens`, `POST /tokens`, `POST /tokens/rotate` and `POST /tokens/revoke`; null for any other call. */
export async function answerTokens(
  request: Request,
  requestId: string,
  ledger: LedgerApi,
): Promise<Response | null> {
  const nowMs = Date.now();
  switch (`${request.method} ${new URL(request.url).pathname}`) {
    case "GET /tokens": {
      const tokens = valueOf(await ledger.tokens());
      return answerJson(requestId, 200, { tokens: tokens.map((token) => tokenItem(token, nowMs)) });
    }
    case "POST /tokens": {
      const { operator, expires_at, ...fields } = await readShape(request, CreateShape);
      const token = { ...fields, expiresAt: readExpiry(expires_at, nowMs) };
      const made = valueOf(await ledger.createToken({ operator }, token));
      return answerJson(requestId, 201, madeItem(made, nowMs));
    }
    case "POST /tokens/rotate": {
      const shape = await readShape(request, RotateShape);
      const { operator, replaces, id, sha256 } = shape;
      const rotation = {
        id: replaces,
        to: { id, sha256, expiresAt: readExpiry(shape.expires_at, nowMs) },
        endsAt: overlapEnd(shape.overlap_seconds, nowMs),
      };
      const made = valueOf(await ledger.rotateToken({ operator }, rotation));
      return answerJson(requestId, 201, madeItem(made, nowMs));
    }
    case "POST /tokens/revoke": {
      const { operator, id } = await readShape(request, RevokeShape);
      return answerJson(requestId, 200, valueOf(await ledger.revokeToken({ operator }, id)));
    }
    default:
      return null;
  }
}

/** Who owns the machine asks nobody for approval. */
function madeItem(made: MadeToken | Waiting, nowMs: number) {
  if ("approval" in made) throw new Error("what the operator makes waits for nobody");
  return { ...tokenItem(made.token, nowMs), sealed: made.sealed };
}
