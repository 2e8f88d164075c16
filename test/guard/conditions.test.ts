/** What is asked around the entries, at which pace, and what silence means. */
import assert from "node:assert/strict";
import test from "node:test";
import { newFinding, type Finding } from "../../storage/log/findings.ts";
import { readinessOf } from "../../worker/audit/readiness.ts";
import { Looks, skewFindings } from "../../worker/audit/looks.ts";

const FROZEN = newFinding("fork", { log: "a", first: 3, last: 9 }, "one", "two");

test("each look has its own pace; what it found is asked again sooner", async () => {
  let nowMs = 0;
  const asked: string[] = [];
  let found: Finding[] = [];
  const looks = new Looks(
    () => nowMs,
    [
      { everyMs: 5_000, ask: async () => (asked.push("often"), found) },
      { everyMs: 60_000, ask: async () => (asked.push("seldom"), []) },
    ],
  );
  assert.deepEqual(await looks.now(), []);
  nowMs = 4_000;
  await looks.now();
  assert.deepEqual(asked, ["often", "seldom"]);
  nowMs = 5_000;
  found = [FROZEN];
  assert.deepEqual(await looks.now(), [FROZEN]);
  nowMs = 7_000;
  found = [];
  assert.deepEqual(await looks.now(), [], "a new look, not the last answer");
  assert.deepEqual(asked, ["often", "seldom", "often", "often"]);
});

test("who does not answer says what he said before; who never did says nothing, and that is said", async () => {
  let nowMs = 0;
  let answer: () => Promise<Finding[]> = () => Promise.reject(new Error("away"));
  const looks = new Looks(() => nowMs, [{ everyMs: 5_000, ask: () => answer() }]);
  await assert.rejects(looks.now(), /away/);
  nowMs = 2_000;
  answer = async () => [FROZEN];
  assert.deepEqual(await looks.now(), [FROZEN]);
  nowMs = 10_000;
  answer = () => Promise.reject(new Error("away"));
  assert.deepEqual(await looks.now(), [FROZEN]);
});

test("clocks that differ by minutes are named, with the direction", () => {
  assert.deepEqual(skewFindings([{ name: "vault", ms: 299_000 }]), []);
  const [ahead, behind] = skewFindings([
    { name: "database", ms: 600_000 },
    { name: "vault", ms: -420_000 },
  ]);
  assert.deepEqual([ahead!.code, ahead!.object], ["clock_skew", "database"]);
  assert.match(ahead!.found, /10 min ahead of/);
  assert.match(behind!.found, /7 min behind/);
});

const STATS = {
  ...{ lastPass: null, passes: 0, pass: null, requestsWaiting: 0, openByCode: new Map() },
  ...{ openMore: 0, sealsChecked: 0, failingSinceMs: null },
};
const HOUR_MS = 3_600_000;
const UP = { startedMs: 0, everyMs: HOUR_MS };
const open = (count: number) =>
  Array.from({ length: count }, (_, n) => ({
    ...{ key: String(n), severity: "critical" as const, since: "", seen: "", reminders: 0 },
    finding: newFinding("entry_altered", { log: "a", first: n, last: n + 1 }, "", ""),
  }));

test("readiness names the first findings and counts the rest", () => {
  const part = readinessOf(open(12), { ...STATS, openMore: 3 }, UP, 0);
  assert.deepEqual([part.ok, part.open_findings, part.problems.length], [false, 15, 11]);
  assert.equal(part.problems[0], "a: entry_altered at 0–1");
  assert.equal(part.problems[10], "and 5 more findings");
});

test("readiness says when the last look at everything is too long ago, and when nothing can be looked at", () => {
  assert.deepEqual(readinessOf([], STATS, UP, 2 * HOUR_MS).problems, []);
  const late = readinessOf([], STATS, UP, 2 * HOUR_MS + 1);
  assert.match(late.problems[0]!, /not everything was audited since 1970-01-01T00:00:00.000Z/);
  const coverage = { logs: 1, entries: 1, batches: 1, bytes: 1, unsealed: 0, locks: 1 };
  const lastPass = { startedMs: HOUR_MS, finishedMs: 2 * HOUR_MS, workMs: 1, coverage };
  const fresh = readinessOf([], { ...STATS, lastPass }, UP, 3 * HOUR_MS);
  assert.deepEqual([fresh.ok, fresh.last_pass_age_seconds], [true, 3_600]);
  const away = readinessOf([], { ...STATS, lastPass, failingSinceMs: HOUR_MS }, UP, 3 * HOUR_MS);
  assert.match(away.problems[0]!, /wait for the vault or the index/);
});
