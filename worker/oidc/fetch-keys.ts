/**
 * An issuer's public keys, from where its discovery document says they are (OpenID Connect Discovery §4, RFC 8414 §3.3) or
 * where the configuration says so. Only members that a check of a signature needs are kept, and only of public keys.
 */
import type { JWK } from "jose";
import type { Issuer } from "../../storage/issuers.ts";
import { isJsonObject, parseJson, type Json, type JsonObject } from "../../storage/log/json.ts";
import type { Call } from "../outgoing.ts";

/** The largest known (with certificates in them) have 30 KB. */
const DOCUMENT_BYTES_MAX = 256 * 1024;
/** Two documents: a request waits for twice this at most. */
const DOCUMENT_MS_MAX = 5_000;
const KEYS_MAX = 100;

/** Throws where there is no such document, or none that can be used. */
export async function fetchKeys(issuer: Issuer, call: Call): Promise<readonly JWK[]> {
  const uri = issuer.jwks_uri ?? (await discover(issuer.issuer, call));
  const { keys } = await getObject(uri, call);
  if (!Array.isArray(keys) || keys.length > KEYS_MAX) {
    throw new Error(`${uri} has no list of at most ${KEYS_MAX} keys`);
  }
  const usable = keys.flatMap((key) => publicPart(key) ?? []);
  if (usable.length === 0) throw new Error(`${uri} has no public key in it`);
  return usable;
}

async function discover(issuer: string, call: Call): Promise<string> {
  const address = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const document = await getObject(address, call);
  if (document["issuer"] !== issuer) {
    throw new Error(`${address} speaks of another issuer: ${JSON.stringify(document["issuer"])}`);
  }
  const uri = document["jwks_uri"];
  if (typeof uri !== "string") throw new Error(`${address} has no jwks_uri`);
  return uri;
}

async function getObject(url: string, call: Call): Promise<JsonObject> {
  const headers = { accept: "application/json" };
  const limits = { bytesMax: DOCUMENT_BYTES_MAX, msMax: DOCUMENT_MS_MAX };
  const { status, body } = await call(url, { headers, ...limits });
  if (status !== 200) throw new Error(`${url} answers ${status}`);
  const value = parseJson(body);
  if (!isJsonObject(value)) throw new Error(`${url} is no JSON object`);
  return value;
}

/** RFC 7517 §4, RFC 7518 §6, RFC 8037 §2. What holds a private or shared key is no key to check by. */
const MEMBERS = ["kty", "kid", "use", "alg", "crv", "x", "y", "n", "e"] as const;
const SECRET_MEMBERS = ["d", "k", "p", "q"] as const;

function publicPart(key: Json): JWK | null {
  if (!isJsonObject(key)) return null;
  if (SECRET_MEMBERS.some((name) => Object.hasOwn(key, name))) return null;
  const kept = MEMBERS.flatMap((name) => {
    const value = key[name];
    return typeof value === "string" ? [[name, value] as const] : [];
  });
  const jwk: Partial<Record<string, string>> = Object.fromEntries(kept);
  return jwk["kty"] === undefined ? null : { ...jwk, kty: jwk["kty"] };
}
