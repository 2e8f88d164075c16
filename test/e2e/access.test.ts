/**
 * Who may do what, on the real instance: every route of the worker's table with every role, with none, with a token of
 * another log. What is expected stands here, written from the contract; a route that is not named here fails.
 */
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { ROUTES } from "../../worker/routes.ts";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { call, readWholeLog, type Reply } from "./client.ts";
import { filesOf } from "./folders.ts";
import { assertProblem } from "./problems.ts";
import { sealNow } from "./sealing.ts";
import { makeLog, makeToken, type MadeToken, type RoleName } from "./tokens.ts";
import { until } from "./until.ts";

const OWN = "acme.own";
const FOREIGN = "zeta";
const PUBLIC = "pub";
const ROLES: readonly RoleName[] = ["writer", "reader", "auditor", "admin"];
const EVENT = { action: "a", actor: { id: "b" } };

interface Expected {
  /** Roles that may, for a log they are bound to. */
  readonly may: readonly RoleName[];
  /** What who may is answered. */
  readonly status: number;
  readonly body?: (log: string) => unknown;
  /** The route speaks of no log, so a token of another log may as well. */
  readonly anyLog?: true;
  /** Not even a token is needed. */
  readonly open?: true;
}

const READ: readonly RoleName[] = ["reader", "auditor"];

/** By method and path of the route table (API §4–5). */
const EXPECTED: Readonly<Record<string, Expected>> = {
  "POST /v1/logs/:log/entries": { may: ["writer"], status: 201, body: () => EVENT },
  "GET /v1/logs/:log/entries": { may: READ, status: 200 },
  "GET /v1/logs/:log/stats": { may: READ, status: 200 },
  "GET /v1/entries": { may: READ, status: 200, anyLog: true },
  "GET /v1/logs/:log/entries/:seq": { may: READ, status: 200 },
  // Entry 0 was written by the very token that tries.
  "GET /v1/logs/:log/entries/:seq/proof": { may: [...READ, "writer"], status: 200 },
  "GET /v1/logs/:log/checkpoint": { may: READ, status: 200 },
  "GET /v1/logs/:log/consistency": { may: READ, status: 200 },
  "GET /v1/logs/:log/export": { may: ["auditor"], status: 200 },
  "GET /v1/logs/:log/seals": { may: ["auditor"], status: 200 },
  "GET /v1/logs/:log/seals/:first": { may: ["auditor"], status: 200 },
  "GET /v1/logs/:log/seals/:first/lock": { may: ["auditor"], status: 200 },
  "POST /v1/logs/:log/seal": { may: ["auditor", "admin"], status: 200 },
  "GET /v1/logs/:log": { may: ROLES, status: 200 },
  "PATCH /v1/logs/:log": { may: ["admin"], status: 200, body: () => ({ description: "changed" }) },
  "GET /v1/logs": { may: ROLES, status: 200, anyLog: true },
  "POST /v1/logs": {
    may: ["admin"],
    status: 409,
    body: (log) => ({ name: log, retention_days: 1 }),
  },
  "POST /v1/tokens": {
    may: ["admin"],
    status: 201,
    body: (log) => ({ roles: ["reader"], logs: [log] }),
  },
  "GET /v1/tokens": { may: ["admin"], status: 200, anyLog: true },
  "POST /v1/tokens/:id/rotate": { may: ["admin"], status: 201, body: () => ({}) },
  "DELETE /v1/tokens/:id": { may: ["admin"], status: 200 },
  "GET /v1/approvals": { may: ["admin"], status: 200, anyLog: true },
  // There is none with the id of a token; who administers everything is told so.
  "POST /v1/approvals/:id": { may: [], status: 404, body: () => ({ decision: "refuse" }) },
  "POST /v1/audits": { may: ["auditor"], status: 202, body: (log) => ({ log }) },
  "GET /v1/audits": { may: ["auditor"], status: 200, anyLog: true },
  // There is none of this name.
  "GET /v1/audits/:audit": { may: ["auditor"], status: 404, anyLog: true },
  "GET /v1/findings": { may: ["auditor"], status: 200, anyLog: true },
  // For the log demo alone.
  "POST /v1/logs/:log/cheats": { may: [], status: 403 },
  "GET /v1/session": { may: ROLES, status: 200, anyLog: true, open: true },
  // Not from anywhere but the page, whatever the token.
  "POST /v1/session": { may: ROLES, status: 403, anyLog: true, open: true, body: () => ({}) },
  "DELETE /v1/session": { may: ROLES, status: 204, anyLog: true, open: true },
  // For administrators of everything.
  "GET /v1/sessions": { may: [], status: 200 },
  "DELETE /v1/sessions/:id": { may: [], status: 204 },
  "POST /v1/webhooks": { may: [], status: 201, body: () => ({ url: "https://example.org/" }) },
  "GET /v1/webhooks": { may: [], status: 200 },
  "PATCH /v1/webhooks/:id": { may: [], status: 200, body: () => ({ description: "changed" }) },
  "DELETE /v1/webhooks/:id": { may: [], status: 204 },
  "POST /v1/webhooks/:id/rotate": { may: [], status: 200, body: () => ({}) },
  "POST /v1/webhooks/:id/test": { may: [], status: 200 },
  "GET /v1/webhooks/:id/deliveries": { may: [], status: 200 },
  "POST /v1/webhooks/:id/redeliver": { may: [], status: 200 },
  "GET /tlog/:log/checkpoint": { may: READ, status: 200 },
  "GET /tlog/:log/tile/:rest{.+}": { may: READ, status: 200 },
  "GET /healthz": { may: ROLES, status: 200, anyLog: true, open: true },
  "GET /readyz": { may: ROLES, status: 200, anyLog: true, open: true },
  "GET /openapi.json": { may: ROLES, status: 200, anyLog: true, open: true },
  // From this machine nobody needs a token; behind a proxy everybody does.
  "GET /metrics": { may: ROLES, status: 200, anyLog: true },
};

const BEHIND_PROXY = { "x-forwarded-for": "192.0.2.1" };

let instance: TestInstance;
const own = new Map<RoleName, MadeToken>();
const foreign = new Map<RoleName, MadeToken>();

before(async () => {
  instance = await startInstance({ env: { INDELIBLE_SEAL_SECONDS: "600" } });
  const { url, tokens } = instance;
  for (const name of [OWN, FOREIGN]) await makeLog(url, tokens.admin, { name });
  await makeLog(url, tokens.admin, { name: PUBLIC, public: true });
  for (const role of ROLES) {
    own.set(role, await makeToken(url, tokens.admin, { roles: [role], logs: [OWN] }));
    foreign.set(role, await makeToken(url, tokens.admin, { roles: [role], logs: [FOREIGN] }));
  }
  const all = await makeToken(url, tokens.admin, { roles: ["writer", "auditor"], logs: ["*"] });
  await post(OWN, own.get("writer")!.token);
  for (const log of [FOREIGN, PUBLIC]) await post(log, all.token);
  for (const log of [OWN, FOREIGN, PUBLIC]) await sealNow(url, log, all.token);
});
after(() => instance.stop());

async function post(log: string, token: string): Promise<Reply> {
  const path = `/v1/logs/${log}/entries`;
  return call(instance.url, path, { token, body: JSON.stringify(EVENT) });
}

interface Attempt {
  readonly token?: string | undefined;
  readonly log?: string;
}

/** Asks one route about a log, with all that it needs. */
async function attempt(key: string, { token, log = OWN }: Attempt): Promise<Reply> {
  const [method, path] = key.split(" ") as [string, string];
  const { body } = EXPECTED[key]!;
  const victim = path.includes(":id") ? await makeVictim(log) : "";
  const query = path.endsWith("/consistency") ? "?from=0&to=1" : "";
  const address = path
    .replace(":log", log)
    .replace(":seq", "0")
    .replace(":first", "0")
    .replace(":id", victim)
    .replace(":rest{.+}", "0/000.p/1");
  if (key === "POST /v1/logs/:log/seal") await post(OWN, own.get("writer")!.token);
  return call(instance.url, address + query, {
    method,
    headers: BEHIND_PROXY,
    ...(token === undefined ? {} : { token }),
    ...(body === undefined ? {} : { body: JSON.stringify(body(log)) }),
  });
}

async function makeVictim(log: string): Promise<string> {
  const wanted = { roles: ["reader"], logs: [log] } as const;
  return (await makeToken(instance.url, instance.tokens.admin, wanted)).id;
}

test("what is expected here covers the worker's route table, and nothing else", () => {
  const known = ROUTES.map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(known.sort(), Object.keys(EXPECTED).sort());
});

for (const [key, expected] of Object.entries(EXPECTED)) {
  test(`${key}: ${expected.may.join(", ")}`, async () => {
    const madeUp = `ind_${"0".repeat(12)}_${"A".repeat(43)}AAAAAA`;
    for (const token of [undefined, "nonsense", madeUp]) {
      const reply = await attempt(key, { token });
      if (expected.open === true) assert.equal(reply.status, expected.status);
      else assertProblem(reply, 401, "unauthenticated");
    }
    for (const role of ROLES) {
      const allowed = expected.may.includes(role);
      const reply = await attempt(key, { token: own.get(role)!.token });
      if (allowed) assert.equal(reply.status, expected.status, `${role}: ${reply.text}`);
      else assertProblem(reply, 403, "forbidden");
      const other = await attempt(key, { token: foreign.get(role)!.token });
      if (allowed && expected.anyLog === true) assert.equal(other.status, expected.status, role);
      else assertProblem(other, 403, "forbidden");
    }
  });
}

test("a log that is there and one that is not look the same from outside", async () => {
  for (const key of Object.keys(EXPECTED).filter((each) => each.includes(":log"))) {
    for (const role of ROLES) {
      const { token } = own.get(role)!;
      const texts = [];
      for (const log of [FOREIGN, "nothere", "_system", "_nothere"]) {
        const problem = assertProblem(await attempt(key, { token, log }), 403, "forbidden");
        const isSystem = log.startsWith("_") && key === "POST /v1/logs/:log/entries";
        if (!isSystem) texts.push(problem.detail);
      }
      assert.equal(new Set(texts).size, 1, key);
    }
    for (const log of [FOREIGN, "nothere", "_system"]) {
      assertProblem(await attempt(key, { log }), 401, "unauthenticated");
    }
  }
});

test("a public log is open to everybody by its tiles alone; a wrong token is refused even there", async () => {
  const ask = (path: string, token?: string) =>
    call(instance.url, path, token === undefined ? {} : { token });
  for (const path of [`/tlog/${PUBLIC}/checkpoint`, `/tlog/${PUBLIC}/tile/0/000.p/1`]) {
    assert.equal((await ask(path)).status, 200);
    assertProblem(await ask(path, "nonsense"), 401, "unauthenticated");
    assert.equal((await ask(path, own.get("reader")!.token)).status, 200);
  }
  for (const path of ["", "/entries", "/checkpoint", "/seals"]) {
    assertProblem(await ask(`/v1/logs/${PUBLIC}${path}`), 401, "unauthenticated");
  }
});

test("a writer proves its own entries and no others; nobody writes to the instance's own logs", async () => {
  const { url, tokens } = instance;
  const other = await makeToken(url, tokens.admin, { roles: ["writer"], logs: [OWN] });
  const proof = `/v1/logs/${OWN}/entries/0/proof`;
  assertProblem(await call(url, proof, { token: other.token }), 403, "forbidden");
  const both = await makeToken(url, tokens.admin, {
    roles: ["writer", "reader", "auditor", "admin"],
    logs: ["*", "_system", "_access"],
  });
  assert.equal((await call(url, proof, { token: both.token })).status, 200);
  for (const log of ["_system", "_access", "_nothere"]) {
    assertProblem(await post(log, both.token), 403, "forbidden");
  }
});

test("an administrator grants, sees and revokes within his own patterns only", async () => {
  const { url, tokens } = instance;
  const scoped = await makeToken(url, tokens.admin, { roles: ["admin"], logs: ["acme.*"] });
  const grant = (body: object) =>
    call(url, "/v1/tokens", { token: scoped.token, body: JSON.stringify(body) });
  for (const logs of [["acme.own"], ["acme.*"], ["acme.sub.*"], ["acme.new", "acme.own"]]) {
    assert.equal((await grant({ roles: ["reader", "writer", "auditor"], logs })).status, 201);
  }
  for (const logs of [["acme"], ["acme*"], ["*"], ["zeta"], ["acme.own", "zeta"], ["_system"]]) {
    assertProblem(await grant({ roles: ["reader"], logs }), 403, "forbidden");
  }
  assertProblem(await grant({ roles: ["admin"], logs: ["acme.own"] }), 403, "forbidden");
  const listed = (await call(url, "/v1/tokens", { token: scoped.token })).json<{
    tokens: { logs: string[]; roles: string[] }[];
  }>();
  assert.ok(listed.tokens.length >= 4);
  for (const { logs, roles } of listed.tokens) {
    assert.ok(logs.every((log) => log.startsWith("acme.")));
    assert.ok(!roles.includes("admin"));
  }
  for (const { id } of [
    foreign.get("reader")!,
    own.get("admin")!,
    scoped,
    { id: "0".repeat(12) },
  ]) {
    const reply = await call(url, `/v1/tokens/${id}`, { method: "DELETE", token: scoped.token });
    assertProblem(reply, 403, "forbidden");
  }
  const names = (await call(url, "/v1/logs", { token: scoped.token })).json<{
    logs: { name: string }[];
  }>();
  assert.deepEqual(
    names.logs.map(({ name }) => name),
    [OWN],
  );
  const log = (name: string) =>
    call(url, "/v1/logs", {
      token: scoped.token,
      body: JSON.stringify({ name, retention_days: 1 }),
    });
  assert.equal((await log("acme.made")).status, 201);
  for (const name of ["zeta", "zeta.new", "acme"]) {
    assertProblem(await log(name), 403, "forbidden");
  }
});

test("a revocation is effective for the next request, append or read", async () => {
  const { url, tokens } = instance;
  const made = await makeToken(url, tokens.admin, { roles: ["writer", "reader"], logs: [OWN] });
  const read = () => call(url, `/v1/logs/${OWN}/entries`, { token: made.token });
  assert.equal((await post(OWN, made.token)).status, 201);
  assert.equal((await read()).status, 200);
  // Appends that are under way while it happens: each is answered 201 or 401, and none 201 later than the revocation.
  let revoked = false;
  const late: number[] = [];
  const writers = Array.from({ length: 4 }, async () => {
    for (;;) {
      const sentAfter = revoked;
      const { status } = await post(OWN, made.token);
      if (sentAfter) return late.push(status);
      assert.ok(status === 201 || status === 401);
    }
  });
  const reply = await call(url, `/v1/tokens/${made.id}`, { method: "DELETE", token: tokens.admin });
  revoked = true;
  assert.equal(reply.status, 200, reply.text);
  assert.deepEqual(reply.json(), { id: made.id, sealed: true });
  assertProblem(await read(), 401, "unauthenticated");
  assertProblem(await post(OWN, made.token), 401, "unauthenticated");
  await Promise.all(writers);
  assert.deepEqual(late, [401, 401, 401, 401]);
});

test("a token expires by itself", async () => {
  const { url, tokens } = instance;
  const made = await makeToken(url, tokens.admin, {
    ...{ roles: ["writer", "reader"], logs: [OWN] },
    expires_at: new Date(Date.now() + 5_000).toISOString(),
  });
  const path = `/v1/logs/${OWN}/entries`;
  assert.equal((await call(url, path, { token: made.token })).status, 200);
  await until("the token has expired", async () => {
    return (await call(url, path, { token: made.token })).status === 401;
  });
  assertProblem(await post(OWN, made.token), 401, "unauthenticated");
});

test("no token's secret is on the disk, in _system or in what was printed; only its hash", async () => {
  const { url, tokens, dataDir } = instance;
  const reader = await makeToken(url, tokens.admin, { roles: ["auditor"], logs: ["_system"] });
  const system = await readWholeLog(url, "_system", reader.token);
  const secrets = [...own.values(), ...foreign.values(), reader].map(({ token }) =>
    token.slice(17),
  );
  const firsts = [tokens.admin, tokens.demo].map((token) => token.slice(17));
  const assertClean = (text: string, where: string, words: readonly string[]) => {
    for (const secret of words) assert.ok(!text.includes(secret), where);
  };
  assertClean(system.lines.join("\n"), "_system", [...secrets, ...firsts]);
  assert.match(system.lines.join("\n"), /"sha256":"[0-9a-f]{64}"/);
  assertClean(instance.output(), "the output", [...secrets, ...firsts]);
  // A checkpoint moves what lies in the write-ahead log into the file; both are read.
  let files = 0;
  for await (const { path, bytes } of filesOf(dataDir)) {
    const text = bytes.toString("latin1");
    const words = path.includes("/tokens/") ? secrets : [...secrets, ...firsts];
    assertClean(text, path, words);
    files += 1;
  }
  assert.ok(files > 20);
});

test("tokens, their limits and revocations survive a restart", async () => {
  const admin = instance.tokens.admin;
  const revoked = await makeToken(instance.url, admin, { roles: ["reader"], logs: [OWN] });
  await call(instance.url, `/v1/tokens/${revoked.id}`, { method: "DELETE", token: admin });
  await instance.restart();
  const path = `/v1/logs/${OWN}/entries`;
  assertProblem(await call(instance.url, path, { token: revoked.token }), 401, "unauthenticated");
  assert.equal((await call(instance.url, path, { token: own.get("reader")!.token })).status, 200);
  assert.equal((await post(OWN, own.get("writer")!.token)).status, 201);
  assertProblem(await post(OWN, foreign.get("writer")!.token), 403, "forbidden");
  assertProblem(await post(OWN, own.get("reader")!.token), 403, "forbidden");
});
