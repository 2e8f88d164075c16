/**
 * The whole instance: stores, index migrated to today's schema, worker, in that order, supervised; and its
 * orderly end: refuse, drain and seal, then the worker, then the stores it writes to.
 */
import { randomBytes } from "node:crypto";
import { migrate } from "../../storage/index/migrate.ts";
import { toBase64 } from "../../storage/log/bytes.ts";
import { MinioVault } from "../../storage/vault/vault.ts";
import { type AlertDesk, openAlertDesk } from "../alerts/desk.ts";
import { type Config, ConfigError } from "../config.ts";
import { bundleWorker } from "./bundle.ts";
import { cheatingAllowed, startCheater } from "./cheater.ts";
import type { DataFolder } from "./data-folder.ts";
import type { Identity } from "./identity.ts";
import { urlOf } from "./listener.ts";
import { logKeyPath, publicKeyOf } from "./log-key.ts";
import { fewFiles } from "./open-files.ts";
import { Operator, shareOperator, unshareOperator, type OperatorAnswer } from "./operator.ts";
import { assertOwnVault } from "./own-vault.ts";
import { linkTo } from "./page-link.ts";
import type { Part } from "./part.ts";
import { type Say, startStores, type Stores } from "./stores.ts";
import { Supervisor } from "./supervise.ts";
import type { Tls } from "./tls.ts";
import type { TlsKeeper } from "./tls-keeper.ts";
import { WorkerLog } from "./worker-log.ts";
import { startWorkerd, type WorkerdServer } from "./workerd.ts";

/** After the drain nothing is in flight that matters; MinIO and sqld end within milliseconds. */
const STOP_GRACE_MS = 5_000;
const ASK_AGAIN_MS_MIN = 50;
const ASK_AGAIN_MS_MAX = 2_000;

export interface Instance {
  /** The public address. */
  readonly url: string;
  /** Settles when a part cannot be kept running. */
  readonly failed: Promise<Error>;
  /** Resolves when entries are taken; the answer says what is wrong all the same, if anything. */
  ready(): Promise<OperatorAnswer>;
  /** A link that opens the page signed in, once. */
  link(): Promise<string>;
  stop(): Promise<void>;
}

export async function startInstance(
  config: Config,
  data: DataFolder,
  identity: Identity,
  tls: TlsKeeper | null,
  say: Say,
): Promise<Instance> {
  const [stores, bundleDir] = await Promise.all([
    startStores(config, data, say),
    bundleWorker(say),
  ]);
  const logKeys = [await publicKeyOf(identity.logKey), ...identity.replacedKeys];
  const vault = new MinioVault(stores.vault);
  await assertOwnVault(vault, identity.origin, logKeys, logKeyPath(data));
  await migrateIndex(config, stores);
  const cheater = cheatingAllowed(config) ? await startCheater(data.dir, stores) : null;

  const desk =
    config.alerts && (await openAlertDesk(config.alerts, config.privateAddressesAllowed));
  const operatorSecret = randomBytes(32).toString("base64url");
  const workerLog = new WorkerLog((line) => sayWorkerLine(line, say));
  let listen = config.listen;
  const startWith = async (pair: Tls | null): Promise<WorkerdServer> => {
    const started = await startWorkerd({
      tls: pair,
      bundleDir,
      dir: data.path("worker"),
      storageDir: data.path("ledger"),
      vkeysDir: data.path("vkeys"),
      listen: `${listen.host}:${listen.port}`,
      privateAllowed: config.privateAddressesAllowed,
      vars: { ...workerVars(config, identity, stores), ...alertVars(config, desk) },
      secrets: {
        ...workerSecrets(config, identity, stores, operatorSecret),
        ...(desk && { INDELIBLE_ALERT_SECRET: desk.secret }),
        ...(cheater && { INDELIBLE_CHEATER_SECRET: cheater.secret }),
      },
      externals: {
        ...(desk && { ALERT_DESK: desk.address }),
        ...(cheater && { CHEATER: cheater.address }),
      },
      mark: data.partMark,
      onLine: (line) => workerLog.line(line),
      onSpawn: (part) => data.recordPart("workerd", part.pid),
    });
    await shareOperator(data.dir, { port: started.operatorPort, secret: operatorSecret });
    return started;
  };
  const start = () => (tls ? tls.startWith(startWith) : startWith(null));
  let worker = await start();
  const few = await fewFiles(worker.part.pid);
  if (few !== null) say(few);
  // Port 0 asked for any; whoever knows the address must find a restarted worker there.
  listen = { host: listen.host, port: worker.port };
  const url = urlOf(listen.host, worker.port, tls?.current);
  await data.recordUrl(url);

  const bootstrap = (): Promise<OperatorAnswer> =>
    new Operator(worker.operatorPort, operatorSecret).bootstrap(
      identity,
      config.systemRetentionDays,
    );
  let stopping = false;
  const untilOk = (ask: () => Promise<OperatorAnswer>): Promise<OperatorAnswer> =>
    askUntilOk(ask, say, () => stopping);

  const supervisor = new Supervisor({
    say,
    // A new worker wakes up when it is spoken to; until then it would not seal what waits.
    onRestart: (name) => {
      if (name === "workerd") untilOk(bootstrap).catch((error: Error) => say(error.message));
    },
  });
  for (const part of stores.parts) supervisor.watch(part);
  const restart = async (): Promise<Part> => (worker = await start()).part;
  supervisor.watch({ name: "workerd", part: worker.part, start: restart });
  tls?.watch(async () => {
    await drain(new Operator(worker.operatorPort, operatorSecret), say);
    await supervisor.restart("workerd", STOP_GRACE_MS);
  });

  return {
    url,
    failed: supervisor.failed,
    ready: async () => {
      await untilOk(bootstrap);
      return untilOk(() => new Operator(worker.operatorPort, operatorSecret).ready());
    },
    link: () => linkTo(new Operator(worker.operatorPort, operatorSecret), url, identity.tokens),
    stop: async () => {
      stopping = true;
      cheater?.stop();
      tls?.stop();
      await unshareOperator(data.dir);
      await drain(new Operator(worker.operatorPort, operatorSecret), say);
      await supervisor.stop("workerd", STOP_GRACE_MS);
      desk?.close();
      for (const { name } of stores.parts) await supervisor.stop(name, STOP_GRACE_MS);
    },
  };
}

/** Brings the schema up to date; a token that may not change it will do where it is. */
async function migrateIndex(config: Config, stores: Stores): Promise<void> {
  try {
    await migrate({ url: stores.index.url, authToken: stores.index.ddlToken });
  } catch (error) {
    if (!config.libsql || config.libsql.ddlToken) throw error;
    throw new ConfigError(
      "INDELIBLE_LIBSQL_DDL_TOKEN",
      `is not set, and the index could not be migrated without it: ${(error as Error).message}`,
    );
  }
}

/** On a terminal the worker's everyday lines would bury what matters; a journal gets all of them. */
function sayWorkerLine(line: string, say: Say): void {
  if (process.stderr.isTTY && /"level":"(info|debug)"/.test(line)) return;
  say(`worker | ${line}`);
}

/** What the worker may know and everybody may see. */
function workerVars(config: Config, identity: Identity, stores: Stores): Record<string, string> {
  return {
    INDELIBLE_ORIGIN: identity.origin,
    INDELIBLE_REPLACED_LOG_KEYS: identity.replacedKeys.map(toBase64).join(","),
    INDELIBLE_LISTEN: `${config.listen.host}:${config.listen.port}`,
    INDELIBLE_SEAL_SECONDS: String(config.sealSeconds),
    INDELIBLE_SEAL_ENTRIES: String(config.sealEntries),
    INDELIBLE_LOCK_TEST_SECONDS: String(config.lockTestSeconds),
    INDELIBLE_SYSTEM_RETENTION_DAYS: String(config.systemRetentionDays),
    INDELIBLE_OIDC: config.issuers ?? "",
    INDELIBLE_ALLOW_PRIVATE_ADDRESSES: config.privateAddressesAllowed ? "on" : "off",
    INDELIBLE_TRUSTED_PROXIES: config.trustedProxies.join(","),
    INDELIBLE_CORS_ORIGINS: config.corsOrigins.join(","),
    INDELIBLE_TWO_PERSON: config.twoPerson ? "on" : "off",
    INDELIBLE_APPROVAL_HOURS: String(config.approvalHours),
    ...config.limits,
    ...auditVars(config),
    ...(config.traces && {
      INDELIBLE_OTLP_ENDPOINT: config.traces.endpoint,
      INDELIBLE_TRACE_PERCENT: String(config.traces.percent),
    }),
    INDELIBLE_S3_ENDPOINT: stores.vault.endpoint,
    INDELIBLE_S3_BUCKET: stores.vault.bucket,
    INDELIBLE_S3_REGION: stores.vault.region,
    INDELIBLE_LIBSQL_URL: stores.index.url,
    INDELIBLE_SEARCH_URL: stores.index.search.url,
  };
}

function auditVars({ audit }: Config): Record<string, string> {
  return {
    INDELIBLE_AUDIT_HOURS: String(audit.hours),
    INDELIBLE_AUDIT_SHARE: String(audit.share),
    INDELIBLE_AUDIT_PAUSE_SECONDS: String(audit.pauseSeconds ?? ""),
  };
}

function alertVars({ alerts }: Config, desk: AlertDesk | null): Record<string, string> {
  if (alerts === null || desk === null) return {};
  return { INDELIBLE_ALERT_CHANNELS: desk.notes, INDELIBLE_ALERT_LINK: alerts.link ?? "" };
}

function workerSecrets(
  { s3Administrator: administrator, traces }: Config,
  identity: Identity,
  stores: Stores,
  operatorSecret: string,
): Record<string, string> {
  return {
    INDELIBLE_S3_ACCESS_KEY: stores.vault.accessKey,
    INDELIBLE_S3_SECRET_KEY: stores.vault.secretKey,
    ...(administrator && {
      INDELIBLE_S3_ADMIN_ACCESS_KEY: administrator.accessKey,
      INDELIBLE_S3_ADMIN_SECRET_KEY: administrator.secretKey,
    }),
    INDELIBLE_LIBSQL_TOKEN: stores.index.authToken,
    INDELIBLE_SEARCH_TOKEN: stores.index.search.token,
    ...(traces && { INDELIBLE_OTLP_HEADERS: traces.headers }),
    INDELIBLE_LOG_KEY: identity.logKey,
    INDELIBLE_OPERATOR_SECRET: operatorSecret,
  };
}

/**
 * Asks until the answer is 200. 503 and no answer at all mean that something is away and may come back:
 * what it is is said once. Any other answer will not change by asking again.
 */
async function askUntilOk(
  ask: () => Promise<OperatorAnswer>,
  say: Say,
  isStopping: () => boolean,
): Promise<OperatorAnswer> {
  let said = "";
  for (let pauseMs = ASK_AGAIN_MS_MIN; ; pauseMs = Math.min(2 * pauseMs, ASK_AGAIN_MS_MAX)) {
    const answer = await ask().catch((error: Error) => noAnswer(error));
    if (answer.status === 200) return answer;
    if (isStopping()) throw new Error("It is being stopped.");
    if (answer.status !== 503 && answer.status !== 0) throw new Error(answer.detail);
    if (answer.detail !== said && pauseMs > 8 * ASK_AGAIN_MS_MIN) {
      say(`Not taking entries yet: ${answer.detail}`);
      said = answer.detail;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

function noAnswer(error: Error): OperatorAnswer {
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return { status: 0, detail: `no answer from the worker (${error.message}${cause})`, body: null };
}

async function drain(operator: Operator, say: Say): Promise<void> {
  try {
    const { sealed, unsealed } = await operator.drain();
    if (!sealed) say(`Not sealed yet, and kept in the index: ${JSON.stringify(unsealed)}`);
  } catch (error) {
    say(
      `The worker did not drain (${(error as Error).message}); what it acknowledged is in the index.`,
    );
  }
}
