/** Large answers: room is taken before they are made, and given back when they were taken, given up or never made. */
import assert from "node:assert/strict";
import test, { mock } from "node:test";
import { AnswerRoom, LARGE_ANSWERS, UNTAKEN_MS_MAX } from "../../worker/answer-room.ts";
import { answer } from "../../worker/answer.ts";
import type { Ask } from "../../worker/ask.ts";
import { ROUTES } from "../../worker/routes.ts";
import { event, LOG, makeFake } from "./fake.ts";

const PATH = `/v1/logs/${LOG}/entries?limit=1000`;
const MIB = 1024 * 1024;

async function withLargeLog() {
  const fake = await makeFake();
  const body = Array.from({ length: 20 }, () =>
    event("a", { details: { text: "x".repeat(60_000) } }),
  );
  const path = `/v1/logs/${LOG}/entries`;
  const response = await fake.ask("POST", path, { token: fake.token(["writer"]), body });
  assert.equal(response.status, 201);
  return { ...fake, room: fake.services.answerRoom };
}

test("what may be large are routes of ours", () => {
  const routes = ROUTES.map(({ method, path }) => `${method} ${path}`);
  for (const name of LARGE_ANSWERS) assert.ok(routes.includes(name), name);
});

test("a large page and a stream arrive whole, and hold room until then", async () => {
  const fake = await withLargeLog();
  const token = fake.token(["reader"]);
  for (const accept of ["application/json", "application/x-ndjson"]) {
    const response = await fake.ask("GET", PATH, { token, headers: { accept } });
    assert.equal(fake.room.bytes, 4 * MIB);
    const text = await response.text();
    assert.equal(text.match(/x{60000}/g)?.length, 20);
    if (accept === "application/json") JSON.parse(text);
    assert.equal(fake.room.bytes, 0);
  }
});

test("a reader has his part, another one has his, and what is cancelled makes room", async () => {
  const fake = await withLargeLog();
  const token = fake.token(["reader"]);
  const held = await Promise.all(
    Array.from({ length: 16 }, () => fake.ask("GET", PATH, { token })),
  );
  assert.equal(fake.room.bytes, 64 * MIB);
  let isIn = false;
  const next = fake.ask("GET", PATH, { token }).then((response) => {
    isIn = true;
    return response;
  });
  const other = await fake.ask("GET", PATH, { token: fake.token(["reader"]) });
  assert.equal(other.status, 200);
  assert.ok(!isIn);
  await held[0]!.body!.cancel();
  assert.equal((await next).status, 200);
  for (const response of [...held.slice(1), other, await next]) await response.body!.cancel();
  assert.equal(fake.room.bytes, 0);
});

test("small answers, refusals and what cannot be made hold nothing", async () => {
  const fake = await withLargeLog();
  const token = fake.token(["reader"]);
  assert.equal((await fake.ask("GET", `/v1/logs/${LOG}/entries?limit=1`, { token })).status, 200);
  assert.equal((await fake.ask("GET", `${PATH}&cursor=x`, { token })).status, 400);
  assert.equal(fake.room.bytes, 0);
});

test("a reader who takes nothing for a minute is given up; one who takes a little is not", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const room = new AnswerRoom();
    const route = ROUTES.find(({ path, method }) => LARGE_ANSWERS.has(`${method} ${path}`))!;
    const ask = {
      principal: null,
      address: "192.0.2.1",
      request: new Request("http://localhost"),
      services: { later: () => {} },
    } as unknown as Ask;
    const make = async () => answer("id", 200, new Uint8Array(MIB).fill(7), {});
    const response = await room.hold(route, ask, make);
    const reader = response.body!.getReader();
    for (let taken = 0; taken < 3; taken += 1) {
      assert.equal((await reader.read()).value?.length, 128 * 1024);
      mock.timers.tick(UNTAKEN_MS_MAX - 1);
      assert.equal(room.bytes, 4 * MIB);
    }
    mock.timers.tick(1);
    assert.equal(room.bytes, 0);
    await assert.rejects(reader.read(), /took nothing/);
  } finally {
    mock.timers.reset();
  }
});

test("a reader who waits for us is not given up, however long there is nothing to give", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const room = new AnswerRoom();
    const route = ROUTES.find(({ path, method }) => LARGE_ANSWERS.has(`${method} ${path}`))!;
    const ask = {
      principal: null,
      address: "192.0.2.1",
      request: new Request("http://localhost"),
      services: { later: () => {} },
    } as unknown as Ask;
    let give = (): void => {};
    const found = new Promise<void>((resolve) => (give = resolve));
    const slow = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          await found;
          controller.enqueue(Uint8Array.of(7));
          controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    const response = await room.hold(route, ask, async () => answer("id", 200, slow, {}));
    const reading = response.arrayBuffer();
    await new Promise((resolve) => setImmediate(resolve));
    mock.timers.tick(10 * UNTAKEN_MS_MAX);
    give();
    assert.deepEqual([...new Uint8Array(await reading)], [7]);
    assert.equal(room.bytes, 0);
  } finally {
    mock.timers.reset();
  }
});
