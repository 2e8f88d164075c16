/**
 * A bucket that somebody downloaded with any S3 client, read as a vault: files for objects, one version
 * each. It knows no locks and no history, so whoever verifies it says so. Node only: nothing that is
 * bundled for the worker imports this file.
 */
import { lstat, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { VaultError } from "../ports.ts";
import type { ObjectVersion, Vault } from "../ports.ts";

/** The calls of a vault that need neither locks nor versions. */
export type VaultFiles = Pick<Vault, "get" | "versions" | "prefixes">;

/** The version id of every file: a download has lost the real ones. */
export const FOLDER_VERSION = "file";

export class FolderVault implements VaultFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Throws `batch_missing` for any version but `FOLDER_VERSION`, and for a key that leads out of the folder. */
  async get(key: string, versionId: string): Promise<Uint8Array> {
    if (versionId !== FOLDER_VERSION || !isPlain(key)) throw missing(key);
    const path = join(this.#folder, key);
    try {
      if (!(await lstat(path)).isFile()) throw missing(key);
      return await readFile(path);
    } catch (error) {
      throw error instanceof VaultError ? error : failure(key, error);
    }
  }

  async *versions(prefix: string, after = ""): AsyncGenerator<ObjectVersion> {
    for await (const key of this.#keys("", prefix)) {
      if (!key.startsWith(prefix) || compareKeys(key, after) <= 0) continue;
      const { size, mtimeMs } = await lstat(join(this.#folder, key));
      yield {
        key,
        versionId: FOLDER_VERSION,
        deleteMarker: false,
        latest: true,
        bytes: size,
        lastModifiedMs: Math.floor(mtimeMs),
      };
    }
  }

  async prefixes(): Promise<string[]> {
    const entries = await this.#list("");
    return entries.filter((name) => name.endsWith("/"));
  }

  /** Keys in the order of S3; folders that cannot hold the prefix are not opened. */
  async *#keys(parent: string, prefix: string): AsyncGenerator<string> {
    for (const name of await this.#list(parent)) {
      const key = parent + name;
      if (!key.endsWith("/")) yield key;
      else if (key.startsWith(prefix) || prefix.startsWith(key)) yield* this.#keys(key, prefix);
    }
  }

  /** Names in a folder, those of folders with a slash at the end. Links and devices are no objects. */
  async #list(parent: string): Promise<string[]> {
    try {
      const entries = await readdir(join(this.#folder, parent), { withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile() || entry.isDirectory())
        .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
        .sort(compareKeys);
    } catch (error) {
      throw failure(parent, error);
    }
  }
}

/** S3 lists keys by their UTF-8 bytes. */
function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function isPlain(key: string): boolean {
  return !key.includes("\0") && key.split("/").every((part) => !["", ".", ".."].includes(part));
}

function missing(key: string): VaultError {
  return new VaultError("batch_missing", `the folder holds no ${key}`);
}

function failure(key: string, error: unknown): VaultError {
  const code = (error as NodeJS.ErrnoException).code;
  const gone = code === "ENOENT" || code === "ENOTDIR";
  if (gone && key !== "") return new VaultError("batch_missing", `the folder holds no ${key}`);
  const message = `the folder cannot be read at "${key}": ${code ?? String(error)}`;
  const kind = key === "" ? "vault_unreachable" : "batch_unreadable";
  return new VaultError(kind, message, "nothing", { cause: error });
}
