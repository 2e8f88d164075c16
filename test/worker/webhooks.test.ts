/** Webhooks over HTTP: made, tested, changed, rotated and deleted, with a real keeper, a real receiver, and a ledger that folds. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { Webhook } from "standardwebhooks";
import type { Channel } from "../../storage/alerts/channel.ts";
import { loweredGuard } from "../../storage/flow/guards.ts";
import { ROLES } from "./expected.ts";
import { makeAlert } from "../alerts/alerts.ts";
import { MemoryGuardStore } from "../alerts/memory-store.ts";
import { startReceiver } from "../alerts/receiver.ts";
import { makeFake, problemIn } from "./fake.ts";
import { fakeKeeper, FakeWebhookRecords } from "./fake-webhooks.ts";

interface Item {
  readonly id: string;
  readonly [member: string]: unknown;
}

/** An instance with a receiver; `ask` gives the answer's body. */
async function open(t: TestContext, clock = { ms: Date.now() }, file: readonly Channel[] = []) {
  const receiver = await startReceiver(t);
  const records = new FakeWebhookRecords();
  const store = new MemoryGuardStore();
  const parts = {
    ...{ store, nowMs: () => clock.ms },
    fileChannels: file.map((channel) => ({ channel, address: "/usr/bin/page" })),
  };
  const keeper = await fakeKeeper(records, parts);
  const fake = await makeFake({ webhooks: keeper });
  const token = fake.token(["admin"], ["*"]);
  const send = (method: string, path: string, body?: unknown) =>
    fake.ask(method, `/v1/webhooks${path}`, { token, body });
  const ask = async (method: string, path: string, body?: unknown) => {
    const response = await send(method, path, body);
    const answer = (await response.json()) as Item;
    assert.ok(response.ok, JSON.stringify(answer));
    return answer;
  };
  const list = async () => (await ask("GET", "")) as unknown as { webhooks: Item[] };
  return { receiver, records, store, parts, keeper, fake, send, ask, list };
}

test("a webhook is told of findings, signed by the secret that was shown once", async (t) => {
  const { receiver, keeper, ask, list, records, store } = await open(t);
  const url = `${receiver.url}/hook?key=hidden`;
  const made = await ask("POST", "", { url, description: "on call" });
  const secret = made["secret"] as string;
  assert.equal(made["address"], receiver.url);
  await keeper.raise([makeAlert("a1"), makeAlert("a2", { severity: "warning" })]);
  assert.equal(await keeper.run(), null);
  assert.deepEqual(
    receiver.got.map(({ path, headers }) => [path, headers["webhook-id"]]),
    [
      ["/hook?key=hidden", "a1"],
      ["/hook?key=hidden", "a2"],
    ],
  );
  const [{ body, headers }] = receiver.got as [(typeof receiver.got)[0]];
  new Webhook(secret).verify(body, headers as Record<string, string>);

  const tested = await ask("POST", `/${made.id}/test`);
  assert.deepEqual([tested["delivered"], tested["status"], tested["detail"]], [true, 200, "ok"]);
  const { webhooks } = await list();
  assert.equal((webhooks[0]!["last_delivered"] as { status: number }).status, 200);
  const page = (await ask("GET", `/${made.id}/deliveries?limit=2`)) as unknown as {
    deliveries: Item[];
    next_cursor: string;
  };
  assert.deepEqual(
    page.deliveries.map((one) => [one["alert"], one["state"], one["kind"]]),
    [
      [tested["alert"], "delivered", "test"],
      ["a2", "delivered", "opened"],
    ],
  );
  const rest = await ask("GET", `/${made.id}/deliveries?limit=2&cursor=${page.next_cursor}`);
  assert.deepEqual((rest["deliveries"] as Item[])[0]!["alert"], "a1");

  // Neither lists nor the log of the instance hold what is secret; the store of the guard has to.
  const shown = JSON.stringify([webhooks, page, [...records.directory.webhooks.records.values()]]);
  for (const hidden of ["hidden", secret]) {
    assert.ok(!shown.includes(hidden));
    assert.ok([...store.records.values()].some((text) => text.includes(hidden)));
  }
});

test("during a rotation both secrets sign, afterwards the new one alone", async (t) => {
  const clock = { ms: Date.now() };
  const { receiver, ask } = await open(t, clock);
  const made = await ask("POST", "", { url: receiver.url });
  const rotated = await ask("POST", `/${made.id}/rotate`, { overlap_seconds: 100 });
  const signedBy = async (answer: Item): Promise<boolean> => {
    await ask("POST", `/${made.id}/test`);
    const { body, headers } = receiver.got.at(-1)!;
    try {
      new Webhook(answer["secret"] as string).verify(body, headers as Record<string, string>);
      return true;
    } catch {
      return false;
    }
  };
  assert.deepEqual([await signedBy(made), await signedBy(rotated)], [true, true]);
  clock.ms += 101_000;
  assert.deepEqual([await signedBy(made), await signedBy(rotated)], [false, true]);
});

test("changes take effect at once, and what is deleted is forgotten", async (t) => {
  const { receiver, keeper, ask, send, list, store, records } = await open(t);
  const { id } = await ask("POST", "", { url: `${receiver.url}/a` });
  await ask("PATCH", `/${id}`, { severity: "critical", url: `${receiver.url}/b` });
  await keeper.raise([makeAlert("w", { severity: "warning" }), makeAlert("c")]);
  await keeper.run();
  assert.deepEqual(
    receiver.got.map(({ path, headers }) => [path, headers["webhook-id"]]),
    [["/b", "c"]],
  );
  const entries = records.directory.size;
  await ask("PATCH", `/${id}`, { severity: "critical" });
  assert.equal(records.directory.size, entries, "what does not differ is no entry");
  await ask("PATCH", `/${id}`, { enabled: false });
  assert.equal((await list()).webhooks[0]!["state"], "disabled");
  assert.equal((await problemIn(await send("POST", `/${id}/test`))).code, "invalid_request");
  await ask("PATCH", `/${id}`, { enabled: true });
  await ask("DELETE", `/${id}`);
  assert.deepEqual((await list()).webhooks, []);
  assert.ok(![...store.records.keys()].some((key) => key.includes(id)));
  for (const path of ["", "/test", "/rotate", "/redeliver"]) {
    const method = path === "" ? "DELETE" : "POST";
    assert.equal((await problemIn(await send(method, `/${id}${path}`))).code, "webhook_unknown");
  }
});

test("410 is shown, and taken back by a person; dead letters are sent again", async (t) => {
  const { receiver, keeper, ask, list } = await open(t);
  const { id } = await ask("POST", "", { url: receiver.url });
  receiver.answer = (response) => response.writeHead(410).end();
  await keeper.raise([makeAlert("a1"), makeAlert("a2")]);
  await keeper.run();
  const [gone] = (await list()).webhooks;
  assert.deepEqual([gone!["state"], gone!["dead"], gone!["waiting"]], ["gone", 2, 0]);
  assert.equal((await ask("POST", `/${id}/redeliver`))["count"], 0);
  await ask("PATCH", `/${id}`, { enabled: true });
  receiver.answer = (response) => response.end();
  const [newest] = (await ask("GET", `/${id}/deliveries`))["deliveries"] as Item[];
  assert.equal(
    (await ask("POST", `/${id}/redeliver`, { deliveries: [newest!["number"]] }))["count"],
    1,
  );
  await keeper.run();
  assert.equal(receiver.got.at(-1)!.headers["webhook-id"], "a2");
  assert.equal((await ask("POST", `/${id}/redeliver`))["count"], 1);
  await keeper.run();
  assert.equal(receiver.got.at(-1)!.headers["webhook-id"], "a1");
});

test("a restart keeps what there is, also while the ledger does not answer", async (t) => {
  const { receiver, ask, records, parts, keeper } = await open(t);
  const { id } = await ask("POST", "", { url: receiver.url });
  receiver.answer = (response) => response.writeHead(503).end();
  await keeper.raise([makeAlert("a1")]);
  await keeper.run();
  const away = async () => {
    throw new Error("the ledger is away");
  };
  const clock = { ms: Date.now() + 10_000 };
  const changes = { ...parts, nowMs: () => clock.ms };
  const again = await fakeKeeper({ webhooks: away, changeWebhook: away }, changes);
  receiver.answer = (response) => response.end();
  assert.equal(await again.run(), null);
  assert.deepEqual(
    receiver.got.map(({ headers }) => headers["webhook-id"]),
    ["a1", "a1"],
  );
  // After a restore from the vault `_system` is there, and what only the guard had is not.
  const restored = await fakeKeeper(records, { ...changes, store: new MemoryGuardStore() });
  const listed = await restored.list();
  assert.deepEqual(listed.ok && listed.value.map(({ id: one, state }) => [one, state]), [
    [id, "incomplete"],
  ]);
});

test("channels of the operator's file are listed and tested, and not changed here", async (t) => {
  const command: Channel = {
    ...{ id: "file-command", format: "command", severity: "critical", alertsMax: 1 },
    send: async () => ({ outcome: "refused", status: 3, detail: "pager is off" }),
  };
  const { ask, send, list } = await open(t, { ms: Date.now() }, [command]);
  const [item] = (await list()).webhooks;
  assert.deepEqual(
    [item!.id, item!["source"], item!["address"], item!["state"]],
    ["file-command", "file", "/usr/bin/page", "active"],
  );
  const tested = await ask("POST", "/file-command/test");
  assert.deepEqual(
    [tested["delivered"], tested["status"], tested["detail"]],
    [false, 3, "pager is off"],
  );
  for (const [method, path] of [
    ["PATCH", ""],
    ["DELETE", ""],
    ["POST", "/rotate"],
  ] as const) {
    const body = method === "DELETE" ? undefined : {};
    const { detail } = await problemIn(await send(method, `/file-command${path}`, body));
    assert.match(detail, /in the operator's file/);
  }
});

test("what is wrong is named by its place, and nothing is written", async (t) => {
  const { send, records, store } = await open(t);
  for (const [body, pointer] of [
    [{}, "/url"],
    [{ url: "ftp://example.org" }, "/url"],
    [{ url: "https://u:p@example.org" }, "/url"],
    [{ url: "https://example.org", format: "teams" }, "/format"],
    [{ url: "https://example.org", severity: "low" }, "/severity"],
    [{ url: "https://example.org", secret: "x" }, "/secret"],
    [{ url: "https://example.org", routing_key: "x".repeat(32) }, "/routing_key"],
    [{ format: "pagerduty" }, "/routing_key"],
    [{ format: "pagerduty", routing_key: "short" }, "/routing_key"],
  ] as const) {
    const problem = await problemIn(await send("POST", "", body));
    assert.equal(problem.code, "invalid_request");
    assert.equal(problem.errors![0]!.pointer, pointer, JSON.stringify(body));
  }
  assert.equal(records.directory.size, 0);
  for (let i = 0; i < 20; i++) await send("POST", "", { url: "https://example.org/" });
  const { detail } = await problemIn(await send("POST", "", { url: "https://example.org/" }));
  assert.match(detail, /there are 20 already/);
  const kept = [...store.records.keys()].filter((key) => key.startsWith("webhooks/secrets/"));
  assert.equal(kept.length, 20, "nothing is kept of what was refused");
});

test("private addresses are refused unless the configuration allows them", async () => {
  const keeper = await fakeKeeper(new FakeWebhookRecords(), { privateAllowed: false });
  const fake = await makeFake({ webhooks: keeper });
  const token = fake.token(["admin"], ["*"]);
  for (const url of [
    "https://127.0.0.1/",
    "https://10.0.0.1/",
    "https://[::1]/",
    "http://x.org/",
  ]) {
    const response = await fake.ask("POST", "/v1/webhooks", { token, body: { url } });
    assert.equal((await problemIn(response)).errors![0]!.pointer, "/url", url);
  }
});

test("only an administrator of all logs says where alerts go", async () => {
  const fake = await makeFake();
  for (const logs of [["acme.*"], ["acme.orders"], ["_system"]]) {
    const token = fake.token(ROLES, logs);
    for (const [method, path] of [
      ["GET", ""],
      ["POST", ""],
      ["DELETE", "/x"],
      ["GET", "/x/deliveries"],
      ["POST", "/x/test"],
    ] as const) {
      const body = method === "POST" && path === "" ? { url: "https://x.org/" } : undefined;
      const response = await fake.ask(method, `/v1/webhooks${path}`, { token, body });
      assert.equal((await problemIn(response)).code, "forbidden");
    }
  }
});

test("where two people are required, silence needs both of them", async () => {
  const changed = (fields: object) =>
    loweredGuard({ action: "webhook.changed", fields: { id: "x", ...fields } }, false);
  const hash = "a".repeat(64);
  assert.notEqual(loweredGuard({ action: "webhook.deleted", fields: { id: "x" } }, false), null);
  for (const fields of [{ target_sha256: hash }, { severity: "critical" }, { enabled: false }]) {
    assert.notEqual(changed(fields), null, JSON.stringify(fields));
  }
  for (const fields of [{ severity: "warning" }, { enabled: true }, { description: "d" }]) {
    assert.equal(changed(fields), null, JSON.stringify(fields));
  }
  const fake = await makeFake();
  const token = fake.token(["admin"], ["*"]);
  const { id } = (await (
    await fake.ask("POST", "/v1/webhooks", { token, body: { url: "https://x.org/" } })
  ).json()) as Item;
  fake.ledger.waiting = {
    ...{ id: "abc", action: "webhook.deleted", change: { id }, because: "silence" },
    ...{ requestedBy: "token:a", requestedAt: "", expiresAt: "2999-01-01T00:00:00.000Z" },
    decision: null,
  };
  const response = await fake.ask("DELETE", `/v1/webhooks/${id}`, { token });
  assert.equal(response.status, 202);
  const listed = await fake.services.webhooks.list();
  assert.equal(listed.ok && listed.value.length, 1);
});

test("what was approved or written elsewhere is followed within seconds", async (t) => {
  const clock = { ms: Date.now() };
  const { receiver, keeper, records, ask, store } = await open(t, clock);
  const { id } = await ask("POST", "", { url: receiver.url });
  const by = { by: "token:second" } as Parameters<typeof records.changeWebhook>[0];
  await records.changeWebhook(by, {
    action: "webhook.changed",
    fields: { id, severity: "critical" },
  });
  clock.ms += 3_000;
  await keeper.raise([makeAlert("w", { severity: "warning" })]);
  await keeper.run();
  assert.equal(receiver.got.length, 0);
  await records.changeWebhook(by, { action: "webhook.deleted", fields: { id } });
  clock.ms += 3_000;
  await keeper.raise([makeAlert("c")]);
  await keeper.run();
  assert.equal(receiver.got.length, 0);
  assert.ok(![...store.records.keys()].some((key) => key.includes(id)));
});
