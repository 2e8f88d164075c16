/** The configuration: what each key takes, what wins, and that a refusal names the key. */
import assert from "node:assert/strict";
import test from "node:test";
import { ConfigError, readCommand } from "../../scripts/config.ts";

const read = (argv: string[], env: NodeJS.ProcessEnv = {}) =>
  readCommand(argv, { INIT_CWD: "/somewhere", ...env }).config;

const STORE = {
  INDELIBLE_S3_ENDPOINT: "https://s3.example.org",
  INDELIBLE_S3_BUCKET: "vault",
  INDELIBLE_S3_ACCESS_KEY: "id",
  INDELIBLE_S3_SECRET_KEY: "secret",
};

test("nothing set: everything local, with the defaults of the contract", () => {
  assert.deepEqual(read([]), {
    dataDir: "/somewhere/data",
    keysDir: "/somewhere/data/keys",
    listen: { host: "127.0.0.1", port: 8787 },
    origin: null,
    sealSeconds: 10,
    sealEntries: 10_000,
    s3: null,
    s3Administrator: null,
    lockTestSeconds: 3600,
    libsql: null,
    gateway: { listen: { host: "127.0.0.1", port: 8788 }, upstream: null },
    indexEncryption: true,
    systemRetentionDays: 1,
    trustedProxies: [],
    issuers: null,
    alerts: null,
    privateAddressesAllowed: false,
    tls: null,
    corsOrigins: [],
    tryIt: true,
    twoPerson: false,
    approvalHours: 24,
    limits: {},
    audit: { hours: 24, share: 2, pauseSeconds: 60 },
    traces: null,
  });
});

test("flags win over the environment, and an empty value is none", () => {
  const env = { INDELIBLE_SEAL_SECONDS: "20", INDELIBLE_SEAL_ENTRIES: "", INDELIBLE_DATA: "/data" };
  const config = read(["--seal-seconds", "30", "--listen=0.0.0.0:0"], env);
  assert.equal(config.sealSeconds, 30);
  assert.equal(config.sealEntries, 10_000);
  assert.equal(config.dataDir, "/data");
  assert.deepEqual(config.listen, { host: "0.0.0.0", port: 0 });
});

test("a store of one's own needs all its keys and the retention of the instance's own logs", () => {
  const config = read([], { ...STORE, INDELIBLE_SYSTEM_RETENTION_DAYS: "3650" });
  assert.equal(config.s3?.region, "us-east-1");
  assert.equal(config.systemRetentionDays, 3650);
  refused(STORE, "INDELIBLE_SYSTEM_RETENTION_DAYS");
  for (const key of Object.keys(STORE)) {
    refused({ ...STORE, INDELIBLE_SYSTEM_RETENTION_DAYS: "1", [key]: "" }, key);
  }
});

test("audits follow each other on local stores, and come once in so many hours where reads are paid for", () => {
  const store = { ...STORE, INDELIBLE_SYSTEM_RETENTION_DAYS: "1" };
  assert.equal(read([], store).audit.pauseSeconds, null);
  const set = { INDELIBLE_AUDIT_HOURS: "6", INDELIBLE_AUDIT_PAUSE_SECONDS: "600" };
  assert.deepEqual(read([], { ...store, ...set }).audit, { hours: 6, share: 2, pauseSeconds: 600 });
  refused({ INDELIBLE_AUDIT_HOURS: "0" }, "INDELIBLE_AUDIT_HOURS");
  refused({ INDELIBLE_AUDIT_SHARE: "101" }, "INDELIBLE_AUDIT_SHARE");
  refused({ INDELIBLE_AUDIT_PAUSE_SECONDS: "1m" }, "INDELIBLE_AUDIT_PAUSE_SECONDS");
});

test("traces go nowhere unless a collector is named, and then a tenth of them", () => {
  const endpoint = "http://127.0.0.1:4318";
  const given = { INDELIBLE_OTLP_ENDPOINT: endpoint, INDELIBLE_OTLP_HEADERS: "a=b, c=d%20e" };
  assert.deepEqual(read([], given).traces, { endpoint, headers: "a=b, c=d%20e", percent: 10 });
  assert.equal(read([], { INDELIBLE_TRACE_PERCENT: "100" }).traces, null);
  assert.throws(() => read(["--otlp-headers", "a=b"]), { key: "INDELIBLE_OTLP_HEADERS" });
});

test("an administrator's key is for a store of one's own, and needs its secret", () => {
  const administrator = {
    INDELIBLE_S3_ADMIN_ACCESS_KEY: "id",
    INDELIBLE_S3_ADMIN_SECRET_KEY: "secret",
  };
  const store = { ...STORE, INDELIBLE_SYSTEM_RETENTION_DAYS: "1" };
  assert.deepEqual(read([], { ...store, ...administrator }).s3Administrator, {
    accessKey: "id",
    secretKey: "secret",
  });
  refused(administrator, "INDELIBLE_S3_ADMIN_ACCESS_KEY");
  refused({ ...store, INDELIBLE_S3_ADMIN_ACCESS_KEY: "id" }, "INDELIBLE_S3_ADMIN_SECRET_KEY");
});

test("a certificate needs its key, and the other way round; both count from where npm was called", () => {
  const config = read(["--tls-cert", "tls/chain.pem"], { INDELIBLE_TLS_KEY: "/etc/key.pem" });
  assert.deepEqual(config.tls, { certFile: "/somewhere/tls/chain.pem", keyFile: "/etc/key.pem" });
  refused({ INDELIBLE_TLS_CERT: "chain.pem" }, "INDELIBLE_TLS_KEY");
  refused({ INDELIBLE_TLS_KEY: "key.pem" }, "INDELIBLE_TLS_CERT");
});

test("pages of named origins, over TLS or from this machine", () => {
  const named = [
    "https://app.example.org",
    "https://app.example.org:8443",
    "http://localhost:5173",
  ];
  const loopback = ["http://127.0.0.1:5173", "http://[::1]:5173"];
  const text = [...named, ...loopback].join(", ");
  assert.deepEqual(read([], { INDELIBLE_CORS_ORIGINS: text }).corsOrigins, [...named, ...loopback]);
});

test("a verb's own flags and words come through", () => {
  const { flags, words } = readCommand(
    ["folder", "--vkey", "file", "--data=d"],
    {},
    { vkey: { type: "string" } },
  );
  assert.equal(flags.vkey, "file");
  assert.deepEqual(words, ["folder"]);
});

test("a wrong value is refused with its key's name", () => {
  for (const [key, values] of Object.entries({
    INDELIBLE_SEAL_SECONDS: ["0", "-1", "1.5", "1e3", "ten", "86401", " 5"],
    INDELIBLE_SEAL_ENTRIES: ["0", "65537"],
    INDELIBLE_SYSTEM_RETENTION_DAYS: ["0", "36526", "forever"],
    INDELIBLE_LOCK_TEST_SECONDS: ["0", "86401"],
    INDELIBLE_TWO_PERSON: ["yes", "ON", "1"],
    INDELIBLE_APPROVAL_HOURS: ["0", "721", "1.5"],
    INDELIBLE_LISTEN: ["8787", ":8787", "host:", "host:65536", "a b:1", "http://host:1"],
    INDELIBLE_ORIGIN: ["Log.example.org", "a b", "https://x", "x+y", "x/", "-x", "x\n"],
    INDELIBLE_CORS_ORIGINS: [
      ...["*", "null", "app.example.org", "https://app.example.org/", "https://*.example.org"],
      ...["http://app.example.org", "https://app.example.org:443", "HTTPS://app.example.org"],
      ...["https://a.example.org,http://b.example.org", "https://u:p@app.example.org"],
    ],
    INDELIBLE_LIBSQL_URL: ["file:x.db", "http://user:password@host"],
    INDELIBLE_INDEX_ENCRYPTION: ["yes", "1", "ON"],
    INDELIBLE_GATEWAY_UPSTREAM: ["minio:9000", "http://minio:9000/path", "http://u:p@minio"],
    INDELIBLE_GATEWAY_LISTEN: ["8788"],
    INDELIBLE_OTLP_ENDPOINT: ["collector:4318", "ftp://host", "http://u:p@host", "http://host/?q"],
    INDELIBLE_OTLP_HEADERS: ["key", "a b=c", "key=%", "key=a%0ab"],
    INDELIBLE_TRACE_PERCENT: ["-1", "101", "0.5"],
    INDELIBLE_LOGS: ["anything"],
    INDELIBLE_data: ["wrong case"],
  })) {
    for (const value of values) refused({ INDELIBLE_LIBSQL_TOKEN: "t", [key]: value }, key);
  }
});

test("secrets are not taken from the command line, which everybody can read", () => {
  assert.throws(() => read(["--s3-secret-key", "x"]), { key: "INDELIBLE_S3_SECRET_KEY" });
  assert.throws(() => read(["--s3-admin-secret-key", "x"]), {
    key: "INDELIBLE_S3_ADMIN_SECRET_KEY",
  });
  assert.throws(() => read(["--unknown"]), ConfigError);
});

function refused(env: NodeJS.ProcessEnv, key: string): void {
  const libsql = "INDELIBLE_LIBSQL_URL" in env ? {} : { INDELIBLE_LIBSQL_TOKEN: "" };
  assert.throws(
    () => read([], { ...env, ...libsql }),
    (error: unknown) =>
      error instanceof ConfigError && error.key === key && error.message.startsWith(key),
    `${key} = ${env[key]}`,
  );
}
