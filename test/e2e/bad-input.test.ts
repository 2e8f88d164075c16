/** What is refused is refused by name and place, as one complete problem document, and writes nothing. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test, { after, afterEach, before } from "node:test";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { call, type Acknowledged, type Call, type Reply } from "./client.ts";
import { assertProblem } from "./problems.ts";
import { sendRaw } from "./raw-request.ts";

const ENTRIES = "/v1/logs/demo/entries";
const JSON_TYPE = "application/json";
const NDJSON_TYPE = "application/x-ndjson";
const GOOD = { action: "a", actor: { id: "b" } };

let instance: TestInstance;
/** What the log must hold after each test. */
let size = 0;

before(async () => {
  instance = await startInstance({ env: { INDELIBLE_SEAL_SECONDS: "600" } });
  const first = await post(JSON.stringify({ ...GOOD, id: "taken" }));
  assert.equal(first.status, 201, first.text);
  size = 1;
});
afterEach(async () => {
  assert.equal(await sizeNow(), size, "a refusal wrote something");
});
after(() => instance.stop());

function post(body: string | Uint8Array, headers: Record<string, string> = {}): Promise<Reply> {
  return call(instance.url, ENTRIES, {
    token: instance.tokens.demo,
    body,
    headers: { "content-type": JSON_TYPE, ...headers },
  });
}

const get = (path: string, more: Call = {}) =>
  call(instance.url, path, { token: instance.tokens.demo, ...more });

async function sizeNow(): Promise<number> {
  const reply = await get("/v1/logs/demo");
  return reply.json<{ size: number }>().size;
}

interface Vectors {
  readonly refused: readonly { readonly text: string; readonly why: string }[];
  readonly refused_bytes_hex: readonly { readonly hex: string; readonly why: string }[];
}

test("every refused row of the vectors is refused over HTTP, by itself and inside of an event", async () => {
  const file = new URL("../vectors/canonical.json", import.meta.url);
  const vectors = JSON.parse(await readFile(file, "utf8")) as Vectors;
  const rows = [
    ...vectors.refused.map(({ text, why }) => ({ bytes: Buffer.from(text), why })),
    ...vectors.refused_bytes_hex.map(({ hex, why }) => ({ bytes: Buffer.from(hex, "hex"), why })),
  ];
  assert.ok(rows.length >= 24);
  for (const { bytes, why } of rows) {
    const inside = Buffer.concat([
      Buffer.from('{"action":"a","actor":{"id":"b"},"details":'),
      bytes,
      Buffer.from("}"),
    ]);
    const list = Buffer.concat([
      Buffer.from(`[${JSON.stringify(GOOD)},`),
      inside,
      Buffer.from("]"),
    ]);
    for (const body of [bytes, inside, list]) {
      const problem = assertProblem(await post(body), 400, "invalid_json");
      assert.ok(problem.detail.length > 10, why);
    }
    const lines = Buffer.concat([Buffer.from(`${JSON.stringify(GOOD)}\n`), inside]);
    const problem = assertProblem(
      await post(lines, { "content-type": NDJSON_TYPE }),
      400,
      "invalid_json",
    );
    // A raw newline ends a line of NDJSON: then it is the half before it that is no JSON.
    assert.match(problem.detail, /^line 2: /, why);
    assert.match(problem.errors?.[0]?.pointer ?? "", /^\/1/, why);
  }
});

test("a body of another type, or none, is 415", async () => {
  for (const type of ["text/plain", "application/xml", "application/json; charset=latin1", ""]) {
    const reply = await sendRaw(instance.url + ENTRIES, {
      headers: {
        authorization: `Bearer ${instance.tokens.demo}`,
        ...(type === "" ? {} : { "content-type": type }),
      },
      parts: [Buffer.from(JSON.stringify(GOOD))],
    });
    assertProblem(reply, 415, "unsupported_media_type");
  }
  const zipped = await post(JSON.stringify(GOOD), { "content-encoding": "gzip" });
  assertProblem(zipped, 415, "unsupported_media_type");
});

test("no event, and too many", async () => {
  assertProblem(await post("[]"), 400, "invalid_request", [""]);
  assertProblem(await post("", { "content-type": NDJSON_TYPE }), 400, "invalid_request", [""]);
  const many = Array.from({ length: 1_001 }, () => GOOD);
  assertProblem(await post(JSON.stringify(many)), 413, "too_many_events");
  const line = `${JSON.stringify(GOOD)}\n`;
  const lines = line.repeat(10_001);
  assertProblem(await post(lines, { "content-type": NDJSON_TYPE }), 413, "too_many_events");
});

test("one bad event among 100 is named, and none is written", async () => {
  const events: unknown[] = Array.from({ length: 100 }, () => GOOD);
  events[41] = { action: "a", actor: {} };
  assertProblem(await post(JSON.stringify(events)), 400, "invalid_event", ["/41/actor/id"]);
  events[77] = { ...GOOD, outcome: "maybe" };
  const lines = events.map((event) => JSON.stringify(event)).join("\n");
  assertProblem(await post(lines, { "content-type": NDJSON_TYPE }), 400, "invalid_event", [
    "/41/actor/id",
    "/77/outcome",
  ]);
});

test("every field that is too long, missing, of another type or unknown is named", async () => {
  const long = (count: number): string => "x".repeat(count);
  const rows: [unknown, string[]][] = [
    [{ ...GOOD, action: long(257) }, ["/action"]],
    [{ ...GOOD, action: "" }, ["/action"]],
    [{ ...GOOD, action: "a\nb" }, ["/action"]],
    [{ ...GOOD, action: 1 }, ["/action"]],
    [{ ...GOOD, actor: "bob" }, ["/actor"]],
    [{ ...GOOD, actor: { id: long(257) } }, ["/actor/id"]],
    [{ ...GOOD, actor: { id: "b", type: long(65) } }, ["/actor/type"]],
    [{ ...GOOD, actor: { id: "b", name: long(257) } }, ["/actor/name"]],
    [{ ...GOOD, actor: { id: "b", email: "x" } }, ["/actor/email"]],
    [{ ...GOOD, targets: [] }, ["/targets"]],
    [{ ...GOOD, targets: Array.from({ length: 33 }, () => ({ id: "t" })) }, ["/targets"]],
    [{ ...GOOD, targets: [{ id: "t" }, { type: "t" }] }, ["/targets/1/id"]],
    [{ ...GOOD, outcome: "unknown" }, ["/outcome"]],
    [{ ...GOOD, occurred_at: "2026-02-30T00:00:00Z" }, ["/occurred_at"]],
    [{ ...GOOD, occurred_at: "yesterday" }, ["/occurred_at"]],
    [{ ...GOOD, id: long(129) }, ["/id"]],
    [{ ...GOOD, id: "" }, ["/id"]],
    [{ ...GOOD, context: { ip: long(513) } }, ["/context/ip"]],
    [{ ...GOOD, context: { host: "h" } }, ["/context/host"]],
    [{ ...GOOD, details: [] }, ["/details"]],
    [{ ...GOOD, details: null }, ["/details"]],
    [{ ...GOOD, "a/b~c": 1 }, ["/a~1b~0c"]],
    [{ ...GOOD, severity: "high" }, ["/severity"]],
    [{}, ["/action", "/actor"]],
    ["text", [""]],
    [7, [""]],
    [null, [""]],
  ];
  for (const [event, pointers] of rows) {
    assertProblem(await post(JSON.stringify(event)), 400, "invalid_event", pointers);
    const inList = pointers.map((pointer) => `/1${pointer}`);
    assertProblem(await post(JSON.stringify([GOOD, event])), 400, "invalid_event", inList);
  }
  const everything = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`m${n}`, n]));
  const problem = assertProblem(await post(JSON.stringify(everything)), 400, "invalid_event");
  assert.equal(problem.errors!.length, 20);
});

test("a line over 65,535 bytes is refused, and the longest that fits is taken", async () => {
  const sized = (bytes: number) => ({ ...GOOD, details: { text: "x".repeat(bytes) } });
  assertProblem(await post(JSON.stringify(sized(65_536))), 413, "entry_too_large", [""]);
  assertProblem(await post(JSON.stringify([GOOD, sized(65_536)])), 413, "entry_too_large", ["/1"]);
  // The line around the event has a fixed length, save for its seq: one probe tells what fits.
  const probe = await post(JSON.stringify(sized(60_000)));
  assert.equal(probe.status, 201, probe.text);
  const line = await get(`${ENTRIES}/1`, { headers: { accept: NDJSON_TYPE } });
  const fits = 60_000 + 65_535 - (Buffer.byteLength(line.text) - 1);
  assertProblem(await post(JSON.stringify(sized(fits + 1))), 413, "entry_too_large", [""]);
  assertProblem(await post(JSON.stringify([sized(fits + 1)])), 413, "entry_too_large", ["/0"]);
  const largest = await post(JSON.stringify(sized(fits)));
  assert.equal(largest.status, 201, largest.text);
  const { text } = await get(`${ENTRIES}/2`, { headers: { accept: NDJSON_TYPE } });
  assert.equal(Buffer.byteLength(text) - 1, 65_535);
  size = 3;
});

const MEBIBYTE = 1024 * 1024;

test("a body of 9 MiB is 413 for its sender, announced or chunked, with or without a right to send", async () => {
  const part = Buffer.alloc(MEBIBYTE, " ");
  const parts = Array.from({ length: 9 }, () => part);
  const lengths = [{ "content-length": String(9 * MEBIBYTE) }, {}] as Record<string, string>[];
  for (const length of lengths) {
    const headers = { "content-type": JSON_TYPE, ...length };
    const allowed = { ...headers, authorization: `Bearer ${instance.tokens.demo}` };
    const reply = await sendRaw(instance.url + ENTRIES, { headers: allowed, parts });
    assertProblem(reply, 413, "body_too_large");
    const stranger = await sendRaw(instance.url + ENTRIES, { headers, parts });
    assertProblem(stranger, 401, "unauthenticated");
  }
  const viaFetch = await post("[".padEnd(9 * MEBIBYTE));
  assertProblem(viaFetch, 413, "body_too_large");
});

test("a body that stalls is 408, whether its length was announced or not", async () => {
  const headers = {
    authorization: `Bearer ${instance.tokens.demo}`,
    "content-type": JSON_TYPE,
  };
  const stalled = (more: Record<string, string>) =>
    sendRaw(instance.url + ENTRIES, {
      headers: { ...headers, ...more },
      parts: [Buffer.from('{"action":"a",')],
      end: false,
    });
  const replies = await Promise.all([
    stalled({ "content-length": "200" }),
    stalled({ "content-length": "200000" }),
    stalled({}),
  ]);
  for (const reply of replies) assertProblem(reply, 408, "request_timeout");
});

test("cursors, limits and parameters that are none", async () => {
  const first = await get(`${ENTRIES}?limit=1`);
  const { next_cursor: cursor } = first.json<{ next_cursor: string }>();
  assert.ok(cursor);
  const rows: [string, string][] = [
    [`${ENTRIES}?cursor=nonsense`, "?cursor"],
    [`${ENTRIES}?cursor=`, "?cursor"],
    [`${ENTRIES}?cursor=${cursor}x`, "?cursor"],
    [`${ENTRIES}?cursor=${cursor}&order=asc`, "?cursor"],
    [`${ENTRIES}?cursor=${cursor}&from=1`, "?cursor"],
    [`/v1/logs/demo/seals?cursor=${cursor}`, "?cursor"],
    [`${ENTRIES}?limit=0`, "?limit"],
    [`${ENTRIES}?limit=1001`, "?limit"],
    [`${ENTRIES}?limit=-1`, "?limit"],
    [`${ENTRIES}?limit=1e2`, "?limit"],
    [`${ENTRIES}?limit=1&limit=2`, "?limit"],
    [`${ENTRIES}?from=x`, "?from"],
    [`${ENTRIES}?order=up`, "?order"],
    [`${ENTRIES}?size=3`, "?size"],
    ["/v1/logs/demo/consistency?from=2&to=1", "?from"],
    [`/v1/logs/demo/consistency?from=1&to=${size + 1}`, "?to"],
    ["/v1/logs/demo/checkpoint?committed=maybe", "?committed"],
  ];
  for (const [path, pointer] of rows) {
    assertProblem(await get(path), 400, "invalid_request", [pointer]);
  }
  assertProblem(await get("/v1/logs/demo/consistency?from=1"), 400, "invalid_request");
  const acked = await call(instance.url, `${ENTRIES}?ack=soon`, {
    token: instance.tokens.demo,
    body: JSON.stringify(GOOD),
  });
  assertProblem(acked, 400, "invalid_request", ["?ack"]);
});

test("places that are not there: a log within the patterns, one outside, a seq, a seal, an address", async () => {
  const { admin, demo } = instance.tokens;
  assertProblem(await get("/v1/logs/nothere", { token: admin }), 404, "log_unknown");
  assertProblem(await get("/v1/logs/nothere", { token: demo }), 403, "forbidden");
  assertProblem(await get("/v1/logs/NOT%20a%20log", { token: demo }), 403, "forbidden");
  const outside = { token: demo, body: JSON.stringify(GOOD) };
  assertProblem(await get("/v1/logs/nothere/entries", outside), 403, "forbidden");
  assertProblem(await get("/v1/logs/_system/entries", outside), 403, "forbidden");
  for (const seq of [size, size + 1_000, Number.MAX_SAFE_INTEGER]) {
    assertProblem(await get(`${ENTRIES}/${seq}`), 404, "entry_unknown");
    assertProblem(await get(`${ENTRIES}/${seq}/proof`), 404, "entry_unknown");
  }
  for (const seq of ["-1", "01", "x", "1.0", "9007199254740992"]) {
    assertProblem(await get(`${ENTRIES}/${seq}`), 400, "invalid_request");
  }
  assertProblem(await get("/v1/logs/demo/seals/0"), 404, "seal_unknown");
  assertProblem(await get("/v1/logs/demo/seals/x"), 400, "invalid_request");
  for (const path of ["/nothere", "/v1", "/v2/logs", "/v1/logs/demo/entries/", "/v1/logs/demo/x"]) {
    assertProblem(await get(path), 404, "route_unknown");
  }
});

test("methods that an address does not take are 405, with those that it does", async () => {
  const rows: [string, string, string][] = [
    ["PUT", ENTRIES, "GET, POST"],
    ["DELETE", ENTRIES, "GET, POST"],
    ["PATCH", `${ENTRIES}/0`, "GET"],
    ["DELETE", `${ENTRIES}/0`, "GET"],
    ["DELETE", "/v1/logs/demo", "GET, PATCH"],
    ["PUT", "/v1/logs", "GET, POST"],
    ["GET", "/v1/logs/demo/seal", "POST"],
    ["POST", "/v1/logs/demo/seals", "GET"],
    ["GET", "/v1/tokens/abcdefghijkl", "DELETE"],
    ["POST", "/healthz", "GET"],
    ["OPTIONS", ENTRIES, "GET, POST"],
  ];
  for (const [method, path, allow] of rows) {
    const reply = await get(path, { method });
    assertProblem(reply, 405, "method_not_allowed");
    const allowed = (reply.headers.get("allow") ?? "").split(", ").sort().join(", ");
    assert.equal(allowed, allow, `${method} ${path}`);
  }
});

test("an id that belongs to another event is 409 at its place, and the rest of the request is not written", async () => {
  const other = { ...GOOD, action: "other", id: "taken" };
  assertProblem(await post(JSON.stringify(other)), 409, "id_conflict", ["/id"]);
  const among = [GOOD, { ...GOOD, id: "new" }, other];
  assertProblem(await post(JSON.stringify(among)), 409, "id_conflict", ["/2/id"]);
  const twice = [
    { ...GOOD, id: "twice" },
    { ...other, id: "twice" },
  ];
  assertProblem(await post(JSON.stringify(twice)), 409, "id_conflict", ["/1/id"]);
  // What was refused took no id.
  const { entries } = (await post(JSON.stringify({ ...GOOD, id: "twice" }))).json<
    Acknowledged & Record<string, unknown>
  >();
  assert.equal(entries[0]!.duplicate, false);
  size += 1;
});

test("Idempotency-Key is for one event, and agrees with its id", async () => {
  const key = { "idempotency-key": "key-1" };
  assertProblem(await post(JSON.stringify([GOOD]), key), 400, "invalid_request");
  const ndjson = { ...key, "content-type": NDJSON_TYPE };
  assertProblem(await post(JSON.stringify(GOOD), ndjson), 400, "invalid_request");
  const different = JSON.stringify({ ...GOOD, id: "key-2" });
  assertProblem(await post(different, key), 400, "invalid_request", ["/id"]);
  const long = { "idempotency-key": "k".repeat(129) };
  assertProblem(await post(JSON.stringify(GOOD), long), 400, "invalid_request");
  const conflict = { "idempotency-key": "taken" };
  const other = JSON.stringify({ ...GOOD, action: "other" });
  assertProblem(await post(other, conflict), 409, "id_conflict");
});

test("administrators' calls name what is wrong, and make nothing", async () => {
  const admin = (path: string, body: unknown) =>
    call(instance.url, path, { token: instance.tokens.admin, body: JSON.stringify(body) });
  const logs: [unknown, string[]][] = [
    [{ name: "new" }, ["/retention_days"]],
    [{ name: "new", retention_days: 0 }, ["/retention_days"]],
    [{ name: "new", retention_days: 1.5 }, ["/retention_days"]],
    [{ name: "new", retention_days: 36_501 }, ["/retention_days"]],
    [{ name: "New", retention_days: 1 }, ["/name"]],
    [{ name: "a..b", retention_days: 1 }, ["/name"]],
    [{ name: "x".repeat(65), retention_days: 1 }, ["/name"]],
    [{ name: "new", retention_days: 1, public: "yes" }, ["/public"]],
    [{ name: "new", retention_days: 1, colour: "red" }, ["/colour"]],
    [[], [""]],
  ];
  for (const [body, pointers] of logs) {
    assertProblem(await admin("/v1/logs", body), 400, "invalid_request", pointers);
  }
  const tokens: [unknown, string[]][] = [
    [{ roles: [], logs: ["demo"] }, ["/roles"]],
    [{ roles: ["boss"], logs: ["demo"] }, ["/roles/0"]],
    [{ roles: ["reader"] }, ["/logs"]],
    [{ roles: ["reader"], logs: ["_*"] }, ["/logs/0"]],
    [{ roles: ["reader"], logs: ["d*mo"] }, ["/logs/0"]],
    [{ roles: ["reader"], logs: ["demo"], expires_at: "tomorrow" }, ["/expires_at"]],
    [{ roles: ["reader"], logs: ["demo"], expires_at: "2020-01-01T00:00:00Z" }, ["/expires_at"]],
  ];
  for (const [body, pointers] of tokens) {
    assertProblem(await admin("/v1/tokens", body), 400, "invalid_request", pointers);
  }
  assertProblem(await admin("/v1/logs", { name: "demo", retention_days: 1 }), 409, "log_exists");
  const listed = await call(instance.url, "/v1/logs", { token: instance.tokens.admin });
  assert.deepEqual(
    listed
      .json<{ logs: { name: string }[] }>()
      .logs.map(({ name }) => name)
      .sort(),
    ["_access", "_system", "demo"],
  );
  const known = await call(instance.url, "/v1/tokens", { token: instance.tokens.admin });
  assert.equal(known.json<{ tokens: unknown[] }>().tokens.length, 2);
});
