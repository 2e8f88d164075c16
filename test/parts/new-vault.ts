/**
 * A local vault that is set up and holds nothing, for a data folder to begin with. Twelve calls of `mc` and a second start of MinIO
 * take three seconds of a first start; they are made once, by the code that `npm start` uses, and kept under the hash of that code.
 * What the set-up does when it is cut or run again is for the tests that begin with an empty folder.
 */
import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { findGoProgram, MINIO } from "../../scripts/parts/go-program.ts";
import { minioPort, startMinioServer } from "../../scripts/parts/minio.ts";
import { killAtExit } from "./kill-at-exit.ts";

const CACHE = join("node_modules", ".cache", "indelible");

/** What decides how a vault is set up; with them goes the program itself. */
const SOURCES = [
  "scripts/parts/minio.ts",
  "scripts/parts/minio-provision.ts",
  "scripts/parts/go-program.ts",
  "storage/vault/policies.ts",
  "storage/vault/canary.ts",
  "test/parts/new-vault.ts",
];

const say = (message: string): void => console.error(message);

/** Puts `minio/` and its two files of `keys/` into a folder where neither is. */
export async function putNewVault(dataDir: string): Promise<void> {
  await cp(await newVault(), dataDir, { recursive: true, mode: 0, errorOnExist: true });
}

async function newVault(): Promise<string> {
  const target = join(CACHE, `vault-${await hashSources()}`);
  if (existsSync(target)) return target;
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, "vault-unfinished-"));
  try {
    const { part } = await startMinioServer({
      dir: join(folder, "minio"),
      keysDir: join(folder, "keys"),
      port: await minioPort(),
      say,
    });
    killAtExit(part);
    await part.stop();
    await rename(folder, target).catch((error: Error) => {
      if (!existsSync(target)) throw error; // Another test's file made one meanwhile.
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return target;
}

async function hashSources(): Promise<string> {
  const hash = createHash("sha256").update(await findGoProgram(MINIO, say));
  for (const path of SOURCES) hash.update(await readFile(path));
  return hash.digest("hex").slice(0, 16);
}
