/**
 * Applications and people who sign in at a real issuer, on the real instance: what the rules give them, what is refused, keys
 * that change, and an issuer that is away.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { SignJWT } from "jose";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { newSigningKey, startIssuer, type SigningKey, type TestIssuer } from "../parts/issuer.ts";
import { call } from "./client.ts";
import { makeLog, makeToken } from "./tokens.ts";

const ALG = "ES256";
const EVENT = JSON.stringify({ action: "a", actor: { id: "b" } });
const OWN = "/v1/logs/acme.own/entries";

let folder: string;
let issuer: TestIssuer;
let key: SigningKey;
let instance: TestInstance;
let app: string;
let person: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "indelible-oidc-"));
  key = await newSigningKey("k1", ALG);
  const groups = ["billing-team"];
  issuer = await startIssuer({ keys: [key], alg: ALG, audience: "indelible", groups });
  const file = join(folder, "issuers.toml");
  await writeFile(file, configuration(issuer.url));
  const env = { INDELIBLE_OIDC: file, INDELIBLE_ALLOW_PRIVATE_ADDRESSES: "on" };
  instance = await startInstance({ env });
  await makeLog(instance.url, instance.tokens.admin, { name: "acme.own" });
  await makeLog(instance.url, instance.tokens.admin, { name: "zeta" });
  app = await issuer.appToken();
  person = await issuer.personToken();
});

after(async () => {
  await instance.stop();
  await issuer.stop();
  await rm(folder, { recursive: true });
});

function configuration(url: string): string {
  return `
[[issuers]]
issuer = "${url}"
audiences = ["indelible", "billing"]
algorithms = ["${ALG}"]

[[issuers.rules]]
claim = "client_id"
equals = "billing"
roles = ["writer"]
logs = ["acme.*"]

[[issuers.rules]]
claim = "nonce"
equals = "n"
roles = ["reader"]
logs = ["acme.*", "zeta"]

[[issuers.rules]]
claim = "groups"
contains = "chief"
roles = ["admin"]
logs = ["*"]
`;
}

const ask = (path: string, token: string, body?: string) =>
  call(instance.url, path, { token, ...(body === undefined ? {} : { body }) });

test("an application appends and proves its own entries, a person reads; each within its rules", async () => {
  const mine = await ask(OWN, app, EVENT);
  assert.equal(mine.status, 201, mine.text);
  const { token: other } = await makeToken(instance.url, instance.tokens.admin, {
    roles: ["writer"],
    logs: ["acme.own"],
  });
  assert.equal((await ask(OWN, other, EVENT)).status, 201);

  const line = (await ask(`${OWN}/0`, person)).json<{ entry: { by: string } }>();
  assert.equal(line.entry.by, `oidc:${issuer.url}#billing`);

  assert.equal((await ask(`${OWN}/0/proof`, app)).status, 200);
  assert.equal((await ask(`${OWN}/1/proof`, app)).status, 403);
  assert.equal((await ask(`${OWN}/1/proof`, person)).status, 200);
  assert.equal((await ask(OWN, app)).status, 403);
  assert.equal((await ask(OWN, person, EVENT)).status, 403);
  assert.equal((await ask("/v1/logs/zeta/entries", app, EVENT)).status, 403);
  assert.equal((await ask("/v1/logs/_system/entries", person)).status, 403);
  const listed = (await ask("/v1/logs", app)).json<{ logs: { name: string }[] }>();
  assert.deepEqual(
    listed.logs.map(({ name }) => name),
    ["acme.own"],
  );
  assert.equal((await ask("/v1/tokens", person)).status, 403);
});

function signed(claims: Record<string, unknown>, header = {}, by = key): Promise<string> {
  return new SignJWT({ iss: issuer.url, aud: "indelible", sub: "billing", ...claims })
    .setProtectedHeader({ alg: ALG, kid: "k1", ...header })
    .setIssuedAt()
    .setExpirationTime((claims["exp"] as number | undefined) ?? "5m")
    .sign(by.privateKey);
}

test("whatever is wrong with a token has one answer, on every kind of route; the log says what, and never the token", async () => {
  const stranger = await newSigningKey("k1", ALG);
  const [header, payload, signature] = app.split(".") as [string, string, string];
  const none = Buffer.from('{"alg":"none"}').toString("base64url");
  const wrong: Record<string, string> = {
    "alg none": `${none}.${payload}.`,
    "no signature": `${header}.${payload}.`,
    "another's key": await signed({}, {}, stranger),
    expired: await signed({ exp: 1_000_000 }),
    audience: await signed({ aud: "another" }),
    issuer: await signed({ iss: "https://evil.example.org" }),
    cut: `${header}.${payload}.${signature.slice(0, -4)}`,
    "no token at all": "ind_x",
  };
  const answers = new Set<string>();
  for (const [what, token] of Object.entries(wrong)) {
    for (const [path, body] of [[OWN, EVENT], [OWN], ["/v1/logs"], ["/metrics"]] as const) {
      const { status, text } = await ask(path, token, body);
      assert.equal(status, 401, `${what} at ${path}: ${text}`);
      const { request_id: id, ...rest } = JSON.parse(text) as { request_id: string };
      answers.add(JSON.stringify(rest));
      if (what === "expired" && path === "/metrics") {
        await instance.untilOutput(new RegExp(`"request_id":"${id}","reason":"[^\\n]*exp`));
      }
    }
  }
  assert.equal(answers.size, 1, [...answers].join("\n"));
  const nobody = await signed({});
  assert.equal((await ask(OWN, nobody, EVENT)).status, 403, "a valid token that no rule speaks of");
  assert.equal((await ask("/metrics", nobody)).status, 403);
  for (const token of [...Object.values(wrong).slice(0, -1), app, person, nobody]) {
    assert.ok(!instance.output().includes(token.split(".")[1]!), "a token's claims are in the log");
  }
});

test("invented key ids, keys and addresses in the header fetch nothing but one key set", async () => {
  const stranger = await newSigningKey("x", ALG);
  const { d: _, ...jwk } = stranger.jwk;
  const before = await issuer.asked("/jwks");
  for (let index = 0; index < 20; index++) {
    const header = {
      kid: `../../${index}' OR 1=1--`,
      jwk,
      jku: `${issuer.url}/evil`,
      x5u: `${issuer.url}/evil`,
    };
    const { status } = await ask(OWN, await signed({ client_id: "billing" }, header, stranger));
    assert.equal(status, 401);
  }
  assert.ok((await issuer.asked("/jwks")) - before <= 1, "a fetch for an unknown key cools down");
  assert.equal(await issuer.asked("/evil"), 0);
});

test("the issuer away: its last keys go on, over a restart too; back with other keys, they are found", async () => {
  await issuer.stop();
  assert.equal((await ask(OWN, await signed({ client_id: "billing" }), EVENT)).status, 201);
  await instance.restart();
  assert.equal((await ask(OWN, app, EVENT)).status, 201);
  const next = await newSigningKey("k2", ALG);
  await issuer.start([next]);
  const { status, text } = await ask(OWN, await issuer.appToken(), EVENT);
  assert.equal(status, 201, text);
  assert.equal(
    (await ask(OWN, await signed({ client_id: "billing" }), EVENT)).status,
    401,
    "the old key is gone",
  );
});
