/** What a configuration is, once it has been read and checked (`scripts/config.ts`). */
import type { AuditConfig } from "./audit.ts";
import type { AlertSettings } from "../alerts/file.ts";
import type { TracesConfig } from "./traces.ts";

/** A store of the operator's own, in place of the local MinIO. */
export interface S3Config extends S3Credentials {
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
}

export interface S3Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
}

/** A libSQL server of the operator's own, in place of the local sqld. */
export interface LibsqlConfig {
  readonly url: string;
  /** The worker's. It must be refused DDL: the worker takes no entries otherwise. */
  readonly token: string;
  /** For migrations alone; needed at the first start and after an update that changes the schema. */
  readonly ddlToken: string | null;
}

/** Absolute paths of PEM files; what is in them is looked at when they are used (`parts/tls.ts`). */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Listen {
  readonly host: string;
  readonly port: number;
}

/** Of `npm run gateway` alone. */
export interface GatewayConfig {
  readonly listen: Listen;
  /** The store behind it: `http://host:port` or `https://host`. */
  readonly upstream: string | null;
}

export interface Config {
  /** Absolute path of the data folder. */
  readonly dataDir: string;
  /** Absolute path of the folder with the keys. */
  readonly keysDir: string;
  readonly listen: Listen;
  /** As configured; the data folder knows the one that holds. */
  readonly origin: string | null;
  readonly sealSeconds: number;
  readonly sealEntries: number;
  /** `null`: the local MinIO. */
  readonly s3: S3Config | null;
  /** A key of that store's administrator, for the lock self-test alone; `null`: it is tested with the worker's only. */
  readonly s3Administrator: S3Credentials | null;
  /** Between two lock self-tests. */
  readonly lockTestSeconds: number;
  /** `null`: the local sqld. */
  readonly libsql: LibsqlConfig | null;
  readonly gateway: GatewayConfig;
  /** Whether an index that is made now is encrypted on disk. One that is there stays as it is. */
  readonly indexEncryption: boolean;
  readonly systemRetentionDays: number;
  /** Networks in CIDR form of proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  /** `null`: the API speaks plain HTTP. */
  readonly tls: TlsFiles | null;
  /** Origins whose pages may call the API, exactly as browsers send them. */
  readonly corsOrigins: readonly string[];
  /** Limits of the worker that were given, by the names of its variables; `worker/limits.ts` has the defaults. */
  readonly limits: Readonly<Record<string, string>>;
  readonly audit: AuditConfig;
  /** Whose sign-ins are taken, as JSON (`storage/issuers.ts`); `null`: nobody's. */
  readonly issuers: string | null;
  /** Where people are told of findings, with the secrets that it takes; `null`: by webhooks of the API alone. */
  readonly alerts: AlertSettings | null;
  /** Whether calls to issuers and webhooks may go to loopback and private addresses, and without TLS. */
  readonly privateAddressesAllowed: boolean;
  /** Whether Try it may cheat on the log `demo`, where the instance is one that is tried out (`parts/cheater.ts`). */
  readonly tryIt: boolean;
  /** What lowers a guard needs a second administrator. */
  readonly twoPerson: boolean;
  /** How long a change waits for its approval. */
  readonly approvalHours: number;
  /** `null`: none are taken. */
  readonly traces: TracesConfig | null;
}
