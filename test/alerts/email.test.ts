/** E-mail against a real SMTP server: what arrives, with TLS and login, and what becomes of refusals. */
import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import test, { type TestContext } from "node:test";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { emailChannel } from "../../scripts/alerts/email.ts";
import type { EmailSettings } from "../../scripts/alerts/file.ts";
import { makeCertificate } from "../parts/certificate.ts";
import { makeAlert } from "./alerts.ts";

interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly user: string | undefined;
  readonly secure: boolean;
  readonly text: string;
}

async function startSmtp(t: TestContext, options: SMTPServerOptions = {}) {
  const got: Mail[] = [];
  const server = new SMTPServer({
    ...{ authOptional: true, allowInsecureAuth: true, disabledCommands: ["STARTTLS"] },
    onAuth: ({ username, password }, _, done) =>
      password === "pass word"
        ? done(null, { user: username! })
        : done(new Error("wrong password")),
    onData(stream, session, done) {
      let text = "";
      stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      stream.on("end", () => {
        const { mailFrom, rcptTo } = session.envelope;
        const from = mailFrom === false ? "" : mailFrom.address;
        const to = rcptTo.map(({ address }) => address);
        got.push({
          from,
          to,
          user: session.user as string | undefined,
          secure: session.secure,
          text,
        });
        done();
      });
    },
    ...options,
  });
  server.on("error", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => new Promise<void>((resolve) => server.close(resolve)));
  const { port } = server.server.address() as AddressInfo;
  const settings: EmailSettings = {
    ...{ kind: "email", id: "file-email", severity: "warning", host: "127.0.0.1", port },
    ...{ tls: "none", ca: null, login: null },
    ...{ from: "indelible@example.org", to: ["oncall@example.org", "boss@example.org"] },
  };
  return { got, settings };
}

/** Header lines of a message, unfolded. */
function header(text: string, name: string): string | undefined {
  const lines = text
    .split("\r\n\r\n")[0]!
    .replace(/\r\n[ \t]+/g, " ")
    .split("\r\n");
  return lines.find((line) => line.toLowerCase().startsWith(`${name}: `))?.slice(name.length + 2);
}

test("many alerts of one moment are one message, and nothing in them can become a header", async (t) => {
  const { got, settings } = await startSmtp(t);
  const channel = emailChannel(settings, "https://log.example.org");
  const alert = makeAlert("a0");
  const forged = { ...alert.finding, log: "x\r\nBcc: thief@example.org\r\n\r\nhello" };
  const answer = await channel.send([{ ...alert, finding: forged }], Date.now());
  assert.equal(answer.outcome, "delivered", answer.detail);
  const many = Array.from({ length: channel.alertsMax }, (_, i) => makeAlert(`m${i}`));
  await channel.send(many, Date.now());
  const [one, all] = got as [Mail, Mail];
  assert.deepEqual(one.to, settings.to);
  assert.equal(header(one.text, "bcc"), undefined);
  assert.match(header(one.text, "subject")!, /^\[Indelible critical\] log\.example\.org: Found/);
  assert.equal(header(one.text, "auto-submitted"), "auto-generated");
  assert.match(header(all.text, "subject")!, new RegExp(`${many.length} opened`));
  assert.match(all.text, /And \d+ more\./);
  await channel.send(many, Date.now());
  assert.equal(header(got[2]!.text, "message-id"), header(all.text, "message-id"));
});

test("with TLS and a login; without TLS nothing is sent where it is required", async (t) => {
  const { cert, key } = await makeCertificate();
  const tls = { cert, key, disabledCommands: [], authOptional: false };
  const { got, settings } = await startSmtp(t, tls);
  const login = { user: "indelible", password: "pass word" };
  const starttls = { ...settings, tls: "starttls", ca: cert, login } as const;
  const answer = await emailChannel(starttls, null).send([makeAlert("a")], Date.now());
  assert.equal(answer.outcome, "delivered", answer.detail);
  assert.deepEqual([got[0]!.secure, got[0]!.user], [true, "indelible"]);
  const wrong = { ...starttls, login: { user: "indelible", password: "no" } };
  const refused = await emailChannel(wrong, null).send([makeAlert("a")], Date.now());
  assert.deepEqual([refused.outcome, refused.status], ["away", 535]);
  const unknown = await emailChannel({ ...starttls, ca: null }, null).send([makeAlert("a")], 0);
  assert.equal(unknown.outcome, "away", "a certificate that nobody trusts");
  const plain = await startSmtp(t);
  const stripped = { ...plain.settings, tls: "starttls" } as const;
  assert.equal((await emailChannel(stripped, null).send([makeAlert("a")], 0)).outcome, "away");
  assert.deepEqual([got.length, plain.got.length], [1, 0]);
});

test("a server that is not there, and one that does not want this message", async (t) => {
  const { settings } = await startSmtp(t, {
    onMailFrom: (_, __, done) => done(Object.assign(new Error("not you"), { responseCode: 550 })),
  });
  const refused = await emailChannel(settings, null).send([makeAlert("a")], 0);
  assert.deepEqual([refused.outcome, refused.status], ["refused", 550]);
  const { settings: later } = await startSmtp(t, {
    onMailFrom: (_, __, done) => done(Object.assign(new Error("later"), { responseCode: 450 })),
  });
  assert.deepEqual((await emailChannel(later, null).send([makeAlert("a")], 0)).outcome, "away");
  const nowhere = { ...settings, port: 1 };
  assert.equal((await emailChannel(nowhere, null).send([makeAlert("a")], 0)).outcome, "away");
});
