/**
 * Two people on the real instance: what lowers a guard waits for a second administrator, over a restart, against
 * oneself and each other, and in an index that came back from the vault.
 */
import assert from "node:assert/strict";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { call, readWholeLog, type Reply } from "./client.ts";
import { runCommand, verify } from "./command.ts";
import { assertProblem } from "./problems.ts";
import { makeToken } from "./tokens.ts";

const ON = { INDELIBLE_TWO_PERSON: "on" };

let instance: TestInstance;
let ada: string;
let bob: string;
let cid: string;

before(async () => {
  instance = await startInstance();
  const { url, tokens } = instance;
  ada = tokens.admin;
  // Made before it is required: these are other people.
  const admin = { roles: ["admin"], logs: ["*", "_system", "_access"] } as const;
  bob = (await makeToken(url, ada, admin)).token;
  cid = (await makeToken(url, ada, admin)).token;
  await instance.restart(ON);
});
after(() => instance.stop());

interface Approval {
  readonly id: string;
  readonly state: string;
  readonly requested_by: string;
  readonly decided_by: string | null;
}

async function waiting(reply: Reply): Promise<{ approval: Approval; token?: string; id?: string }> {
  assert.equal(reply.status, 202, reply.text);
  return reply.json();
}

const ask = (path: string, token: string, body?: object, method?: string) =>
  call(instance.url, path, {
    token,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(method === undefined ? {} : { method }),
  });

const decide = (token: string, id: string, decision: "approve" | "refuse", reason = "") =>
  ask(`/v1/approvals/${id}`, token, { decision, reason });

async function approvals(token: string, state: string): Promise<Approval[]> {
  const reply = await ask(`/v1/approvals?state=${state}`, token);
  return reply.json<{ approvals: Approval[] }>().approvals;
}

test("a token for all logs works after another administrator approved it", async () => {
  const wanted = { roles: ["reader"], logs: ["*"] };
  const { approval, token, id } = await waiting(await ask("/v1/tokens", ada, wanted));
  assertProblem(await ask("/v1/logs", token!), 401, "unauthenticated");
  assertProblem(await decide(ada, approval.id, "approve"), 403, "forbidden");
  assertProblem(await decide(token!, approval.id, "approve"), 401, "unauthenticated");
  assert.deepEqual(
    (await approvals(bob, "pending")).map((one) => one.id),
    [approval.id],
  );
  const granted = await decide(bob, approval.id, "approve", "agreed by telephone");
  assert.equal(granted.status, 200, granted.text);
  assert.equal((await ask("/v1/logs", token!)).status, 200);
  assertProblem(await decide(cid, approval.id, "refuse"), 409, "approval_decided");
  const [listed] = await approvals(ada, "granted");
  assert.deepEqual([listed!.id, listed!.state], [approval.id, "granted"]);
  const tokens = (await ask("/v1/tokens", ada)).json<{
    tokens: { id: string; created_by: string }[];
  }>();
  const made = tokens.tokens.find((one) => one.id === id)!;
  assert.equal(made.created_by, approval.requested_by);
  assert.notEqual(made.created_by, listed!.decided_by);
});

test("of two who decide at once one does; of a refusal nothing comes", async () => {
  for (let round = 0; round < 5; round++) {
    const { approval } = await waiting(await ask("/v1/logs/demo", ada, { public: true }, "PATCH"));
    const [first, second] = await Promise.all([
      decide(bob, approval.id, "refuse"),
      decide(cid, approval.id, "refuse"),
    ]);
    assert.deepEqual([first.status, second.status].sort(), [200, 409], first.text + second.text);
  }
  const demo = (await ask("/v1/logs/demo", instance.tokens.demo)).json<{ public: boolean }>();
  assert.equal(demo.public, false);
  assertProblem(await call(instance.url, "/tlog/demo/checkpoint"), 401, "unauthenticated");
});

test("an administrator whom one made does not decide for him", async () => {
  const wanted = { roles: ["admin"], logs: ["*"] };
  const made = await waiting(await ask("/v1/tokens", ada, wanted));
  assert.equal((await decide(bob, made.approval.id, "approve")).status, 200);
  const { approval } = await waiting(await ask("/v1/logs/demo", ada, { public: true }, "PATCH"));
  assertProblem(await decide(made.token!, approval.id, "approve"), 403, "forbidden");
  const own = await waiting(await ask("/v1/logs/demo", made.token!, { public: true }, "PATCH"));
  assertProblem(await decide(ada, own.approval.id, "approve"), 403, "forbidden");
  assert.equal((await decide(ada, own.approval.id, "refuse")).status, 403);
  for (const { id } of [approval, own.approval]) {
    assert.equal((await decide(bob, id, "refuse")).status, 200);
  }
});

test("what waits comes back from the vault, and who asked and who approved is in _system", async () => {
  const { approval } = await waiting(await ask("/v1/logs/demo", ada, { public: true }, "PATCH"));
  await instance.signal("SIGTERM");
  await rename(join(instance.dataDir, "libsql"), join(instance.dataDir, "libsql.aside"));
  const restored = await runCommand("restore", instance.dataDir);
  assert.equal(restored.code, 0, restored.stdout + restored.stderr);
  await instance.restart();
  assert.deepEqual(
    (await approvals(bob, "pending")).map((one) => one.id),
    [approval.id],
  );
  const granted = await decide(bob, approval.id, "approve");
  assert.equal(granted.status, 200, granted.text);
  assert.equal((await call(instance.url, "/tlog/demo/checkpoint")).status, 404);
  // One reader of one of the instance's own logs is a guard, too.
  const reader = await waiting(
    await ask("/v1/tokens", ada, { roles: ["auditor"], logs: ["_system"] }),
  );
  assert.equal((await decide(cid, reader.approval.id, "approve")).status, 200);
  const { lines } = await readWholeLog(instance.url, "_system", reader.token!);
  const text = lines.join("\n");
  const words = ["approval.requested", "approval.granted", "approval.refused", "instance.setting"];
  for (const word of words) assert.match(text, new RegExp(`"action":"${word}"`));
  assert.match(text, new RegExp(`"action":"log.changed".*"approval":"${approval.id}"`));
  assert.ok(!text.includes(reader.token!.slice(17, 40)));
});

test("switched off, it is on record, needs no second any more, and all of it verifies", async () => {
  const open = await waiting(await ask("/v1/tokens", ada, { roles: ["reader"], logs: ["*"] }));
  await instance.restart({});
  // What was asked for before is still to be decided.
  assertProblem(await ask("/v1/logs", open.token!), 401, "unauthenticated");
  assert.equal((await decide(bob, open.approval.id, "approve")).status, 200);
  assert.equal((await ask("/v1/logs", open.token!)).status, 200);
  const reply = await ask("/v1/tokens", ada, { roles: ["auditor"], logs: ["*", "_system"] });
  assert.equal(reply.status, 201, reply.text);
  const { token } = reply.json<{ token: string }>();
  const { lines } = await readWholeLog(instance.url, "_system", token);
  const settings = lines.flatMap((line) => /"two_person","value":"(\w+)"/.exec(line)?.[1] ?? []);
  assert.deepEqual(settings, ["on", "off"]);
  await instance.signal("SIGTERM");
  const { holds, findings } = await verify(instance.dataDir);
  assert.deepEqual([holds, findings], [true, []]);
});
