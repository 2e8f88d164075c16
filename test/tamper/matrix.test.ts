/**
 * The tamper matrix: everything that the guard has to find by itself is done to one running instance, whose store and disk are
 * the attacker's. What counts is the alert that reaches a webhook; one that does not name its place counts as missed. How
 * long each took, from the act to the webhook, is printed.
 */
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { startClockProxy, type ClockProxy } from "../parts/clock-proxy.ts";
import { startReceiver } from "../alerts/receiver.ts";
import { call } from "../e2e/client.ts";
import { until } from "../e2e/until.ts";
import { startOpenMinio, type OpenMinio } from "../vault/open-minio.ts";
import { Attacker } from "./acts.ts";
import { startGuarded, type Guarded } from "./guarded.ts";
import { ACTS, BATCHES, isFoundBy, LOGS, type Act } from "./matrix.ts";
import type { Finding } from "../../storage/log/findings.ts";

/** Clocks are compared once a minute; and the machine does other things too. */
const FOUND_MS_MAX = 120_000;

let minio: OpenMinio;
let way: ClockProxy;
let guarded: Guarded;
before(async () => {
  minio = await startOpenMinio();
  way = await startClockProxy(minio.root.endpoint);
  guarded = await startGuarded(minio, way, LOGS.made);
  for (let batch = 0; batch < BATCHES; batch += 1) {
    await Promise.all(LOGS.made.map((log) => guarded.append(log, 3, true)));
  }
  await Promise.all(LOGS.unsealed.map((log) => guarded.append(log, 3, false)));
});
after(async () => {
  await guarded.instance.stop();
  way.stop();
  await minio.stop();
});

test("nothing is found before anything was done", async () => {
  const { url } = guarded.instance;
  const { token } = guarded;
  const asked = await call(url, "/v1/audits", { token, body: "{}" });
  assert.equal(asked.status, 202, asked.text);
  const { id } = asked.json<{ id: string }>();
  const run = await until("the audit is over", async () => {
    const one = (await call(url, `/v1/audits/${id}`, { token })).json<Run>();
    return one.state === "finished" ? one : null;
  });
  assert.equal(run.coverage.logs, LOGS.made.length + 3);
  assert.ok(run.coverage.batches >= BATCHES * LOGS.made.length);
  assert.deepEqual(await guarded.findings(), []);
});

test("every act is found by the guard, and its place told at a webhook", async (t) => {
  const receiver = await startReceiver(t);
  await guarded.alertTo(receiver.url);
  const attacker = new Attacker(minio, way, guarded.instance.dataDir);
  const missing = new Map<Act, number>();
  for (const act of ACTS) {
    await act.commit(attacker);
    missing.set(act, Date.now());
  }
  const deadlineMs = Date.now() + FOUND_MS_MAX;
  const alerts: Finding[] = [];
  while (missing.size > 0 && Date.now() < deadlineMs) {
    await Promise.race([receiver.until(alerts.length + 1), pause(deadlineMs - Date.now())]);
    for (const { body, atMs } of receiver.got.slice(alerts.length)) {
      const { data } = JSON.parse(body) as { data: Finding };
      alerts.push(data);
      const act = [...missing.keys()].find((one) => isFoundBy(one, data));
      if (act === undefined) continue;
      const seconds = ((atMs - missing.get(act)!) / 1000).toFixed(1);
      missing.delete(act);
      t.diagnostic(`${seconds.padStart(5)} s  ${act.what}: ${describe(data)}`);
    }
  }
  const missed = [...missing.keys()].map(({ what, log, codes }) => {
    const said = alerts.filter((one) => one.log === log).map(describe);
    return `${what}: no ${codes.join(" or ")}; the guard says ${said.join("; ") || "nothing"}`;
  });
  assert.deepEqual(missed, []);
  const { quiet } = LOGS;
  assert.deepEqual(
    alerts.filter(({ log }) => log === quiet || log === "_system" || log === "_access"),
    [],
    "nothing is said of what nothing was done to",
  );
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)).unref());
}

function describe({ code, log, first, last, object, version }: Finding): string {
  const entries = first === null ? "" : ` ${first}–${last}`;
  const place = object === null ? "" : ` ${object}`;
  return `${code} ${log ?? ""}${entries}${place}${version === null ? "" : ` ${version.slice(0, 8)}…`}`;
}

interface Run {
  readonly state: string;
  readonly coverage: { readonly logs: number; readonly batches: number };
}
