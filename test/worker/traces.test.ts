/** Traces at the HTTP side: whose decision counts, what a span says and what not, and a collector that takes nothing. */
import assert from "node:assert/strict";
import test from "node:test";
import { setImmediate as settle } from "node:timers/promises";
import { Tracing } from "../../worker/tracing/tracing.ts";
import { startCollector, type Collector } from "../parts/collector.ts";
import { event, LOG, makeFake } from "./fake.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const TAKEN = { traceparent: `00-${TRACE}-${PARENT}-01` };

/** A fake whose traces go to a collector, by a clock that is moved by hand. */
async function traced(collector: Collector, share: number) {
  const said: string[] = [];
  const later: Promise<unknown>[] = [];
  const clock = { nowMs: 1_800_000_000_000 };
  const ids: unknown[] = [];
  const tracing = new Tracing(
    { origin: "log.example.org", share },
    {
      ...{ url: `${collector.url}/v1/traces`, headers: { "x-key": "k" }, fetch },
      ...{ nowMs: () => clock.nowMs, sleep: () => settle(), report: (_, what) => said.push(what) },
    },
  );
  const fake = await makeFake({
    ...{ tracing, nowMs: () => clock.nowMs },
    report: (_, __, traceId) => ids.push(traceId),
    later: (work) => later.push(work),
  });
  /** Until nothing goes on behind answers. */
  const settled = async () => {
    while (later.length > 0) await later.shift();
  };
  const append = (headers: Record<string, string>, body: unknown = event("a")) =>
    fake.ask("POST", `/v1/logs/${LOG}/entries`, { token: fake.token(["writer"]), headers, body });
  return { fake, tracing, clock, said, ids, settled, append };
}

test("the caller's decision counts, and without one the share", async (t) => {
  const collector = await startCollector();
  t.after(collector.stop);
  const none = await traced(collector, 0);
  const all = await traced(collector, 1);
  for (const { append, settled } of [none, all]) {
    assert.equal((await append({ traceparent: `00-${TRACE}-${PARENT}-00` })).status, 201);
    await settled();
    assert.equal(collector.spans.length, 0, "it said no");
  }
  await none.append({});
  await none.append({ traceparent: "00-none" });
  await none.settled();
  assert.equal(collector.spans.length, 0, "nobody said anything, and the share is 0");

  await none.append(TAKEN);
  await none.settled();
  const [span] = collector.spans.splice(0);
  assert.ok(span);
  assert.deepEqual([span.traceId, span.parentSpanId, span.kind], [TRACE, PARENT, 2]);
  assert.equal(span.name, "POST /v1/logs/:log/entries");
  assert.equal(span.attributes["http.response.status_code"], 201);
  assert.equal(span.attributes["indelible.log"], LOG);
  assert.deepEqual(
    [span.resource["service.name"], span.resource["service.instance.id"]],
    ["indelible", "log.example.org"],
  );
  assert.equal(collector.headers.at(-1)!["x-key"], "k");

  for (const traceparent of [`00-${"0".repeat(32)}-${PARENT}-01`, `ff-${TRACE}-${PARENT}-01`, ""]) {
    await all.append({ traceparent });
  }
  await all.fake.ask("GET", "/healthz");
  await all.settled();
  assert.equal(collector.spans.length, 3, "whoever watches whether we live is passed over");
  for (const { traceId, parentSpanId } of collector.spans) {
    assert.notEqual(traceId, TRACE);
    assert.equal(parentSpanId, undefined);
  }
});

test("a span says nothing of tokens, bodies and queries; a fault of ours is an error, and its line has the trace", async (t) => {
  const collector = await startCollector();
  t.after(collector.stop);
  const { fake, append, settled, ids } = await traced(collector, 0);
  await append(TAKEN, event("secret-action"));
  const token = fake.token(["reader"]);
  const path = `/v1/logs/${LOG}/entries?actor=secret-actor`;
  await fake.ask("GET", path, { token, headers: { ...TAKEN, "user-agent": "secret-agent" } });
  await fake.ask("GET", path, { token: "secret-token", headers: TAKEN });
  fake.ledger.admit = () => Promise.reject(new Error("secret-fault"));
  await fake.ask("GET", "/v1/logs", { token: fake.token(["reader"]), headers: TAKEN });
  await settled();
  assert.deepEqual(
    collector.spans.map(({ status, attributes }) => [
      attributes["http.response.status_code"],
      status,
    ]),
    [
      [201, 0],
      [200, 0],
      [401, 0],
      [500, 2],
    ],
  );
  const text = JSON.stringify(collector.spans);
  assert.doesNotMatch(text, /secret/);
  assert.ok(!text.includes(token));
  assert.deepEqual(ids, [TRACE]);
});

test("a collector that is away costs spans and nothing else, and is asked again at growing distances", async (t) => {
  const collector = await startCollector();
  t.after(collector.stop);
  const { fake, tracing, clock, said, settled, append } = await traced(collector, 1);
  collector.status = 503;
  for (let n = 0; n < 2_099; n += 1) await fake.ask("GET", "/v1/session");
  assert.equal((await append({})).status, 201);
  await settled();
  const { exporter } = tracing;
  assert.deepEqual([exporter.waiting, exporter.dropped], [2_048, 52]);
  assert.equal(collector.headers.length, 1, "it is left alone");
  assert.deepEqual(said, ["the collector takes no traces"], "said once");

  clock.nowMs += 5_000;
  await append({});
  await settled();
  assert.equal(collector.headers.length, 2);
  clock.nowMs += 5_000;
  await append({});
  await settled();
  assert.equal(collector.headers.length, 2, "the second pause is longer");

  collector.status = 200;
  clock.nowMs += 5_000;
  await append({});
  await settled();
  assert.deepEqual([exporter.waiting, exporter.sent, collector.spans.length], [0, 2_048, 2_048]);
  assert.deepEqual(said.slice(1), ["traces are taken again"]);

  collector.status = 400;
  await append({});
  await settled();
  assert.deepEqual([exporter.waiting, exporter.dropped], [0, 56], "what it never takes is let go");
});
