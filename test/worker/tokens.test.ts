/** How long tokens live, what becomes of them, and how one takes the place of another, over HTTP with a ledger in memory. */
import assert from "node:assert/strict";
import test from "node:test";
import { parseToken } from "../../storage/token.ts";
import { answerOperator } from "../../worker/operator.ts";
import { LOG, makeFake, problemIn, type Fake } from "./fake.ts";

type Members = Record<string, unknown>;

const DAY_MS = 86_400_000;
const NOW_MS = Date.parse("2026-03-01T00:00:00.000Z");
const inDays = (days: number): string => new Date(NOW_MS + days * DAY_MS).toISOString();

const READER = { roles: ["reader"], logs: [LOG] };

async function makeAt(): Promise<{ fake: Fake; admin: string; now: { ms: number } }> {
  const now = { ms: NOW_MS };
  const fake = await makeFake({ nowMs: () => now.ms });
  return { fake, admin: fake.token(["admin"], ["*"]), now };
}

async function answered(fake: Fake, path: string, token: string, body: unknown, status = 201) {
  const response = await fake.ask("POST", path, { token, body });
  assert.equal(response.status, status, await response.clone().text());
  return (await response.json()) as Members;
}

async function listed(fake: Fake, admin: string, id: unknown): Promise<Members> {
  const answer = (await (await fake.ask("GET", "/v1/tokens", { token: admin })).json()) as Members;
  return (answer["tokens"] as Members[]).find((item) => item["id"] === id)!;
}

test("a token lives 90 days unless said, for ever only where null is said, ten years at most", async () => {
  const { fake, admin } = await makeAt();
  const unsaid = await answered(fake, "/v1/tokens", admin, READER);
  assert.deepEqual([unsaid["expires_at"], unsaid["warnings"]], [inDays(90), undefined]);
  const never = await answered(fake, "/v1/tokens", admin, { ...READER, expires_at: null });
  assert.equal(never["expires_at"], null);
  assert.match(String(never["warnings"]), /does not expire/);
  const longest = { ...READER, expires_at: inDays(3_653) };
  assert.equal(
    (await answered(fake, "/v1/tokens", admin, longest))["expires_at"],
    longest.expires_at,
  );
  for (const [expires_at, reason] of [
    [inDays(3_654), /more than ten years ahead/],
    [inDays(0), /lies in the past/],
    ["2027-02-29T00:00:00Z", /not a point in time/],
    ["in 90 days", /not a point in time/],
  ] as const) {
    const body = { ...READER, expires_at };
    const problem = await problemIn(
      await fake.ask("POST", "/v1/tokens", { token: admin, body: body }),
    );
    assert.deepEqual([problem.code, problem.errors![0]!.pointer], ["invalid_request", EXPIRES]);
    assert.match(problem.detail, reason);
  }
});

const EXPIRES = "/expires_at";

test("a list says what state each token is in, and who made it", async () => {
  const { fake, admin, now } = await makeAt();
  const { id } = await answered(fake, "/v1/tokens", admin, READER);
  const item = await listed(fake, admin, id);
  assert.deepEqual([item["state"], item["created_by"]], ["active", "token:maker"]);
  now.ms += 90 * DAY_MS;
  assert.equal((await listed(fake, admin, id))["state"], "expired");
  assert.equal((await listed(fake, admin, parseToken(admin)!.id))["state"], "active");
  await fake.ask("DELETE", `/v1/tokens/${String(id)}`, { token: admin });
  assert.equal((await listed(fake, admin, id))["state"], "revoked");
});

test("a rotation gives a token of the same rights, and an end to the old one", async () => {
  const { fake, admin } = await makeAt();
  const wanted = { ...READER, networks: ["10.0.0.0/8"], description: "d", expires_at: null };
  for (const [body, ends, expires] of [
    [undefined, inDays(1), inDays(90)],
    [{}, inDays(1), inDays(90)],
    [{ overlap_seconds: 0, expires_at: null }, null, null],
    [{ overlap_seconds: 30 * 86_400, expires_at: inDays(2) }, inDays(30), inDays(2)],
  ] as const) {
    const old = await answered(fake, "/v1/tokens", admin, wanted);
    const path = `/v1/tokens/${String(old["id"])}/rotate`;
    const made = await answered(fake, path, admin, body);
    const { token, id } = made as { token: string; id: string };
    assert.equal(parseToken(token)!.id, id);
    assert.notEqual(token, old["token"]);
    for (const name of ["roles", "logs", "networks", "description"]) {
      assert.deepEqual(made[name], old[name], name);
    }
    assert.deepEqual(
      [made["replaces"], made["expires_at"], made["state"]],
      [old["id"], expires, "active"],
    );
    assert.equal(made["warnings"] !== undefined, expires === null);
    const after = await listed(fake, admin, old["id"]);
    assert.deepEqual([after["state"], after["replaced_by"]], ["rotated", id]);
    if (ends !== null) assert.equal(after["ends_at"], ends);
  }
});

test("a rotation that is not rightly described is refused at its place", async () => {
  const { fake, admin } = await makeAt();
  const { id } = await answered(fake, "/v1/tokens", admin, READER);
  for (const [pointer, body] of [
    ["/overlap_seconds", { overlap_seconds: -1 }],
    ["/overlap_seconds", { overlap_seconds: 30 * 86_400 + 1 }],
    ["/overlap_seconds", { overlap_seconds: 1.5 }],
    ["/overlap_seconds", { overlap_seconds: "60" }],
    ["/overlap_seconds", { overlap_seconds: null }],
    ["/expires_at", { expires_at: inDays(-1) }],
    ["/roles", { roles: ["admin"] }],
    ["", []],
  ] as const) {
    const path = `/v1/tokens/${String(id)}/rotate`;
    const problem = await problemIn(await fake.ask("POST", path, { token: admin, body }));
    assert.deepEqual(
      [problem.code, problem.errors?.[0]?.pointer],
      ["invalid_request", pointer],
      JSON.stringify(body),
    );
  }
  assert.equal((await listed(fake, admin, id))["state"], "active");
});

test("an administrator rotates only what he may manage; nobody else rotates, not even himself", async () => {
  const { fake, admin } = await makeAt();
  const lesser = fake.token(["admin"], ["acme*"]);
  const rotate = (token: string, id: unknown) =>
    fake.ask("POST", `/v1/tokens/${String(id)}/rotate`, { token, body: {} });
  const own = await answered(fake, "/v1/tokens", lesser, READER);
  const foreign = await answered(fake, "/v1/tokens", admin, { ...READER, logs: ["zeta"] });
  assert.equal((await rotate(lesser, own["id"])).status, 201);
  const refusals = [];
  for (const id of [foreign["id"], parseToken(admin)!.id, parseToken(lesser)!.id, "z".repeat(12)]) {
    refusals.push(await problemIn(await rotate(lesser, id)));
  }
  for (const { code, detail } of refusals) {
    assert.deepEqual([code, detail], ["forbidden", refusals[0]!.detail]);
  }
  const itself = await answered(fake, "/v1/tokens", admin, READER);
  const refused = await problemIn(await rotate(itself["token"] as string, itself["id"]));
  assert.equal(refused.code, "forbidden");
  assert.equal((await problemIn(await rotate(admin, "z".repeat(12)))).code, "token_unknown");
  assert.equal((await rotate(admin, parseToken(lesser)!.id)).status, 201);
});

test("the operator makes, rotates, revokes and lists tokens by hashes, with the secret alone", async () => {
  const { ledger, services } = await makeFake();
  const { sessions } = services;
  const call = async (method: string, path: string, body?: object, secret = "right") =>
    answerOperator(
      new Request(`http://localhost${path}`, {
        method,
        headers: {
          authorization: `Bearer ${secret}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
      { ledger, sessions },
      "right",
      () => assert.fail("nothing unforeseen happens here"),
    );
  const [id, next] = ["a".repeat(12), "b".repeat(12)];
  const sha256 = "a".repeat(64);
  const first = { operator: "root", id, sha256, roles: ["admin"], logs: ["*"], expires_at: null };
  const rotation = { operator: "root", replaces: id, id: next, sha256: "b".repeat(64) };
  const end = { operator: "root", id: next };
  for (const [method, path, body] of [
    ["GET", "/tokens", undefined],
    ["POST", "/tokens", first],
    ["POST", "/tokens/rotate", rotation],
    ["POST", "/tokens/revoke", end],
  ] as const) {
    for (const secret of ["", "wrong"]) {
      const refused = await problemIn(await call(method, path, body, secret));
      assert.equal(refused.code, "unauthenticated");
    }
  }
  assert.equal(ledger.tokenStatus.size, 0);
  assert.equal((await call("POST", "/tokens", first)).status, 201);
  assert.equal((await call("POST", "/tokens/rotate", rotation)).status, 201);
  assert.equal((await call("POST", "/tokens/revoke", end)).status, 200);
  const { tokens } = (await (await call("GET", "/tokens")).json()) as { tokens: Members[] };
  assert.deepEqual(
    tokens.map((token) => [token["id"], token["state"]]),
    [
      [id, "rotated"],
      [next, "revoked"],
    ],
  );
  assert.ok(!JSON.stringify(tokens).includes(sha256));
  for (const [pointer, path, body] of [
    ["/operator", "/tokens", { ...first, operator: "a\u001b[2J" }],
    ["/operator", "/tokens", { ...first, operator: "" }],
    ["/id", "/tokens", { ...first, id: "A" }],
    ["/sha256", "/tokens", { ...first, sha256: "a" }],
    ["/token", "/tokens", { ...first, token: "ind_" }],
    ["/logs/0", "/tokens", { ...first, logs: ["_*"] }],
    ["/replaces", "/tokens/rotate", { ...rotation, replaces: 5 }],
    ["/id", "/tokens/revoke", { operator: "root" }],
  ] as const) {
    const problem = await problemIn(await call("POST", path, body));
    assert.deepEqual([problem.code, problem.errors![0]!.pointer], ["invalid_request", pointer]);
  }
});
