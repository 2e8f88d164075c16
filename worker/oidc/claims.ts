/** What the rules of an issuer give to a token's claims. Every rule that fits adds a grant of its own. */
import type { JWTPayload } from "jose";
import type { Rule } from "../../storage/issuers.ts";
import type { Grant } from "../ledger-api.ts";

export function grantsOf(rules: readonly Rule[], claims: JWTPayload): readonly Grant[] {
  return rules.filter((rule) => fits(rule, claims)).map(({ roles, logs }) => ({ roles, logs }));
}

function fits({ claim, equals, contains }: Rule, claims: JWTPayload): boolean {
  const path = typeof claim === "string" ? [claim] : claim;
  const value = valueAt(claims, path);
  if (equals !== undefined) return value === equals;
  return contains !== undefined && membersOf(value, path).includes(contains);
}

function valueAt(claims: unknown, path: readonly string[]): unknown {
  let value = claims;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name))
      return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** Claims that are words with spaces between them (RFC 8693 §4.2, and Microsoft's name for it). */
const WORD_CLAIMS = ["scope", "scp"];

/** A list's members. Another text is no list: a name of one's own choice could hold any word. */
function membersOf(value: unknown, path: readonly string[]): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (typeof value !== "string" || path.length > 1 || !WORD_CLAIMS.includes(path[0]!)) return [];
  return value.split(" ");
}
