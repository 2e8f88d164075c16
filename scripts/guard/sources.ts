/**
 * Where the guard looks: the vault by the auditor's credentials, and an index if it was given one. An instance on this machine
 * gets other ports at each start and says so in its files; those are read again whenever they may have changed.
 */
import type { IndexView } from "../../storage/flow/verify-index.ts";
import { IndexError, VaultError, type Vault } from "../../storage/ports.ts";
import { MinioVault, type VaultConfig } from "../../storage/vault/vault.ts";
import { openIndexView, type IndexAddress } from "../verify/index-view.ts";
import {
  auditorFile,
  auditorPath,
  configuredIndex,
  credentials,
  runningIndex,
} from "../verify/source.ts";
import { GuardInputError, type Asked } from "./asked.ts";

export interface Sources {
  /** For people. */
  readonly what: string;
  readonly vault: Pick<Vault, "get" | "lock" | "versions" | "prefixes">;
  readonly index: IndexView | null;
}

/** Files are looked at again after so long. */
const FRESH_MS = 1_000;

export async function openSources(asked: Asked, env: NodeJS.ProcessEnv): Promise<Sources> {
  const { config } = asked;
  const given = asked.credentials === null ? credentials(config, env) : null;
  const file = asked.credentials ?? auditorPath(config.dataDir);
  const read = async () => given ?? (await auditorFile(file));
  const first = await read();
  if (first === null) {
    throw new GuardInputError(
      "No credentials: give --credentials FILE (an instance writes auditor.env), or set S3_ENDPOINT, S3_BUCKET, " +
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    );
  }
  const vaults = new Following<VaultConfig, MinioVault>(read, (store) => new MinioVault(store));
  const vault = async (): Promise<MinioVault> => {
    const now = await vaults.now();
    if (now === null) throw new VaultError("vault_unreachable", `${file} is missing`);
    return now;
  };
  const index = indexOf(asked);
  const where = `the bucket ${first.bucket} at ${first.endpoint}`;
  return {
    what: index === null ? `${where}, without the index` : `${where}, and the index`,
    vault: {
      get: async (key, versionId) => (await vault()).get(key, versionId),
      lock: async (key, versionId) => (await vault()).lock(key, versionId),
      versions: async function* (prefix, after) {
        yield* (await vault()).versions(prefix, after);
      },
      prefixes: async () => (await vault()).prefixes(),
    },
    index,
  };
}

function indexOf({ config, credentials: elsewhere }: Asked): IndexView | null {
  const configured = configuredIndex(config);
  if (configured !== null) return openIndexView(configured);
  const local = () => (elsewhere === null ? runningIndex(config.dataDir) : null);
  // An instance that does not run on this machine now will not do so later.
  if (local() === null) return null;
  const views = new Following<IndexAddress, IndexView>(async () => local(), openIndexView);
  const view = async (): Promise<IndexView> => {
    const now = await views.now();
    if (now === null) throw new IndexError("the instance does not run", "nothing");
    return now;
  };
  return {
    heads: async () => (await view()).heads(),
    chunks: async (log, range) => (await view()).chunks(log, range),
    tiles: (log) => async (level, at, width) => (await view()).tiles(log)(level, at, width),
    seals: async (log, range) => (await view()).seals(log, range),
    // Nothing is counted where nothing is to be counted with.
    chunkCount: async (log, from, to) => (await (await view()).chunkCount?.(log, from, to)) ?? 0,
  };
}

/** What is opened by an address that may change. */
class Following<Address, Opened> {
  readonly #read: () => Promise<Address | null>;
  readonly #open: (address: Address) => Opened;
  #text: string | null = null;
  #opened: Opened | null = null;
  #readMs = -Infinity;

  constructor(read: () => Promise<Address | null>, open: (address: Address) => Opened) {
    this.#read = read;
    this.#open = open;
  }

  async now(): Promise<Opened | null> {
    const nowMs = performance.now();
    if (nowMs - this.#readMs < FRESH_MS) return this.#opened;
    const address = await this.#read();
    this.#readMs = nowMs;
    const text = address === null ? null : JSON.stringify(address);
    if (text !== this.#text) this.#opened = address === null ? null : this.#open(address);
    this.#text = text;
    return this.#opened;
  }
}
