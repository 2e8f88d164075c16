/** Sessions of the page: what opens one, what it may, what ends it, and that no other page can use it. */
import assert from "node:assert/strict";
import test from "node:test";
import { Networks } from "../../storage/networks.ts";
import { SessionBook, LINK_MS, SESSION_MS, SESSIONS_MAX } from "../../worker/session/book.ts";
import { makeSecret, secretHash } from "../../worker/session/secret.ts";
import { tokenSha256Hex } from "../../storage/token.ts";
import { event, LOG, makeFake, memoryRecords, OTHER_LOG, problemIn, type Fake } from "./fake.ts";

const ORIGIN = "http://localhost";
const FROM_PAGE = { "x-indelible-page": "1", origin: ORIGIN, "sec-fetch-site": "same-origin" };

function cookieIn(response: Response): string {
  return response.headers.get("set-cookie")!.split(";")[0]!;
}

async function signIn(fake: Fake, body: object, headers: object = FROM_PAGE, base = ORIGIN) {
  return fake.ask("POST", "/v1/session", { body, base, headers: { ...headers } });
}

async function makeLink(fake: Fake, tokens: readonly string[]): Promise<string> {
  const link = makeSecret(fake.services.randomBytes);
  const hashes = tokens.map((token) => tokenSha256Hex(token));
  await fake.services.sessions.addLink(secretHash(link), hashes, Date.now());
  return link;
}

test("a token becomes a cookie that no script reads and no other site sends", async () => {
  const fake = await makeFake();
  const token = fake.token(["reader"]);
  const response = await signIn(fake, { token });
  assert.equal(response.status, 200);
  assert.match(
    response.headers.get("set-cookie")!,
    /^indelible-80=[A-Za-z0-9_-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/,
  );
  const text = await response.text();
  assert.ok(!text.includes(token));
  const { tokens, logs } = JSON.parse(text) as Record<string, unknown>;
  assert.deepEqual(tokens, [
    { id: token.slice(4, 16), roles: ["reader"], logs: [LOG], expires_at: null },
  ]);
  assert.deepEqual(logs, [{ name: LOG, roles: ["reader"] }]);
  const cookie = cookieIn(response);
  const list = await fake.ask("GET", `/v1/logs/${LOG}/entries`, { headers: { cookie } });
  assert.equal(list.status, 200);
  const other = await fake.ask("GET", `/v1/logs/${OTHER_LOG}/entries`, { headers: { cookie } });
  assert.equal((await problemIn(other)).code, "forbidden");
});

test("under TLS, a proxy's too, the cookie is Secure and this very host's", async () => {
  const proxied = await makeFake({
    addressing: { onEdge: false, trustedProxies: new Networks(["192.0.2.0/24"]) },
  });
  const secure =
    /^__Host-indelible=[^;]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure$/;
  const direct = await makeFake();
  const headers = { ...FROM_PAGE, origin: "https://logs.example" };
  const body = { token: direct.token(["reader"]) };
  const answer = await signIn(direct, body, headers, "https://logs.example");
  assert.match(answer.headers.get("set-cookie")!, secure);
  // Anybody can say that TLS came before; only a proxy that was named is believed.
  const said = { ...FROM_PAGE, "x-forwarded-proto": "https" };
  const unbelieved = await signIn(proxied, { token: proxied.token(["reader"]) }, said);
  assert.doesNotMatch(unbelieved.headers.get("set-cookie")!, /Secure/);
});

test("a link opens one session, once, with the rights of its tokens, each for what it may", async () => {
  const fake = await makeFake();
  const admin = fake.token(["admin"], ["*"]);
  const demo = fake.token(["writer", "auditor"], [LOG]);
  const link = await makeLink(fake, [admin, demo]);
  const both = await Promise.all([signIn(fake, { link }), signIn(fake, { link })]);
  assert.deepEqual(both.map(({ status }) => status).sort(), [200, 401]);
  const cookie = cookieIn(both.find(({ status }) => status === 200)!);
  const headers = { ...FROM_PAGE, cookie };
  const path = `/v1/logs/${LOG}/entries`;
  const written = await fake.ask("POST", path, { headers, body: event("a") });
  assert.equal(written.status, 201);
  const exact = { ...headers, accept: "application/x-ndjson" };
  const entry = await (await fake.ask("GET", `${path}/0`, { headers: exact })).json();
  // It is on record by the token that allowed it.
  assert.equal((entry as { by: string }).by, `token:${demo.slice(4, 16)}`);
  assert.equal((await fake.ask("GET", "/v1/tokens", { headers })).status, 200);
  const foreign = await fake.ask("GET", `/v1/logs/${OTHER_LOG}/entries`, { headers });
  assert.equal((await problemIn(foreign)).code, "forbidden");
});

test("what another page sends is refused: without the header, from another site, from a sibling", async () => {
  const fake = await makeFake();
  const cookie = cookieIn(await signIn(fake, { token: fake.token(["writer", "auditor"]) }));
  const wrong: Record<string, Record<string, string>> = {
    "no header": { origin: ORIGIN, "sec-fetch-site": "same-origin" },
    "another header": { ...FROM_PAGE, "x-indelible-page": "2" },
    "another site": { ...FROM_PAGE, "sec-fetch-site": "cross-site" },
    "another port": { ...FROM_PAGE, "sec-fetch-site": "same-site" },
    "another origin": { "x-indelible-page": "1", origin: "http://localhost:81" },
    "a longer host": { "x-indelible-page": "1", origin: "http://localhost.evil.example" },
    "no origin": { "x-indelible-page": "1" },
    "a sandboxed frame": { "x-indelible-page": "1", origin: "null" },
  };
  for (const [what, headers] of Object.entries(wrong)) {
    const sent = { headers: { ...headers, cookie }, body: event("a") };
    const response = await fake.ask("POST", `/v1/logs/${LOG}/entries`, sent);
    assert.equal((await problemIn(response)).code, "forbidden", what);
    const signing = await signIn(fake, { token: fake.token(["reader"]) }, headers);
    assert.equal((await problemIn(signing)).code, "forbidden", `${what}: signing in`);
  }
  const { signed_in: isIn } = (await (
    await fake.ask("GET", "/v1/session", { headers: { cookie } })
  ).json()) as { signed_in: boolean };
  assert.equal(isIn, true);
  for (const site of ["cross-site", "same-site"]) {
    const headers = { cookie, "sec-fetch-site": site };
    const response = await fake.ask("GET", `/v1/logs/${LOG}/entries`, { headers });
    assert.equal((await problemIn(response)).code, "unauthenticated", site);
  }
  // Who sends a token means it, from wherever.
  const token = fake.token(["writer"]);
  const headers = { cookie, "sec-fetch-site": "cross-site" };
  const byToken = await fake.ask("POST", `/v1/logs/${LOG}/entries`, {
    ...{ token, headers },
    body: event("a"),
  });
  assert.equal(byToken.status, 201);
});

test("a session's secret is made at signing in: one that was put there beforehand is never taken up", async () => {
  const fake = await makeFake();
  const planted = `indelible-80=${"A".repeat(43)}`;
  const token = fake.token(["reader"]);
  const first = await signIn(fake, { token }, { ...FROM_PAGE, cookie: planted });
  assert.notEqual(cookieIn(first), planted);
  const list = (cookie: string) =>
    fake.ask("GET", `/v1/logs/${LOG}/entries`, { headers: { cookie } });
  assert.equal((await list(planted)).status, 401);
  const second = await signIn(fake, { token }, { ...FROM_PAGE, cookie: cookieIn(first) });
  assert.equal((await list(cookieIn(first))).status, 401, "the old one has ended");
  assert.equal((await list(cookieIn(second))).status, 200);
  assert.equal((await list(`${cookieIn(second)}; ${planted}`)).status, 401, "two are none");
});

test("it ends with its token, with signing out, with its day, and with the operator's secret", async () => {
  let nowMs = Date.now();
  const records = memoryRecords();
  const fake = await makeFake({ nowMs: () => nowMs, sessions: new SessionBook(records, "now") });
  const list = (cookie: string, of: Fake = fake) =>
    of.ask("GET", `/v1/logs/${LOG}/entries`, { headers: { cookie } }).then(({ status }) => status);
  const token = fake.token(["reader"]);
  const open = async () => cookieIn(await signIn(fake, { token }));

  const left = await open();
  const headers = { ...FROM_PAGE, cookie: left };
  const out = await fake.ask("DELETE", "/v1/session", { headers });
  assert.match(out.headers.get("set-cookie")!, /^indelible-80=; Path=\/; Max-Age=0;/);
  assert.equal(await list(left), 401);

  const old = await open();
  nowMs += SESSION_MS - 1;
  assert.equal(await list(old), 200);
  nowMs += 1;
  assert.equal(await list(old), 401);

  const before = await open();
  const later = await makeFake({ nowMs: () => nowMs, sessions: new SessionBook(records, "later") });
  assert.equal(await list(before, later), 401);

  const id = token.slice(4, 16);
  const status = fake.ledger.tokenStatus.get(id)!;
  fake.ledger.tokenStatus.set(id, { ...status, revokedAt: new Date().toISOString() });
  assert.equal(await list(before), 401);
});

test("a link is good for a quarter of an hour, and what is kept has an end", async () => {
  const book = new SessionBook(memoryRecords(), "now");
  await book.addLink("early", ["t"], 0);
  await book.addLink("late", ["t"], 0);
  assert.deepEqual(await book.takeLink("early", LINK_MS - 1), ["t"]);
  assert.equal(await book.takeLink("early", LINK_MS - 1), null);
  assert.equal(await book.takeLink("late", LINK_MS), null);
  for (let count = 0; count <= SESSIONS_MAX; count++) await book.add(`s${count}`, ["t"], count);
  assert.equal((await book.list(SESSIONS_MAX)).length, SESSIONS_MAX);
  assert.equal(await book.find("s0", 1), null);
  assert.notEqual(await book.find("s1", 1), null);
});

test("what opens nothing is told nothing", async () => {
  const fake = await makeFake();
  const details = new Set<string>();
  const revoked = fake.token(["reader"]);
  const id = revoked.slice(4, 16);
  const status = fake.ledger.tokenStatus.get(id)!;
  fake.ledger.tokenStatus.set(id, { ...status, revokedAt: new Date().toISOString() });
  for (const body of [
    { token: "x" },
    { token: revoked },
    { link: "x" },
    { link: "A".repeat(43) },
  ]) {
    const problem = await problemIn(await signIn(fake, body));
    assert.equal(problem.code, "unauthenticated");
    details.add(problem.detail);
  }
  assert.equal(details.size, 1);
  for (const body of [{}, { token: 1 }, { token: "a", link: "b" }, { token: "x".repeat(201) }]) {
    assert.equal((await problemIn(await signIn(fake, body))).code, "invalid_request");
  }
});
