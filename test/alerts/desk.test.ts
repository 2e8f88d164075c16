/** The supervisor's desk, as the worker reaches it: who may hand over alerts, and what comes back. */
import assert from "node:assert/strict";
import test from "node:test";
import { openAlertDesk } from "../../scripts/alerts/desk.ts";
import { Pump } from "../../storage/alerts/pump.ts";
import { formatSigningSecret } from "../../storage/alerts/secret.ts";
import { fileChannelsOf } from "../../worker/alerts/file-channels.ts";
import type { Env } from "../../worker/env.ts";
import { makeAlert } from "./alerts.ts";
import { startReceiver } from "./receiver.ts";

test("alerts go through the desk to a channel of the file; without the secret nothing does", async (t) => {
  const receiver = await startReceiver(t);
  const secrets = [formatSigningSecret(new Uint8Array(32))];
  const id = "file-oncall";
  const url = `${receiver.url}/hidden`;
  const common = { kind: "webhook", format: "standard", severity: "critical" } as const;
  const settings = { link: null, channels: [{ ...common, id, url, secrets }] };
  const desk = await openAlertDesk(settings, true);
  t.after(() => desk.close());
  assert.ok(!desk.notes.includes("hidden") && !desk.notes.includes(secrets[0]!));
  const address = `http://${desk.address}`;
  const binding = {
    fetch: (to: string, request: RequestInit) => fetch(to.replace("http://desk", address), request),
  };
  const envWith = (secret: string) =>
    ({
      ...{ ALERT_DESK: binding, INDELIBLE_ALERT_CHANNELS: desk.notes },
      INDELIBLE_ALERT_SECRET: secret,
    }) as unknown as Env;
  const [file] = fileChannelsOf(envWith(desk.secret));
  const { channel } = file!;
  assert.deepEqual(
    [channel.id, channel.format, channel.severity, file!.address],
    [id, "standard", "critical", receiver.url],
  );
  assert.equal((await channel.send([makeAlert("a1")], 0)).outcome, "delivered");
  receiver.answer = (response) => response.writeHead(400).end();
  assert.equal((await channel.send([makeAlert("a2")], 0)).outcome, "refused");
  const [stranger] = fileChannelsOf(envWith("guess"));
  await assert.rejects(stranger!.channel.send([makeAlert("a3")], 0), /answered 401/);
  assert.equal(receiver.got.length, 2);
  const authorization = `Bearer ${desk.secret}`;
  const body = JSON.stringify({ channel: "file-other", alerts: [makeAlert("a4")] });
  const init = { method: "POST", headers: { authorization } };
  assert.equal((await fetch(`${address}/send`, { ...init, body })).status, 404);
  assert.equal((await fetch(`${address}/other`, { ...init, body })).status, 404);
  assert.equal((await fetch(`${address}/send`, { ...init, body: "{" })).status, 500);
  assert.deepEqual(fileChannelsOf({} as Env), []);
});

test("a pump comes again when it was told to, and after a failure", async () => {
  let runs = 0;
  const reported: string[] = [];
  await new Promise<void>((resolve) => {
    const pump: Pump = new Pump({
      async run() {
        runs++;
        if (runs < 3) return Date.now() + 1;
        pump.stop();
        resolve();
        throw new Error("the store is away");
      },
      nowMs: Date.now,
      report: (what) => void reported.push(what),
    });
    pump.kick();
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([runs, reported], [3, ["alerts could not be sent"]]);
});
