/**
 * Whose sign-ins are taken, and what they may do here: OpenID Connect issuers, how their tokens are checked, and rules from
 * claims to roles and logs. One shape for the operator's file and for the binding in which the worker gets it.
 */
import * as v from "valibot";
import { BY_CHARS_MAX } from "./log/entry.ts";
import { outgoingProblem } from "./outgoing.ts";
import { isPattern, TOKEN_LOGS_MAX, TOKEN_ROLES } from "./token-rules.ts";

/** Of RFC 7518 §3.1 and RFC 8037 those that sign with a private key: with a shared secret, whoever checks could also sign. */
const ALGORITHMS = [
  ...(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] as const),
  ...(["ES256", "ES384", "ES512", "EdDSA", "Ed25519"] as const),
];

/** OpenID Connect Core §2: a subject has at most 255 ASCII characters. */
export const SUBJECT_CHARS_MAX = 255;
/** What is left of a `by` (FORMAT §3): `oidc:<issuer>#<subject>`. */
const ISSUER_CHARS_MAX = BY_CHARS_MAX - SUBJECT_CHARS_MAX - "oidc:#".length;
/** Each one's keys are held in memory: 256 KB at most. */
const ISSUERS_MAX = 20;
/** All of an issuer's rules are looked at for each of its tokens: some microseconds. */
const RULES_MAX = 200;
const LIST_MAX = 100;
/** Steps into a claim that is an object of objects. */
const STEPS_MAX = 10;
const TEXT_CHARS_MAX = 500;
/** The instance refuses entries itself when its clock is 5 minutes off. */
const TOLERANCE_SECONDS_MAX = 300;
const TOLERANCE_SECONDS = 60;
/** A month: for longer access there are tokens, which can be revoked. */
const TOKEN_AGE_SECONDS_MAX = 31 * 24 * 60 * 60;

const TEXT = `must be a text of 1 to ${TEXT_CHARS_MAX} characters`;
const TEXTS = `must be a list of 1 to ${LIST_MAX} texts`;
const RULES = `must be a list of 1 to ${RULES_MAX} rules`;
const ISSUERS = `must be a list of 1 to ${ISSUERS_MAX} issuers`;
const ISSUER = `must be the issuer's URL as its tokens write it, without query and fragment, of at most ${ISSUER_CHARS_MAX} characters`;
const ALGORITHM = `must be one of ${ALGORITHMS.join(", ")}`;
const ROLE = `must be one of ${TOKEN_ROLES.join(", ")}`;
const PATTERN =
  "must be a log's name, or the beginning of one and a *; names with a leading _ in full";
const CLAIM = "must be the claim's name, or a list of the names that lead to it";
const MATCH = "needs either equals or contains, and not both";
const VALUE = "must be a text, a number, true or false";

const Text = v.pipe(v.string(TEXT), v.nonEmpty(TEXT), v.maxLength(TEXT_CHARS_MAX, TEXT));

function listOf<const T extends v.GenericSchema>(item: T, max: number, rule: string) {
  return v.pipe(v.array(item, rule), v.minLength(1, rule), v.maxLength(max, rule));
}

function secondsBetween(min: number, max: number) {
  const rule = `must be a whole number of seconds from ${min} to ${max}`;
  return v.pipe(v.number(rule), v.integer(rule), v.minValue(min, rule), v.maxValue(max, rule));
}

const RuleShape = v.pipe(
  v.strictObject({
    claim: v.union([Text, listOf(Text, STEPS_MAX, CLAIM)], CLAIM),
    equals: v.optional(v.union([Text, v.number(), v.boolean()], VALUE)),
    contains: v.optional(Text),
    roles: listOf(v.picklist(TOKEN_ROLES, ROLE), TOKEN_ROLES.length, ROLE),
    logs: listOf(v.pipe(v.string(PATTERN), v.check(isPattern, PATTERN)), TOKEN_LOGS_MAX, TEXTS),
  }),
  v.check(({ equals, contains }) => (equals === undefined) !== (contains === undefined), MATCH),
);

const IssuerShape = v.strictObject({
  issuer: v.pipe(
    v.string(ISSUER),
    v.maxLength(ISSUER_CHARS_MAX, ISSUER),
    // Printable ASCII but `#` and `?` (OpenID Connect Discovery §3).
    v.regex(/^[!-"$->@-~]+$/, ISSUER),
  ),
  audiences: listOf(Text, LIST_MAX, TEXTS),
  algorithms: listOf(v.picklist(ALGORITHMS, ALGORITHM), ALGORITHMS.length, ALGORITHM),
  jwks_uri: v.optional(v.string("must be a URL")),
  clock_tolerance_seconds: v.optional(secondsBetween(0, TOLERANCE_SECONDS_MAX), TOLERANCE_SECONDS),
  max_token_age_seconds: v.optional(secondsBetween(1, TOKEN_AGE_SECONDS_MAX)),
  rules: listOf(RuleShape, RULES_MAX, RULES),
});

const IssuersShape = v.strictObject({ issuers: listOf(IssuerShape, ISSUERS_MAX, ISSUERS) });

/** An issuer with its defaults. */
export type Issuer = v.InferOutput<typeof IssuerShape>;
export type Rule = v.InferOutput<typeof RuleShape>;

/** A configuration that cannot be used; the message begins with the place, such as `issuers[0].rules[1].logs[0]`. */
export class IssuersError extends Error {
  constructor(place: string, problem: string) {
    super(place === "" ? problem : `${place} ${problem}`);
    this.name = "IssuersError";
  }
}

/** Checks all of it. Throws `IssuersError` for the first wrong place. */
export function parseIssuers(value: unknown, privateAllowed: boolean): readonly Issuer[] {
  const result = v.safeParse(IssuersShape, value);
  if (!result.success) throw errorOf(result.issues[0]);
  const { issuers } = result.output;
  issuers.forEach((issuer, index) => {
    const place = `issuers[${index}]`;
    assertMayCall(`${place}.issuer`, issuer.issuer, privateAllowed);
    if (issuer.jwks_uri !== undefined) {
      assertMayCall(`${place}.jwks_uri`, issuer.jwks_uri, privateAllowed);
    }
    if (issuers.findIndex((other) => other.issuer === issuer.issuer) < index) {
      throw new IssuersError(`${place}.issuer`, "stands there twice");
    }
  });
  return issuers;
}

function assertMayCall(place: string, url: string, privateAllowed: boolean): void {
  const problem = outgoingProblem(url, privateAllowed);
  if (problem !== null) throw new IssuersError(place, `${problem}: ${url}`);
}

function errorOf(issue: v.BaseIssue<unknown>): IssuersError {
  const steps = (issue.path ?? []).map(({ key }) =>
    typeof key === "number" ? `[${key}]` : `.${String(key)}`,
  );
  return new IssuersError(steps.join("").replace(/^\./, ""), sentenceOf(issue));
}

/** valibot's own words for what is missing, not known, or no table at all; ours for the rest. */
function sentenceOf(issue: v.BaseIssue<unknown>): string {
  if (issue.type !== "strict_object") return issue.message;
  if (issue.expected === "never") return "is not known here";
  return issue.expected === "Object" ? "must be a table" : "is missing";
}
