/** What a failed write is said to have done: nothing for certain, or unknown. Answers of sqld are played here. */
import assert from "node:assert/strict";
import test from "node:test";
import { LibsqlIndex } from "../../storage/index/index.ts";
import { LogWriter } from "./log-writer.ts";

type Play = (request: Request, signal: AbortSignal) => Response | Promise<Response>;

function playedIndex(play: Play): LibsqlIndex {
  return new LibsqlIndex({
    ...{ url: "http://127.0.0.1:1", authToken: "t" },
    fetch: async (input, init) => await play(input as Request, init!.signal!),
  });
}

const commitOf = (index: LibsqlIndex) => index.commit([new LogWriter("a").random(1)]);

/** The answer to a pipeline of store_sql requests, one batch and a close, whose batch fails at `step`. */
async function batchAnswer(request: Request, step: number | null, code: string): Promise<Response> {
  const { requests } = (await request.json()) as {
    requests: { type: string; batch?: { steps: unknown[] } }[];
  };
  const results = requests.map(({ type, batch }) => {
    const steps = batch?.steps ?? [];
    const done = { cols: [], rows: [], affected_row_count: 1, last_insert_rowid: null };
    const result = {
      step_results: steps.map((_, at) => (step === null || at < step ? done : null)),
      step_errors: steps.map((_, at) => (at === step ? { message: "played", code } : null)),
    };
    return { type: "ok", response: batch ? { type, result } : { type } };
  });
  return Response.json({ baton: null, base_url: null, results });
}

test("SQLITE_BUSY is tried again, at BEGIN and at COMMIT", async () => {
  let calls = 0;
  const index = playedIndex((request) => {
    calls++;
    const step = calls === 1 ? 0 : calls === 2 ? 3 : null;
    return batchAnswer(request, step, "SQLITE_BUSY");
  });
  assert.deepEqual(await commitOf(index), { kind: "committed" });
  assert.equal(calls, 3);
});

test("SQLITE_BUSY for too long: nothing was written", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  let calls = 0;
  const index = playedIndex((request) => {
    calls++;
    return batchAnswer(request, 0, "SQLITE_BUSY");
  });
  const failed = assert.rejects(commitOf(index), { outcome: "nothing" });
  for (let turn = 0; turn < 2_000; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    t.mock.timers.tick(5);
  }
  await failed;
  assert.ok(calls > 20 && calls < 200);
});

test("a statement that fails by itself: nothing was written", async () => {
  const index = playedIndex((request) => batchAnswer(request, 2, "SQLITE_FULL"));
  await assert.rejects(commitOf(index), { outcome: "nothing", message: /SQLITE_FULL/ });
});

test("a COMMIT that fails by itself: unknown", async () => {
  const index = playedIndex((request) => batchAnswer(request, 3, "SQLITE_IOERR"));
  await assert.rejects(commitOf(index), { outcome: "unknown" });
});

test("a request that sqld refuses: nothing; one that breaks it: unknown", async () => {
  for (const [status, outcome] of [
    ...[400, 401, 403, 404, 413].map((status) => [status, "nothing"] as const),
    ...[500, 502, 503].map((status) => [status, "unknown"] as const),
  ]) {
    const index = playedIndex(() => new Response("no", { status }));
    await assert.rejects(commitOf(index), { outcome });
  }
});

test("answers that are not hrana's: unknown", async () => {
  for (const body of ["", "{}", "<html>", '{"baton":null,"base_url":null,"results":[]}']) {
    const index = playedIndex(() => new Response(body));
    await assert.rejects(commitOf(index), { outcome: "unknown" });
  }
});

test("nobody listens: nothing", async () => {
  const index = new LibsqlIndex({ url: "http://127.0.0.1:39", authToken: "t" });
  await assert.rejects(commitOf(index), { outcome: "nothing", message: /ECONNREFUSED/ });
});

test("no answer in time: unknown, and the next write gets its turn", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let calls = 0;
  const index = playedIndex((request, signal) => {
    if (calls++ > 0) return batchAnswer(request, null, "");
    return new Promise<Response>((_, reject) => {
      signal.addEventListener("abort", () => {
        reject(signal.reason as Error);
      });
    });
  });
  const first = assert.rejects(commitOf(index), { outcome: "unknown", message: /no answer/ });
  const second = commitOf(index);
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(calls, 1);
  t.mock.timers.tick(20_000);
  await first;
  assert.deepEqual(await second, { kind: "committed" });
});

test("writes go one at a time", async () => {
  let running = 0;
  let most = 0;
  const index = playedIndex(async (request) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return batchAnswer(request, null, "");
  });
  await Promise.all(Array.from({ length: 5 }, () => commitOf(index)));
  assert.equal(most, 1);
});
