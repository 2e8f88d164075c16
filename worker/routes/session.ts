/** Signing in and out of the page, and who one is. A session acts with the tokens that it came from and with nothing else. */
import * as v from "valibot";
import { parseToken, tokenSha256Hex } from "../../storage/token.ts";
import { assertNetwork, isChiefAdmin, may, ROLES, unauthenticated } from "../access.ts";
import { askersOf, bearerOf } from "../admit.ts";
import { answer, answerJson } from "../answer.ts";
import { principalOf, type Ask } from "../ask.ts";
import type { Principal } from "../ledger-api.ts";
import { ProblemError, valueOf } from "../problem.ts";
import { CHEAT_LOG, CHEAT_WAYS } from "./cheats.ts";
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
    now: formatTimeMs(services.nowMs()),
    signed_in: askers.length > 0,
    expires_at: endsAtMs === null ? null : formatTimeMs(endsAtMs),
    tokens: askers.map(({ tokenId, roles, logs, expiresAt }) => ({
      ...{ id: tokenId, roles, logs },
      expires_at: expiresAt,
    })),
    logs: logs.filter(({ roles }) => roles.length > 0),
    cheats: services.cheat === null ? null : { log: CHEAT_LOG, ways: CHEAT_WAYS },
  };
  return answerJson(requestId, 200, body, headers);
}

/** About 200 bytes each, and a question to the ledger. */
const SESSIONS_SHOWN_MAX = 100;
/** Of a session's hash: enough to tell them apart, and of no use to anybody. */
const ID_CHARS = 16;

/** Who is signed in to the page now, newest first. For administrators of everything: a session may be anybody's. */
export async function listSessions(ask: Ask): Promise<Response> {
  assertChief(ask);
  const { request, services } = ask;
  const own = sessionOf(request, services.addressing);
  const ownHash = own === null ? null : secretHash(own);
  const found = await services.sessions.list(services.nowMs());
  const sessions = [];
  for (const { session, tokens, createdAtMs, endsAtMs } of found.slice(0, SESSIONS_SHOWN_MAX)) {
    const ids: string[] = [];
    for (const tokenSha256 of tokens) {
      const { principal } = valueOf(await services.ledger.admit({ tokenSha256, log: null }));
      if (principal !== null) ids.push(principal.tokenId);
    }
    sessions.push({
      id: session.slice(0, ID_CHARS),
      tokens: ids,
      created_at: formatTimeMs(createdAtMs),
      ends_at: formatTimeMs(endsAtMs),
      is_own: session === ownHash,
    });
  }
  ask.read.shown({ count: sessions.length });
  return answerJson(ask.requestId, 200, { sessions });
}

/** Ends a session; harmless where there is none of this id. */
export async function endSession(ask: Ask): Promise<Response> {
  assertChief(ask);
  const { services, requestId } = ask;
  const id = ask.param("id");
  for (const { session } of await services.sessions.list(services.nowMs())) {
    if (session.slice(0, ID_CHARS) === id) await services.sessions.end(session);
  }
  return answer(requestId, 204, null, {});
}

function assertChief(ask: Ask): void {
  if (isChiefAdmin(principalOf(ask))) return;
  throw new ProblemError("forbidden", "sessions are for administrators of all logs (*)");
}
