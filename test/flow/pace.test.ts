/** The share of time that an auditor takes: what it saves up, what it owes, and when it takes more to be done in time. */
import assert from "node:assert/strict";
import test from "node:test";
import type { AuditContext } from "../../storage/flow/audit/context.ts";
import { Pace } from "../../storage/flow/audit/pace.ts";
import { Schedule, SHARE_MAX } from "../../storage/flow/audit/schedule.ts";
import { RunBook } from "../../storage/flow/audit/run-book.ts";
import { sha256 } from "../../storage/log/hash.ts";
import { MemoryGuardStore } from "../alerts/memory-store.ts";

const HOUR_MS = 3_600_000;

void test("over any time it works no more than its share and what was saved up", () => {
  const clock = { now: 0, nowMs: () => clock.now };
  const pace = new Pace(clock, 0.02);
  let workedMs = 0;
  while (clock.now < 1_000_000) {
    if (pace.mayWork) {
      clock.now += 70;
      workedMs += 70;
      pace.spend(70);
    } else {
      assert.ok(pace.readyMs >= clock.now);
      clock.now = Math.max(clock.now + 1, Math.ceil(pace.readyMs));
    }
  }
  assert.ok(workedMs <= 0.02 * clock.now + 500 + 70, `${workedMs} ms`);
  assert.ok(workedMs >= 0.02 * clock.now, "and takes what it may");
  clock.now = 0;
  assert.equal(pace.readyMs > 0, true, "a clock that went back gives nothing");
});

void test("the share grows where a pass would not be done in time, and it is said where it was not", async () => {
  const clock = { now: 0, nowMs: () => clock.now };
  const store = new MemoryGuardStore();
  const settings = { everyMs: 24 * HOUR_MS, minPauseMs: null, share: 0.02 };
  const context = { parts: { store, clock, sha256 }, settings } as unknown as AuditContext;
  const schedule = await Schedule.open(context);
  assert.equal(schedule.nextMs, 0);
  assert.equal(schedule.shareOf(0, 0, HOUR_MS), 0.02);
  assert.equal(
    schedule.shareOf(0, 0, 13 * HOUR_MS),
    SHARE_MAX,
    "a first pass that takes half a day",
  );

  const runs = await RunBook.open({ store, clock });
  const run = { ...runs.newRun("scheduled", { log: null }, "system"), work_ms: 2 * HOUR_MS };
  const over = schedule.finished(run, [], 0, 30 * HOUR_MS);
  assert.match(over.record?.unchecked.join() ?? "", /took 30\.0 h, more than the 24\.0 h/);
  over.written();
  const startMs = 30 * HOUR_MS;
  assert.equal(schedule.nextMs, 24 * HOUR_MS);
  const share = schedule.shareOf(startMs, 0, startMs);
  assert.ok(share > 0.1 && share < 0.12, `2 h of work and some growth in 24 h: ${share}`);
  assert.equal(schedule.shareOf(startMs, 0, startMs + 25 * HOUR_MS), SHARE_MAX);
  assert.equal(schedule.shareOf(startMs, 2.6 * HOUR_MS, startMs + HOUR_MS), 0.02, "nearly done");
});
