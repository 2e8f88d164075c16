/** Signing in and out of the page, and who one is. A session acts with the tokens that it came from and with nothing else. */
import * as v from "valibot";
import { parseToken, tokenSha256Hex } from "../../storage/token.ts";
import { assertNetwork, may, ROLES, unauthenticated } from "../access.ts";
import { askersOf, bearerOf } from "../admit.ts";
import { answer, answerJson } from "../answer.ts";
import type { Ask } from "../ask.ts";
import type { Principal } from "../ledger-api.ts";
import { valueOf } from "../problem.ts";
import { assertFromPage, clearCookie, sessionOf, setCookie } from "../session/cookie.ts";
import { makeSecret, secretHash } from "../session/secret.ts";
import { readShape } from "../shape.ts";
import { formatTimeMs } from "../../storage/log/time.ts";

/** A token has 66 characters, a link's secret 43. */
const Secret = v.pipe(v.string(), v.maxLength(200));
export const SignInShape = v.union([
  v.strictObject({ token: Secret }),
  v.strictObject({ link: Secret }),
]);

/** Who asks, by session or token; for anybody, who may be nobody. */
export async function getSession(ask: Ask): Promise<Response> {
  const { request, address, services } = ask;
  const secret = bearerOf(request) === null ? sessionOf(request, services.addressing) : null;
  const record =
    secret === null ? null : await services.sessions.find(secretHash(secret), services.nowMs());
  const askers = await askersOf({ request, address }, services).catch(() => []);
  return answerSession(ask, askers, record?.endsAtMs ?? null);
}

/**
 * A new session for a token or a link, with a secret of its own: what the browser brought is never taken over, and a session
 * that it had is ended. The same refusal whatever is wrong.
 */
export async function signIn(ask: Ask): Promise<Response> {
  const { request, address, services } = ask;
  assertFromPage(request);
  const shape = await readShape(request, SignInShape);
  const tokens = await tokensOf(ask, shape);
  const askers: Principal[] = [];
  for (const tokenSha256 of tokens) {
    const { principal } = valueOf(await services.ledger.admit({ tokenSha256, log: null }));
    if (principal === null) continue;
    assertNetwork(principal, address);
    askers.push(principal);
  }
  if (askers.length === 0) throw unauthenticated();
  const old = sessionOf(request, services.addressing);
  if (old !== null) await services.sessions.end(secretHash(old));
  const secret = makeSecret(services.randomBytes);
  const nowMs = services.nowMs();
  const { endsAtMs } = await services.sessions.add(secretHash(secret), tokens, nowMs);
  const seconds = Math.floor((endsAtMs - nowMs) / 1_000);
  return answerSession(ask, askers, endsAtMs, {
    "set-cookie": setCookie(request, services.addressing, secret, seconds),
  });
}

async function tokensOf(
  { services }: Ask,
  shape: v.InferOutput<typeof SignInShape>,
): Promise<readonly string[]> {
  if ("token" in shape) {
    if (parseToken(shape.token) === null) throw unauthenticated();
    return [tokenSha256Hex(shape.token, services.sha256)];
  }
  const tokens = await services.sessions.takeLink(secretHash(shape.link), services.nowMs());
  if (tokens === null)
    throw unauthenticated(new Error("a link that was used, is too old, or none"));
  return tokens;
}

/** Ends the session, here and in the browser; harmless where there is none. */
export async function signOut({ request, requestId, services }: Ask): Promise<Response> {
  const secret = sessionOf(request, services.addressing);
  if (secret !== null) await services.sessions.end(secretHash(secret));
  return answer(requestId, 204, null, {
    "set-cookie": clearCookie(request, services.addressing),
  });
}

async function answerSession(
  { requestId, services }: Ask,
  askers: readonly Principal[],
  endsAtMs: number | null,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const known = askers.length === 0 ? [] : valueOf(await services.ledger.logs());
  const logs = known.map(({ name }) => ({
    name,
    roles: ROLES.filter((role) => askers.some((asker) => may(asker, [role], name))),
  }));
  const body = {
    signed_in: askers.length > 0,
    expires_at: endsAtMs === null ? null : formatTimeMs(endsAtMs),
    tokens: askers.map(({ tokenId, roles, logs, expiresAt }) => ({
      ...{ id: tokenId, roles, logs },
      expires_at: expiresAt,
    })),
    logs: logs.filter(({ roles }) => roles.length > 0),
    cheats: null,
  };
  return answerJson(requestId, 200, body, headers);
}
