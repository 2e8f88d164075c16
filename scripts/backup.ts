/**
 * `npm run backup -- DIR`: a consistent copy of the local index into a new folder, also while the instance runs, with the
 * verifier keys and a note of what has to be kept besides. The copy is opened and checked before it counts.
 */
import { existsSync } from "node:fs";
import { cp, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { ConfigError, readCommand, type Config } from "./config.ts";
import { indexKey, openDatabase } from "./parts/index-key.ts";
import { grouped } from "./verify/report.ts";
import { userPath } from "./verify/source.ts";

/** sqld's folder of the one database (its namespace). */
const DATABASE = ["libsql", "dbs", "127", "data"];

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const env = { INDELIBLE_SYSTEM_RETENTION_DAYS: "1", ...process.env };
  const { config, words } = readCommand(process.argv.slice(2), env);
  const [target] = words;
  if (target === undefined || words.length > 1) {
    throw new ConfigError("Command line:", "give one folder, which must not exist yet.");
  }
  if (config.libsql) {
    throw new ConfigError(
      "INDELIBLE_LIBSQL_URL",
      "is set: back that server up with its own tools.",
    );
  }
  await backUp(config, userPath(target));
}

async function backUp(config: Config, target: string): Promise<void> {
  const source = join(config.dataDir, ...DATABASE);
  if (!existsSync(source)) throw new Error(`There is no index in ${config.dataDir}.`);
  if (existsSync(target)) throw new Error(`${target} exists already; a backup gets a new folder.`);
  const building = `${target}.incomplete`;
  await rm(building, { recursive: true, force: true });
  await mkdir(building, { recursive: true, mode: 0o700 });
  const copy = join(building, "index.db");
  const keyPath = join(config.keysDir, "index.key");
  const key = await indexKey(join(config.dataDir, "libsql"), keyPath, false);
  vacuumInto(source, copy, key);
  const logs = checkCopy(copy, key);
  const vkeys = join(config.dataDir, "vkeys");
  if (existsSync(vkeys)) await cp(vkeys, join(building, "vkeys"), { recursive: true });
  await writeFile(join(building, "README.txt"), note(config, key !== null));
  await rename(building, target);
  const sizes = logs.map(({ log, size }) => `${log} ${grouped(size)}`).join(", ");
  process.stdout.write(`${basename(target)} holds the index: ${sizes || "no log yet"}.\n`);
}

/** From this process, beside the sqld that may be writing: one read transaction of it. */
function vacuumInto(source: string, copy: string, key: string | null): void {
  const database = openDatabase(source, key, { timeout: 10_000 });
  try {
    database.prepare("VACUUM INTO ?").run(copy);
  } finally {
    database.close();
  }
}

/** Opens the copy as whoever restores it would. Throws where it is not whole. */
function checkCopy(path: string, key: string | null): { log: string; size: number }[] {
  const database = openDatabase(path, key);
  try {
    const [answer] = database.prepare("PRAGMA integrity_check").all() as Record<string, string>[];
    const said = answer && Object.values(answer)[0];
    if (said !== "ok") throw new Error(`The copy is damaged: ${said}`);
    return database.prepare("SELECT log, size FROM head ORDER BY log").all() as {
      log: string;
      size: number;
    }[];
  } finally {
    database.close();
  }
}

function note({ keysDir, dataDir, s3 }: Config, encrypted: boolean): string {
  const local = s3
    ? ""
    : `  ${keysDir}/minio.json       the local MinIO's users\n` +
      `  ${keysDir}/minio-kms.json   decrypts every object of the local MinIO\n` +
      `  ${dataDir}/minio/           the vault itself: the objects under lock\n`;
  const file = encrypted ? "a libSQL file encrypted with index.key" : "a SQLite file";
  return (
    `index.db is the index as of now, ${file}. To go back to it: stop the instance; if libsql/ of the data\n` +
    "folder is gone, run npm run restore, which makes it anew; in libsql/dbs/127/ delete data, data-wal, data-shm,\n" +
    "wallog, stats.json and .sentinel, and put this file there under the name data; npm run verify; npm start.\n" +
    "Entries sealed since are brought up from the vault. Entries that were acknowledged since and not sealed are\n" +
    "missed at the start (index_behind): see npm run recover.\n\n" +
    "Not in here, and to be kept elsewhere; secrets never go into a backup by themselves:\n" +
    `  ${keysDir}/log.key          signs every sealed checkpoint\n` +
    (encrypted ? `  ${keysDir}/index.key        decrypts index.db\n` : "") +
    local +
    `  ${dataDir}/instance.json    the origin\n`
  );
}
