/** The outside of every answer: headers, CORS, request ids; and that what goes out and into the log is bounded. */
import assert from "node:assert/strict";
import test from "node:test";
import type { AddressSettings } from "../../worker/address.ts";
import { requestIdOf } from "../../worker/edge.ts";
import { Networks } from "../../storage/networks.ts";
import { logLine } from "../../worker/report.ts";
import { ROUTES } from "../../worker/routes.ts";
import { bodyOf, nameOf, pathOf } from "./expected.ts";
import { event, LOG, makeFake, problemIn, type Fake } from "./fake.ts";

const APP = "https://app.example.org";

const CLOSED = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** Every route with a right and a wrong token, and what is no route. */
async function* everyAnswer(fake: Fake, headers: Record<string, string> = {}) {
  const token = fake.token(["writer", "reader", "auditor", "admin"], [LOG]);
  for (const route of ROUTES) {
    const body = route.method === "POST" ? bodyOf(nameOf(route)) : undefined;
    for (const by of [token, "nonsense"]) {
      const answer = await fake.ask(route.method, pathOf(route, LOG), { token: by, body, headers });
      yield [`${nameOf(route)} ${answer.status}`, answer] as const;
    }
  }
  yield ["404", await fake.ask("GET", "/nowhere", { headers })] as const;
  yield ["405", await fake.ask("PUT", "/v1/logs", { headers })] as const;
  yield ["OPTIONS", await fake.ask("OPTIONS", "/v1/logs", { headers })] as const;
}

test("no answer may be framed, sniffed, kept, or read by another origin", async () => {
  for await (const [what, { headers }] of everyAnswer(await makeFake(), { origin: APP })) {
    for (const [name, value] of Object.entries(CLOSED))
      assert.equal(headers.get(name), value, what);
    assert.equal(headers.get("cache-control"), "private, no-store", what);
    assert.match(headers.get("x-request-id")!, /^[0-9a-f-]{36}$/, what);
    for (const [name] of headers) {
      assert.ok(!name.startsWith("access-control-") && name !== "server", `${what}: ${name}`);
    }
    assert.equal(headers.get("strict-transport-security"), null, what);
  }
});

test("HSTS is said over TLS, with each answer", async () => {
  const fake = await makeFake();
  for (const path of ["/healthz", "/nowhere", "/v1/logs"]) {
    const { headers } = await fake.ask("GET", path, { base: "https://log.example.org" });
    assert.equal(headers.get("strict-transport-security"), "max-age=31536000", path);
  }
});

test("CORS: pages of a named origin may read each answer, without credentials; others none", async () => {
  const fake = await makeFake({ corsOrigins: new Set([APP]) });
  for await (const [what, { headers }] of everyAnswer(fake, { origin: APP })) {
    assert.equal(headers.get("access-control-allow-origin"), APP, what);
    assert.match(headers.get("access-control-expose-headers")!, /x-request-id/, what);
    assert.equal(headers.get("access-control-allow-credentials"), null, what);
    assert.ok(variesByOrigin(headers), what);
  }
  for (const origin of ["https://app.example.org.evil.example", "null", "http://app.example.org"]) {
    for await (const [what, { headers }] of everyAnswer(fake, { origin })) {
      assert.equal(headers.get("access-control-allow-origin"), null, what);
      assert.ok(variesByOrigin(headers), what);
    }
  }
});

/** And by what else an answer says: an export comes compressed where that is asked for. */
function variesByOrigin(headers: Headers): boolean {
  return headers.get("vary")!.split(", ").includes("Origin");
}

test("CORS: a preflight is answered for a named origin at a known address, and is 405 or 404 otherwise", async () => {
  const ask = { "access-control-request-method": "POST" };
  const fake = await makeFake({ corsOrigins: new Set([APP]) });
  const path = `/v1/logs/${LOG}/entries`;
  const answer = await fake.ask("OPTIONS", path, { headers: { ...ask, origin: APP } });
  assert.equal(answer.status, 204);
  assert.equal(answer.headers.get("access-control-allow-origin"), APP);
  assert.equal(answer.headers.get("access-control-allow-methods"), "GET, POST");
  const allowed = answer.headers.get("access-control-allow-headers")!.split(", ");
  for (const name of ["authorization", "content-type", "idempotency-key"])
    assert.ok(allowed.includes(name), name);
  const refusals = [
    [405, path, { ...ask, origin: "https://evil.example" }],
    [405, path, { ...ask }],
    [405, path, { origin: APP }],
    [404, "/nowhere", { ...ask, origin: APP }],
  ] as const;
  for (const [status, at, headers] of refusals) {
    const refused = await fake.ask("OPTIONS", at, { headers });
    assert.equal(refused.status, status, JSON.stringify([at, headers]));
    assert.equal(refused.headers.get("access-control-allow-methods"), null);
  }
});

test("a request's id comes from a trusted proxy, or is new", () => {
  const settings = (proxies: string[], onEdge = false): AddressSettings => ({
    onEdge,
    trustedProxies: new Networks(proxies),
  });
  const request = (id: string, clientIp = "10.0.0.1") =>
    Object.assign(new Request("http://x/", { headers: { "x-request-id": id } }), {
      cf: { clientIp },
    });
  const id = "018f-trace.7:01_A";
  assert.equal(requestIdOf(request(id), settings(["10.0.0.0/8"])), id);
  const isNew = (given: string) => assert.match(given, /^[0-9a-f]{8}-[0-9a-f-]{27}$/);
  isNew(requestIdOf(request(id), settings([])));
  isNew(requestIdOf(request(id, "192.0.2.1"), settings(["10.0.0.0/8"])));
  isNew(requestIdOf(request(id), settings(["10.0.0.0/8"], true)));
  for (const wrong of ["short", "a".repeat(129), "with space", 'quote"quote', "-leading-1", ""]) {
    isNew(requestIdOf(request(wrong), settings(["10.0.0.0/8"])));
  }
});

test("a refusal names places by their beginning only, however long the sender's names are", async () => {
  const fake = await makeFake();
  const token = fake.token(["writer"]);
  const name = "n".repeat(1_000_000);
  const body = Array.from({ length: 8 }, () => event("a", { [name]: 1 }));
  const answer = await fake.ask("POST", `/v1/logs/${LOG}/entries`, { token, body });
  const text = await answer.clone().text();
  assert.ok(text.length < 20_000, `${text.length} characters`);
  const { errors } = await problemIn(answer);
  assert.match(errors![0]!.pointer, /^\/0\/nnn.*n…$/);
});

test("a 500 that nobody foresaw tells the sender nothing, and carries the id that the operator's line has", async () => {
  const ids: string[] = [];
  const fake = await makeFake({ report: (id) => void ids.push(id) });
  fake.ledger.admit = () => Promise.reject(new Error("secret-inside"));
  const answer = await fake.ask("GET", "/v1/logs", { token: fake.token(["reader"]) });
  const text = await answer.text();
  assert.equal(answer.status, 500);
  assert.doesNotMatch(text, /secret-inside/);
  assert.deepEqual(ids, [(JSON.parse(text) as { request_id: string }).request_id]);
  assert.deepEqual(ids, [answer.headers.get("x-request-id")]);
});

test("a line of the log is one line for every reader, and says the same", () => {
  const fields = { text: "a\nb\r\u001b[2J\u009b2J\u007f\u0085\u2028\u2029\u202eüö€😀" };
  const line = logLine(fields);
  // eslint-disable-next-line no-control-regex -- what must not be there
  assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/);
  assert.match(line, /üö€😀/);
  assert.deepEqual(JSON.parse(line), fields);
});
