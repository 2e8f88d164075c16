/**
 * A folder that holds the batches of one log directly, as when only `<log>/` was downloaded: shown as the vault would,
 * one level higher. The log's name is what the first batch says; whether it is true is for the verifier to see.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeBatch, BATCH_INFLATED_BYTES_MAX, parseSlotName } from "../../storage/log/batch.ts";
import { gunzipStrictly } from "../../storage/gzip.ts";
import { FolderVault, type VaultFiles } from "../../storage/vault/folder.ts";

/** Null for a folder that has no batch at its top. */
export async function oneLogFolder(
  folder: string,
): Promise<Pick<VaultFiles, "get" | "versions"> | null> {
  const names = await readdir(folder);
  const batches = names.filter((name) => parseSlotName(`log/${name}`) !== null).sort();
  if (batches.length === 0) return null;
  const prefix = `${await logName(folder, batches)}/`;
  const files = new FolderVault(folder);
  const inside = (key: string): string => (key.startsWith(prefix) ? key.slice(prefix.length) : "");
  return {
    get: (key, versionId) => files.get(inside(key), versionId),
    async *versions(start, after = "") {
      for await (const version of files.versions("")) {
        const key = prefix + version.key;
        if (key.startsWith(start) && (after === "" || key > after)) yield { ...version, key };
      }
    },
  };
}

/** By the first batch that can be read; if none can, `log`. */
async function logName(folder: string, batches: readonly string[]): Promise<string> {
  for (const name of batches) {
    try {
      const object = await readFile(join(folder, name));
      return decodeBatch(gunzipStrictly(object, BATCH_INFLATED_BYTES_MAX)).header.log;
    } catch {
      // What is wrong with it is told when it is verified.
    }
  }
  return "log";
}
