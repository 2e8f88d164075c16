/**
 * Alerts of a real instance on real receivers: a webhook of the API and one of the operator's file are told of an edited entry,
 * a command too; after a restart what could not be delivered arrives, and the all-clear comes when the entry is put right.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { Webhook } from "standardwebhooks";
import { editLine } from "../../scripts/tamper-demo/index-file.ts";
import { formatSigningSecret } from "../../storage/alerts/secret.ts";
import { startReceiver, type Received } from "../alerts/receiver.ts";
import { startInstance } from "../parts/instance.ts";
import { call } from "./client.ts";
import { until } from "./until.ts";

/** It is looked at twice, three seconds apart; this machine does other things too. */
const TOLD_MS_MAX = 60_000;

interface Alert {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const alertOf = ({ body }: Received): Alert => JSON.parse(body) as Alert;
const isOf = (type: string) => (received: Received) => alertOf(received).type === type;

test("whoever is to be told of an edited entry is told, across a restart, and told when it is over", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "indelible-alerts-"));
  t.after(() => rm(folder, { recursive: true }));
  const [receiver, fileReceiver] = [await startReceiver(t), await startReceiver(t)];
  const fileSecret = formatSigningSecret(new Uint8Array(32).fill(7));
  const command = join(folder, "tell");
  await writeFile(command, `#!/bin/sh\ncat >>"${folder}/told"; echo >>"${folder}/told"\n`, {
    mode: 0o700,
  });
  const alerts = `link = "https://log.example.org"
[[webhook]]
name = "oncall"
url = "${fileReceiver.url}/file"
secret = "${fileSecret}"
[command]
run = ["${command}"]
`;
  await writeFile(join(folder, "alerts.toml"), alerts, { mode: 0o600 });
  const instance = await startInstance({
    env: {
      INDELIBLE_ALERTS: join(folder, "alerts.toml"),
      INDELIBLE_ALLOW_PRIVATE_ADDRESSES: "on",
      INDELIBLE_AUDIT_PAUSE_SECONDS: "1",
      INDELIBLE_AUDIT_SHARE: "100",
    },
  });
  t.after(() => instance.stop());
  const { admin, demo } = instance.tokens;
  const ask = async <T>(path: string, body?: object): Promise<T> => {
    const options = body === undefined ? {} : { body: JSON.stringify(body) };
    const reply = await call(instance.url, `/v1/webhooks${path}`, { token: admin, ...options });
    assert.ok(reply.status < 300, reply.text);
    return reply.json<T>();
  };
  const made = await ask<{ id: string; secret: string }>("", { url: `${receiver.url}/api` });
  const tested = await ask<{ delivered: boolean }>("/file-command/test", {}).catch(() => null);
  assert.equal(tested?.delivered, true);

  const events = [1, 2, 3].map((n) => ({ action: `paid.${n}`, actor: { id: "alice" } }));
  const path = "/v1/logs/demo/entries?ack=sealed";
  const sent = await call(instance.url, path, { token: demo, body: JSON.stringify(events) });
  assert.equal(sent.status, 201, sent.text);

  // The webhook of the API cannot be reached now: what is for it waits, and holds up nobody.
  receiver.answer = (response) => response.writeHead(503).end();
  const startMs = performance.now();
  editLine(instance.databaseFile, "demo", 1, "paid.2", "paid.9");
  const told = await until(
    "the file's webhook is told",
    () => fileReceiver.got.find(isOf("finding.opened")) ?? null,
    TOLD_MS_MAX,
  );
  t.diagnostic(`told ${Math.round(performance.now() - startMs)} ms after the entry was edited`);
  new Webhook(fileSecret).verify(told.body, told.headers as Record<string, string>);
  const { data } = alertOf(told);
  assert.deepEqual(
    [data["code"], data["log"], data["first"], data["last"], data["severity"], data["source"]],
    ["entry_altered", "demo", 1, 1, "critical", "instance"],
  );
  assert.equal(data["audits"], "https://log.example.org/audits");
  await until("the command is told", async () =>
    (await readFile(join(folder, "told"), "utf8")).includes("finding.opened"),
  );
  await until("the other is tried", () => receiver.got.some(isOf("finding.opened")));
  interface Listed {
    readonly webhooks: readonly { readonly id: string; waiting: number; dead: number }[];
  }
  // What is booked is not sent again after the restart.
  await until("those that were told are done", async () => {
    const { webhooks } = await ask<Listed>("");
    return webhooks.every(({ id, waiting }) => id === made.id || waiting === 0);
  });

  await instance.restart();
  const before = receiver.got.length;
  receiver.answer = (response) => response.end();
  // A test that arrives shows that the channel is there again: it need not rest any longer.
  await ask(`/${made.id}/test`, {});
  const repeated = await until(
    "the other is told after the restart",
    () => receiver.got.slice(before).find(isOf("finding.opened")) ?? null,
    TOLD_MS_MAX,
  );
  new Webhook(made.secret).verify(repeated.body, repeated.headers as Record<string, string>);
  assert.equal(repeated.headers["webhook-id"], told.headers["webhook-id"]);
  const opened = fileReceiver.got.filter(isOf("finding.opened"));
  assert.equal(opened.length, 1, "one alert a finding");

  editLine(instance.databaseFile, "demo", 1, "paid.9", "paid.2");
  for (const one of [receiver, fileReceiver]) {
    await until("all-clear", () => one.got.some(isOf("finding.cleared")), TOLD_MS_MAX);
  }
  const { webhooks } = await until("all is booked", async () => {
    const listed = await ask<Listed>("");
    return listed.webhooks.every(({ waiting }) => waiting === 0) ? listed : null;
  });
  assert.deepEqual(
    webhooks.map(({ id, dead }) => [id, dead]),
    [
      [made.id, 0],
      ["file-oncall", 0],
      ["file-command", 0],
    ],
  );
  // Neither secrets nor addresses with what may be one are in what the instance says or in its environment's dumps.
  for (const hidden of [made.secret, fileSecret]) assert.ok(!instance.output().includes(hidden));
});
