/**
 * An issuer's keys: when they are fetched and how often, what becomes of them while the issuer is away, and which documents
 * are taken, from real servers over real sockets.
 */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import test, { type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import type { JWK } from "jose";
import { parseIssuers, type Issuer } from "../../storage/issuers.ts";
import { fetchKeys } from "../../worker/oidc/fetch-keys.ts";
import {
  COOL_DOWN_MS,
  FRESH_MS,
  KEPT_MS,
  KeyKeeper,
  type KeySet,
} from "../../worker/oidc/key-keeper.ts";
import { outgoingCalls, OutgoingError } from "../../worker/outgoing.ts";
import { newSigningKey, startIssuer } from "../parts/issuer.ts";

interface Keeper {
  readonly keeper: KeyKeeper;
  readonly clock: { nowMs: number };
  /** What the issuer answers; `null`: it is away. */
  issuer: { keys: JWK[] | null };
  readonly fetched: () => number;
  readonly lines: string[];
  readonly store: { set: KeySet | undefined };
}

const KEY: JWK = { kty: "EC", kid: "a" };

function keeper(store: { set: KeySet | undefined } = { set: undefined }): Keeper {
  const clock = { nowMs: 1_000_000 };
  const issuer: { keys: JWK[] | null } = { keys: [KEY] };
  const lines: string[] = [];
  let fetched = 0;
  const made = new KeyKeeper("https://login.example.org", {
    fetchKeys: async () => {
      fetched += 1;
      await Promise.resolve();
      if (issuer.keys === null) throw new Error("nobody there");
      return issuer.keys;
    },
    store: { get: async () => store.set, put: async (set) => void (store.set = set) },
    nowMs: () => clock.nowMs,
    report: (level, message) => lines.push(`${level} ${message}`),
  });
  return { keeper: made, clock, issuer, fetched: () => fetched, lines, store };
}

test("callers share a fetch, and use its keys for ten minutes", async () => {
  const at = keeper();
  const sets = await Promise.all(Array.from({ length: 50 }, () => at.keeper.keys(null)));
  assert.ok(sets.every((set) => set?.keys[0] === KEY));
  at.clock.nowMs += FRESH_MS - 1;
  await at.keeper.keys(null);
  assert.equal(at.fetched(), 1);
  at.clock.nowMs += 1;
  at.issuer.keys = [];
  assert.deepEqual((await at.keeper.keys(null))?.keys, [], "a withdrawn key is gone");
  assert.equal(at.fetched(), 2);
});

test("unknown keys make one fetch in a cool-down, however many ask; a newer set answers without one", async () => {
  const at = keeper();
  const first = (await at.keeper.keys(null))!;
  for (let index = 0; index < 100; index++) await at.keeper.keys(first.fetchedAtMs);
  assert.equal(at.fetched(), 1, "the cool-down began with the first fetch");
  at.clock.nowMs += COOL_DOWN_MS;
  await Promise.all(Array.from({ length: 100 }, () => at.keeper.keys(first.fetchedAtMs)));
  assert.equal(at.fetched(), 2);
  at.clock.nowMs += COOL_DOWN_MS;
  const newer = await at.keeper.keys(first.fetchedAtMs);
  assert.equal(newer?.fetchedAtMs, first.fetchedAtMs + COOL_DOWN_MS);
  assert.equal(at.fetched(), 2);
});

test("an issuer that is away: its last keys for a day, and one line when it goes and one when it comes", async () => {
  const at = keeper();
  await at.keeper.keys(null);
  at.issuer.keys = null;
  const startMs = at.clock.nowMs;
  while (at.clock.nowMs - startMs < KEPT_MS - FRESH_MS) {
    at.clock.nowMs += FRESH_MS;
    if (at.clock.nowMs - startMs < KEPT_MS) assert.ok(await at.keeper.keys(null));
  }
  at.clock.nowMs = startMs + KEPT_MS;
  assert.equal(await at.keeper.keys(null), null);
  const tried = at.fetched();
  for (let index = 0; index < 100; index++) assert.equal(await at.keeper.keys(null), null);
  assert.equal(at.fetched(), tried, "where there are no keys either");
  at.issuer.keys = [KEY];
  at.clock.nowMs += COOL_DOWN_MS;
  assert.ok(await at.keeper.keys(null));
  assert.deepEqual(at.lines, [
    "warn an issuer's keys could not be fetched",
    "info an issuer's keys came again",
  ]);
});

test("nobody waits for an issuer that was away a moment ago", async () => {
  let end: (keys: readonly JWK[]) => void = () => undefined;
  const hanging = new Promise<readonly JWK[]>((resolve) => (end = resolve));
  let answer: () => Promise<readonly JWK[]> = async () => [KEY];
  const clock = { nowMs: 0 };
  const at = new KeyKeeper("https://login.example.org", {
    fetchKeys: () => answer(),
    store: { get: async () => undefined, put: async () => undefined },
    nowMs: () => clock.nowMs,
    report: () => undefined,
  });
  await at.keys(null);
  answer = async () => Promise.reject(new Error("away"));
  clock.nowMs += FRESH_MS;
  await at.keys(null);
  answer = () => hanging;
  clock.nowMs += COOL_DOWN_MS;
  assert.equal((await at.keys(null))?.fetchedAtMs, 0, "answered while the fetch hangs");
  end([]);
});

test("keys outlive a restart, and a clock that was put back makes them old, not young", async () => {
  const before = keeper();
  await before.keeper.keys(null);
  const after = keeper(before.store);
  assert.equal((await after.keeper.keys(null))?.keys[0]?.kid, "a");
  assert.equal(after.fetched(), 0);
  after.clock.nowMs -= 1;
  await after.keeper.keys(null);
  assert.equal(after.fetched(), 1);
});

type Answer = (request: IncomingMessage, response: ServerResponse, url: string) => void;

/** A server for one test, and the issuer that it pretends to be. */
async function serve(t: TestContext, answer: Answer): Promise<{ url: string; issuer: Issuer }> {
  const server = createServer((request, response) => answer(request, response, url));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, issuer: issuerAt(url) };
}

function issuerAt(issuer: string, jwksUri?: string): Issuer {
  const rule = { claim: "sub", equals: "x", roles: ["reader"], logs: ["a"] };
  const shape = { issuer, audiences: ["a"], algorithms: ["ES256"], rules: [rule] };
  const value = jwksUri === undefined ? shape : { ...shape, jwks_uri: jwksUri };
  return parseIssuers({ issuers: [value] }, true)[0]!;
}

const calls = outgoingCalls(fetch, true);

test("a real issuer's keys, by its discovery document and by their address", async (t) => {
  const key = await newSigningKey("k1", "ES256");
  const options = { keys: [key], alg: "ES256", audience: "a", groups: [] };
  const issuer = await startIssuer(options);
  t.after(() => issuer.stop());
  const expected = [key.publicJwk];
  assert.deepEqual(await fetchKeys(issuerAt(issuer.url), calls), expected);
  assert.deepEqual(await fetchKeys(issuerAt(issuer.url, `${issuer.url}/jwks`), calls), expected);
});

test("only public keys are kept of a set", async (t) => {
  const keys = [
    ...[
      { kty: "oct", k: "c2VjcmV0", kid: "shared" },
      { kty: "EC", d: "x", kid: "private" },
    ],
    ...[
      { kty: "EC", kid: "public", x5c: ["…"], x5u: "https://evil.example.org" },
      "x",
      null,
      { kid: 5 },
    ],
  ];
  const { url } = await serve(t, (_, response) => response.end(JSON.stringify({ keys })));
  assert.deepEqual(await fetchKeys(issuerAt(url, url), calls), [{ kty: "EC", kid: "public" }]);
});

const refused: Record<string, [Answer, RegExp]> = {
  "another issuer's document": [
    (_, response) => response.end('{"issuer":"https://other","jwks_uri":"https://other/jwks"}'),
    /speaks of another issuer: "https:\/\/other"/,
  ],
  "no address of keys": [(_, response, url) => response.end(`{"issuer":"${url}"}`), /no jwks_uri/],
  "an address of another kind": [
    (_, response, url) => response.end(`{"issuer":"${url}","jwks_uri":"file:///etc/passwd"}`),
    /https/,
  ],
  "a redirect": [
    (_, response, url) => response.writeHead(302, { location: `${url}/elsewhere` }).end(),
    /answers 302/,
  ],
  "an error": [(_, response) => response.writeHead(500).end("{}"), /answers 500/],
  "a page": [(_, response) => response.end("<html>"), /JSON|character/],
  "a list": [(_, response) => response.end("[]"), /JSON/],
  "no keys": [keysAnswer([]), /no public key/],
  "too many keys": [keysAnswer(Array.from({ length: 101 }, () => KEY)), /at most 100/],
  "keys that are none": [keysAnswer({}), /no list/],
  "an endless document": [(_, response) => writeOn(response), /at most 262144 bytes/],
  "a compressed bomb": [
    (_, response) =>
      response
        .writeHead(200, { "content-encoding": "gzip" })
        .end(gzipSync(Buffer.alloc(50_000_000, " "))),
    /at most 262144 bytes/,
  ],
};

function keysAnswer(keys: unknown): Answer {
  return (request, response, url) =>
    response.end(
      JSON.stringify(request.url === "/keys" ? { keys } : { issuer: url, jwks_uri: `${url}/keys` }),
    );
}

function writeOn(response: ServerResponse): void {
  while (!response.destroyed && response.write(" ".repeat(65_536)));
  response.once("drain", () => writeOn(response));
}

for (const [what, [answer, reason]] of Object.entries(refused)) {
  test(`documents that are refused: ${what}`, async (t) => {
    const { issuer } = await serve(t, answer);
    await assert.rejects(fetchKeys(issuer, calls), reason);
  });
}

test("a call ends in time whether the head or the body does not come, and its error names no more than the host", async (t) => {
  const silent = await serve(t, () => undefined);
  const stalling = await serve(t, (_, response) => void response.write("{"));
  for (const { url } of [silent, stalling]) {
    await assert.rejects(calls(`${url}/path?secret=1`, { bytesMax: 10, msMax: 50 }), (error) => {
      assert.ok(error instanceof OutgoingError);
      assert.ok(!error.message.includes("secret"), error.message);
      return true;
    });
  }
});

test("addresses of the inside are not called unless allowed", async (t) => {
  let asked = 0;
  const { url } = await serve(t, (_, response) => {
    asked += 1;
    response.end();
  });
  const guarded = outgoingCalls(fetch, false);
  const limits = { bytesMax: 10, msMax: 1_000 };
  await assert.rejects(guarded(url, limits), /the address does not begin with https/);
  await assert.rejects(guarded(url.replace("http:", "https:"), limits), /loopback/);
  assert.equal(asked, 0);
  assert.equal((await calls(url, limits)).status, 200);
});
