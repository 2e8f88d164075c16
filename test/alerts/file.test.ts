/** The operator's file: what it comes to, and that whatever is wrong in it is named by its place. */
import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { fileChannels, targetOf } from "../../scripts/alerts/channels.ts";
import { readAlertsFile } from "../../scripts/alerts/file.ts";
import { formatSigningSecret } from "../../storage/alerts/secret.ts";

const SECRET = formatSigningSecret(new Uint8Array(32));
const KEY = "0123456789abcdef0123456789abcdef";

async function write(t: TestContext, text: string, mode = 0o600): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "indelible-alerts-"));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "signing"), `${SECRET}\n`, { mode: 0o600 });
  await writeFile(join(folder, "routing"), `${KEY}\n`, { mode: 0o600 });
  await writeFile(join(folder, "password"), "pass word\n", { mode: 0o600 });
  await writeFile(join(folder, "open"), `${SECRET}\n`);
  await chmod(join(folder, "open"), 0o644);
  const path = join(folder, "alerts.toml");
  await writeFile(path, text, { mode });
  await chmod(path, mode);
  return path;
}

test("a file with everything in it", async (t) => {
  const path = await write(
    t,
    `link = "https://log.example.org"
[[webhook]]
url = "https://hooks.example.org/a?b=c"
secret_file = "signing"
[[webhook]]
name = "chat"
format = "slack"
url = "https://hooks.slack.com/services/T0/B0/xyz"
severity = "critical"
[[webhook]]
format = "pagerduty"
secret_file = "routing"
[email]
host = "smtp.example.org"
user = "u"
password_file = "password"
from = "indelible@example.org"
to = ["oncall@example.org"]
[command]
run = ["/usr/local/bin/page", "--now"]
`,
  );
  const settings = readAlertsFile(path, false);
  const { link, channels } = settings;
  assert.deepEqual(
    fileChannels(settings, false).map(({ format }) => format),
    ["standard", "slack", "pagerduty", "email", "command"],
  );
  assert.equal(link, "https://log.example.org");
  assert.deepEqual(
    channels.map((channel) => [channel.id, channel.severity, targetOf(channel)]),
    [
      ["file-webhook-1", "warning", "https://hooks.example.org"],
      ["file-chat", "critical", "https://hooks.slack.com"],
      ["file-webhook-3", "warning", "https://events.pagerduty.com"],
      ["file-email", "warning", "oncall@example.org"],
      ["file-command", "warning", "/usr/local/bin/page"],
    ],
  );
  const [standard, slack, pagerduty, email] = channels;
  assert.deepEqual(standard?.kind === "webhook" && standard.secrets, [SECRET]);
  assert.deepEqual(slack?.kind === "webhook" && slack.secrets, []);
  assert.deepEqual(pagerduty?.kind === "webhook" && pagerduty.secrets, [KEY]);
  assert.ok(email?.kind === "email" && email.port === 587 && email.login?.password === "pass word");
});

const HOOK = '[[webhook]]\nurl = "https://hooks.example.org/"\n';
const MAIL = '[email]\nhost = "h"\nfrom = "a@example.org"\nto = ["b@example.org"]\n';

/** Text, and what is said of it; the mode where it is not 0600. */
const WRONG: readonly (readonly [string, RegExp, number?])[] = [
  ["colour = 1", /^colour is not a key here/],
  [`${HOOK}secrets = "x"`, /^webhook\[0\]\.secrets is not a key here/],
  [HOOK, /^webhook\[0\]\.secret_file is missing/],
  [`${HOOK}secret = "guess"`, /^webhook\[0\]\.secret_file must hold one secret a line.*whsec_/],
  [
    `${HOOK}secret = "${SECRET}"`,
    /^webhook\[0\]\.secret: .*0600; put the secret into a file/,
    0o640,
  ],
  [`${HOOK}secret_file = "open"`, /^webhook\[0\]\.secret_file: .*open can be read by others/],
  [`${HOOK}secret_file = "nowhere"`, /^webhook\[0\]\.secret_file: ENOENT/],
  [`${HOOK}secret = "x"\nsecret_file = "signing"`, /give one of them/],
  [
    `${HOOK}secret_file = "signing"\nformat = "teams"`,
    /^webhook\[0\]\.format must be standard, slack/,
  ],
  [`${HOOK}secret_file = "signing"\nseverity = "low"`, /^webhook\[0\]\.severity must be/],
  [`${HOOK}secret_file = "signing"\nname = "On Call"`, /^webhook\[0\]\.name must be/],
  ['[[webhook]]\nsecret_file = "signing"', /^webhook\[0\]\.url is missing/],
  [
    '[[webhook]]\nurl = "http://hooks.example.org"\nsecret_file = "signing"',
    /^webhook\[0\]\.url does not begin with https/,
  ],
  [
    '[[webhook]]\nurl = "https://127.1/"\nsecret_file = "signing"',
    /^webhook\[0\]\.url has a host that is loopback/,
  ],
  [`${HOOK}format = "slack"`, /^webhook\[0\]\.url: .*0600/, 0o644],
  [`${HOOK}format = "slack"\nsecret_file = "signing"`, /Slack's secret is the address/],
  [
    '[[webhook]]\nformat = "pagerduty"\nsecret_file = "signing"',
    /must hold an integration's routing key/,
  ],
  [
    `${HOOK}secret_file = "signing"\nname = "a"\n${HOOK}secret_file = "signing"\nname = "a"`,
    /two channels are called a/,
  ],
  [`${MAIL}user = "u"`, /email\.user and email\.password_file go together/],
  [
    `${MAIL}user = "u"\npassword_file = "password"\ntls = "none"`,
    /^email\.tls is none: a password/,
  ],
  [MAIL.replace("b@", "b\\nBcc: c@"), /^email\.to\[0\] must be a mail address/],
  [`${MAIL}port = 0`, /^email\.port must be a port/],
  ['[command]\nrun = "/bin/page now"', /^command\.run must be a list/],
  ['[command]\nrun = ["page"]', /^command\.run must be a list: a program's absolute path/],
  ['link = "log.example.org"', /^link must be the instance's address/],
  ["[[webhook]", /Invalid TOML/],
];

test("what is wrong is named", async (t) => {
  for (const [text, message, mode] of WRONG) {
    const path = await write(t, text, mode);
    assert.throws(() => readAlertsFile(path, false), { message }, text);
  }
});

test("private addresses are taken where the configuration allows them", async (t) => {
  const text = '[[webhook]]\nurl = "http://127.0.0.1:9/"\nsecret_file = "signing"';
  assert.equal(readAlertsFile(await write(t, text), true).channels.length, 1);
});
