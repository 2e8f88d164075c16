/**
 * Tokens of issuers at the door, without an issuer: every way in which one can be wrong is one and the same answer, with its
 * reason for the operator; and rules give each role for their own logs only.
 */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import test, { before } from "node:test";
import { base64url, exportSPKI, SignJWT } from "jose";
import { parseIssuers } from "../../storage/issuers.ts";
import type { KeySet } from "../../worker/oidc/key-keeper.ts";
import { RefusalLines, LINES_MAX, LINES_MS } from "../../worker/oidc/refusal-lines.ts";
import { CHECKED_MS_MAX, SignIn, SignInMemory, type KeySource } from "../../worker/oidc/sign-in.ts";
import { newSigningKey, type SigningKey } from "../parts/issuer.ts";
import { event, LOG, makeFake, OTHER_LOG, problemIn, type Fake } from "./fake.ts";

const ISSUER = "https://login.example.org";
const OTHER_ISSUER = "https://other.example.org";
const RULES = [
  { claim: "client_id", equals: "app", roles: ["writer"], logs: ["acme.*"] },
  { claim: ["realm", "roles"], contains: "reader", roles: ["reader"], logs: ["zeta.*"] },
  { claim: "scope", contains: "audit.admin", roles: ["admin"], logs: ["acme.*"] },
  { claim: "groups", contains: "chief", roles: ["admin"], logs: ["*"] },
];
const COMMON = { audiences: ["indelible", "other"], rules: RULES };
const CONFIGURED = {
  issuers: [
    { issuer: ISSUER, algorithms: ["RS256", "ES256"], ...COMMON },
    { issuer: OTHER_ISSUER, algorithms: ["ES256"], max_token_age_seconds: 600, ...COMMON },
  ],
};

/** Keys of each issuer; every question is counted. */
class FakeSource implements KeySource {
  readonly sets = new Map<string, KeySet>();
  asked = 0;
  async keys(issuer: string): Promise<KeySet | null> {
    this.asked += 1;
    return this.sets.get(issuer) ?? null;
  }
}

let rsa: SigningKey;
let ec: SigningKey;
let otherEc: SigningKey;

before(async () => {
  rsa = await newSigningKey("rsa", "RS256");
  ec = await newSigningKey("ec", "ES256");
  otherEc = await newSigningKey("other", "ES256");
});

interface Door extends Fake {
  readonly source: FakeSource;
  clock: { nowMs: number };
}

async function door(): Promise<Door> {
  const source = new FakeSource();
  source.sets.set(ISSUER, { keys: [rsa.publicJwk, ec.publicJwk], fetchedAtMs: 1 });
  source.sets.set(OTHER_ISSUER, { keys: [otherEc.publicJwk], fetchedAtMs: 1 });
  const issuers = new Map(parseIssuers(CONFIGURED, false).map((each) => [each.issuer, each]));
  const clock = { nowMs: Date.now() };
  doorMs = clock.nowMs;
  const fake = await makeFake({
    signIn: new SignIn(issuers, new SignInMemory(), source),
    nowMs: () => clock.nowMs,
  });
  return { ...fake, source, clock };
}

interface Made {
  readonly key?: SigningKey;
  readonly header?: Record<string, unknown>;
  readonly claims?: Record<string, unknown>;
}

/** What time it is for the last door, whose clock stands still however long the making of keys takes. */
let doorMs = Date.now();
const seconds = (fromNow: number): number => Math.floor(doorMs / 1000) + fromNow;

/** A token that is right but for what is said; a claim that is `undefined` is left out. */
async function token({ key = ec, header = {}, claims = {} }: Made = {}): Promise<string> {
  const all = {
    ...{ iss: ISSUER, aud: "indelible", sub: "billing", client_id: "app" },
    ...{ iat: seconds(0), exp: seconds(300), ...claims },
  };
  const alg = key.jwk.alg!;
  return new SignJWT(JSON.parse(JSON.stringify(all)) as Record<string, unknown>)
    .setProtectedHeader({ alg, kid: key.jwk.kid!, typ: "at+jwt", ...header })
    .sign(key.privateKey);
}

function encode(header: unknown, payload: unknown, signature = ""): string {
  return (
    [header, payload].map((part) => base64url.encode(JSON.stringify(part))).join(".") +
    `.${signature}`
  );
}

const append = (at: Fake, bearer: string, log = LOG) =>
  at.ask("POST", `/v1/logs/${log}/entries`, { token: bearer, body: event("invoice.paid") });

test("a right token writes, as oidc:<issuer>#<subject>; its type may be missing or in any case", async () => {
  const at = await door();
  const headers = [{}, { typ: undefined }, { typ: "JWT" }, { typ: "application/at+JWT" }];
  for (const header of headers) {
    const made = await token({ header });
    assert.equal((await append(at, made)).status, 201, JSON.stringify(header));
  }
  assert.equal((await append(at, await token({ key: rsa }))).status, 201);
  const other = { key: otherEc, claims: { iss: OTHER_ISSUER, aud: ["x", "other"] } };
  assert.equal((await append(at, await token(other))).status, 201);
  const { token: reader } = { token: at.token(["reader"]) };
  const page = await (
    await at.ask("GET", `/v1/logs/${LOG}/entries?order=asc`, { token: reader })
  ).json();
  const by = (page as { entries: { entry: { by: string } }[] }).entries.map(
    ({ entry }) => entry.by,
  );
  assert.deepEqual([...new Set(by)], [`oidc:${ISSUER}#billing`, `oidc:${OTHER_ISSUER}#billing`]);
});

test("a subject with quotes proves its own entry, and not the one of a subject that it contains", async () => {
  const at = await door();
  const subject = 'a"b\\c';
  const mine = await token({ claims: { sub: subject } });
  assert.equal((await append(at, mine)).status, 201);
  const prove = (bearer: string) =>
    at.ask("GET", `/v1/logs/${LOG}/entries/0/proof`, { token: bearer });
  assert.equal((await prove(mine)).status, 200);
  assert.equal((await prove(await token({ claims: { sub: "a" } }))).status, 403);
});

test("every wrong token is one and the same 401, and its reason reaches the operator", async () => {
  const at = await door();
  const payload = {
    iss: ISSUER,
    aud: "indelible",
    sub: "x",
    client_id: "app",
    iat: seconds(0),
    exp: seconds(300),
  };
  const pem = await exportSPKI(rsa.publicKey);
  const hmac = (header: object, secret: string) => {
    const unsigned = encode(header, payload).slice(0, -1);
    return `${unsigned}.${createHmac("sha256", secret).update(unsigned).digest("base64url")}`;
  };
  const [head, body, signature] = (await token()).split(".") as [string, string, string];
  const evil = await newSigningKey("ec", "ES256");
  const ps = await newSigningKey("rsa", "PS256");
  const flipped = signature[10] === "A" ? "B" : "A";
  const cases: Record<string, [string, RegExp]> = {
    "alg none": [encode({ alg: "none" }, payload), /algorithm .*"none"/],
    "alg None": [encode({ alg: "None" }, payload), /algorithm/],
    "no alg": [encode({ kid: "ec" }, payload, "AAAA"), /algorithm .*null/],
    "alg is no text": [encode({ alg: ["ES256"] }, payload, "AAAA"), /algorithm/],
    "the public key as a shared secret": [
      hmac({ alg: "HS256", kid: "rsa" }, pem),
      /algorithm .*"HS256"/,
    ],
    "its modulus as one": [hmac({ alg: "HS256", kid: "rsa" }, rsa.jwk.n!), /algorithm/],
    "an algorithm that is not pinned": [await token({ key: ps }), /algorithm .*"PS256"/],
    "an algorithm that only the other issuer has not": [
      await token({ key: rsa, claims: { iss: OTHER_ISSUER } }),
      /algorithm .*"RS256"/,
    ],
    "another key of the same id": [await token({ key: evil }), /signature verification failed/],
    "a key of the wrong kind": [
      await token({ header: { kid: "rsa" } }),
      /none of the issuer's keys/,
    ],
    "the other issuer's key": [await token({ key: otherEc }), /none of the issuer's keys/],
    "a key id that is a path": [await token({ header: { kid: "../../dev/null" } }), /none of/],
    "a key id that is SQL": [await token({ header: { kid: "ec' UNION SELECT 1--" } }), /none of/],
    "a key id of a prototype": [await token({ header: { kid: "__proto__" } }), /none of/],
    "a key id that is no text": [encode({ alg: "ES256", kid: {} }, payload, "AAAA"), /key id/],
    "a long key id": [await token({ header: { kid: "k".repeat(257) } }), /key id/],
    "its own key in the header": [
      await token({ key: evil, header: { kid: "new", jwk: evil.publicJwk } }),
      /none of/,
    ],
    "a key's address in the header": [
      await token({ key: evil, header: { kid: "new", jku: "https://evil.example.org/jwks" } }),
      /none of/,
    ],
    "a certificate's address": [
      await token({ key: evil, header: { kid: "new", x5u: "https://evil.example.org/x" } }),
      /none of/,
    ],
    "an extension that nobody knows": [
      encode({ alg: "ES256", kid: "ec", crit: ["x"], x: 1 }, payload, "AAAA"),
      /crit|Extension/i,
    ],
    "no signature": [`${head}.${body}.`, /signature|Signature/],
    "a flipped bit": [
      `${head}.${body}.${signature.slice(0, 10)}${flipped}${signature.slice(11)}`,
      /signature/,
    ],
    "a changed claim": [
      `${head}.${base64url.encode(JSON.stringify({ ...payload, sub: "root" }))}.${signature}`,
      /signature/,
    ],
    "no base64": ["a.b*.c", /no JSON Web Token/],
    "no JSON": [`${base64url.encode("{")}.${body}.AA`, /Token|JWT|JWS|Header/i],
    "a list": [`${base64url.encode("[]")}.${base64url.encode("[]")}.AA`, /./],
    "too large": [await token({ claims: { big: "x".repeat(16_000) } }), /longer/],
    expired: [await token({ claims: { exp: seconds(-61) } }), /"exp" claim timestamp/],
    "no expiry": [await token({ claims: { exp: undefined } }), /required "exp"/],
    "expiry that is no number": [
      await token({ claims: { exp: "9999999999" } }),
      /"exp" claim must be/,
    ],
    "not yet in force": [await token({ claims: { nbf: seconds(65) } }), /"nbf"/],
    "issued in the future": [await token({ claims: { iat: seconds(65) } }), /future/],
    "no time of issue": [await token({ claims: { iat: undefined } }), /required "iat"/],
    "too old for its issuer": [
      await token({ key: otherEc, claims: { iss: OTHER_ISSUER, iat: seconds(-665) } }),
      /"iat"/,
    ],
    "no audience": [await token({ claims: { aud: undefined } }), /"aud"/],
    "another audience": [await token({ claims: { aud: "indelible2" } }), /"aud"/],
    "no audience of ours": [await token({ claims: { aud: ["a", "b"] } }), /"aud"/],
    "no issuer": [await token({ claims: { iss: undefined } }), /not configured: null/],
    "another issuer": [
      await token({ claims: { iss: "https://evil.example.org" } }),
      /not configured: "https:\/\/evil/,
    ],
    "nearly the issuer": [await token({ claims: { iss: `${ISSUER}/` } }), /not configured/],
    "issuer of a prototype": [await token({ claims: { iss: "__proto__" } }), /not configured/],
    "a list of issuers": [await token({ claims: { iss: [ISSUER] } }), /./],
    "no subject": [await token({ claims: { sub: undefined } }), /required "sub"/],
    "an empty subject": [await token({ claims: { sub: "" } }), /subject/],
    "a long subject": [await token({ claims: { sub: "s".repeat(256) } }), /subject/],
    "a subject with a newline": [await token({ claims: { sub: "a\nb" } }), /subject/],
    "a subject beyond ASCII": [await token({ claims: { sub: "ä" } }), /subject/],
    "a subject that is no text": [await token({ claims: { sub: 5 } }), /./],
    "a logout token": [await token({ header: { typ: "logout+jwt" } }), /type/],
    "a proof of possession": [await token({ header: { typ: "dpop+jwt" } }), /type/],
    "a type that is no text": [encode({ alg: "ES256", typ: 5 }, payload, "AAAA"), /./],
  };
  const answers = new Set<string>();
  for (const [what, [bearer, reason]] of Object.entries(cases)) {
    at.reported.length = 0;
    const answer = await append(at, bearer);
    assert.equal(answer.status, 401, `${what}: ${bearer}`);
    const problem = await problemIn(answer);
    assert.equal(problem.code, "unauthenticated", what);
    const { request_id: _, ...rest } = problem as unknown as Record<string, unknown>;
    answers.add(JSON.stringify(rest));
    const [reported] = at.reported;
    const { message } = reported!.cause as Error;
    assert.match(message, reason, what);
    assert.ok(
      !message.includes(bearer) && message.length < 400,
      `${what}: the log holds the token`,
    );
  }
  // What does not have three parts is looked up like a token of ours.
  for (const bearer of ["ind_unknown", `${head}.${body}.AA.AA`, `${head}.AA.AA.AA.AA`]) {
    answers.add(JSON.stringify(await withoutId(await append(at, bearer))));
  }
  assert.equal(answers.size, 1, [...answers].join("\n"));
});

async function withoutId(response: Response): Promise<unknown> {
  const { request_id: _, ...rest } = (await response.json()) as Record<string, unknown>;
  return rest;
}

test("60 seconds of tolerance, and no more", async () => {
  const at = await door();
  for (const claims of [{ exp: seconds(-50) }, { nbf: seconds(55) }, { iat: seconds(55) }]) {
    assert.equal((await append(at, await token({ claims }))).status, 201, JSON.stringify(claims));
  }
});

test("roles hold for the logs of their own rule; no rule, no rights", async () => {
  const at = await door();
  const both = await token({ claims: { realm: { roles: ["reader"] } } });
  const read = (log: string) => at.ask("GET", `/v1/logs/${log}/entries`, { token: both });
  assert.equal((await append(at, both)).status, 201);
  assert.equal((await read(OTHER_LOG)).status, 200);
  assert.equal((await read(LOG)).status, 403, "reader of zeta.*, writer of acme.*");
  assert.equal((await append(at, both, OTHER_LOG)).status, 403);
  await append(at, await token({ claims: { sub: "somebody else" } }));
  const proof = await at.ask("GET", `/v1/logs/${LOG}/entries/1/proof`, { token: both });
  assert.equal(proof.status, 403, "a reader elsewhere is a writer here");

  const without = { client_id: undefined };
  const nothing = [
    {},
    { client_id: ["app"] },
    { realm: "reader" },
    { groups: "chief" },
    { groups: { chief: true } },
  ];
  for (const claims of nothing) {
    const bearer = await token({ claims: { ...without, ...claims } });
    assert.equal((await append(at, bearer)).status, 403, JSON.stringify(claims));
    assert.equal((await at.ask("GET", "/v1/logs", { token: bearer })).status, 403);
    assert.equal((await at.ask("GET", "/metrics", { token: bearer })).status, 403);
  }
});

test("administrators by rule: within its logs, and of everything only where the rule says *", async () => {
  const at = await door();
  const make = (bearer: string, roles: string[], logs: string[]) =>
    at.ask("POST", "/v1/tokens", { token: bearer, body: { roles, logs } });
  const lesser = await token({
    claims: { scope: "openid audit.admin", realm: { roles: ["reader"] } },
  });
  assert.equal((await make(lesser, ["reader"], ["acme.x"])).status, 201);
  assert.equal(
    (await make(lesser, ["reader"], ["zeta.x"])).status,
    403,
    "reader, not admin, of zeta.*",
  );
  assert.equal((await make(lesser, ["admin"], ["acme.x"])).status, 403);
  const log = (name: string) =>
    at.ask("POST", "/v1/logs", { token: lesser, body: { name, retention_days: 1 } });
  assert.equal((await log("acme.new")).status, 201);
  assert.equal((await log("zeta.new")).status, 403);
  const chief = await token({ claims: { groups: ["x", "chief"] } });
  assert.equal((await make(chief, ["admin"], ["*"])).status, 201);
});

test("a checked token is known for seconds, never beyond its end; keys are asked for once", async () => {
  const at = await door();
  const bearer = await token({ claims: { exp: seconds(-60 + 3) } });
  for (let index = 0; index < 3; index++) assert.equal((await append(at, bearer)).status, 201);
  assert.equal(at.source.asked, 1);
  at.clock.nowMs += 4_000;
  assert.equal((await append(at, bearer)).status, 401, "its end comes before the memory's");
  const long = await token();
  assert.equal((await append(at, long)).status, 201);
  at.source.sets.set(ISSUER, { keys: [rsa.publicJwk], fetchedAtMs: 2 });
  at.clock.nowMs += CHECKED_MS_MAX + 30_000;
  assert.equal((await append(at, long)).status, 401, "its key was withdrawn");
});

test("new keys are looked for when a token names an unknown one", async () => {
  const at = await door();
  assert.equal((await append(at, await token())).status, 201);
  const next = await newSigningKey("next", "ES256");
  at.source.sets.set(ISSUER, { keys: [next.publicJwk], fetchedAtMs: 2 });
  assert.equal((await append(at, await token({ key: next }))).status, 201);
});

test("where nothing is known of the issuer's keys the sender is told to come back", async () => {
  const at = await door();
  at.source.sets.clear();
  const response = await append(at, await token());
  assert.equal(response.headers.get("retry-after"), "30");
  assert.equal((await problemIn(response)).code, "issuer_unavailable");
});

test("an instance without issuers refuses their tokens as it refuses anything", async () => {
  const at = await makeFake();
  assert.equal((await append(at, await token())).status, 401);
});

test("the operator's lines about refused tokens are bounded, and what is left out is counted", () => {
  const lines: string[] = [];
  const refusals = new RefusalLines((_, message, fields) =>
    lines.push(`${message} ${Number(fields?.["count"] ?? 0)}`),
  );
  for (let index = 0; index < LINES_MAX + 7; index++) refusals.add("r", "reason", 1_000);
  assert.equal(lines.length, LINES_MAX);
  refusals.add("r", "reason", 1_000 + LINES_MS);
  assert.deepEqual(lines.slice(LINES_MAX), ["more tokens were refused 7", "a token was refused 0"]);
});
