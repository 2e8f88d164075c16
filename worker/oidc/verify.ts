/**
 * A JSON Web Token from one of the configured issuers, or why it is none (RFC 7519, RFC 8725; RFC 9068 for access tokens,
 * OpenID Connect Core §3.1.3.7 for ID tokens). The key is looked up by `kid` among the issuer's own keys; a key or an address
 * of one that the token itself brings (`jwk`, `jku`, `x5c`, `x5u`) is not looked at.
 */
import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  jwtVerify,
  type JWTPayload,
} from "jose";
import { SUBJECT_CHARS_MAX, type Issuer } from "../../storage/issuers.ts";
import type { KeySet } from "./key-keeper.ts";

/** Issuers that put a person's groups into it come to 10 KB. */
const TOKEN_CHARS_MAX = 16_384;
const KID_CHARS_MAX = 256;
/** Longer names of an issuer are none that is configured; the operator's log gets so much of them. */
const SAID_CHARS_MAX = 200;
/** Other kinds of token (`logout+jwt`, `secevent+jwt`, `dpop+jwt` …) are signed by the same keys and say something else. */
const TYPES = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];
/** Three parts: five would be an encrypted one. The last is empty where the algorithm is "none". */
const FORM = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/** Why a token is refused: for the operator's log, never for its sender. */
export class SignInRefused extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "SignInRefused";
  }
}

export interface Claims extends JWTPayload {
  readonly iss: string;
  readonly sub: string;
  readonly exp: number;
}

/** What the token says of itself, unchecked: the issuer that it names, if it is one of these. Throws `SignInRefused`. */
export function issuerOf(token: string, issuers: ReadonlyMap<string, Issuer>): Issuer {
  if (token.length > TOKEN_CHARS_MAX) throw new SignInRefused("longer than any token");
  if (!FORM.test(token)) throw new SignInRefused("no JSON Web Token");
  // The library's types promise more than anybody has checked.
  const header: Record<string, unknown> = decoded(() => decodeProtectedHeader(token));
  const { alg, typ, kid } = header;
  const { iss } = decoded(() => decodeJwt(token));
  const issuer = typeof iss === "string" ? issuers.get(iss) : undefined;
  if (issuer === undefined) {
    const said = JSON.stringify(iss ?? null).slice(0, SAID_CHARS_MAX);
    throw new SignInRefused(`from an issuer that is not configured: ${said}`);
  }
  if (!(issuer.algorithms as readonly unknown[]).includes(alg)) {
    const said = JSON.stringify(alg ?? null).slice(0, SAID_CHARS_MAX);
    throw new SignInRefused(`signed by an algorithm that is not configured: ${said}`);
  }
  if (typ !== undefined && !isType(typ)) {
    throw new SignInRefused("of another type than JWT or at+jwt");
  }
  if (kid !== undefined && (typeof kid !== "string" || kid.length > KID_CHARS_MAX)) {
    throw new SignInRefused("with a key id that is none");
  }
  return issuer;
}

/**
 * The claims of a token that this issuer signed for us and that is in force. `null`: none of these keys signed it, newer
 * ones might have. Throws `SignInRefused`.
 */
export async function verifyToken(
  token: string,
  issuer: Issuer,
  { keys }: KeySet,
  nowMs: number,
): Promise<Claims | null> {
  try {
    const { payload } = await jwtVerify(token, createLocalJWKSet({ keys: [...keys] }), {
      issuer: issuer.issuer,
      audience: issuer.audiences,
      algorithms: issuer.algorithms,
      clockTolerance: issuer.clock_tolerance_seconds,
      currentDate: new Date(nowMs),
      requiredClaims: ["exp", "iat", "sub"],
      ...(issuer.max_token_age_seconds === undefined
        ? {}
        : { maxTokenAge: issuer.max_token_age_seconds }),
    });
    return checked(payload, issuer, nowMs);
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return null;
    throw refusedFor(error);
  }
}

function isType(typ: unknown): boolean {
  return typeof typ === "string" && TYPES.includes(typ.toLowerCase());
}

/** OpenID Connect Core §2. */
const SUBJECT = new RegExp(`^[ -~]{1,${SUBJECT_CHARS_MAX}}$`);

function checked(payload: JWTPayload, issuer: Issuer, nowMs: number): Claims {
  const { sub, exp, iat } = payload;
  if (typeof sub !== "string" || !SUBJECT.test(sub)) {
    throw new SignInRefused(
      `with a subject that is not 1 to ${SUBJECT_CHARS_MAX} characters of ASCII`,
    );
  }
  if ((iat ?? Infinity) > nowMs / 1000 + issuer.clock_tolerance_seconds) {
    throw new SignInRefused("issued in the future");
  }
  return { ...payload, iss: issuer.issuer, sub, exp: exp! };
}

function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw refusedFor(error);
  }
}

/** The library's messages name claims and never hold the token. */
function refusedFor(error: unknown): SignInRefused {
  if (error instanceof SignInRefused) return error;
  return new SignInRefused(error instanceof Error ? error.message : String(error));
}
