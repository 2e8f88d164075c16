/** Bodies that are too large, too slow, or sent in vain. What a client sees of it over a socket, the tests on workerd show. */
import assert from "node:assert/strict";
import test from "node:test";
import { BODY_BYTES_MAX, discardBody, readBody } from "../../worker/body.ts";
import { ProblemError } from "../../worker/problem.ts";
import { event, LOG, makeFake, problemIn } from "./fake.ts";

const PATIENCE = { stallMsMax: 50, arrivalMsMax: 200 };

/** A body of `bytes`, in parts of at most 64 KiB; counts what was taken of it. */
function stream(bytes: number, part = 65_536) {
  const taken = { bytes: 0, cancelled: false };
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const size = Math.min(part, bytes - taken.bytes);
        if (size === 0) return controller.close();
        taken.bytes += size;
        controller.enqueue(new Uint8Array(size).fill(0x20));
      },
      cancel() {
        taken.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { body, taken };
}

function post(body: ReadableStream | Uint8Array, headers: Record<string, string> = {}): Request {
  const init = { method: "POST", body, headers, duplex: "half" as const };
  return new Request("http://localhost/", init);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (error: unknown) => (error instanceof ProblemError ? error.code : String(error)),
  );
}

test("a body up to the limit is read whole, chunked or announced", async () => {
  for (const bytes of [0, 1, 65_536, 65_537, BODY_BYTES_MAX]) {
    assert.equal((await readBody(post(stream(bytes).body))).length, bytes);
    const announced = post(stream(bytes).body, { "content-length": String(bytes) });
    assert.equal((await readBody(announced)).length, bytes);
  }
});

test("parts keep their order", async () => {
  const text = "0123456789".repeat(20_000);
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, (at += 7_777)));
    },
  });
  assert.equal(new TextDecoder().decode(await readBody(post(body))), text);
});

test("a chunked body is cut off as soon as it is beyond the limit", async () => {
  const { body, taken } = stream(10 * BODY_BYTES_MAX);
  assert.equal(await codeOf(readBody(post(body))), "body_too_large");
  assert.ok(taken.bytes <= BODY_BYTES_MAX + 65_536, String(taken.bytes));
});

test("a body that announces too much is refused before any of it is read", async () => {
  const { body, taken } = stream(BODY_BYTES_MAX + 1);
  const request = post(body, { "content-length": String(BODY_BYTES_MAX + 1) });
  assert.equal(await codeOf(readBody(request)), "body_too_large");
  assert.equal(taken.bytes, 0);
});

test("an announcement beside a transfer coding is not believed", async () => {
  const { body, taken } = stream(2 * BODY_BYTES_MAX);
  const request = post(body, { "content-length": "10", "transfer-encoding": "chunked" });
  assert.equal(await codeOf(readBody(request)), "body_too_large");
  assert.ok(taken.bytes > BODY_BYTES_MAX);
});

/** Sends one byte and then nothing more. */
function stalled(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array(1));
    },
  });
}

test("a body that stalls is 408, small or large", async () => {
  for (const length of ["100", "1000000", ""]) {
    const headers: Record<string, string> = length === "" ? {} : { "content-length": length };
    const reading = readBody(post(stalled(), headers), BODY_BYTES_MAX, PATIENCE);
    assert.equal(await codeOf(reading), "request_timeout");
  }
});

test("a body that trickles is 408 when its time is over", async () => {
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      controller.enqueue(new Uint8Array(1));
    },
  });
  assert.equal(await codeOf(readBody(post(body), BODY_BYTES_MAX, PATIENCE)), "request_timeout");
});

test("a sender that goes away is no error of ours", async () => {
  const broken = () =>
    new ReadableStream(
      {
        pull() {
          throw new Error("connection reset");
        },
      },
      { highWaterMark: 0 },
    );
  assert.equal(await codeOf(readBody(post(broken()))), "invalid_request");
  assert.equal(await codeOf(discardBody(post(broken()))), "none");
});

test("what is refused early is read to its end, within bounds", async () => {
  const within = stream(BODY_BYTES_MAX);
  await discardBody(post(within.body));
  assert.equal(within.taken.bytes, BODY_BYTES_MAX);
  const beyond = stream(100 * BODY_BYTES_MAX);
  await discardBody(post(beyond.body));
  assert.ok(beyond.taken.bytes <= 8 * BODY_BYTES_MAX + 65_536);
  const hopeless = stream(100 * BODY_BYTES_MAX);
  await discardBody(post(hopeless.body, { "content-length": String(100 * BODY_BYTES_MAX) }));
  assert.equal(hopeless.taken.bytes, 0);
});

test("every early refusal of an append takes the body in first", async () => {
  const fake = await makeFake();
  const token = fake.token(["writer"]);
  const cases: [string, string, Record<string, string>][] = [
    ["unauthenticated", `/v1/logs/${LOG}/entries`, {}],
    ["forbidden", "/v1/logs/zeta/entries", { authorization: `Bearer ${token}` }],
    ["unsupported_media_type", `/v1/logs/${LOG}/entries`, { authorization: `Bearer ${token}` }],
    ["route_unknown", "/v1/nothing", {}],
    ["method_not_allowed", "/healthz", {}],
  ];
  for (const [code, path, headers] of cases) {
    const { body, taken } = stream(BODY_BYTES_MAX);
    const type = { "content-type": "text/plain" };
    const response = await fake.ask("POST", path, { body, headers: { ...type, ...headers } });
    assert.equal((await problemIn(response)).code, code);
    assert.equal(taken.bytes, BODY_BYTES_MAX, code);
  }
});

test("9 MiB over HTTP are 413, and nothing is written", async () => {
  const fake = await makeFake();
  const token = fake.token(["writer"]);
  const nine = JSON.stringify(event("a")).padEnd(9 * 1024 * 1024);
  const lengths = [{ "content-length": String(nine.length) }, {}];
  for (const headers of lengths) {
    const path = `/v1/logs/${LOG}/entries`;
    const response = await fake.ask("POST", path, { token, body: nine, headers });
    assert.equal((await problemIn(response)).code, "body_too_large");
  }
  assert.equal(fake.index.store.heads.get(LOG), undefined);
});
