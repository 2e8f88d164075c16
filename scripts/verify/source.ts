/**
 * What is verified: a folder somebody downloaded, an S3 store, or the instance on this machine — whose parts are asked
 * if they run, and started for the time of the verification if they do not.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { FolderVault } from "../../storage/vault/folder.ts";
import { MinioVault, type VaultConfig } from "../../storage/vault/vault.ts";
import type { Vault } from "../../storage/ports.ts";
import type { Config } from "../config.ts";
import { DataFolderInUse, readRunning } from "../parts/data-folder.ts";
import { LOCAL_REGION } from "../parts/minio.ts";
import { isRunning } from "../parts/process-identity.ts";
import { withStores, type Say } from "../parts/stores.ts";
import { oneLogFolder } from "./one-log-folder.ts";
import type { IndexAddress } from "./index-view.ts";
import type { Instance } from "./instance.ts";
import { InputError } from "./keys.ts";

export interface Source {
  /** For people: what is verified. */
  readonly what: string;
  readonly vault: Pick<Vault, "get" | "lock" | "versions">;
  /** False where locks cannot be seen. */
  readonly locks: boolean;
  readonly index: IndexAddress | null;
}

export interface SourceOptions {
  readonly config: Config;
  /** The folder that was named, if any. */
  readonly folder: string | null;
  /** The store alone, by credentials. */
  readonly s3: boolean;
  /** An instance whose seals are read over HTTP. */
  readonly instance?: Instance | null;
  readonly env: NodeJS.ProcessEnv;
  readonly say: Say;
}

/** Throws `InputError` for what was asked and cannot be had. */
export async function withSource<T>(
  options: SourceOptions,
  use: (source: Source) => Promise<T>,
): Promise<T> {
  const { config, folder, s3, env, say } = options;
  const index = configuredIndex(config);
  if (options.instance) return use(instanceSource(options.instance));
  if (folder !== null) return use(await folderSource(folder, index));
  if (s3 || config.s3) {
    const store = credentials(config, env) ?? (await auditorFile(auditorPath(config.dataDir)));
    if (store === null) {
      throw new InputError(
        "No credentials: set S3_ENDPOINT, S3_BUCKET, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY " +
          `(an instance writes them to auditor.env), or name its folder with INDELIBLE_DATA.`,
      );
    }
    return use(storeSource(store, index ?? (s3 ? null : runningIndex(config.dataDir))));
  }
  return localSource(config, say, use);
}

async function folderSource(folder: string, index: IndexAddress | null): Promise<Source> {
  if (!existsSync(folder)) throw new InputError(`There is no folder ${folder}.`);
  const files = (await oneLogFolder(folder)) ?? new FolderVault(folder);
  const lock = (): never => {
    throw new Error("a folder has no locks");
  };
  const vault = {
    get: (key: string, versionId: string) => files.get(key, versionId),
    versions: (prefix: string, after?: string) => files.versions(prefix, after),
    lock,
  };
  return { what: `the folder ${folder}`, vault, locks: false, index };
}

function instanceSource({ base, vault }: Instance): Source {
  const lock = () => Promise.reject(new Error("the locks are the store's to tell"));
  return { what: `what ${base} has sealed`, vault: { ...vault, lock }, locks: false, index: null };
}

function storeSource(store: VaultConfig, index: IndexAddress | null): Source {
  const what = `the bucket ${store.bucket} at ${store.endpoint}`;
  return { what, vault: new MinioVault(store), locks: true, index };
}

/** The instance on this machine; where it does not run, its MinIO and its sqld are started, and nothing is written through them. */
async function localSource<T>(
  config: Config,
  say: Say,
  use: (source: Source) => Promise<T>,
): Promise<T> {
  const { dataDir } = config;
  if (!existsSync(join(dataDir, "minio"))) {
    throw new InputError(
      `There is no vault in ${dataDir}. Name a folder of downloaded batches, or give --s3, or set INDELIBLE_DATA.`,
    );
  }
  const runningNow = async (): Promise<Source> => {
    const store = await auditorFile(auditorPath(dataDir));
    if (store === null) throw new InputError(`${dataDir}/auditor.env is missing.`);
    return storeSource(store, configuredIndex(config) ?? runningIndex(dataDir));
  };
  if (partsRun(dataDir)) return use(await runningNow());
  say("The instance does not run: starting its MinIO and sqld for the time of this.");
  try {
    return await withStores(config, say, async (stores) => {
      const store = (await auditorFile(auditorPath(dataDir))) ?? stores.vault;
      return use(storeSource(store, stores.index));
    });
  } catch (error) {
    if (!(error instanceof DataFolderInUse)) throw error;
    return use(await runningNow());
  }
}

function partsRun(dataDir: string): boolean {
  const running = readRunning(dataDir);
  if (running === null || !isRunning(running.supervisor)) return false;
  const { minio } = running.parts;
  return minio !== undefined && isRunning(minio);
}

export function configuredIndex({ libsql }: Config): IndexAddress | null {
  return libsql === null ? null : { url: libsql.url, readToken: libsql.token };
}

/** Of an instance that runs here, whosever the store is. */
export function runningIndex(dataDir: string): IndexAddress | null {
  const running = readRunning(dataDir);
  const { sqld } = running?.parts ?? {};
  return sqld !== undefined && isRunning(sqld) ? (running?.index ?? null) : null;
}

/** By the names that S3 clients use, or by the worker's. */
export function credentials(config: Config, env: NodeJS.ProcessEnv): VaultConfig | null {
  return storeOf(env) ?? config.s3;
}

/** Where an instance writes its auditor's credentials, anew at each start. */
export function auditorPath(dataDir: string): string {
  return join(dataDir, "auditor.env");
}

/** Null where the file is missing or has not all of them. */
export async function auditorFile(path: string): Promise<VaultConfig | null> {
  const text = await readFile(path, "utf8").catch(() => null);
  if (text === null) return null;
  const values: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const match = /^(?:export )?([A-Z0-9_]+)=(.*)$/.exec(line.trim());
    if (match) values[match[1]!] = match[2]!;
  }
  return storeOf(values);
}

function storeOf(values: Readonly<Record<string, string | undefined>>): VaultConfig | null {
  const { S3_ENDPOINT, S3_BUCKET, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION } = values;
  if (!S3_ENDPOINT || !S3_BUCKET || !AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) return null;
  return {
    endpoint: S3_ENDPOINT,
    bucket: S3_BUCKET,
    region: AWS_REGION || LOCAL_REGION,
    accessKey: AWS_ACCESS_KEY_ID,
    secretKey: AWS_SECRET_ACCESS_KEY,
  };
}

/** Relative paths count from where npm was called. */
export function userPath(path: string): string {
  return resolve(process.env["INIT_CWD"] ?? process.cwd(), path);
}
