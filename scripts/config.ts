/**
 * The configuration of every command: environment variables, and flags of the same names that win
 * (`INDELIBLE_SEAL_SECONDS=5` is `--seal-seconds 5`). Everything is checked before anything starts, and
 * a wrong value is refused with the key's name; so is a name that begins with INDELIBLE_ and means nothing,
 * because a misspelt setting that is silently ignored is worse than none.
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { APPROVAL_HOURS, APPROVAL_HOURS_MAX } from "../storage/flow/approvals.ts";
import { RETENTION_DAYS_MAX } from "../storage/log/batch-header.ts";
import { isNetwork } from "../storage/networks.ts";
import { isLoopbackHost } from "./config/loopback.ts";
import { readAudit } from "./config/audit.ts";
import { readFrom } from "./config/named-file.ts";
import { readTraces } from "./config/traces.ts";
import type {
  Config,
  GatewayConfig,
  LibsqlConfig,
  Listen,
  S3Config,
  S3Credentials,
  TlsFiles,
} from "./config/shape.ts";
import { readAlertsFile } from "./alerts/file.ts";
import { readIssuersFile } from "./parts/issuers-file.ts";

export type { Config, LibsqlConfig, S3Config, TlsFiles } from "./config/shape.ts";

/** A setting that cannot be used. The message begins with the key's name. */
export class ConfigError extends Error {
  readonly key: string;
  constructor(key: string, problem: string) {
    super(`${key} ${problem}`);
    this.name = "ConfigError";
    this.key = key;
  }
}

const PREFIX = "INDELIBLE_";

/**
 * No setting: the token with which the verifier asks an instance. In the environment, because everybody on the machine could read
 * an argument; and left alone where a shell has it for that.
 */
export const TOKEN_VARIABLE = `${PREFIX}TOKEN`;

const KEYS = [
  "DATA",
  "KEYS",
  "LISTEN",
  "ORIGIN",
  "SEAL_SECONDS",
  "SEAL_ENTRIES",
  "S3_ENDPOINT",
  "S3_BUCKET",
  "S3_REGION",
  "S3_ACCESS_KEY",
  "S3_SECRET_KEY",
  "S3_ADMIN_ACCESS_KEY",
  "S3_ADMIN_SECRET_KEY",
  "LOCK_TEST_SECONDS",
  "LIBSQL_URL",
  "LIBSQL_TOKEN",
  "LIBSQL_DDL_TOKEN",
  "INDEX_ENCRYPTION",
  "SYSTEM_RETENTION_DAYS",
  "TRUSTED_PROXIES",
  "TLS_CERT",
  "TLS_KEY",
  "CORS_ORIGINS",
  "OIDC",
  "ALLOW_PRIVATE_ADDRESSES",
  "GATEWAY_LISTEN",
  "GATEWAY_UPSTREAM",
  "ALERTS",
  "TRY_IT",
  "TWO_PERSON",
  "APPROVAL_HOURS",
  "RATE_PER_TOKEN",
  "RATE_PER_ADDRESS",
  "RATE_REFUSED",
  "REQUESTS_MAX",
  ...(["AUDIT_HOURS", "AUDIT_SHARE", "AUDIT_PAUSE_SECONDS"] as const),
  ...(["OTLP_ENDPOINT", "OTLP_HEADERS", "TRACE_PERCENT"] as const),
] as const;
type Key = (typeof KEYS)[number];

/** Secrets are not taken as flags: a command line can be read by every user of the machine. */
const SECRETS: readonly Key[] = [
  "S3_ACCESS_KEY",
  "S3_SECRET_KEY",
  "S3_ADMIN_ACCESS_KEY",
  "S3_ADMIN_SECRET_KEY",
  "LIBSQL_TOKEN",
  "LIBSQL_DDL_TOKEN",
  "OTLP_HEADERS",
];

const DEFAULTS = {
  DATA: "./data",
  LISTEN: "127.0.0.1:8787",
  GATEWAY_LISTEN: "127.0.0.1:8788",
  SEAL_SECONDS: 10,
  SEAL_ENTRIES: 10_000,
  LOCK_TEST_SECONDS: 3_600,
  APPROVAL_HOURS,
};

/** Longer than a day and nobody would call it sealing; the lower bound is what a store can take. */
const SEAL_SECONDS_MAX = 86_400;
/** A lock that somebody opened is to be noticed within a day. */
const LOCK_TEST_SECONDS_MAX = 86_400;
/** The most entries that one batch holds (FORMAT). */
const SEAL_ENTRIES_MAX = 65_536;

/** The flags of a verb beyond the common ones, in the form of node:util's `parseArgs`. */
export type ExtraFlags = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>["options"]>;

export interface ParsedCommand {
  readonly config: Config;
  /** Values of the verb's own flags. */
  readonly flags: Record<string, string | boolean | (string | boolean)[] | undefined>;
  /** What is left on the command line. */
  readonly words: readonly string[];
}

/** Reads flags and environment. Throws `ConfigError`. Relative paths count from where npm was called. */
export function readCommand(
  argv: readonly string[] = process.argv.slice(2),
  env: NodeJS.ProcessEnv = process.env,
  extraFlags: ExtraFlags = {},
): ParsedCommand {
  const { values, positionals } = parseFlags(argv, extraFlags);
  const settings = new Settings(env, values);
  const base = env.INIT_CWD ?? process.cwd();
  const s3 = readS3(settings);
  const dataDir = resolve(base, settings.text("DATA") ?? DEFAULTS.DATA);
  const keys = settings.text("KEYS");
  const privateAddressesAllowed = readSwitch(settings, "ALLOW_PRIVATE_ADDRESSES");
  return {
    config: {
      dataDir,
      keysDir: keys === null ? join(dataDir, "keys") : resolve(base, keys),
      listen: readListen(settings, "LISTEN"),
      origin: readOrigin(settings.text("ORIGIN")),
      sealSeconds: settings.integer("SEAL_SECONDS", 1, SEAL_SECONDS_MAX) ?? DEFAULTS.SEAL_SECONDS,
      sealEntries: settings.integer("SEAL_ENTRIES", 1, SEAL_ENTRIES_MAX) ?? DEFAULTS.SEAL_ENTRIES,
      s3,
      s3Administrator: readAdministrator(settings, s3 !== null),
      lockTestSeconds:
        settings.integer("LOCK_TEST_SECONDS", 1, LOCK_TEST_SECONDS_MAX) ??
        DEFAULTS.LOCK_TEST_SECONDS,
      libsql: readLibsql(settings),
      gateway: readGateway(settings),
      twoPerson: readSwitch(settings, "TWO_PERSON"),
      approvalHours:
        settings.integer("APPROVAL_HOURS", 1, APPROVAL_HOURS_MAX) ?? DEFAULTS.APPROVAL_HOURS,
      tryIt: readSwitch(settings, "TRY_IT", "on"),
      indexEncryption: readSwitch(settings, "INDEX_ENCRYPTION", "on"),
      systemRetentionDays: readSystemRetention(settings, s3 !== null),
      trustedProxies: readNetworks(settings, "TRUSTED_PROXIES"),
      tls: readTlsFiles(settings, base),
      corsOrigins: readOrigins(settings, "CORS_ORIGINS"),
      limits: readLimits(settings),
      audit: readAudit(settings, s3 !== null),
      issuers: readFrom(settings, "OIDC", base, privateAddressesAllowed, readIssuersFile),
      alerts: readFrom(settings, "ALERTS", base, privateAddressesAllowed, readAlertsFile),
      privateAddressesAllowed,
      traces: readTraces(settings, (key, why) => new ConfigError(PREFIX + key, why)),
    },
    flags: values,
    words: positionals,
  };
}

function parseFlags(argv: readonly string[], extraFlags: ExtraFlags) {
  const options: ExtraFlags = { ...extraFlags };
  for (const key of KEYS) options[flagName(key)] = { type: "string" };
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new ConfigError("Command line:", (error as Error).message);
  }
}

function flagName(key: Key): string {
  return key.toLowerCase().replaceAll("_", "-");
}

/** One place to look a setting up; an empty value counts as not set. */
class Settings {
  readonly #env: NodeJS.ProcessEnv;
  readonly #flags: Record<string, unknown>;

  constructor(env: NodeJS.ProcessEnv, flags: Record<string, unknown>) {
    this.#env = env;
    this.#flags = flags;
    for (const name of Object.keys(env)) {
      if (name === TOKEN_VARIABLE) continue;
      if (name.startsWith(PREFIX) && !KEYS.some((key) => PREFIX + key === name)) {
        throw new ConfigError(name, "is not a setting of Indelible.");
      }
    }
    for (const key of SECRETS) {
      if (flags[flagName(key)] !== undefined) {
        throw new ConfigError(
          PREFIX + key,
          "is a secret: give it in the environment, not as a flag.",
        );
      }
    }
  }

  text(key: Key): string | null {
    return (this.#flags[flagName(key)] as string | undefined) || this.#env[PREFIX + key] || null;
  }

  integer(key: Key, min: number, max: number): number | null {
    const text = this.text(key);
    if (text === null) return null;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new ConfigError(
      PREFIX + key,
      `must be a whole number from ${min} to ${max}, not "${text}".`,
    );
  }

  /** All of `keys`, or `null` if none is set; some of them only is an error that names a missing one. */
  group<K extends Key>(
    keys: readonly K[],
    optional: readonly Key[] = [],
  ): Record<K, string> | null {
    const set = [...keys, ...optional].filter((key) => this.text(key) !== null);
    if (set.length === 0) return null;
    const found: Partial<Record<Key, string>> = {};
    for (const key of keys) {
      const value = this.text(key);
      if (value === null) {
        throw new ConfigError(PREFIX + key, `is missing, and ${PREFIX}${set[0]} needs it.`);
      }
      found[key] = value;
    }
    return found as Record<K, string>;
  }
}

/** `host:port`, the host an IPv4 address, a name, or an IPv6 address in brackets; port 0 takes a free one. */
function readListen(settings: Settings, key: "LISTEN" | "GATEWAY_LISTEN"): Listen {
  const text = settings.text(key) ?? DEFAULTS[key];
  const match = /^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]|\*):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match && port <= 65_535) return { host: match[1]!, port };
  throw new ConfigError(PREFIX + key, `must be host:port like ${DEFAULTS[key]}, not "${text}".`);
}

/** The first line of every checkpoint begins with it (C2SP tlog-checkpoint: a schema-less URL). */
function readOrigin(text: string | null): string | null {
  if (text === null || /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(\/[a-z0-9._-]+)*$/.test(text))
    return text;
  throw new ConfigError(
    `${PREFIX}ORIGIN`,
    `must be a lower-case host name, with a path if need be, like log.example.org; not "${text}".`,
  );
}

function readS3(settings: Settings): S3Config | null {
  const group = settings.group(
    ["S3_ENDPOINT", "S3_BUCKET", "S3_ACCESS_KEY", "S3_SECRET_KEY"],
    ["S3_REGION"],
  );
  if (!group) return null;
  return {
    endpoint: readUrl("S3_ENDPOINT", group.S3_ENDPOINT, ["http:", "https:"]),
    bucket: group.S3_BUCKET,
    region: settings.text("S3_REGION") ?? "us-east-1",
    accessKey: group.S3_ACCESS_KEY,
    secretKey: group.S3_SECRET_KEY,
  };
}

/** The local MinIO has no administrator after its set-up, so there a key would be somebody's mistake. */
function readAdministrator(settings: Settings, configuredStore: boolean): S3Credentials | null {
  const group = settings.group(["S3_ADMIN_ACCESS_KEY", "S3_ADMIN_SECRET_KEY"]);
  if (!group) return null;
  if (!configuredStore) {
    throw new ConfigError(
      `${PREFIX}S3_ADMIN_ACCESS_KEY`,
      `is for a store of your own: set ${PREFIX}S3_ENDPOINT too.`,
    );
  }
  return { accessKey: group.S3_ADMIN_ACCESS_KEY, secretKey: group.S3_ADMIN_SECRET_KEY };
}

function readGateway(settings: Settings): GatewayConfig {
  const upstream = settings.text("GATEWAY_UPSTREAM");
  if (upstream !== null) {
    const url = readUrl("GATEWAY_UPSTREAM", upstream, ["http:", "https:"]);
    if (new URL(url).pathname !== "/") {
      throw new ConfigError(
        `${PREFIX}GATEWAY_UPSTREAM`,
        "must be a store's address without a path.",
      );
    }
  }
  return { listen: readListen(settings, "GATEWAY_LISTEN"), upstream };
}

function readLibsql(settings: Settings): LibsqlConfig | null {
  const group = settings.group(["LIBSQL_URL", "LIBSQL_TOKEN"], ["LIBSQL_DDL_TOKEN"]);
  if (!group) return null;
  const url = readUrl("LIBSQL_URL", group.LIBSQL_URL, ["http:", "https:", "libsql:"]);
  return { url, token: group.LIBSQL_TOKEN, ddlToken: settings.text("LIBSQL_DDL_TOKEN") };
}

function readUrl(key: Key, text: string, protocols: readonly string[]): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url && protocols.includes(url.protocol) && !url.username && !url.password) return text;
  const forms = protocols.map((protocol) => `${protocol}//…`).join(" or ");
  throw new ConfigError(PREFIX + key, `must be a URL (${forms}) without a password in it.`);
}

function readTlsFiles(settings: Settings, base: string): TlsFiles | null {
  const group = settings.group(["TLS_CERT", "TLS_KEY"]);
  return (
    group && { certFile: resolve(base, group.TLS_CERT), keyFile: resolve(base, group.TLS_KEY) }
  );
}

/** Origins with commas between them. A page that came over plain HTTP from elsewhere could be anybody's. */
function readOrigins(settings: Settings, key: Key): string[] {
  const origins = readList(settings, key);
  const wrong = origins.find((text) => !isPageOrigin(text));
  if (wrong === undefined) return origins;
  throw new ConfigError(
    PREFIX + key,
    `must be origins like https://app.example.org with commas between them (no path, no *; http:// for loopback only), not "${wrong}".`,
  );
}

function isPageOrigin(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.origin !== text || text.includes("*")) return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopbackHost(url.hostname));
}

function readLimits(settings: Settings): Record<string, string> {
  const limits: Record<string, string> = {};
  for (const [key, min] of LIMITS_MIN) {
    const value = settings.integer(key, min, LIMIT_MAX);
    if (value !== null) limits[PREFIX + key] = String(value);
  }
  return limits;
}

/** Requests a second, 0 for no limit; and requests under way, of which one sender may have a part. */
const LIMITS_MIN: readonly (readonly [Key, number])[] = [
  ["RATE_PER_TOKEN", 0],
  ["RATE_PER_ADDRESS", 0],
  ["RATE_REFUSED", 0],
  ["REQUESTS_MAX", 16],
];
/** No machine does more. */
const LIMIT_MAX = 1_000_000;

/** Texts with commas between them. */
function readList(settings: Settings, key: Key): string[] {
  const texts = (settings.text(key) ?? "").split(",").map((text) => text.trim());
  return texts.filter((text) => text !== "");
}

/** Networks with commas between them. */
function readNetworks(settings: Settings, key: Key): string[] {
  const networks = readList(settings, key);
  const wrong = networks.find((text) => !isNetwork(text));
  if (wrong === undefined) return networks;
  throw new ConfigError(
    PREFIX + key,
    `must be networks like 10.0.0.0/8 with commas between them, not "${wrong}".`,
  );
}

/** `on` or `off`; off where it is not set. */
function readSwitch(settings: Settings, key: Key, unset: "on" | "off" = "off"): boolean {
  const text = settings.text(key) ?? unset;
  if (text === "on" || text === "off") return text === "on";
  throw new ConfigError(PREFIX + key, `must be on or off, not "${text}".`);
}

/** Locks in a store of one's own cannot be taken back, so nobody but its owner may choose their length. */
function readSystemRetention(settings: Settings, configuredStore: boolean): number {
  const days = settings.integer("SYSTEM_RETENTION_DAYS", 1, RETENTION_DAYS_MAX);
  if (days !== null) return days;
  if (!configuredStore) return 1;
  throw new ConfigError(
    `${PREFIX}SYSTEM_RETENTION_DAYS`,
    "is missing: with a store of your own you must say for how many days the instance's own logs are locked.",
  );
}
