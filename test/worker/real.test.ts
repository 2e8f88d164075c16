/**
 * The HTTP side on the real parts, by clients over sockets: rights on every route, refusals that arrive though the
 * client is still sending, bodies that stall, streams that nobody reads. One instance for all of it.
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import test, { after, before } from "node:test";
import { parseVkey } from "../../storage/log/note.ts";
import { checkReceipt } from "../../storage/log/receipt.ts";
import type { AppendAnswer, Role } from "../../worker/ledger-api.ts";
import { ROUTES } from "../../worker/routes.ts";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { ALLOWED, BEYOND_ONE_LOG, bodyOf, nameOf, pathOf, ROLES } from "./expected.ts";
import { event, LOG, OTHER_LOG, problemIn, PUBLIC_LOG } from "./fake.ts";

const MIB = 1024 * 1024;
/** Beyond `STALL_MS_MAX` by what a busy machine may take. */
const STALL_LIMIT_MS = 60_000;

let instance: TestInstance;

interface Options {
  readonly token?: string | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

async function ask(method: string, path: string, { token, body, headers = {} }: Options = {}) {
  const isRaw =
    body instanceof Uint8Array || body instanceof ReadableStream || typeof body === "string";
  return fetch(instance.url + path, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isRaw ? body : JSON.stringify(body), duplex: "half" }),
  });
}

async function json<T>(response: Response, status = 200): Promise<T> {
  const text = await response.text();
  assert.equal(response.status, status, text);
  return JSON.parse(text) as T;
}

async function newToken(roles: readonly Role[], logs: readonly string[]) {
  const body = { roles, logs };
  const token = instance.tokens.admin;
  return json<{ id: string; token: string }>(await ask("POST", "/v1/tokens", { token, body }), 201);
}

async function sizeOf(log: string): Promise<number> {
  const token = instance.tokens.admin;
  return (await json<{ size: number }>(await ask("GET", `/v1/logs/${log}`, { token }))).size;
}

let writer: string;
let auditId: string;

before(async () => {
  instance = await startInstance();
  for (const name of [LOG, OTHER_LOG, PUBLIC_LOG]) {
    const body = { name, retention_days: 1, public: name === PUBLIC_LOG };
    await json(await ask("POST", "/v1/logs", { token: instance.tokens.admin, body }), 201);
  }
  writer = (await newToken(["writer"], ["*"])).token;
  for (const name of [LOG, OTHER_LOG, PUBLIC_LOG]) {
    const body = ["a", "b", "c"].map((action) => event(action));
    const path = `/v1/logs/${name}/entries?ack=sealed`;
    await json(await ask("POST", path, { token: writer, body }), 201);
  }
  const { token } = await newToken(["auditor"], [LOG]);
  const asked = await ask("POST", "/v1/audits", { token, body: { log: LOG } });
  auditId = (await json<{ id: string }>(asked, 202)).id;
});

after(async () => {
  await instance?.stop();
});

test("every route: each role for its own log, a foreign one, an absent one, and no token", async () => {
  for (const role of ROLES) {
    const { token, id } = await newToken([role], [LOG, "acme.absent"]);
    for (const route of ROUTES) {
      const allowed = ALLOWED[nameOf(route)]!;
      const body = bodyOf(nameOf(route));
      const call = (log: string, by?: string) =>
        ask(route.method, pathOf(route, log, id, auditId), { token: by, body });
      const what = `${role} ${nameOf(route)}`;
      const own = await call(LOG, token);
      const may = allowed === "anyone" || allowed.includes(role);
      const isBeyond = BEYOND_ONE_LOG.includes(nameOf(route));
      if (may && !isBeyond) assert.ok(own.ok, `${what}: ${own.status} ${await own.text()}`);
      else assert.equal((await problemIn(own)).code, "forbidden", what);
      const none = await call(LOG);
      const isOpen = allowed === "anyone" || nameOf(route) === "GET /metrics";
      assert.equal(none.status, isOpen ? none.status : 401, what);
      if (!route.path.includes(":log")) continue;
      const foreign = await problemIn(await call(OTHER_LOG, token));
      const unknown = await problemIn(await call("zeta.unknown", token));
      assert.deepEqual([foreign.code, unknown.code], ["forbidden", "forbidden"], what);
      assert.equal(foreign.detail, unknown.detail);
      const absent = await problemIn(await call("acme.absent", token));
      // A writer has a right to receipts of a log, though not to everybody's.
      const isBound = may || (role === "writer" && route.path.endsWith("/proof"));
      assert.equal(absent.code, isBound ? "log_unknown" : "forbidden", what);
    }
  }
});

test("a public log is read under /tlog without a token, the others are not", async () => {
  for (const path of ["checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3"]) {
    assert.equal((await ask("GET", `/tlog/${PUBLIC_LOG}/${path}`)).status, 200);
    assert.equal((await ask("GET", `/tlog/${LOG}/${path}`)).status, 401);
    assert.equal((await ask("GET", `/tlog/zeta.unknown/${path}`)).status, 401);
  }
});

test("numbers are for this machine and for tokens", async () => {
  assert.match(await (await ask("GET", "/metrics")).text(), /^indelible_entries \d+$/m);
  const headers = { "x-forwarded-for": "192.0.2.1" };
  assert.equal((await ask("GET", "/metrics", { headers })).status, 401);
  assert.equal((await ask("GET", "/metrics", { headers, token: writer })).status, 200);
});

test("a revoked token is refused by the next read and the next append", async () => {
  const { token, id } = await newToken(["writer", "reader"], [LOG]);
  const path = `/v1/logs/${LOG}/entries`;
  assert.equal((await ask("POST", path, { token, body: event("a") })).status, 201);
  assert.equal((await ask("GET", path, { token })).status, 200);
  const revoked = await ask("DELETE", `/v1/tokens/${id}`, { token: instance.tokens.admin });
  assert.equal(revoked.status, 200);
  const size = await sizeOf(LOG);
  assert.equal((await problemIn(await ask("GET", path, { token }))).code, "unauthenticated");
  const append = await problemIn(await ask("POST", path, { token, body: event("a") }));
  assert.equal(append.code, "unauthenticated");
  assert.equal(await sizeOf(LOG), size);
});

test("the same event sent 50 times at once is one entry with one receipt", async () => {
  const path = `/v1/logs/${LOG}/entries`;
  const body = event("once", { id: crypto.randomUUID() });
  const answers = await Promise.all(
    Array.from({ length: 50 }, async () =>
      json<AppendAnswer>(await ask("POST", path, { token: writer, body }), 201),
    ),
  );
  const places = answers.map(
    ({ entries: [entry] }) => `${entry!.seq} ${entry!.hash} ${entry!.time}`,
  );
  assert.equal(new Set(places).size, 1);
  assert.equal(answers.filter(({ count }) => count === 1).length, 1);
  const other = await ask("POST", path, { token: writer, body: { ...body, action: "twice" } });
  const problem = await problemIn(other);
  assert.deepEqual([problem.code, problem.errors![0]!.pointer], ["id_conflict", "/id"]);
});

test("a receipt of each way of writing verifies, before and after the seal", async () => {
  const path = `/v1/logs/${LOG}/entries`;
  const auditor = (await newToken(["auditor"], [LOG])).token;
  const type = { "content-type": "application/x-ndjson" };
  const lines = `${JSON.stringify(event("line"))}\n`.repeat(3);
  const answers = [
    await ask("POST", path, { token: writer, body: event("one") }),
    await ask("POST", path, { token: writer, body: [event("two"), event("three")] }),
    await ask("POST", path, { token: writer, body: lines, headers: type }),
  ];
  const entries = (await Promise.all(answers.map((each) => json<AppendAnswer>(each, 201)))).flatMap(
    (each) => each.entries,
  );
  assert.equal(entries.length, 6);
  const keys = await json<Record<"vkey" | "receipt_vkey", string>>(
    await ask("GET", `/v1/logs/${LOG}`, { token: auditor }),
  );
  const known = [parseVkey(keys.vkey), parseVkey(keys.receipt_vkey)];
  const check = async () => {
    for (const { seq } of entries) {
      const accept = { accept: "application/x-ndjson" };
      const line = await ask("GET", `${path}/${seq}`, { token: auditor, headers: accept });
      const receipt = await ask("GET", `${path}/${seq}/proof`, { token: auditor });
      const checked = await checkReceipt(
        await receipt.text(),
        (await line.text()).trimEnd(),
        known,
      );
      assert.equal(checked.seq, seq);
    }
  };
  await check();
  // It may have been sealed by its age a moment before: then nothing waits.
  const sealed = await ask("POST", `/v1/logs/${LOG}/seal`, { token: auditor });
  assert.ok(sealed.ok, String(sealed.status));
  await check();
  const newest = await ask("GET", `/v1/logs/${LOG}/seals?limit=1`, { token: auditor });
  const { seals } = await json<{ seals: { first: number; sha256: string }[] }>(newest);
  const { first, sha256 } = seals[0]!;
  const object = await ask("GET", `/v1/logs/${LOG}/seals/${first}`, { token: auditor });
  const digest = await crypto.subtle.digest("SHA-256", await object.arrayBuffer());
  assert.equal(Buffer.from(digest).toString("hex"), sha256);
});

test("what is refused writes nothing, and a client that is still sending hears why", async () => {
  const before = await sizeOf(LOG);
  const path = `/v1/logs/${LOG}/entries`;
  const chunked = (bytes: number) => {
    let left = bytes;
    return new ReadableStream<Uint8Array>({
      pull(controller) {
        if (left <= 0) return controller.close();
        left -= 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
    });
  };
  const cases: [string, () => Options][] = [
    ["unauthenticated", () => ({ body: Buffer.alloc(8 * MIB, 0x20) })],
    ["unauthenticated", () => ({ body: chunked(8 * MIB) })],
    ["invalid_json", () => ({ token: writer, body: Buffer.alloc(8 * MIB, 0x20) })],
    ["body_too_large", () => ({ token: writer, body: Buffer.alloc(9 * MIB, 0x20) })],
    ["body_too_large", () => ({ token: writer, body: Buffer.alloc(20 * MIB, 0x20) })],
    ["body_too_large", () => ({ token: writer, body: chunked(20 * MIB) })],
    [
      "unsupported_media_type",
      () => ({ token: writer, body: Buffer.alloc(MIB), headers: { "content-type": "text/csv" } }),
    ],
    ["invalid_json", () => ({ token: writer, body: "[".repeat(100_000) })],
    ["invalid_json", () => ({ token: writer, body: '{"a":'.repeat(100_000) })],
    ["entry_too_large", () => ({ token: writer, body: [event("a"), tooLarge] })],
  ];
  for (const [code, options] of cases) {
    for (let round = 0; round < 3; round++) {
      assert.equal((await problemIn(await ask("POST", path, options()))).code, code);
    }
  }
  assert.equal(await sizeOf(LOG), before);
});

/** Its event fits into a line by itself, but not with what stands around it there. */
const tooLarge = event("a", { details: { text: "x".repeat(65_400) } });

test("a body that stalls is 408, while others are served", async () => {
  const { hostname, port } = new URL(instance.url);
  const heads = ["Content-Length: 100", "Content-Length: 1000000", "Transfer-Encoding: chunked"];
  const stalled = heads.map(
    (head) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(Number(port), hostname);
        const limit = setTimeout(() => socket.destroy(new Error("no answer")), STALL_LIMIT_MS);
        let text = "";
        socket.on("data", (data) => {
          text += String(data);
          if (text.includes("request_timeout")) socket.end();
        });
        socket.on("error", reject);
        socket.on("close", () => {
          clearTimeout(limit);
          resolve(text);
        });
        const first = head.startsWith("T") ? "1\r\n{\r\n" : "{";
        socket.write(
          `POST /v1/logs/${LOG}/entries HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${writer}\r\n` +
            `Content-Type: application/json\r\n${head}\r\n\r\n${first}`,
        );
      }),
  );
  const path = `/v1/logs/${LOG}/entries`;
  assert.equal((await ask("POST", path, { token: writer, body: event("a") })).status, 201);
  for (const answer of await Promise.all(stalled)) {
    assert.match(answer, /^HTTP\/1\.1 408 /);
    assert.match(answer, /request_timeout/);
  }
});

test("a stream that nobody reads keeps nobody from writing, and goes on when it is read", async () => {
  const path = `/v1/logs/${OTHER_LOG}/entries`;
  const large = event("a", { details: { text: "x".repeat(8_000) } });
  const body = Array.from({ length: 900 }, () => large);
  for (let round = 0; round < 3; round++) {
    await json(await ask("POST", path, { token: writer, body }), 201);
  }
  const { token } = await newToken(["reader"], [OTHER_LOG]);
  const headers = { accept: "application/x-ndjson" };
  const size = await sizeOf(OTHER_LOG);
  const stream = await ask("GET", `${path}?order=asc`, { token, headers });
  const reader = stream.body!.getReader();
  let text = Buffer.from((await reader.read()).value).toString();
  for (let round = 0; round < 100; round++) {
    await json(await ask("POST", path, { token: writer, body: event("b") }), 201);
  }
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    text += Buffer.from(value).toString();
  }
  // As long as the log was when it was asked for.
  assert.equal(text.split("\n").length - 1, size);
  assert.match(text, new RegExp(`"seq":${size - 1},"time":"[^"]+","v":1}\n$`));
});

test("other methods, unknown addresses and parameters are refused", async () => {
  for (const method of ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
    const response = await ask(method, `/v1/logs/${LOG}/entries`);
    assert.equal(response.status, 405);
    assert.deepEqual(response.headers.get("allow")!.split(", ").sort(), ["GET", "POST"]);
  }
  assert.equal((await problemIn(await ask("GET", "/v1/nothing"))).code, "route_unknown");
  const token = instance.tokens.demo;
  const response = await ask("GET", "/v1/logs/demo/entries?limitt=1", { token });
  assert.equal((await problemIn(response)).errors![0]!.pointer, "?limitt");
});
