/** Webhooks against a real receiver: what is sent in each format, its signature, and what each answer means. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { Webhook } from "standardwebhooks";
import { nodePost } from "../../scripts/alerts/post.ts";
import type { SendAnswer } from "../../storage/alerts/channel.ts";
import { formatSigningSecret, isSigningSecret } from "../../storage/alerts/secret.ts";
import { testAlert } from "../../storage/alerts/words.ts";
import { webhookChannel, type WebhookTarget } from "../../storage/alerts/webhook.ts";
import type { Alert } from "../../storage/guard-ports.ts";
import { makeAlert } from "./alerts.ts";
import { startReceiver } from "./receiver.ts";

const SECRETS = [1, 2].map((byte) => formatSigningSecret(new Uint8Array(32).fill(byte)));
const LINK = "https://log.example.org/";

async function open(t: TestContext, changes: Partial<WebhookTarget> = {}) {
  const receiver = await startReceiver(t);
  const target: WebhookTarget = {
    ...{ id: "c", format: "standard", severity: "warning", url: `${receiver.url}/hook` },
    ...{ secrets: SECRETS.slice(0, 1), link: LINK, ...changes },
  };
  const channel = webhookChannel(target, nodePost(true));
  const send = (alerts: readonly Alert[] = [makeAlert("a1")]) => channel.send(alerts, Date.now());
  return { receiver, channel, send };
}

test("our own body is signed as Standard Webhooks has it, by both secrets during a rotation", async (t) => {
  const { receiver, send } = await open(t, { secrets: SECRETS });
  assert.equal((await send()).outcome, "delivered");
  const [{ headers, body, method, path }] = receiver.got as [(typeof receiver.got)[0]];
  assert.deepEqual([method, path, headers["content-type"]], ["POST", "/hook", "application/json"]);
  assert.equal(headers["webhook-id"], "a1");
  for (const secret of SECRETS) {
    new Webhook(secret).verify(body, headers as Record<string, string>);
    const forged = body.replace("acme.orders", "acme.others");
    assert.throws(() => new Webhook(secret).verify(forged, headers as Record<string, string>));
  }
  const other = formatSigningSecret(new Uint8Array(32).fill(9));
  assert.throws(() => new Webhook(other).verify(body, headers as Record<string, string>));
  assert.deepEqual(JSON.parse(body), {
    type: "finding.opened",
    timestamp: "2026-11-23T10:00:00.000Z",
    data: {
      alert: "a1",
      ...{ instance: "log.example.org", source: "instance", severity: "critical" },
      ...{ since: "2026-11-23T09:59:00.000Z", code: "entry_altered", log: "acme.orders" },
      ...{ first: 7, last: 9, object: "acme.orders/0.jsonl.gz", version: "v1" },
      ...{ expected: "leaf aa", found: "leaf bb", what_to_do: makeAlert("a1").finding.hint },
      audits: "https://log.example.org/audits",
    },
  });
});

test("each kind of alert has a type of its own", async (t) => {
  const { receiver, send } = await open(t, { link: null });
  for (const kind of ["opened", "reminder", "cleared"] as const)
    await send([makeAlert(kind, { kind })]);
  await send([testAlert("t1", "instance", "log.example.org", Date.now())]);
  assert.deepEqual(
    receiver.got.map(({ body }) => (JSON.parse(body) as { type: string }).type),
    ["finding.opened", "finding.reminder", "finding.cleared", "test"],
  );
  assert.match(receiver.got[0]!.body, /"audits":"\/audits"/);
});

const ANSWERS: Readonly<Record<SendAnswer["outcome"], readonly number[]>> = {
  delivered: [200, 201, 202, 204, 299],
  away: [301, 302, 307, 308, 408, 425, 429, 500, 502, 503],
  refused: [400, 401, 403, 404, 413],
  gone: [410],
};

test("what each answer means; a redirect is not followed", async (t) => {
  const { receiver, send } = await open(t);
  let count = 0;
  for (const [outcome, statuses] of Object.entries(ANSWERS)) {
    for (const status of statuses) {
      receiver.answer = (response) => response.writeHead(status, { location: "/elsewhere" }).end();
      const answer = await send();
      assert.deepEqual([answer.status, answer.outcome], [status, outcome]);
      count++;
    }
  }
  assert.equal(receiver.got.length, count);
  assert.ok(receiver.got.every(({ path }) => path === "/hook"));
});

test("Retry-After in both its forms", async (t) => {
  const { receiver, send } = await open(t);
  const forms = { "17": 17_000, [new Date(Date.now() + 60_000).toUTCString()]: 60_000 };
  for (const [value, wantedMs] of Object.entries(forms)) {
    receiver.answer = (response) => response.writeHead(429, { "retry-after": value }).end();
    const { retryAfterMs } = await send();
    assert.ok(Math.abs(retryAfterMs! - wantedMs) < 5_000, `${value}: ${retryAfterMs}`);
  }
  receiver.answer = (response) => response.writeHead(503, { "retry-after": "soon" }).end();
  assert.equal((await send()).retryAfterMs, undefined);
});

test("an answer may be anything but endless", async (t) => {
  const { receiver, send } = await open(t);
  receiver.answer = (response) => response.end(Buffer.from([0xff, 0x1b, 0x5b, 0x41]));
  const { outcome, detail } = await send();
  assert.deepEqual([outcome, detail], ["delivered", "\ufffd\\u001b[A"]);
  receiver.answer = (response) => response.end(Buffer.alloc(2_000_000));
  assert.match((await send()).detail, /more than \d+ bytes/);
  receiver.answer = (response) => response.destroy();
  assert.equal((await send()).outcome, "away");
});

/** Everything that Slack or a terminal would act on. */
const NASTY = "<!channel> <https://evil.example|click> & *bold* @here \u202e\n\u0007 `x` ".repeat(
  20,
);

function nasty(id: string, changes: Partial<Alert> = {}): Alert {
  const alert = makeAlert(id, changes);
  const finding = { ...alert.finding, expected: NASTY, found: NASTY, object: NASTY };
  return { ...alert, finding };
}

interface SlackText {
  readonly type: string;
  readonly text: string;
}
interface SlackBody {
  readonly text: string;
  readonly mrkdwn: boolean;
  readonly blocks: readonly {
    readonly type: string;
    readonly text?: SlackText;
    readonly elements?: readonly SlackText[];
  }[];
}

test("Slack gets one message within its limits, in which nothing of an entry is mark-up", async (t) => {
  const { receiver, channel, send } = await open(t, { format: "slack", secrets: [] });
  for (const count of [1, 3, channel.alertsMax]) {
    const alerts = Array.from({ length: count }, (_, i) => nasty(`a${i}`));
    assert.equal((await send(alerts)).outcome, "delivered");
    const { headers, body } = receiver.got.at(-1)!;
    assert.equal(headers["webhook-signature"], undefined);
    const { text, mrkdwn, blocks } = JSON.parse(body) as SlackBody;
    assert.ok(text.length <= 4_000 && mrkdwn === false && blocks.length <= 50);
    const texts = blocks.flatMap((block) => [block.text ?? [], block.elements ?? []].flat());
    assert.ok(texts.length >= 3);
    for (const block of blocks) {
      const max = block.type === "header" ? 150 : 3_000;
      assert.ok((block.text?.text.length ?? 0) <= max, block.type);
    }
    for (const { type } of texts) assert.equal(type, "plain_text");
    for (const value of [text, ...texts.map((one) => one.text)]) {
      assert.doesNotMatch(value, /[<>]|&(?!amp;|lt;|gt;)|\p{Bidi_Control}|(?!\n)\p{Cc}/u);
    }
    if (count > 1) assert.match(text, new RegExp(`${count} opened`));
  }
  assert.match(
    receiver.got.at(-1)!.body,
    /And \d+ more\. All findings: https:\/\/log\.example\.org/,
  );
});

interface PagerdutyBody {
  readonly routing_key: string;
  readonly event_action: string;
  readonly dedup_key: string;
  readonly payload?: {
    readonly summary: string;
    readonly source: string;
    readonly severity: string;
    readonly custom_details: Readonly<Record<string, string>>;
  };
}

test("PagerDuty gets one incident for each finding, which the all-clear resolves", async (t) => {
  const key = "0123456789abcdef0123456789abcdef";
  const { receiver, send } = await open(t, { format: "pagerduty", secrets: [key] });
  receiver.answer = (response) => response.writeHead(202).end();
  await send([nasty("a1")]);
  await send([nasty("a2", { kind: "reminder" })]);
  await send([nasty("a3", { kind: "cleared" })]);
  const other = nasty("a4");
  await send([{ ...other, finding: { ...other.finding, first: 8 } }]);
  const bodies = receiver.got.map(({ body }) => JSON.parse(body) as PagerdutyBody);
  assert.deepEqual(
    bodies.map((body) => body.event_action),
    ["trigger", "trigger", "resolve", "trigger"],
  );
  const keys = bodies.map((body) => body.dedup_key);
  assert.ok(keys[0] === keys[1] && keys[1] === keys[2] && keys[2] !== keys[3]);
  assert.ok(keys.every((one) => one.length <= 255));
  assert.ok(bodies.every((body) => body.routing_key === key));
  const { payload } = bodies[0]!;
  assert.ok(payload!.summary.length <= 1_024 && payload!.source === "log.example.org");
  assert.equal(payload!.severity, "critical");
  assert.equal(payload!.custom_details["Entries"], "entries 7 to 9");
});

test("secrets are whsec_ and base64 of 24 to 64 bytes", () => {
  for (const length of [24, 32, 64]) {
    assert.ok(isSigningSecret(formatSigningSecret(new Uint8Array(length))));
  }
  for (const text of ["", "whsec_", "secret", "whsec_AAAA", `whsec_${"!".repeat(40)}`]) {
    assert.ok(!isSigningSecret(text), text);
  }
  for (const length of [23, 65]) {
    assert.ok(!isSigningSecret(formatSigningSecret(new Uint8Array(length))));
  }
});
