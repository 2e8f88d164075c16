/** Two people over HTTP: what waits is 202 and shown to who may decide it, and a decision is one of two words. */
import assert from "node:assert/strict";
import test from "node:test";
import { parseToken } from "../../storage/token.ts";
import type { ApprovalStatus } from "../../worker/ledger-api.ts";
import { LOG, makeFake, OTHER_LOG, problemIn, PUBLIC_LOG, type Fake } from "./fake.ts";

type Members = Record<string, unknown>;

const WAITS: ApprovalStatus = {
  ...{ id: "waits0000000", action: "log.changed", change: { log: LOG, public: true } },
  ...{ because: "a log that everybody may read", requestedBy: "token:a" },
  ...{ requestedAt: "2026-01-01T00:00:00.000Z", expiresAt: "2099-01-01T00:00:00.000Z" },
  decision: null,
};
const decision = { granted: false, by: "token:b", at: "2026-01-02T00:00:00.000Z", reason: "no" };

function fill(fake: Fake): void {
  const others: ApprovalStatus[] = [
    { ...WAITS, id: "other0000000", change: { log: OTHER_LOG, public: true } },
    { ...WAITS, id: "late00000000", expiresAt: "2026-01-01T01:00:00.000Z" },
    { ...WAITS, id: "refused00000", decision },
    { ...WAITS, id: "granted00000", decision: { ...decision, granted: true } },
    {
      ...WAITS,
      id: "admin0000000",
      action: "token.created",
      change: { roles: ["admin"], logs: [LOG] },
    },
    {
      ...WAITS,
      id: "reader000000",
      action: "token.created",
      change: { roles: ["reader"], logs: [LOG] },
    },
    { ...WAITS, id: "unknown00000", action: "check.switched", change: { log: LOG } },
  ];
  for (const one of [WAITS, ...others]) fake.ledger.approvalStatus.set(one.id, one);
}

test("a change that waits is answered with 202 and its approval, a token with the secret too", async () => {
  const fake = await makeFake();
  fake.ledger.waiting = WAITS;
  const token = fake.token(["admin"], ["*"]);
  const calls: [string, string, object][] = [
    ["PATCH", `/v1/logs/${LOG}`, { public: true }],
    ["POST", "/v1/logs", { name: "new.log", retention_days: 1, public: true }],
    ["POST", "/v1/tokens", { roles: ["admin"], logs: ["*"] }],
  ];
  for (const [method, path, body] of calls) {
    const response = await fake.ask(method, path, { token, body });
    assert.equal(response.status, 202);
    const { approval, sealed, ...rest } = (await response.json()) as Members;
    assert.equal(sealed, true);
    assert.deepEqual(approval, {
      ...{ id: "waits0000000", state: "pending", action: "log.changed" },
      ...{ change: { log: LOG, public: true }, because: "a log that everybody may read" },
      ...{ requested_by: "token:a", requested_at: "2026-01-01T00:00:00.000Z" },
      ...{ expires_at: "2099-01-01T00:00:00.000Z", decided_by: null, decided_at: null },
      reason: null,
    });
    if (path === "/v1/tokens") assert.equal(parseToken(rest["token"] as string)!.id, rest["id"]);
    else assert.deepEqual(rest, {});
  }
});

test("approvals are listed for those who could decide them, newest first", async () => {
  const fake = await makeFake();
  fill(fake);
  const list = async (logs: string[], query = "") => {
    const token = fake.token(["admin"], logs);
    const answer = await fake.ask("GET", `/v1/approvals${query}`, { token });
    const { approvals } = (await answer.json()) as { approvals: Members[] };
    return approvals.map(({ id, state }) => `${String(id).replace(/0+$/, "")} ${String(state)}`);
  };
  const mine = ["reader pending", "granted granted", "refused refused", "late expired"];
  assert.deepEqual(await list(["acme.*"]), [...mine, "waits pending"]);
  assert.deepEqual(await list(["acme.*"], "?state=pending"), ["reader pending", "waits pending"]);
  assert.equal((await list(["*"])).length, 8);
  assert.deepEqual(await list([PUBLIC_LOG]), []);
  const token = fake.token(["admin"]);
  const wrong = await problemIn(await fake.ask("GET", "/v1/approvals?state=open", { token }));
  assert.equal(wrong.errors![0]!.pointer, "?state");
});

test("a decision is approve or refuse, by an administrator within his patterns", async () => {
  const fake = await makeFake();
  fill(fake);
  const decide = (id: string, body: unknown, logs = ["acme.*"]) =>
    fake.ask("POST", `/v1/approvals/${id}`, { token: fake.token(["admin"], logs), body });
  for (const [pointer, body] of [
    ["/decision", {}],
    ["/decision", { decision: "yes" }],
    ["/reason", { decision: "refuse", reason: 5 }],
    ["/reason", { decision: "refuse", reason: "r".repeat(1_001) }],
    ["/by", { decision: "refuse", by: "me" }],
  ] as const) {
    const problem = await problemIn(await decide(WAITS.id, body));
    assert.deepEqual(
      problem.errors?.map((each) => each.pointer),
      [pointer],
    );
  }
  const body = { decision: "approve" };
  for (const id of ["other0000000", "admin0000000", "unknown00000", "none00000000"]) {
    assert.equal((await problemIn(await decide(id, body))).code, "forbidden", id);
  }
  const absent = await problemIn(await decide("none00000000", body, ["*"]));
  assert.equal(absent.code, "approval_unknown");
  const granted = await decide(WAITS.id, { ...body, reason: "agreed" });
  assert.equal(granted.status, 200);
  const { approval, sealed } = (await granted.json()) as { approval: Members; sealed: boolean };
  assert.deepEqual([approval["state"], approval["reason"], sealed], ["granted", "agreed", true]);
});
