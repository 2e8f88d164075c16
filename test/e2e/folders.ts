/** Data folders as an operator handles them while nothing runs: copied, and parts of them put back old. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import Database from "libsql";

/** A copy of a whole data folder, in a folder of its own. */
export async function copyFolder(dataDir: string): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), "indelible-copy-"));
  await promisify(execFile)("cp", ["-a", `${dataDir}/.`, copy]);
  return copy;
}

/** Replaces one subfolder by what another data folder has there; null: removes it. */
export async function putBack(
  dataDir: string,
  part: "libsql" | "ledger",
  from: string | null,
): Promise<void> {
  await rm(join(dataDir, part), { recursive: true });
  if (from !== null) await promisify(execFile)("cp", ["-a", join(from, part), dataDir]);
}

/** The size that the memo on disk says of a log; null where it says nothing. */
export async function memoSize(dataDir: string, log: string): Promise<number | null> {
  const folder = join(dataDir, "ledger", "indelible-Ledger");
  const name = (await readdir(folder)).find((each) => /^[0-9a-f]{64}\.sqlite$/.test(each));
  if (name === undefined) return null;
  const database = new Database(join(folder, name), { readonly: true });
  try {
    const row = database.prepare("SELECT size FROM memo WHERE log = ?").get(log);
    return (row as { size: number } | undefined)?.size ?? null;
  } finally {
    database.close();
  }
}

/** Every file with its bytes, also while parts run on the folder: what they remove meanwhile is left out. */
export async function* filesOf(dir: string): AsyncGenerator<{ path: string; bytes: Buffer }> {
  for (const entry of await readdir(dir, { withFileTypes: true }).catch(ifGone([]))) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) yield* filesOf(path);
    if (!entry.isFile()) continue;
    const bytes = await readFile(path).catch(ifGone(null));
    if (bytes !== null) yield { path, bytes };
  }
}

function ifGone<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === "ENOENT") return value;
    throw error;
  };
}
