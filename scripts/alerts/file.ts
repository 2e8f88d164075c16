/**
 * The operator's file of places where people are told (`INDELIBLE_ALERTS`), as TOML. Everything in it is checked before anything
 * starts: what is not known or cannot be is refused with its place. Secrets stand in files of their own, or in this one
 * if nobody else may read it. Relative paths count from the file's folder.
 */
import { readFileSync, statSync } from "node:fs";
import { dirname, isAbsolute, resolve } from "node:path";
import { parse } from "smol-toml";
import * as v from "valibot";
import { PAGERDUTY_URL, ROUTING_KEY } from "../../storage/alerts/bodies/pagerduty.ts";
import { WEBHOOK_FORMATS, type WebhookFormat } from "../../storage/alerts/webhook.ts";
import { isSigningSecret, SIGNING_SECRET_RULE } from "../../storage/alerts/secret.ts";
import type { Severity } from "../../storage/log/findings.ts";
import { outgoingProblem } from "../../storage/outgoing.ts";
import { isLoopbackHost } from "../config/loopback.ts";

interface Common {
  /** `file-<name>`. */
  readonly id: string;
  readonly severity: Severity;
}

export interface WebhookSettings extends Common {
  readonly kind: "webhook";
  readonly format: WebhookFormat;
  readonly url: string;
  /** The newest first; a routing key for PagerDuty; none for Slack. */
  readonly secrets: readonly string[];
}

export interface EmailSettings extends Common {
  readonly kind: "email";
  readonly host: string;
  readonly port: number;
  /** `starttls` and `implicit` take no server without TLS. */
  readonly tls: (typeof TLS_WAYS)[number];
  /** A certificate to trust beside the usual ones, PEM. */
  readonly ca: string | null;
  readonly login: { readonly user: string; readonly password: string } | null;
  readonly from: string;
  readonly to: readonly string[];
}

export interface CommandSettings extends Common {
  readonly kind: "command";
  /** A program's absolute path, and its arguments as they are. */
  readonly run: readonly [string, ...string[]];
  readonly seconds: number;
}

export type ChannelSettings = WebhookSettings | EmailSettings | CommandSettings;

export interface AlertSettings {
  /** The instance's address for people; null where nobody said it. */
  readonly link: string | null;
  readonly channels: readonly ChannelSettings[];
}

const TLS_WAYS = ["starttls", "implicit", "none"] as const;
/** RFC 6409 §3.1, RFC 8314 §3.3, RFC 5321 §4.5.4.2. */
const PORTS = { starttls: 587, implicit: 465, none: 25 } as const;

const WEBHOOKS_MAX = 20;
const RECIPIENTS_MAX = 50;
const ARGUMENTS_MAX = 100;
const TEXT_CHARS_MAX = 2_000;
const FILE_BYTES_MAX = 64 * 1024;
const COMMAND_SECONDS = 30;
const COMMAND_SECONDS_MAX = 300;

const TEXT = `must be a text of 1 to ${TEXT_CHARS_MAX} characters`;
const NAME = "must be a name of 1 to 40 characters out of a-z, 0-9 and -";
const SEVERITY = "must be warning (all alerts) or critical";
const ADDRESS = "must be a mail address like oncall@example.org";
const TO = `must be a list of 1 to ${RECIPIENTS_MAX} mail addresses`;
const RUN = "must be a list: a program's absolute path, then its arguments";
const PORT = "must be a port from 1 to 65535";
const SECONDS = `must be whole seconds from 1 to ${COMMAND_SECONDS_MAX}`;

const Text = v.pipe(v.string(TEXT), v.nonEmpty(TEXT), v.maxLength(TEXT_CHARS_MAX, TEXT));
const Name = v.pipe(v.string(NAME), v.regex(/^[a-z0-9][a-z0-9-]{0,39}$/, NAME));
/** Not more than is needed to tell an address from what could be anything: no space, no line break, no list. */
const Address = v.pipe(
  v.string(ADDRESS),
  v.maxLength(320, ADDRESS),
  v.regex(/^[^\s@<>,;:"()[\]\\\p{Cc}]+@[^\s@<>,;:"()[\]\\\p{Cc}]+$/u, ADDRESS),
);

function wholeUpTo(max: number, rule: string) {
  return v.pipe(v.number(rule), v.integer(rule), v.minValue(1, rule), v.maxValue(max, rule));
}

const common = { severity: v.optional(v.picklist(["warning", "critical"], SEVERITY), "warning") };

const FORMAT = `must be ${WEBHOOK_FORMATS.join(", ")}`;

const WebhookShape = v.strictObject({
  ...common,
  name: v.optional(Name),
  format: v.optional(v.picklist(WEBHOOK_FORMATS, FORMAT), "standard"),
  url: v.optional(Text),
  url_file: v.optional(Text),
  secret: v.optional(Text),
  secret_file: v.optional(Text),
});

const EmailShape = v.strictObject({
  ...common,
  host: Text,
  port: v.optional(wholeUpTo(65_535, PORT)),
  tls: v.optional(v.picklist(TLS_WAYS, `must be ${TLS_WAYS.join(", ")}`), "starttls"),
  ca_file: v.optional(Text),
  user: v.optional(Text),
  password: v.optional(Text),
  password_file: v.optional(Text),
  from: Address,
  to: v.pipe(v.array(Address, TO), v.minLength(1, TO), v.maxLength(RECIPIENTS_MAX, TO)),
});

const CommandShape = v.strictObject({
  ...common,
  run: v.pipe(
    v.array(Text, RUN),
    v.minLength(1, RUN),
    v.maxLength(ARGUMENTS_MAX, RUN),
    v.check(([program]) => program !== undefined && isAbsolute(program), RUN),
  ),
  seconds: v.optional(wholeUpTo(COMMAND_SECONDS_MAX, SECONDS), COMMAND_SECONDS),
});

const WEBHOOKS = `must be at most ${WEBHOOKS_MAX} tables [[webhook]]`;

const FileShape = v.strictObject({
  link: v.optional(Text),
  webhook: v.optional(
    v.pipe(v.array(WebhookShape, WEBHOOKS), v.maxLength(WEBHOOKS_MAX, WEBHOOKS)),
    [],
  ),
  email: v.optional(EmailShape),
  command: v.optional(CommandShape),
});

/** Throws what is wrong, beginning with the place in the file. */
export function readAlertsFile(path: string, privateAllowed: boolean): AlertSettings {
  const file = new AlertsFile(path, privateAllowed);
  const text = readFileSync(path, "utf8");
  if (text.length > FILE_BYTES_MAX) throw new Error(`is larger than ${FILE_BYTES_MAX} bytes`);
  const result = v.safeParse(FileShape, parse(text));
  if (!result.success) throw new Error(issueText(result.issues[0]));
  const { link, webhook, email, command } = result.output;
  if (link !== undefined && !/^https?:\/\/[^\s]+$/.test(link)) {
    throw new Error("link must be the instance's address like https://log.example.org");
  }
  const channels = [
    ...webhook.map((one, i) => file.webhook(one, i)),
    ...(email === undefined ? [] : [file.email(email)]),
    ...(command === undefined ? [] : [file.command(command)]),
  ];
  assertDifferent(channels);
  return { link: link ?? null, channels };
}

function issueText(issue: v.BaseIssue<unknown>): string {
  const place = (issue.path ?? [])
    .map(({ key }) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("")
    .replace(/^\./, "");
  if (issue.type !== "strict_object") return `${place} ${issue.message}`;
  return `${place} ${issue.expected === "never" ? "is not a key here" : "is missing"}`;
}

function assertDifferent(channels: readonly ChannelSettings[]): void {
  const ids = new Set<string>();
  for (const { id } of channels) {
    if (ids.has(id))
      throw new Error(`webhook.name: two channels are called ${id.slice("file-".length)}`);
    ids.add(id);
  }
}

/** What cannot be seen from one value alone. */
class AlertsFile {
  readonly #path: string;
  readonly #privateAllowed: boolean;

  constructor(path: string, privateAllowed: boolean) {
    this.#path = path;
    this.#privateAllowed = privateAllowed;
  }

  webhook(shape: v.InferOutput<typeof WebhookShape>, index: number): WebhookSettings {
    const place = `webhook[${index}]`;
    const { format, severity, name = `webhook-${index + 1}` } = shape;
    if (shape.url !== undefined && format === "slack") this.#assertPrivate(`${place}.url`);
    const url =
      this.#either(place, "url", shape.url, shape.url_file) ??
      (format === "pagerduty" ? PAGERDUTY_URL : null);
    if (url === null) throw new Error(`${place}.url is missing`);
    const problem = outgoingProblem(url, this.#privateAllowed);
    if (problem !== null) throw new Error(`${place}.url ${problem}`);
    const secrets = this.#secretsOf(place, format, shape);
    return { kind: "webhook", id: `file-${name}`, severity, format, url, secrets };
  }

  #secretsOf(
    place: string,
    format: WebhookFormat,
    { secret, secret_file: file }: v.InferOutput<typeof WebhookShape>,
  ): string[] {
    if (secret !== undefined) this.#assertPrivate(`${place}.secret`);
    const text = this.#either(place, "secret", secret, file);
    if (format === "slack") {
      if (text === null) return [];
      throw new Error(`${place}.secret has no use: Slack's secret is the address`);
    }
    if (text === null) throw new Error(`${place}.secret_file is missing`);
    const secrets = text.split("\n").map((line) => line.trim());
    if (format === "pagerduty") {
      if (secrets.length === 1 && ROUTING_KEY.test(secrets[0]!)) return secrets;
      throw new Error(`${place}.secret_file must hold an integration's routing key`);
    }
    if (secrets.length <= 2 && secrets.every(isSigningSecret)) return secrets;
    throw new Error(
      `${place}.secret_file must hold one secret a line, the newest first, at most two: ${SIGNING_SECRET_RULE}`,
    );
  }

  email(shape: v.InferOutput<typeof EmailShape>): EmailSettings {
    const { severity, host, tls, port = PORTS[tls], user, from, to } = shape;
    if (shape.password !== undefined) this.#assertPrivate("email.password");
    const password = this.#either("email", "password", shape.password, shape.password_file);
    if ((user === undefined) !== (password === null)) {
      throw new Error("email.user and email.password_file go together: one of them is missing");
    }
    if (tls === "none" && user !== undefined && !isLoopbackHost(host)) {
      throw new Error("email.tls is none: a password would be sent for everybody to read");
    }
    const login = user === undefined ? null : { user, password: password! };
    const ca = shape.ca_file === undefined ? null : this.#read("email.ca_file", shape.ca_file);
    return { kind: "email", id: "file-email", severity, host, port, tls, ca, login, from, to };
  }

  command({ severity, run, seconds }: v.InferOutput<typeof CommandShape>): CommandSettings {
    const [program, ...rest] = run;
    return { kind: "command", id: "file-command", severity, run: [program!, ...rest], seconds };
  }

  /** A value or what is in its file; null for neither. */
  #either(place: string, key: string, value?: string, file?: string): string | null {
    if (value !== undefined && file !== undefined) {
      throw new Error(`${place}.${key} and ${place}.${key}_file are the same: give one of them`);
    }
    if (file === undefined) return value ?? null;
    const text = this.#read(`${place}.${key}_file`, file, true).trim();
    if (text === "") throw new Error(`${place}.${key}_file: ${file} is empty`);
    return text;
  }

  #read(place: string, file: string, isSecret = false): string {
    const path = resolve(dirname(this.#path), file);
    try {
      if (isSecret) assertOwnersAlone(path);
      return readFileSync(path, "utf8");
    } catch (error) {
      throw new Error(`${place}: ${(error as Error).message}`, { cause: error });
    }
  }

  /** For what is secret and stands in the file itself. */
  #assertPrivate(place: string): void {
    try {
      assertOwnersAlone(this.#path);
    } catch (error) {
      const detail = "put the secret into a file of its own and name that, or: chmod 600";
      throw new Error(`${place}: ${(error as Error).message}; ${detail}`, { cause: error });
    }
  }
}

function assertOwnersAlone(path: string): void {
  if ((statSync(path).mode & 0o077) === 0) return;
  throw new Error(`${path} can be read by others; it must be 0600`);
}
