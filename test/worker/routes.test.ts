/**
 * Who may call what: every route of the table × every role × no token × a foreign log. The expectations stand
 * here by hand; a route that this table does not know fails the test.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { ROUTES, type Route } from "../../worker/routes.ts";
import { event, LOG, makeFake, OTHER_LOG, problemIn, PUBLIC_LOG, type Fake } from "./fake.ts";
import {
  ALLOWED,
  BEYOND_ONE_LOG,
  bodyOf,
  nameOf,
  OPENED_BY_BODY,
  pathOf,
  ROLES,
} from "./expected.ts";

/** Logs with three entries, one of them by somebody, all sealed. */
async function makeFilled(): Promise<Fake> {
  const fake = await makeFake();
  for (const log of [LOG, OTHER_LOG, PUBLIC_LOG]) {
    const body = ["a", "b", "c"].map((action) => event(action));
    const token = fake.token(["writer"], [log]);
    const response = await fake.ask("POST", `/v1/logs/${log}/entries`, { token, body });
    assert.equal(response.status, 201, await response.text());
    await fake.ledger.seal(log);
  }
  return fake;
}

function call(
  fake: Fake,
  route: Route,
  log: string,
  token: string | undefined,
  headers: Record<string, string> = {},
) {
  return fake.ask(route.method, pathOf(route, log), {
    ...{ token, headers },
    body: bodyOf(nameOf(route)),
  });
}

test("the table of routes and what is expected of them name the same routes", () => {
  assert.deepEqual(ROUTES.map(nameOf).sort(), Object.keys(ALLOWED).sort());
});

for (const route of ROUTES.filter((known) => !OPENED_BY_BODY.includes(nameOf(known)))) {
  const name = nameOf(route);
  const allowed = ALLOWED[name]!;

  test(`${name}: each role alone`, async () => {
    for (const role of ROLES) {
      const fake = await makeFilled();
      const response = await call(fake, route, LOG, fake.token([role]));
      const text = await response.text();
      const may = allowed === "anyone" || allowed.includes(role);
      if (!may) assert.equal(response.status, 403, `${role}: ${text}`);
      else if (BEYOND_ONE_LOG.includes(name)) continue;
      else assert.ok(response.ok, `${role}: ${response.status} ${text}`);
    }
  });

  test(`${name}: without a token, and with one that is none`, async () => {
    const fake = await makeFilled();
    const valid = fake.token(["reader", "writer", "auditor", "admin"], [LOG]);
    const revoked = fake.token(["reader", "writer", "auditor", "admin"], [LOG]);
    for (const [id, token] of fake.ledger.tokenStatus) {
      if (id === revoked.slice(4, 16)) {
        fake.ledger.tokenStatus.set(id, { ...token, revokedAt: new Date().toISOString() });
      }
    }
    const flipped = valid.slice(0, -1) + (valid.endsWith("0") ? "1" : "0");
    for (const token of [undefined, "nonsense", flipped, revoked]) {
      const response = await call(fake, route, LOG, token);
      if (allowed === "anyone") {
        assert.ok(response.ok);
        continue;
      }
      const problem = await problemIn(response);
      assert.equal(problem.code, "unauthenticated");
      assert.equal(response.headers.get("www-authenticate"), "Bearer");
    }
  });

  if (!route.path.includes(":log")) continue;
  test(`${name}: a log that the token is not bound to looks like one that is not there`, async () => {
    const fake = await makeFilled();
    const token = fake.token(ROLES, [LOG, "acme*"]);
    const foreign = await problemIn(await call(fake, route, OTHER_LOG, token));
    const absent = await problemIn(await call(fake, route, "zeta.absent", token));
    assert.equal(foreign.code, "forbidden");
    assert.deepEqual({ ...absent, request_id: "" }, { ...foreign, request_id: "" });
    const unknown = await problemIn(await call(fake, route, "acme.absent", token));
    assert.equal(unknown.code, "log_unknown");
  });

  test(`${name}: neither does an index that is away tell which logs there are`, async () => {
    const fake = await makeFilled();
    fake.ledger.refusals.admit = { code: "vault_unreachable", detail: "away" };
    const token = fake.token(ROLES, ["acme*"]);
    assert.equal((await problemIn(await call(fake, route, OTHER_LOG, token))).code, "forbidden");
    assert.equal(
      (await problemIn(await call(fake, route, LOG, undefined))).code,
      "unauthenticated",
    );
    assert.equal((await problemIn(await call(fake, route, LOG, token))).code, "vault_unreachable");
  });

  test(`${name}: a star does not cover the instance's own logs`, async () => {
    const fake = await makeFilled();
    const token = fake.token(ROLES, ["*"]);
    for (const log of ["_system", "_access", "_absent"]) {
      assert.equal((await problemIn(await call(fake, route, log, token))).code, "forbidden");
    }
  });
}

test("no role may append to a log of the instance, though the token names it", async () => {
  const fake = await makeFake();
  for (const log of ["_system", "_access"]) {
    const token = fake.token(ROLES, [log, "*"]);
    const response = await fake.ask("POST", `/v1/logs/${log}/entries`, { token, body: event("a") });
    assert.equal((await problemIn(response)).code, "forbidden");
  }
  assert.deepEqual(
    fake.ledger.calls.filter((name) => name.startsWith("append")),
    [],
  );
});

test("a public log is served to anybody under /tlog, and nowhere else", async () => {
  const fake = await makeFilled();
  for (const route of ROUTES.filter(({ path }) => path.includes(":log"))) {
    const response = await call(fake, route, PUBLIC_LOG, undefined);
    const isTlog = route.path.startsWith("/tlog/");
    assert.equal(response.status, isTlog ? 200 : 401, nameOf(route));
    if (isTlog) assert.match(response.headers.get("cache-control")!, /^public/);
  }
  // Who is bound elsewhere is somebody, too; but a token that is none is refused.
  const elsewhere = fake.token(["writer"], [OTHER_LOG]);
  const path = `/tlog/${PUBLIC_LOG}/checkpoint`;
  assert.equal((await fake.ask("GET", path, { token: elsewhere })).status, 200);
  assert.equal((await fake.ask("GET", path, { token: "ind_x" })).status, 401);
});

test("a private log under /tlog is nobody's to keep", async () => {
  const fake = await makeFilled();
  const token = fake.token(["reader"]);
  const response = await fake.ask("GET", `/tlog/${LOG}/tile/0/000.p/3`, { token });
  assert.equal(response.headers.get("cache-control"), "private, no-store");
});

test("a token that is bound to networks is refused everywhere from elsewhere", async () => {
  const fake = await makeFilled();
  const token = fake.token(ROLES);
  for (const [id, known] of fake.ledger.tokenStatus) {
    fake.ledger.tokenStatus.set(id, { ...known, networks: ["10.0.0.0/8"] });
  }
  for (const route of ROUTES.filter((known) => ALLOWED[nameOf(known)] !== "anyone")) {
    for (const address of [null, "192.0.2.1", "::1"]) {
      const headers = address === null ? {} : { "cf-connecting-ip": address };
      const response = await call(fake, route, LOG, token, headers);
      assert.equal((await problemIn(response)).code, "forbidden", nameOf(route));
    }
  }
  const headers = { "cf-connecting-ip": "::ffff:10.1.2.3" };
  assert.equal((await fake.ask("GET", "/v1/logs", { token, headers })).status, 200);
});

test("other methods at a known address are 405 and name those that it takes", async () => {
  const fake = await makeFake();
  const paths = new Map<string, string[]>();
  for (const route of ROUTES) {
    const path = pathOf(route, LOG);
    paths.set(path, [...(paths.get(path) ?? []), route.method]);
  }
  for (const [path, methods] of paths) {
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]) {
      if (methods.includes(method)) continue;
      const response = await fake.ask(method, path);
      assert.equal(response.status, 405, `${method} ${path}`);
      assert.deepEqual(response.headers.get("allow")!.split(", ").sort(), [...methods].sort());
    }
  }
});

test("an address that is none is 404, for everybody and with every method", async () => {
  const fake = await makeFake();
  const token = fake.token(ROLES, ["*"]);
  for (const path of ["/", "/v1", "/v1/logs/", `/v1/logs/${LOG}/`, "/v1/audits/"]) {
    for (const options of [{}, { token }]) {
      const problem = await problemIn(await fake.ask("GET", path, options));
      assert.equal(problem.code, "route_unknown", path);
    }
  }
});

test("a query parameter that the route does not know, or that comes twice, is refused by name", async () => {
  const fake = await makeFilled();
  for (const route of ROUTES) {
    const token = fake.token(ROLES, ["*"]);
    const path = pathOf(route, LOG);
    for (const query of ["nonsense=1", "ack=sealed&ack=sealed", "limit=1&limit=2", "%00=1"]) {
      const body = bodyOf(nameOf(route));
      const address = path + (path.includes("?") ? "&" : "?") + query;
      const response = await fake.ask(route.method, address, { token, body });
      const problem = await problemIn(response);
      assert.equal(problem.code, "invalid_request", `${nameOf(route)}?${query}`);
      assert.match(problem.errors![0]!.pointer, /^\?/);
    }
  }
});

test("every answer names its request and forbids framing, sniffing and other origins", async () => {
  const fake = await makeFilled();
  const seen = new Set<string>();
  for (const route of ROUTES) {
    for (const token of [undefined, fake.token(ROLES, ["*"])]) {
      const response = await call(fake, route, LOG, token);
      const { headers } = response;
      seen.add(headers.get("x-request-id")!);
      assert.equal(headers.get("x-content-type-options"), "nosniff");
      assert.match(headers.get("content-security-policy")!, /default-src 'none'/);
      assert.equal(headers.get("access-control-allow-origin"), null);
      if (response.status >= 400) {
        assert.equal((await problemIn(response)).request_id, headers.get("x-request-id"));
      }
    }
  }
  assert.equal(seen.size, 2 * ROUTES.length);
});
