/** The worker's bindings, and the values in them that must be right before anything is answered. */
import type { DurableObjectNamespace, Fetcher } from "@cloudflare/workers-types";
import { parseIssuers, type Issuer } from "../storage/issuers.ts";
import type { VaultConfig } from "../storage/vault/client.ts";

/** What `wrangler.toml`, the supervisor and the operator's secrets give the worker. */
export interface Env {
  readonly LEDGER: DurableObjectNamespace;
  /** Keeps the keys of issuers. */
  readonly ISSUER_KEYS: DurableObjectNamespace;
  /** Keeps the page's sessions. */
  readonly PAGE_SESSIONS: DurableObjectNamespace;
  /** Writes the search tables. */
  readonly SEARCH: DurableObjectNamespace;
  /** Checks the instance over and over. */
  readonly AUDITOR: DurableObjectNamespace;
  /** The way out that refuses loopback and private addresses; not there on an edge. */
  readonly OUTSIDE?: Fetcher;
  /** The attacker of Try it, and its secret; only where an instance is tried out. */
  readonly CHEATER?: Fetcher;
  readonly INDELIBLE_CHEATER_SECRET?: string;
  /** A folder for verifier keys; not there on an edge. */
  readonly VKEYS?: Fetcher;
  /** The supervisor, which tells people by the channels of the operator's file; not there on an edge. */
  readonly ALERT_DESK?: Fetcher;
  readonly INDELIBLE_ALERT_SECRET?: string;
  /** Those channels, as JSON: `worker/alerts/file-channels.ts`. */
  readonly INDELIBLE_ALERT_CHANNELS?: string;
  /** The instance's address for people, as alerts name it. */
  readonly INDELIBLE_ALERT_LINK?: string;
  readonly INDELIBLE_ORIGIN: string;
  readonly INDELIBLE_SEAL_SECONDS: string;
  readonly INDELIBLE_SEAL_ENTRIES: string;
  readonly INDELIBLE_SYSTEM_RETENTION_DAYS: string;
  readonly INDELIBLE_LIBSQL_URL: string;
  readonly INDELIBLE_LIBSQL_TOKEN: string;
  /** The database of the search tables; without one there is no search. */
  readonly INDELIBLE_SEARCH_URL?: string;
  readonly INDELIBLE_SEARCH_TOKEN?: string;
  readonly INDELIBLE_S3_ENDPOINT: string;
  readonly INDELIBLE_S3_BUCKET: string;
  readonly INDELIBLE_S3_REGION: string;
  readonly INDELIBLE_S3_ACCESS_KEY: string;
  readonly INDELIBLE_S3_SECRET_KEY: string;
  /** An administrator's of the store, with which the lock self-test attacks too. */
  readonly INDELIBLE_S3_ADMIN_ACCESS_KEY?: string;
  readonly INDELIBLE_S3_ADMIN_SECRET_KEY?: string;
  /** Between two lock self-tests; an hour where it is not set. */
  readonly INDELIBLE_LOCK_TEST_SECONDS?: string;
  /** The log key's seed; only the ledger reads it. */
  readonly INDELIBLE_LOG_KEY: string;
  /** Public keys, base64 with commas between them, of log keys that were lost and replaced. */
  readonly INDELIBLE_REPLACED_LOG_KEYS?: string;
  readonly INDELIBLE_OPERATOR_SECRET: string;
  /** Where the public socket listens, `host:port`; not known on an edge. */
  readonly INDELIBLE_LISTEN?: string;
  /** Networks, with commas between them, of proxies whose word about the sender's address is taken. */
  readonly INDELIBLE_TRUSTED_PROXIES?: string;
  /** Whose sign-ins are taken, as JSON: `storage/issuers.ts`. */
  readonly INDELIBLE_OIDC?: string;
  /** `on`: calls may go to loopback and private addresses, and without TLS. */
  readonly INDELIBLE_ALLOW_PRIVATE_ADDRESSES?: string;
  /** Requests a second, and under way; the defaults of `limits.ts` where they are not set. */
  readonly INDELIBLE_RATE_PER_TOKEN?: string;
  readonly INDELIBLE_RATE_PER_ADDRESS?: string;
  readonly INDELIBLE_RATE_REFUSED?: string;
  readonly INDELIBLE_REQUESTS_MAX?: string;
  /** Origins, with commas between them, whose pages may read answers. */
  readonly INDELIBLE_CORS_ORIGINS?: string;
  /** `on`: what lowers a guard needs a second administrator's approval, within so many hours. */
  readonly INDELIBLE_TWO_PERSON?: string;
  readonly INDELIBLE_APPROVAL_HOURS?: string;
  /** Everything is audited once in so many hours, at so many percent of a core's time. */
  readonly INDELIBLE_AUDIT_HOURS?: string;
  readonly INDELIBLE_AUDIT_SHARE?: string;
  /** Between audits of everything that follow each other; not set: one in `INDELIBLE_AUDIT_HOURS`. */
  readonly INDELIBLE_AUDIT_PAUSE_SECONDS?: string;
  /** A collector of traces (OTLP/HTTP), and headers for it; without one there are no traces. */
  readonly INDELIBLE_OTLP_ENDPOINT?: string;
  readonly INDELIBLE_OTLP_HEADERS?: string;
  /** Of traces that the caller has not decided on. */
  readonly INDELIBLE_TRACE_PERCENT?: string;
}

/** A binding that is missing or wrong; the message begins with its name. */
export class EnvError extends Error {
  constructor(name: string, problem: string) {
    super(`${name} ${problem}`);
    this.name = "EnvError";
  }
}

/** The text of a binding. Throws `EnvError` where there is none. */
export function textOf(env: Env, name: keyof Env): string {
  const value: unknown = env[name];
  if (typeof value === "string" && value !== "") return value;
  throw new EnvError(name, "is not set");
}

/** A whole number in a binding. Throws `EnvError` where there is none between the bounds. */
export function integerOf(env: Env, name: keyof Env, min: number, max: number): number {
  const text = textOf(env, name);
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new EnvError(name, `must be a whole number from ${min} to ${max}, not "${text}"`);
}

/** One of some words in a binding. Throws `EnvError` where it is another. */
export function oneOf<T extends string>(env: Env, name: keyof Env, words: readonly T[]): T {
  const text = textOf(env, name);
  const word = words.find((known) => known === text);
  if (word !== undefined) return word;
  throw new EnvError(name, `must be ${words.join(" or ")}, not "${text}"`);
}

export function indexConfigOf(env: Env): { url: string; authToken: string } {
  return {
    url: textOf(env, "INDELIBLE_LIBSQL_URL"),
    authToken: textOf(env, "INDELIBLE_LIBSQL_TOKEN"),
  };
}

/** Null where this worker has no search tables. */
export function searchConfigOf(env: Env): { url: string; authToken: string } | null {
  const { INDELIBLE_SEARCH_URL: url = "", INDELIBLE_SEARCH_TOKEN: authToken = "" } = env;
  return url === "" ? null : { url, authToken };
}

export function vaultConfigOf(env: Env): VaultConfig {
  return {
    endpoint: textOf(env, "INDELIBLE_S3_ENDPOINT"),
    bucket: textOf(env, "INDELIBLE_S3_BUCKET"),
    region: textOf(env, "INDELIBLE_S3_REGION"),
    accessKey: textOf(env, "INDELIBLE_S3_ACCESS_KEY"),
    secretKey: textOf(env, "INDELIBLE_S3_SECRET_KEY"),
  };
}

/** None where nobody's sign-ins are taken. Throws `EnvError` for a configuration that is wrong. */
export function issuersOf(env: Env): readonly Issuer[] {
  const { INDELIBLE_OIDC: text = "" } = env;
  if (text === "") return [];
  try {
    return parseIssuers(JSON.parse(text), env.INDELIBLE_ALLOW_PRIVATE_ADDRESSES === "on");
  } catch (error) {
    throw new EnvError("INDELIBLE_OIDC", error instanceof Error ? error.message : String(error));
  }
}
