/**
 * `/metrics` of a real instance: read strictly, and its numbers move with what happens. What the alert rules and the dashboard
 * ask for is there. Where `promtool` is installed it checks all of it too. And its traces, as a collector gets them.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import test, { after, before } from "node:test";
import { parse as parseYaml } from "yaml";
import { startCollector, type CollectedSpan, type Collector } from "../parts/collector.ts";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { parseMetrics, valueOf, type Family } from "../parts/prometheus.ts";
import { call } from "./client.ts";
import { until } from "./until.ts";

const FOLDER = "scripts/monitoring";
const ROUTE = 'method="POST",route="/v1/logs/:log/entries"';

let instance: TestInstance;
let collector: Collector;
before(async () => {
  collector = await startCollector();
  instance = await startInstance({
    env: {
      INDELIBLE_AUDIT_PAUSE_SECONDS: "1",
      INDELIBLE_AUDIT_SHARE: "100",
      // Nothing of the instance's own is sealed while a test counts.
      INDELIBLE_SEAL_SECONDS: "600",
      INDELIBLE_OTLP_ENDPOINT: collector.url,
      INDELIBLE_OTLP_HEADERS: "x-api-key=a%20key",
      INDELIBLE_TRACE_PERCENT: "100",
    },
  });
  // The first pass is put on record in `_system` before the second begins, and no later one that finds the same.
  await until("the first pass is on record", async () => {
    return valueOf(await scrape(), "indelible_audit_passes_total") >= 2;
  });
});
after(async () => {
  await instance.stop();
  collector.stop();
});

async function scrape(): Promise<Map<string, Family>> {
  return parseMetrics((await call(instance.url, "/metrics")).text);
}

async function send(body: string, query = ""): Promise<number> {
  const { demo: token } = instance.tokens;
  return (await call(instance.url, `/v1/logs/demo/entries${query}`, { token, body })).status;
}

test("numbers move with what happens", async () => {
  const event = JSON.stringify({ action: "counted", actor: { id: "test" } });
  assert.equal(await send(event, "?ack=sealed"), 201);
  const before = await scrape();
  assert.equal(await send(`[${event},${event},${event}]`, "?ack=sealed"), 201);
  assert.equal(await send("{"), 400);
  const after = await scrape();

  const moved = (sample: string) => valueOf(after, sample) - valueOf(before, sample);
  assert.equal(moved("indelible_committed_entries_total"), 3);
  assert.equal(moved("indelible_committed_requests_total"), 1);
  assert.equal(moved("indelible_commits_total"), 1);
  assert.equal(moved("indelible_commit_duration_seconds_count"), 1);
  assert.equal(moved('indelible_commit_entries_bucket{le="5"}'), 1);
  assert.equal(moved('indelible_commit_entries_bucket{le="2"}'), 0);
  assert.equal(moved("indelible_seals_total"), 1);
  assert.equal(moved("indelible_seal_entries_total"), 3);
  assert.equal(moved("indelible_seal_duration_seconds_count"), 1);
  assert.equal(moved("indelible_seal_wait_seconds_count"), 1);
  assert.equal(moved("indelible_entries"), 3);
  assert.equal(moved("indelible_sealed_entries"), 3);
  assert.ok(moved("indelible_committed_bytes_total") > 3 * 200);
  assert.ok(moved("indelible_seal_bytes_total") > 300);
  assert.equal(moved(`indelible_http_request_duration_seconds_count{${ROUTE}}`), 2);
  assert.equal(valueOf(after, `indelible_http_requests_total{${ROUTE},status="400"}`), 1);
  assert.equal(moved('indelible_http_problems_total{code="invalid_json"}'), 1);
  assert.equal(moved('indelible_http_problems_total{code="internal_error"}'), 0);

  assert.equal(valueOf(after, "indelible_ledger_started"), 1);
  assert.equal(valueOf(after, "indelible_lock_enforced"), 1);
  const tested = valueOf(after, "indelible_lock_tested_timestamp_seconds");
  assert.ok(Math.abs(tested - Date.now() / 1000) < 120, `tested at ${tested}`);
});

test("unsealed entries have a number and an age, until they are sealed", async () => {
  const event = JSON.stringify({ action: "waits", actor: { id: "test" } });
  assert.equal(await send(event), 201);
  const { demo: token } = instance.tokens;
  // The instance may have added one of its own.
  assert.ok(valueOf(await scrape(), "indelible_unsealed_entries") >= 1);
  await call(instance.url, "/v1/logs/demo/seal", { method: "POST", token });
});

test("the guard says when it last looked at everything, and that nothing is open", async () => {
  // A pass that began before the first entry of a log does not know that log.
  const families = await until("a pass has seen _system, _access and demo", async () => {
    const now = await scrape();
    return valueOf(now, "indelible_guard_up") === 1 &&
      now.has("indelible_audit_last_logs") &&
      valueOf(now, "indelible_audit_last_logs") >= 3 &&
      valueOf(now, "indelible_audit_last_entries") > 0
      ? now
      : null;
  });
  assert.equal(valueOf(families, "indelible_guard_up"), 1);
  assert.equal(valueOf(families, "indelible_alerts_waiting"), 0);
  assert.ok(valueOf(families, "indelible_audit_passes_total") >= 1);
  const finished = valueOf(families, "indelible_audit_last_finished_timestamp_seconds");
  assert.ok(Math.abs(finished - Date.now() / 1000) < 120);
  const open = families.get("indelible_findings_open")!.samples;
  assert.ok(open.size > 15 && [...open.values()].every((value) => value === 0));
});

test("no name of a log is shown to who may not know it", async () => {
  const { text } = await call(instance.url, "/metrics");
  assert.equal(/demo|"_system|"_access/.exec(text)?.[0], undefined);
});

test("a caller's trace goes on through request and commit; seals and audits have traces of their own", async () => {
  const [trace, parent] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
  const { demo: token } = instance.tokens;
  const body = JSON.stringify({ action: "traced", actor: { id: "test" } });
  const headers = { traceparent: `00-${trace}-${parent}-01` };
  const path = "/v1/logs/demo/entries?ack=sealed";
  const { status, ...reply } = await call(instance.url, path, { token, body, headers });
  assert.equal(status, 201, reply.text);
  const spanOf = (name: string, is: (span: CollectedSpan) => boolean) =>
    until(name, () => collector.spans.find((span) => span.name === name && is(span)) ?? null);
  const request = await spanOf("POST /v1/logs/:log/entries", ({ traceId }) => traceId === trace);
  assert.equal(request.parentSpanId, parent);
  const id = request.attributes["indelible.request_id"];
  assert.equal(id, reply.headers.get("x-request-id"));
  const commit = await spanOf("commit", ({ traceId }) => traceId === trace);
  assert.equal(commit.parentSpanId, request.spanId);
  assert.equal(commit.attributes["indelible.entries"], 1);
  assert.ok(commit.ms > 0 && commit.ms <= request.ms, `${commit.ms} of ${request.ms} ms`);
  const { seq } = reply.json<{ entries: { seq: number }[] }>().entries[0]!;
  const seal = await spanOf("seal", ({ attributes }) => attributes["indelible.first"] === seq);
  assert.deepEqual([seal.attributes["indelible.log"], seal.parentSpanId], ["demo", undefined]);
  const audit = await spanOf("audit scheduled", () => true);
  assert.equal(audit.attributes["indelible.findings"], 0);
  assert.equal(collector.headers[0]!["x-api-key"], "a key");
  const families = await scrape();
  assert.ok(valueOf(families, 'indelible_trace_spans_total{result="sent"}') >= 4);
  assert.equal(valueOf(families, 'indelible_trace_spans_total{result="dropped"}'), 0);
});

test("a collector that hangs or is gone delays no append", async (t) => {
  collector.status = null;
  const event = JSON.stringify({ action: "traced", actor: { id: "test" } });
  const slowest = async () => {
    const tookMs: number[] = [];
    for (let n = 0; n < 50; n += 1) {
      const begunMs = performance.now();
      assert.equal(await send(event), 201);
      tookMs.push(performance.now() - begunMs);
    }
    return tookMs.sort((a, b) => a - b)[25]!;
  };
  const hanging = await slowest();
  collector.stop();
  await until("the operator is told", () =>
    /the collector takes no traces/.test(instance.output()),
  );
  const gone = await slowest();
  t.diagnostic(`the middle one: ${hanging.toFixed(1)} ms, ${gone.toFixed(1)} ms`);
  assert.ok(hanging < 1_000 && gone < 1_000);
});

test("what rules and dashboard ask for is there", async () => {
  const { text } = await call(instance.url, "/metrics");
  const families = [...parseMetrics(text).keys()];
  const rules = parseYaml(await readFile(`${FOLDER}/alerts.yml`, "utf8")) as Rules;
  const expressions = rules.groups.flatMap((group) => group.rules.map(({ expr }) => expr));
  const dashboard = JSON.parse(await readFile(`${FOLDER}/grafana.json`, "utf8")) as Dashboard;
  for (const { targets = [] } of dashboard.panels) {
    expressions.push(...targets.map(({ expr }) => expr));
  }
  assert.ok(expressions.length > 30);
  for (const expression of expressions) {
    const names = expression.match(/\bindelible_[a-z0-9_]+/g) ?? [];
    assert.ok(names.length > 0 || /\bup\{/.test(expression), expression);
    for (const name of names) {
      const family = name.replace(/_bucket$/, "");
      assert.ok(families.includes(family), `${name} in ${expression}`);
    }
  }

  // Each rule has its case in the tests that promtool runs.
  const cases = await readFile(`${FOLDER}/alerts.test.yml`, "utf8");
  for (const { alert } of rules.groups.flatMap((group) => group.rules)) {
    assert.equal(cases.match(new RegExp(`\\b${alert}\\b`, "g"))?.length, 2, alert);
  }
  promtool(["check", "metrics"], text);
  promtool(["check", "rules", `${FOLDER}/alerts.yml`]);
  promtool(["test", "rules", `${FOLDER}/alerts.test.yml`]);
});

/** Not everybody has it; who does is told what it says. */
function promtool(args: readonly string[], input = ""): void {
  const { error, status, stdout, stderr } = spawnSync("promtool", args, {
    input,
    encoding: "utf8",
  });
  if (error !== undefined && "code" in error && error.code === "ENOENT") return;
  assert.equal(status, 0, `promtool ${args.join(" ")}: ${stdout}${stderr}`);
}

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string }[];
  }[];
}

interface Dashboard {
  readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[];
}
