/**
 * What sqld leaves half-written when it is killed and then cannot start from. All three files are
 * disposable: statistics, the version it was last run with, and the replication log that nobody
 * replicates from. The database and its WAL are never touched here.
 */
import { readdir, readFile, rm, open } from "node:fs/promises";
import { join } from "node:path";

/** The header of a replication log: 64 bytes that begin with these. */
const WALLOG_HEADER_BYTES = 64;
const WALLOG_MAGIC = "SQLDWAL\0";

/** Deletes what sqld could not parse in the database folder `dir`; returns the paths it deleted. */
export async function mendSqldFolder(dir: string): Promise<string[]> {
  const broken: string[] = [];
  const check = async (path: string, parses: (path: string) => Promise<boolean>): Promise<void> => {
    try {
      if (await parses(path)) return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      if (!(error instanceof SyntaxError)) throw error;
    }
    await rm(path);
    broken.push(path);
  };

  await check(join(dir, ".version"), isVersion);
  for (const namespace of await namespaceFolders(dir)) {
    await check(join(namespace, "stats.json"), isJsonObject);
    await check(join(namespace, "wallog"), isReplicationLog);
  }
  return broken;
}

async function namespaceFolders(dir: string): Promise<string[]> {
  const parent = join(dir, "dbs");
  const found = await readdir(parent, { withFileTypes: true }).catch(() => []);
  return found.filter((entry) => entry.isDirectory()).map((entry) => join(parent, entry.name));
}

async function isVersion(path: string): Promise<boolean> {
  return /^\d+\.\d+\.\d+/.test(await readFile(path, "utf8"));
}

async function isJsonObject(path: string): Promise<boolean> {
  const value: unknown = JSON.parse(await readFile(path, "utf8"));
  return typeof value === "object" && value !== null;
}

/** An empty log is fine: sqld begins a new one. */
async function isReplicationLog(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(WALLOG_HEADER_BYTES), 0);
    if (bytesRead === 0) return true;
    return bytesRead === WALLOG_HEADER_BYTES && buffer.toString("latin1").startsWith(WALLOG_MAGIC);
  } finally {
    await file.close();
  }
}
