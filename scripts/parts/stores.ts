/**
 * The index and the vault as the configuration has them: local ones are started, configured ones are
 * taken as they are. Whoever needs data without the worker (restore, backup, …) uses `withStores`.
 */
import { constants } from "node:os";
import type { Config, S3Config } from "../config.ts";
import { DataFolder } from "./data-folder.ts";
import { indexKey } from "./index-key.ts";
import { LOCAL_BUCKET, LOCAL_REGION, startMinioServer } from "./minio.ts";
import { PartFailure, type Part } from "./part.ts";
import { freePorts } from "./ports.ts";
import { writeSecret } from "./secret-file.ts";
import { makeSqldKeys, startSqldServer } from "./sqld.ts";

export type Say = (message: string) => void;

/** How to reach the index. Of a configured server there may be one token only, which is then all of them. */
export interface IndexAccess {
  readonly url: string;
  readonly authToken: string;
  readonly ddlToken: string;
  readonly readToken: string;
  /** The database of the search tables: always a local one, since it can be made anew. */
  readonly search: { readonly url: string; readonly token: string };
  /** The folder of the local sqld, `null` for a configured server. */
  readonly dir: string | null;
  /** Of the local sqld's files; `null` if they are not encrypted. */
  readonly encryptionKey: string | null;
}

export interface Stores {
  readonly index: IndexAccess;
  /** The worker's access to the vault. */
  readonly vault: S3Config;
  readonly parts: readonly RestartablePart[];
}

/** A part that runs, and how to start it again just as it was. */
export interface RestartablePart {
  readonly name: string;
  readonly part: Part;
  readonly start: () => Promise<Part>;
}

/** Starts what is local, both at once. If one fails the other is stopped. */
export async function startStores(config: Config, data: DataFolder, say: Say): Promise<Stores> {
  const [index, vault] = await Promise.allSettled([
    config.libsql ? configuredIndex(config, data, say) : startIndex(config, data, say),
    config.s3 ? { access: config.s3, parts: [] } : startVault(data, say),
  ]);
  if (index.status === "fulfilled" && vault.status === "fulfilled") {
    const { access, parts } = index.value;
    if (access.dir) await data.recordIndex({ url: access.url, readToken: access.readToken });
    return { index: access, vault: vault.value.access, parts: [...parts, ...vault.value.parts] };
  }
  for (const started of [index, vault]) {
    if (started.status !== "fulfilled") continue;
    for (const { part } of started.value.parts) await part.stop();
  }
  throw (index.status === "rejected" ? index : (vault as PromiseRejectedResult)).reason;
}

/**
 * Locks the data folder, starts what is local, runs `use`, and stops it all, whatever happened: also on a
 * signal, which ends the process with the code that shells know (128 and the signal's number).
 */
export async function withStores<T>(
  config: Config,
  say: Say,
  use: (stores: Stores, data: DataFolder) => Promise<T>,
): Promise<T> {
  const data = await DataFolder.open(config.dataDir, say, config.keysDir);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    await data.endParts();
    await data.close();
    process.exit(128 + constants.signals[signal]);
  };
  const onSignal = (signal: NodeJS.Signals): void => void end(signal);
  for (const signal of SIGNALS) process.once(signal, onSignal);
  try {
    const stores = await startStores(config, data, say);
    try {
      return await use(stores, data);
    } finally {
      for (const { part } of stores.parts) await part.stop();
    }
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    await data.close();
  }
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

async function startIndex(config: Config, data: DataFolder, say: Say) {
  const dir = data.path("libsql");
  const encryptionKey = await indexKey(dir, data.keyPath("index.key"), config.indexEncryption);
  if (encryptionKey === null && config.indexEncryption) say(NOT_ENCRYPTED);
  const keys = await makeSqldKeys();
  return onFreePorts(data, ["sqld", "sqldAdmin"], async ([http, admin]) => {
    const ports = [http!, admin!] as const;
    const start = async (): Promise<Part> => {
      const { part } = await startSqldServer({
        ...{ dir, keys, encryptionKey, ports, mark: data.partMark },
        onSpawn: recorder(data, "sqld"),
      });
      return part;
    };
    const part = await start();
    const url = `http://127.0.0.1:${http}`;
    const search = { url, token: keys.searchToken };
    const access: IndexAccess = { ...{ url, dir, encryptionKey, search }, ...keys };
    return { access, parts: [{ name: "sqld", part, start }] };
  });
}

const NOT_ENCRYPTED =
  "The index is not encrypted on disk: it was made without. To change that, stop, move libsql/ aside, " +
  "and run npm run restore.";

/** The index is elsewhere; the local sqld then has the search tables and nothing else. */
async function configuredIndex(config: Config, data: DataFolder, say: Say) {
  const { access: local, parts } = await startIndex(config, data, say);
  const { url, token, ddlToken } = config.libsql!;
  const access: IndexAccess = {
    url,
    authToken: token,
    ddlToken: ddlToken ?? token,
    readToken: token,
    search: local.search,
    dir: null,
    encryptionKey: null,
  };
  return { access, parts };
}

async function startVault(data: DataFolder, say: Say) {
  const { open, opened } = await onFreePorts(data, ["minio"], async ([port]) => {
    const open = () =>
      startMinioServer({
        dir: data.path("minio"),
        keysDir: data.keysDir,
        port: port!,
        say,
        mark: data.partMark,
        onSpawn: recorder(data, "minio"),
      });
    return { open, opened: await open() };
  });
  const { part, endpoint, secrets } = opened;
  await writeSecret(
    data.path("auditor.env"),
    [
      `S3_ENDPOINT=${endpoint}`,
      `S3_BUCKET=${LOCAL_BUCKET}`,
      `AWS_ACCESS_KEY_ID=${secrets.auditor.accessKey}`,
      `AWS_SECRET_ACCESS_KEY=${secrets.auditor.secretKey}`,
    ].join("\n"),
  );
  const access: S3Config = {
    endpoint,
    bucket: LOCAL_BUCKET,
    region: LOCAL_REGION,
    ...secrets.worker,
  };
  const start = async (): Promise<Part> => (await open()).part;
  return { access, parts: [{ name: "minio", part, start }] };
}

function recorder(data: DataFolder, name: string): (part: Part) => Promise<void> {
  return (part) => data.recordPart(name, part.pid);
}

/** So often a port is taken by another program between its choice and its use before that is no accident. */
const PORT_TRIES_MAX = 3;
const PORT_TAKEN = /already in use|address in use/i;

async function onFreePorts<T>(
  data: DataFolder,
  uses: readonly string[],
  start: (ports: readonly number[]) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    const ports = await portsFor(data, uses, tries === 1);
    try {
      return await start(ports);
    } catch (error) {
      const taken = error instanceof PartFailure && PORT_TAKEN.test(error.message);
      if (!taken || tries === PORT_TRIES_MAX) throw error;
    }
  }
}

/** The ports of last time where they are free: an S3 client that somebody configured goes on working. */
async function portsFor(
  data: DataFolder,
  uses: readonly string[],
  asLastTime: boolean,
): Promise<number[]> {
  const wishes = uses.map((use) => (asLastTime ? data.running.ports[use] : undefined) ?? 0);
  const ports = await freePorts(wishes);
  await data.recordPorts(Object.fromEntries(uses.map((use, place) => [use, ports[place]!])));
  return ports;
}
