/** Administration over HTTP: logs, tokens and their scopes, readiness, numbers, and the operator's own calls. */
import assert from "node:assert/strict";
import test from "node:test";
import { parseToken } from "../../storage/token.ts";
import { answerOperator } from "../../worker/operator.ts";
import { event, LOG, makeFake, OTHER_LOG, problemIn, PUBLIC_LOG, type Fake } from "./fake.ts";

/** Far enough ahead for a token, and not too far. */
const YEAR = new Date().getUTCFullYear() + 5;

type Members = Record<string, unknown>;

async function made(fake: Fake, path: string, token: string, body: unknown): Promise<Members> {
  const response = await fake.ask("POST", path, { token, body });
  assert.equal(response.status, 201, await response.clone().text());
  return (await response.json()) as Members;
}

test("a log is made with its retention said, and shown as the contract says", async () => {
  const fake = await makeFake();
  const admin = fake.token(["admin"], ["*"]);
  const body = { name: "new.log", retention_days: 3650, description: "D", public: true };
  const response = await fake.ask("POST", "/v1/logs", { token: admin, body });
  assert.deepEqual([response.status, response.headers.get("location")], [201, "/v1/logs/new.log"]);
  const { sealed, ...log } = (await response.json()) as Members;
  assert.equal(sealed, true);
  const shown = await fake.ask("GET", "/v1/logs/new.log", { token: admin });
  assert.deepEqual(await shown.json(), log);
  const { vkey, receipt_vkey, ...rest } = log;
  assert.match(vkey as string, /^test\.indelible\.local\/new\.log\+/);
  assert.match(receipt_vkey as string, /^test\.indelible\.local\/new\.log\/receipt\+/);
  assert.deepEqual(rest, {
    ...body,
    ...{ size: 0, sealed_size: 0, origin: "test.indelible.local/new.log" },
    ...{ last_seal: null, trouble: null },
  });
  const again = await problemIn(await fake.ask("POST", "/v1/logs", { token: admin, body }));
  assert.equal(again.code, "log_exists");
});

test("a log that is not rightly described is refused at its place", async () => {
  const fake = await makeFake();
  const token = fake.token(["admin"], ["*"]);
  const good = { name: "new.log", retention_days: 1 };
  const cases: [string, unknown][] = [
    ["/retention_days", { name: "new.log" }],
    ["/retention_days", { ...good, retention_days: 0 }],
    ["/retention_days", { ...good, retention_days: 1.5 }],
    ["/retention_days", { ...good, retention_days: "1" }],
    ["/retention_days", { ...good, retention_days: 1_000_000 }],
    ["/name", { retention_days: 1 }],
    ["/name", { ...good, name: "New" }],
    ["/name", { ...good, name: "_mine" }],
    ["/name", { ...good, name: "a".repeat(65) }],
    ["/public", { ...good, public: "yes" }],
    ["/description", { ...good, description: null }],
    ["/description", { ...good, description: "d".repeat(1001) }],
    ["/~1x", { ...good, "/x": 1 }],
    ["", []],
    ["", 5],
  ];
  for (const [pointer, body] of cases) {
    const problem = await problemIn(await fake.ask("POST", "/v1/logs", { token, body }));
    assert.deepEqual(
      [problem.code, problem.errors?.map((each) => each.pointer)],
      ["invalid_request", [pointer]],
      JSON.stringify(body),
    );
  }
  const twice = await fake.ask("POST", "/v1/logs", { token, body: '{"name":"a","name":"b"}' });
  assert.equal((await problemIn(twice)).code, "invalid_json");
  const text = await fake.ask("POST", "/v1/logs", {
    ...{ token, body: JSON.stringify(good) },
    headers: { "content-type": "text/plain" },
  });
  assert.equal((await problemIn(text)).code, "unsupported_media_type");
  const large = await fake.ask("POST", "/v1/logs", { token, body: " ".repeat(65_537) });
  assert.equal((await problemIn(large)).code, "body_too_large");
  assert.equal(fake.ledger.logStatus.has("new.log"), false);
});

test("an administrator makes logs within his own patterns, and is not told what exists elsewhere", async () => {
  const fake = await makeFake();
  const admin = fake.token(["admin"], ["acme*"]);
  await made(fake, "/v1/logs", admin, { name: "acme.new", retention_days: 1 });
  for (const name of [OTHER_LOG, "zeta.new", "_system"]) {
    const body = { name, retention_days: 1 };
    const problem = await problemIn(await fake.ask("POST", "/v1/logs", { token: admin, body }));
    assert.equal(problem.code, "forbidden", name);
  }
  const chief = fake.token(["admin"], ["*"]);
  const body = { name: "_system", retention_days: 1 };
  const taken = await problemIn(await fake.ask("POST", "/v1/logs", { token: chief, body }));
  assert.equal(taken.code, "log_exists");
});

test("a log is changed by its administrators, member by member", async () => {
  const fake = await makeFake();
  const token = fake.token(["admin"], ["acme.*"]);
  const change = (log: string, body: unknown, by = token) =>
    fake.ask("PATCH", `/v1/logs/${log}`, { token: by, body });
  const changed = await change(LOG, { retention_days: 7 });
  assert.equal(changed.status, 200);
  const { retention_days, description, sealed } = (await changed.json()) as Members;
  assert.deepEqual([retention_days, description, sealed], [7, "", true]);
  assert.equal((await change(LOG, { description: "new", public: false })).status, 200);
  assert.deepEqual(
    fake.ledger.calls.filter((name) => name.startsWith("change")),
    [`change ${LOG} {"retentionDays":7}`, `change ${LOG} {"description":"new","public":false}`],
  );
  const cases: [string, unknown][] = [
    ["/retention_days", { retention_days: 0 }],
    ["/retention_days", { retention_days: null }],
    ["/retention_days", { retention_days: 36_501 }],
    ["/description", { description: 5 }],
    ["/public", { public: "yes" }],
    ["/name", { name: "other" }],
    ["", []],
  ];
  for (const [pointer, body] of cases) {
    const problem = await problemIn(await change(LOG, body));
    const places = problem.errors?.map((each) => each.pointer);
    assert.deepEqual([problem.code, places], ["invalid_request", [pointer]], JSON.stringify(body));
  }
  // The instance's own logs are for those who administer everything.
  const named = fake.token(["admin"], ["_system"]);
  const ofSystem = await change("_system", { retention_days: 9 }, named);
  assert.equal((await problemIn(ofSystem)).code, "forbidden");
  const chief = fake.token(["admin"], ["*", "_system"]);
  assert.equal((await change("_system", { retention_days: 9 }, chief)).status, 200);
});

test("the list of logs is that of the token", async () => {
  const fake = await makeFake();
  const names = async (logs: string[]) => {
    const token = fake.token(["writer"], logs);
    const answer = (await (await fake.ask("GET", "/v1/logs", { token })).json()) as Members;
    return (answer["logs"] as Members[]).map((log) => log["name"]);
  };
  assert.deepEqual(await names(["*"]), [LOG, OTHER_LOG, PUBLIC_LOG]);
  assert.deepEqual(await names(["acme.*", "_access"]), ["_access", LOG, PUBLIC_LOG]);
  assert.deepEqual(await names(["none"]), []);
});

test("a token is shown once, works, is listed without its secret, and stops working when revoked", async () => {
  const fake = await makeFake();
  const admin = fake.token(["admin"], ["*"]);
  const body = {
    ...{ roles: ["reader", "writer"], logs: [LOG, "acme.*"], description: "for a test" },
    expires_at: `${YEAR}-01-01T01:00:00+01:00`,
  };
  const token = await made(fake, "/v1/tokens", admin, body);
  const secret = token["token"] as string;
  assert.equal(parseToken(secret)!.id, token["id"]);
  assert.deepEqual(
    { ...token, token: 0, id: 0, created_at: 0 },
    {
      ...{ ...body, token: 0, id: 0, created_at: 0, expires_at: `${YEAR}-01-01T00:00:00.000Z` },
      ...{ state: "active", networks: [], created_by: "token:maker", revoked_at: null },
      ...{ replaces: null, replaced_by: null, ends_at: null, last_used_at: null, sealed: false },
    },
  );
  const listed = await (await fake.ask("GET", "/v1/tokens", { token: admin })).text();
  assert.ok(listed.includes(token["id"] as string));
  assert.ok(!listed.includes(secret.slice(17, 40)));
  assert.ok(!/[0-9a-f]{64}/.test(listed), "a hash is listed");
  const read = () => fake.ask("GET", `/v1/logs/${LOG}/entries`, { token: secret });
  assert.equal((await read()).status, 200);
  const path = `/v1/tokens/${String(token["id"])}`;
  const revoked = await fake.ask("DELETE", path, { token: admin });
  assert.deepEqual(await revoked.json(), { id: token["id"], sealed: true });
  assert.equal((await read()).status, 401);
});

test("a token that is not rightly described is refused at its place", async () => {
  const fake = await makeFake();
  const token = fake.token(["admin"], ["*"]);
  const good = { roles: ["reader"], logs: [LOG] };
  const cases: [string, unknown][] = [
    ["/roles", { logs: [LOG] }],
    ["/roles", { ...good, roles: [] }],
    ["/roles", { ...good, roles: ["reader", "reader"] }],
    ["/roles", { ...good, roles: "reader" }],
    ["/roles/0", { ...good, roles: ["root"] }],
    ["/logs", { roles: ["reader"] }],
    ["/logs", { ...good, logs: [] }],
    ["/logs", { ...good, logs: ["a", "a"] }],
    ["/logs", { ...good, logs: Array.from({ length: 101 }, (_, i) => `log${i}`) }],
    ["/logs/0", { ...good, logs: ["_*"] }],
    ["/logs/1", { ...good, logs: ["a", "*b"] }],
    ["/expires_at", { ...good, expires_at: "2020-01-01T00:00:00Z" }],
    ["/expires_at", { ...good, expires_at: "tomorrow" }],
    ["/expires_at", { ...good, expires_at: `${YEAR}-02-30T00:00:00Z` }],
    ["/expires_at", { ...good, expires_at: `${YEAR + 10}-01-01T00:00:00Z` }],
    ["/expires_at", { ...good, expires_at: 90 }],
    ["/expires_at", { ...good, expires_at: "" }],
    ["/networks/0", { ...good, networks: ["10.0.0.0/33"] }],
    ["/networks/1", { ...good, networks: ["10.0.0.0/8", "010.0.0.1"] }],
    ["/sha256", { ...good, sha256: "00" }],
  ];
  for (const [pointer, body] of cases) {
    const problem = await problemIn(await fake.ask("POST", "/v1/tokens", { token, body }));
    assert.deepEqual(
      [problem.code, problem.errors?.[0]?.pointer],
      ["invalid_request", pointer],
      JSON.stringify(body),
    );
  }
  assert.equal(fake.ledger.tokenStatus.size, 1);
});

test("an administrator grants, sees and revokes only what lies within his own patterns", async () => {
  const fake = await makeFake();
  const chief = fake.token(["admin"], ["*"]);
  const lesser = fake.token(["admin"], ["acme*"]);
  const grant = (token: string, roles: string[], logs: string[]) =>
    fake.ask("POST", "/v1/tokens", { token, body: { roles, logs } });
  for (const [roles, logs] of [
    [["admin"], ["acme"]],
    [["reader"], ["*"]],
    [["reader"], ["acme", "zeta"]],
    [["auditor"], ["_system"]],
  ] as [string[], string[]][]) {
    assert.equal((await problemIn(await grant(lesser, roles, logs))).code, "forbidden");
    assert.equal((await grant(chief, roles, logs)).status, 201);
  }
  // An administrator can make himself an auditor: that is on record, not prevented.
  const own = (await (await grant(lesser, ["auditor"], ["acme.*"])).json()) as Members;
  const listed = async (token: string) => {
    const answer = (await (await fake.ask("GET", "/v1/tokens", { token })).json()) as Members;
    return (answer["tokens"] as Members[]).map(({ id }) => id);
  };
  assert.deepEqual(await listed(lesser), [own["id"]]);
  assert.equal((await listed(chief)).length, fake.ledger.tokenStatus.size);
  const revoke = (token: string, id: unknown) =>
    fake.ask("DELETE", `/v1/tokens/${String(id)}`, { token });
  const foreign = parseToken(chief)!.id;
  const refusals = [await problemIn(await revoke(lesser, foreign))];
  refusals.push(await problemIn(await revoke(lesser, "zzzzzzzzzzzz")));
  for (const { code } of refusals) assert.equal(code, "forbidden");
  assert.equal(refusals[0]!.detail, refusals[1]!.detail);
  assert.equal((await problemIn(await revoke(chief, "zzzzzzzzzzzz"))).code, "token_unknown");
  assert.equal((await revoke(lesser, own["id"])).status, 200);
  assert.equal((await revoke(chief, parseToken(lesser)!.id)).status, 200);
  assert.equal((await fake.ask("GET", "/v1/tokens", { token: lesser })).status, 401);
});

test("readyz is 200 while entries are taken, says what is wrong, and looks once a second", async () => {
  let nowMs = 0;
  const fake = await makeFake({ nowMs: () => nowMs });
  const ready = await fake.ask("GET", "/readyz");
  assert.deepEqual([ready.status, ((await ready.json()) as Members)["state"]], [200, "ready"]);
  const parts = { vault: { ok: false, problems: ["no answer"] } };
  for (const [state, status] of [
    ["taking, not sealing", 200],
    ["not taking", 503],
  ] as const) {
    fake.ledger.readiness = { state, parts };
    nowMs += 999;
    assert.notEqual(((await (await fake.ask("GET", "/readyz")).json()) as Members)["state"], state);
    nowMs += 1;
    const response = await fake.ask("GET", "/readyz");
    assert.equal(response.status, status);
    assert.deepEqual(await response.json(), { state, detail: "vault: no answer", parts });
  }
});

test("healthz asks nobody anything", async () => {
  const fake = await makeFake();
  assert.equal((await fake.ask("GET", "/healthz")).status, 200);
  assert.deepEqual(fake.ledger.calls, []);
});

test("metrics are for tokens, and on loopback for whoever asks from this machine", async () => {
  const remote = await makeFake();
  assert.equal((await remote.ask("GET", "/metrics")).status, 401);
  const token = remote.token(["writer"], ["any"]);
  const text = await (await remote.ask("GET", "/metrics", { token })).text();
  assert.match(text, /^indelible_entries 3$/m);
  assert.match(text, /route="\/metrics",status="401"\} 1/);
  const from = (address: string) => ({ "cf-connecting-ip": address });
  const local = await makeFake();
  assert.equal((await local.ask("GET", "/metrics", { headers: from("127.0.0.1") })).status, 200);
  assert.equal((await local.ask("GET", "/metrics", { headers: from("192.0.2.1") })).status, 401);
  for (const name of ["x-forwarded-for", "forwarded", "via"]) {
    const response = await local.ask("GET", "/metrics", {
      headers: { ...from("127.0.0.1"), [name]: "1.2.3.4" },
    });
    assert.equal(response.status, 401, name);
  }
});

test("the operator's calls demand the secret, and do what they say", async () => {
  const { ledger, services } = await makeFake();
  const { sessions } = services;
  const call = (method: string, path: string, secret: string | null, body?: unknown) =>
    answerOperator(
      new Request(`http://localhost${path}`, {
        method,
        headers: {
          ...(secret === null ? {} : { authorization: `Bearer ${secret}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
      { ledger, sessions },
      "right",
      () => assert.fail("nothing unforeseen happens here"),
    );
  const first = {
    ...{ origin: "o.example", system_retention_days: 3 },
    ...{ admin_token_id: "a".repeat(12), admin_token_sha256: "a".repeat(64) },
    ...{ demo_token_id: "d".repeat(12), demo_token_sha256: "d".repeat(64) },
  };
  for (const [method, path] of [
    ["POST", "/bootstrap"],
    ["POST", "/drain"],
    ["GET", "/readyz"],
  ] as const) {
    for (const secret of [null, "", "wrong", "right2"]) {
      assert.equal(
        (await problemIn(await call(method, path, secret, method === "GET" ? undefined : first)))
          .code,
        "unauthenticated",
      );
    }
  }
  assert.equal(ledger.bootstrapped, null);
  assert.equal((await call("POST", "/bootstrap", "right", first)).status, 200);
  const { tokens, logs, ...rest } = ledger.bootstrapped!;
  assert.deepEqual(rest, { origin: "o.example", systemRetentionDays: 3 });
  assert.deepEqual(
    logs.map(({ name, retentionDays }) => [name, retentionDays]),
    [["demo", 1]],
  );
  assert.deepEqual(
    tokens.map(({ roles, logs }) => [roles, logs]),
    [
      [["admin"], ["*", "_system", "_access"]],
      [["writer", "auditor"], ["demo"]],
    ],
  );
  const bad = await problemIn(await call("POST", "/bootstrap", "right", { ...first, origin: 5 }));
  assert.equal(bad.errors![0]!.pointer, "/origin");
  const drained = await call("POST", "/drain", "right");
  assert.equal(((await drained.json()) as Members)["sealed"], false);
  assert.equal((await call("GET", "/readyz", "right")).status, 200);
  assert.equal((await problemIn(await call("GET", "/drain", "right"))).code, "route_unknown");
});

test("a token in the wrong scheme, or twice, is none", async () => {
  const fake = await makeFake();
  const token = fake.token(["writer"]);
  for (const authorization of [
    token,
    `Basic ${token}`,
    `Bearer ${token} x`,
    `Bearer${token}`,
    "Bearer ",
  ]) {
    const response = await fake.ask("POST", `/v1/logs/${LOG}/entries`, {
      body: event("a"),
      headers: { authorization },
    });
    assert.equal(response.status, 401, authorization);
  }
  const lower = await fake.ask("POST", `/v1/logs/${LOG}/entries`, {
    body: event("a"),
    headers: { authorization: `bearer  ${token}` },
  });
  assert.equal(lower.status, 201);
});
