/** What nobody foresaw: the caller learns nothing of it, and the operator finds the reason by what the caller was told. */
import assert from "node:assert/strict";
import test from "node:test";
import { Refusal } from "../../storage/flow/refusal.ts";
import { problemOf } from "../../worker/ledger-problem.ts";

test("a fault has a name in the log and in the problem, and its reason in the log alone", (t) => {
  const { mock } = t.mock.method(console, "error", () => {});
  const { code, detail } = problemOf(new TypeError("secret inside"));
  assert.equal(code, "internal_error");
  assert.doesNotMatch(detail, /secret inside/);
  const [line] = mock.calls.map(({ arguments: [text] }) => JSON.parse(String(text)) as Line);
  assert.match(line!.reason, /TypeError: secret inside/);
  assert.ok(detail.includes(line!.fault), detail);
});

test("a refusal is told as it is, and no line is written", (t) => {
  const { mock } = t.mock.method(console, "error", () => {});
  const problem = problemOf(new Refusal("overloaded", "too much", { retryAfterSeconds: 1 }));
  assert.deepEqual(problem, { code: "overloaded", detail: "too much", retryAfterSeconds: 1 });
  assert.equal(mock.callCount(), 0);
});

interface Line {
  readonly fault: string;
  readonly reason: string;
}
