/** Limits: token buckets against a naive one, who is refused for what, and what is counted is given back. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { DEFAULT_LIMITS, Limits, limitSettingsOf } from "../../worker/limits.ts";
import type { Env } from "../../worker/env.ts";
import { ProblemError } from "../../worker/problem.ts";
import { Room } from "../../worker/room.ts";
import { TokenBuckets } from "../../worker/token-buckets.ts";
import { property } from "../log/property.ts";
import { event, LOG, makeFake, problemIn } from "./fake.ts";

const asks = fc.array(
  fc.record({ key: fc.constantFrom("a", "b"), afterMs: fc.integer({ min: 0, max: 1_500 }) }),
  { minLength: 1, maxLength: 200 },
);

property(
  "token buckets: as one that counts what it holds; a wait is neither too short nor too long",
  fc.tuple(fc.constantFrom(1, 2, 5, 40), fc.integer({ min: 1, max: 10 }), asks),
  ([perSecond, burst, steps]) => {
    const buckets = new TokenBuckets({ perSecond, burst });
    const naive = new Map<string, { held: number; atMs: number }>();
    let nowMs = 1_000_000;
    for (const { key, afterMs } of steps) {
      nowMs += afterMs;
      const one = naive.get(key) ?? { held: burst, atMs: nowMs };
      one.held = Math.min(burst, one.held + ((nowMs - one.atMs) * perSecond) / 1_000);
      one.atMs = nowMs;
      naive.set(key, one);
      const waitMs = buckets.take(key, nowMs);
      const missingMs = ((1 - one.held) * 1_000) / perSecond;
      if (missingMs > 1e-6) {
        assert.ok(Math.abs(waitMs - missingMs) < 1e-3, `${waitMs} for ${missingMs}`);
        assert.ok(Math.abs(buckets.waitMs(key, nowMs) - waitMs) < 1e-3);
      } else {
        assert.ok(waitMs < 1e-3, `refused, with ${one.held} left`);
        if (waitMs === 0) one.held -= 1;
        else naive.set(key, { held: 0, atMs: nowMs });
      }
    }
  },
);

property(
  "token buckets: never more than a burst and what came in since, whatever the clock does",
  fc.array(fc.integer({ min: -5_000, max: 2_000 }), { maxLength: 300 }),
  (jumps) => {
    const buckets = new TokenBuckets({ perSecond: 10, burst: 5 });
    let nowMs = 1_000_000;
    let highestMs = nowMs;
    let taken = 0;
    let forwardMs = 0;
    for (const jump of jumps) {
      nowMs += jump;
      forwardMs += Math.max(0, jump);
      highestMs = Math.max(highestMs, nowMs);
      const waitMs = buckets.take("a", nowMs);
      assert.ok(
        waitMs <= 500,
        "a clock that went back makes nobody wait for longer than a bucket takes",
      );
      if (waitMs === 0) taken += 1;
    }
    assert.ok(taken <= 5 + forwardMs / 100 + 1);
  },
);

test("token buckets: memory is bounded, and the one used least recently is forgotten", () => {
  const buckets = new TokenBuckets({ perSecond: 1, burst: 1 }, 3);
  for (const key of ["a", "b", "c"]) assert.equal(buckets.take(key, 0), 0);
  assert.equal(buckets.take("a", 1_000), 0, "used again");
  assert.equal(buckets.take("d", 1_000), 0);
  assert.equal(buckets.size, 3);
  assert.ok(buckets.take("a", 1_000) > 0, "still known");
  assert.equal(new TokenBuckets({ perSecond: 0, burst: 0 }).take("a", 0), 0, "0 is no limit");
});

const limited = (code: string, retryAfterSeconds?: number) => (error: unknown) =>
  error instanceof ProblemError &&
  error.code === code &&
  (retryAfterSeconds === undefined || error.retryAfterSeconds === retryAfterSeconds);

test("limits: in all, an address has half, and an IPv6 address is its /64", () => {
  const limits = new Limits({ ...DEFAULT_LIMITS, requestsMax: 16 });
  const passes = Array.from({ length: 8 }, (_, n) => limits.enter(`2001:db8::${n}`, 0));
  assert.throws(() => limits.enter("2001:db8::ffff:1:2:3", 0), limited("rate_limited"));
  for (let n = 0; n < 8; n += 1) passes.push(limits.enter(`192.0.2.${n}`, 0));
  assert.throws(() => limits.enter("192.0.2.99", 0), limited("overloaded"));
  assert.throws(() => limits.enter(null, 0), limited("overloaded"));
  for (const pass of passes) limits.leave(pass);
  limits.leave(passes[0]!);
  assert.equal(limits.underWay, 0);
  limits.leave(limits.enter("2001:db8::1", 0));
});

test("limits: a request that was cut off without a word is forgotten after five minutes", () => {
  const limits = new Limits({ ...DEFAULT_LIMITS, requestsMax: 16 });
  for (let n = 0; n < 16; n += 1) limits.enter(null, 0);
  assert.throws(() => limits.enter(null, 299_000), limited("overloaded"));
  limits.enter(null, 300_000);
  assert.equal(limits.underWay, 1);
});

test("limits from the bindings: defaults, 0 for none, and a wrong one is named", () => {
  assert.deepEqual(limitSettingsOf({} as Env), DEFAULT_LIMITS);
  const env = { INDELIBLE_RATE_PER_TOKEN: "0", INDELIBLE_REQUESTS_MAX: "100" } as Partial<Env>;
  const settings = limitSettingsOf(env as Env);
  assert.deepEqual([settings.perToken, settings.requestsMax], [0, 100]);
  for (const wrong of [{ INDELIBLE_RATE_REFUSED: "-1" }, { INDELIBLE_REQUESTS_MAX: "15" }]) {
    assert.throws(() => limitSettingsOf(wrong as unknown as Env), /^EnvError: INDELIBLE_R/);
  }
});

const at = (address: string) => ({ headers: { "cf-connecting-ip": address } });

test("a token that asks too often is 429 with Retry-After, another one is not, and health is free", async () => {
  const limits = new Limits({ ...DEFAULT_LIMITS, perToken: 1 });
  let nowMs = 1_000_000;
  const fake = await makeFake({ limits, nowMs: () => nowMs });
  const token = fake.token(["reader"]);
  const ask = (by: string) => fake.ask("GET", `/v1/logs/${LOG}`, { token: by });
  for (let n = 0; n < 2; n += 1) assert.equal((await ask(token)).status, 200);
  const refused = await ask(token);
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get("retry-after"), "1");
  const problem = await problemIn(refused);
  assert.deepEqual([problem.code, problem.status], ["rate_limited", 429]);
  assert.equal((await ask(fake.token(["reader"]))).status, 200);
  assert.equal((await fake.ask("GET", "/healthz", { token })).status, 200);
  nowMs += 1_000;
  assert.equal((await ask(token)).status, 200);
  assert.equal((await ask(token)).status, 429);
  assert.equal(limits.underWay, 0);
});

test("an address that asks too often is 429, whatever it asks for, also at no address of ours", async () => {
  const limits = new Limits({ ...DEFAULT_LIMITS, perAddress: 1 });
  const fake = await makeFake({ limits, nowMs: () => 0 });
  for (const path of ["/readyz", "/nowhere"]) await fake.ask("GET", path, at("192.0.2.1"));
  for (const path of ["/readyz", "/nowhere", `/v1/logs/${LOG}`]) {
    const refused = await fake.ask("GET", path, at("192.0.2.1"));
    assert.equal((await problemIn(refused)).code, "rate_limited", path);
  }
  assert.equal((await fake.ask("GET", "/healthz", at("192.0.2.1"))).status, 200);
  assert.equal((await fake.ask("GET", "/readyz", at("192.0.2.2"))).status, 200);
});

test("a flood without a valid token is 429 before the ledger is asked; who was valid a moment ago passes", async () => {
  const limits = new Limits({ ...DEFAULT_LIMITS, refusedPerAddress: 1 });
  let nowMs = 1_000_000;
  const fake = await makeFake({ limits, nowMs: () => nowMs });
  const known = fake.token(["reader"]);
  const fresh = fake.token(["reader"]);
  const unknown = (await makeFake()).token(["reader"]);
  const ask = (token: string, address = "192.0.2.1") =>
    fake.ask("GET", `/v1/logs/${LOG}`, { token, ...at(address) });
  assert.equal((await ask(known)).status, 200);
  for (let n = 0; n < 20; n += 1) assert.equal((await ask(unknown)).status, 401);
  const calls = fake.ledger.calls.length;
  for (const token of [unknown, fresh, "none"]) {
    const refused = await ask(token);
    assert.equal(refused.status, 429);
    assert.match(refused.headers.get("retry-after") ?? "", /^[1-9][0-9]*$/);
  }
  assert.equal(fake.ledger.calls.length, calls, "the ledger was asked");
  assert.equal((await ask(known)).status, 200, "the neighbour of a flood");
  assert.equal((await ask(fresh, "192.0.2.2")).status, 200, "another address");
  // A token that was revoked is known no longer.
  const [id] = [...fake.ledger.tokenStatus.keys()];
  await fake.ledger.revokeToken(null as never, id!);
  assert.equal((await ask(known)).status, 401);
  assert.equal((await ask(known)).status, 429);
  nowMs += 2_000;
  assert.equal((await ask(fresh)).status, 200);
});

test("too much under way is refused at once, with its body unread, and counted back", async () => {
  const limits = new Limits({ ...DEFAULT_LIMITS, requestsMax: 16 });
  const fake = await makeFake({ limits });
  const passes = Array.from({ length: 16 }, () => limits.enter(null, Date.now()));
  const append = () =>
    fake.ask("POST", `/v1/logs/${LOG}/entries`, { token: writer, body: event("a") });
  const writer = fake.token(["writer"]);
  const refused = await append();
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "1"]);
  assert.equal((await problemIn(refused)).code, "overloaded");
  assert.equal((await fake.ask("GET", "/healthz")).status, 200);
  for (const pass of passes) limits.leave(pass);
  assert.equal((await append()).status, 201);
  assert.equal((await fake.ask("GET", "/nowhere")).status, 404);
  assert.equal(limits.underWay, 0);
});

const KIB = 1024;

test("room: a sender's part, everybody's, waiting in order, and what waits too long", async () => {
  const room = new Room({ bytesMax: 400 * KIB, senderBytesMax: 200 * KIB });
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const hold = (name: string, kib: number, waitMsMax?: number) => {
    const work = () => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    };
    return room.hold(name[0]!, kib * KIB, work, waitMsMax);
  };
  const held = [
    hold("a1", 100),
    hold("a2", 100),
    hold("a3", 100),
    hold("b1", 200),
    hold("c1", 100),
  ];
  await assert.rejects(hold("d1", 100, 30), limited("overloaded"));
  assert.deepEqual(begun, ["a1", "a2", "b1"]);
  assert.equal(room.bytes, 400 * KIB);
  ends.get("b1")!();
  await until(() => begun.includes("c1"));
  assert.ok(!begun.includes("a3"), "the sender has his part");
  ends.get("a1")!();
  await until(() => begun.includes("a3"));
  for (const name of ["a2", "a3", "c1"]) ends.get(name)!();
  await Promise.all(held);
  assert.equal(room.bytes, 0);
  await assert.rejects(
    room.hold("a", 100 * KIB, () => Promise.reject(new Error("broken"))),
    /broken/,
  );
  assert.equal(room.bytes, 0, "what fails gives its room back");
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}
