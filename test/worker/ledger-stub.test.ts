/** A ledger that stops while it is asked is no fault of the request: the caller is told to come back. */
import assert from "node:assert/strict";
import test from "node:test";
import type { Env } from "../../worker/env.ts";
import { ledgerOf } from "../../worker/ledger-stub.ts";
import { ProblemError } from "../../worker/problem.ts";

function envWith(object: Record<string, (...args: unknown[]) => Promise<unknown>>): Env {
  const namespace = { idFromName: (name: string) => name, get: () => object };
  return { LEDGER: namespace } as unknown as Env;
}

test("answers of the ledger come as they are, refusals too", async () => {
  const refusal = { ok: false, problem: { code: "log_unknown", detail: "no" } };
  const ledger = ledgerOf(envWith({ seal: async (log) => ({ ...refusal, log }) }));
  assert.deepEqual(await ledger.seal("demo"), { ...refusal, log: "demo" });
});

test("a call that breaks off is 503 with the word to send again", async () => {
  const full = new Error("database or disk is full: SQLITE_FULL");
  const ledger = ledgerOf(envWith({ logs: () => Promise.reject(full) }));
  await assert.rejects(ledger.logs(), (error) => {
    assert.ok(error instanceof ProblemError);
    assert.equal(error.code, "index_unavailable");
    assert.equal(error.retryAfterSeconds, 1);
    assert.equal(error.cause, full);
    return true;
  });
});
