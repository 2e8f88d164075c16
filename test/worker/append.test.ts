/** Appending over HTTP: every form of body, and every refusal with its place; what is refused writes nothing. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { fromHex } from "../../storage/log/bytes.ts";
import { parseCheckpoint } from "../../storage/log/checkpoint.ts";
import type { AppendAnswer } from "../../worker/ledger-api.ts";
import { event, LOG, makeFake, problemIn, type AskOptions, type Fake } from "./fake.ts";

const PATH = `/v1/logs/${LOG}/entries`;
const NDJSON = { "content-type": "application/x-ndjson" };

function append(fake: Fake, body: unknown, options: AskOptions = {}, query = "") {
  return fake.ask("POST", PATH + query, { token: fake.token(["writer"]), body, ...options });
}

/** The refusal, after which the log is as empty as before. */
async function refused(body: unknown, options: AskOptions = {}, query = "") {
  const fake = await makeFake();
  const problem = await problemIn(await append(fake, body, options, query));
  assert.equal(fake.index.store.heads.get(LOG), undefined, "something was written");
  return problem;
}

async function answered(fake: Fake, body: unknown, options: AskOptions = {}, query = "") {
  const response = await append(fake, body, options, query);
  assert.equal(response.status, 201, await response.clone().text());
  assert.equal(response.headers.get("content-type"), "application/json");
  return (await response.json()) as AppendAnswer;
}

test("one event, a list and lines give places in order and a checkpoint that covers them", async () => {
  const fake = await makeFake();
  const one = await answered(fake, event("a"));
  assert.deepEqual(Object.keys(one), ["log", "first", "count", "entries", "checkpoint"]);
  assert.deepEqual([one.log, one.first, one.count], [LOG, 0, 1]);
  assert.deepEqual(Object.keys(one.entries[0]!), ["seq", "hash", "time", "duplicate"]);

  const list = await answered(fake, [event("b"), event("c")]);
  assert.deepEqual([list.first, list.count], [1, 2]);

  const text = `${JSON.stringify(event("d"))}\n${JSON.stringify(event("e"))}\r\n`;
  const lines = await answered(fake, text, { headers: NDJSON });
  assert.deepEqual(
    lines.entries.map(({ seq }) => seq),
    [3, 4],
  );
  const { checkpoint } = lines;
  const { size } = parseCheckpoint(checkpoint.slice(0, checkpoint.indexOf("\n\n") + 1));
  assert.equal(size, 5);
  assert.deepEqual(
    fake.index.leaves(LOG),
    [...one.entries, ...list.entries, ...lines.entries].map(({ hash }) => hash),
  );
});

test("the last line may end without a newline; a charset of UTF-8 may be named", async () => {
  const fake = await makeFake();
  const headers = { "content-type": 'Application/X-NDJSON; charset="UTF-8"' };
  assert.equal((await answered(fake, JSON.stringify(event("a")), { headers })).count, 1);
  const json = { "content-type": "application/json;charset=utf-8" };
  assert.equal((await answered(fake, event("b"), { headers: json })).count, 1);
});

test("1,000 events in an array and 10,000 lines are taken, one more of each is not", async () => {
  const fake = await makeFake();
  const many = (count: number) => Array.from({ length: count }, () => event("a"));
  const lines = (count: number) => `${JSON.stringify(event("a"))}\n`.repeat(count);
  assert.equal((await answered(fake, many(1000))).count, 1000);
  assert.equal((await answered(fake, lines(10_000), { headers: NDJSON })).count, 10_000);
  for (const problem of [
    await refused(many(1001)),
    await refused(lines(10_001), { headers: NDJSON }),
  ]) {
    assert.deepEqual([problem.status, problem.code], [413, "too_many_events"]);
  }
});

const vectors = JSON.parse(
  readFileSync(new URL("../vectors/canonical.json", import.meta.url), "utf8"),
) as {
  refused: { text: string; why: string }[];
  refused_bytes_hex: { hex: string; why: string }[];
  accepted: { text: string; canonical: string }[];
};

const bad = [
  ...vectors.refused.map(({ text, why }) => ({ why, bytes: new TextEncoder().encode(text) })),
  ...vectors.refused_bytes_hex.map(({ hex, why }) => ({ why, bytes: fromHex(hex) })),
];

function isNoText(bytes: Uint8Array): boolean {
  return !Buffer.from(Buffer.from(bytes).toString("utf8")).equals(bytes);
}

/** `bytes` as the `details` of an otherwise good event. */
function asDetails(bytes: Uint8Array): Uint8Array {
  const [before, after] = ['{"action":"a","actor":{"id":"u"},"details":', "}"];
  return Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)]);
}

for (const { why, bytes } of bad) {
  test(`JSON that is refused, as the body, inside an event and as a line: ${why}`, async () => {
    const whole = await refused(bytes);
    assert.equal(whole.status, 400);
    // An array of arrays parses up to its depth; it is no event all the same.
    assert.ok(["invalid_json", "invalid_event"].includes(whole.code), whole.code);
    if (why === "trailing bytes" || why === "empty" || why === "byte order mark") return;
    const inside = await refused(asDetails(bytes));
    assert.equal(inside.code, "invalid_json", inside.detail);
    // What is not UTF-8 is no text yet, so its place is a byte.
    const place = isNoText(bytes) ? "" : "/details";
    assert.ok(inside.errors![0]!.pointer.startsWith(place), inside.detail);
    assert.match(inside.detail, /byte \d+/);
    if (bytes.includes(0x0a)) return;
    const good = Buffer.from(`${JSON.stringify(event("a"))}\n`);
    const line = await refused(Buffer.concat([good, asDetails(bytes)]), { headers: NDJSON });
    assert.equal(line.code, "invalid_json");
    assert.ok(line.errors![0]!.pointer.startsWith(`/1${place}`));
    assert.match(line.detail, /^line 2: /);
  });
}

for (const { text, canonical } of vectors.accepted) {
  test(`JSON that is taken becomes canonical: ${text.slice(0, 40)}`, async () => {
    const fake = await makeFake();
    await answered(fake, asDetails(Buffer.from(text)));
    const [chunk] = await fake.index.chunks(LOG, { from: 0, to: 1 });
    assert.ok(chunk!.lines.includes(`"details":${canonical}}`), chunk!.lines);
  });
}

test("an empty array, no line, no body and what is no object are refused", async () => {
  assert.equal((await refused([])).code, "invalid_request");
  assert.equal((await refused("", { headers: NDJSON })).code, "invalid_request");
  assert.equal((await refused("", {})).code, "invalid_json");
  for (const body of ["5", '"a"', "null", "true"]) {
    assert.equal((await refused(body)).code, "invalid_event", body);
  }
  assert.equal((await refused("[5]")).errors![0]!.pointer, "/0");
});

test("an empty line between lines is refused with its number", async () => {
  const line = JSON.stringify(event("a"));
  const problem = await refused(`${line}\n\n${line}\n`, { headers: NDJSON });
  assert.deepEqual([problem.code, problem.errors![0]!.pointer], ["invalid_json", "/1"]);
});

test("one bad event among 100: none is written, and the place is named", async () => {
  const events: unknown[] = Array.from({ length: 100 }, () => event("a"));
  events[57] = { action: "a", actor: { id: "" }, colour: "red" };
  const problem = await refused(events);
  assert.equal(problem.code, "invalid_event");
  assert.deepEqual(problem.errors!.map(({ pointer }) => pointer).sort(), [
    "/57/actor/id",
    "/57/colour",
  ]);
  const lines = events.map((each) => JSON.stringify(each)).join("\n");
  const same = await refused(lines, { headers: NDJSON });
  assert.deepEqual(same.errors, problem.errors);
});

test("places of a single event begin at the event; at most 20 are named", async () => {
  const problem = await refused({ actor: {}, action: 5, outcome: "maybe", what: 1 });
  assert.deepEqual(problem.errors!.map(({ pointer }) => pointer).sort(), [
    "/action",
    "/actor/id",
    "/outcome",
    "/what",
  ]);
  const events = Array.from({ length: 100 }, () => ({}));
  assert.equal((await refused(events)).errors!.length, 20);
});

test("fields too long, unknown members and null are refused at their place", async () => {
  const cases: [string, unknown][] = [
    ["/action", event("a".repeat(257))],
    ["/actor/name", { action: "a", actor: { id: "u", name: "n".repeat(257) } }],
    ["/targets", event("a", { targets: [] })],
    ["/targets/0/id", event("a", { targets: [{ id: "" }] })],
    ["/occurred_at", event("a", { occurred_at: "2027-02-30T00:00:00Z" })],
    ["/context/ip", event("a", { context: { ip: "1".repeat(513) } })],
    ["/details", event("a", { details: null })],
    ["/id", event("a", { id: "" })],
  ];
  for (const [pointer, body] of cases) {
    const problem = await refused(body);
    assert.deepEqual([problem.code, problem.errors![0]!.pointer], ["invalid_event", pointer]);
  }
});

test("an event that no line could hold is 413 with its place", async () => {
  const large = event("a", { details: { text: "x".repeat(66_000) } });
  const problem = await refused([event("a"), large]);
  assert.deepEqual([problem.status, problem.code], [413, "entry_too_large"]);
  assert.equal(problem.errors![0]!.pointer, "/1");
});

test("places that the ledger names in a list of one are those of the single event", async () => {
  const fake = await makeFake();
  const errors = [
    { pointer: "/0/id", detail: "used" },
    { pointer: "/0", detail: "x" },
  ];
  fake.ledger.refusals.append = { code: "id_conflict", detail: "used", errors };
  const single = await problemIn(await append(fake, event("a")));
  assert.equal(single.status, 409);
  assert.deepEqual(
    single.errors!.map(({ pointer }) => pointer),
    ["/id", ""],
  );
  const list = await problemIn(await append(fake, [event("a")]));
  assert.deepEqual(list.errors, errors);
});

test("Idempotency-Key becomes the event's id; another id, a list and lines are refused", async () => {
  const fake = await makeFake();
  const headers = { "idempotency-key": "order 17" };
  await answered(fake, event("a"), { headers });
  await answered(fake, event("b", { id: "order 17" }), { headers });
  const [, second] = await fake.index.chunks(LOG, { from: 0, to: 2 });
  assert.ok(second!.lines.includes('"id":"order 17"'));
  const other = await refused(event("a", { id: "order 18" }), { headers });
  assert.deepEqual([other.code, other.errors![0]!.pointer], ["invalid_request", "/id"]);
  assert.equal((await refused([event("a")], { headers })).code, "invalid_request");
  const line = JSON.stringify(event("a"));
  const lines = await refused(line, { headers: { ...NDJSON, ...headers } });
  assert.equal(lines.code, "invalid_request");
  for (const key of ["", "k".repeat(129), "a\tb", "ä"]) {
    const problem = await refused(event("a"), { headers: { "idempotency-key": key } });
    assert.equal(problem.code, "invalid_request", key);
  }
  // The rules of an event hold for what the key is put into as well.
  assert.equal((await refused("7", { headers })).code, "invalid_event");
});

test("types that are not taken are 415, and so is what is compressed", async () => {
  const json = JSON.stringify(event("a"));
  for (const headers of [
    { "content-type": "text/plain" },
    { "content-type": "application/jsonl" },
    { "content-type": "application/json; charset=latin1" },
    { "content-type": "" },
    { "content-encoding": "gzip" },
  ]) {
    const problem = await refused(json, { headers });
    assert.equal(problem.code, "unsupported_media_type", JSON.stringify(headers));
  }
});

test("ack=sealed: 201 when sealed, else 504 with the members of the 201", async () => {
  const fake = await makeFake();
  const sealed = await answered(fake, event("a"), {}, "?ack=sealed");
  assert.deepEqual(Object.keys(sealed), ["log", "first", "count", "entries", "checkpoint"]);
  fake.ledger.seals = false;
  const problem = await problemIn(await append(fake, event("b"), {}, "?ack=sealed"));
  assert.deepEqual([problem.status, problem.code, problem["first"]], [504, "seal_timeout", 1]);
  assert.equal((problem["entries"] as unknown[]).length, 1);
  assert.match(problem["checkpoint"] as string, /^test\.indelible\.local/);
  for (const query of ["?ack=", "?ack=committed", "?ack=Sealed"]) {
    assert.equal((await refused(event("a"), {}, query)).code, "invalid_request");
  }
});

test("503 says when to come back; an overloaded object is 503 and an unforeseen error 500, told to the operator", async () => {
  const fake = await makeFake();
  fake.ledger.refusals.append = { code: "frozen", detail: "look", retryAfterSeconds: 7.2 };
  const frozen = await append(fake, event("a"));
  assert.deepEqual([frozen.status, frozen.headers.get("retry-after")], [503, "8"]);
  fake.ledger.broken = Object.assign(new Error("full"), { overloaded: true });
  const overloaded = await append(fake, event("a"));
  assert.deepEqual([overloaded.status, overloaded.headers.get("retry-after")], [503, "1"]);
  assert.deepEqual(
    fake.reported.map(({ code }) => code),
    ["overloaded"],
  );
  fake.ledger.broken = new Error("secret inside");
  const problem = await problemIn(await append(fake, event("a")));
  assert.equal(problem.code, "internal_error");
  assert.ok(!JSON.stringify(problem).includes("secret"));
  assert.equal(fake.reported[1]!.cause, fake.ledger.broken);
});

test("a writer is asked for once a second, whatever it sends; an unknown log is told by the ledger", async () => {
  let nowMs = 1_000_000;
  const fake = await makeFake({ nowMs: () => nowMs });
  const token = fake.token(["writer"], ["*"]);
  const times = async (count: number) => {
    fake.ledger.calls.length = 0;
    for (let i = 0; i < count; i++) await fake.ask("POST", PATH, { token, body: event("a") });
    return fake.ledger.calls.filter((name) => name.startsWith("admit")).length;
  };
  assert.equal(await times(5), 1);
  nowMs += 999;
  assert.equal(await times(5), 0);
  nowMs += 1;
  assert.equal(await times(5), 1);
  // What was remembered of the writer says nothing of a log that it is not bound to.
  const system = await fake.ask("POST", "/v1/logs/_system/entries", { token, body: event("a") });
  assert.equal((await problemIn(system)).code, "forbidden");
});
