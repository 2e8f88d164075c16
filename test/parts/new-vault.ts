/**
 * A local vault that is set up and holds nothing, for a data folder to begin with. Twelve calls of `mc` and a second start of MinIO
 * take three seconds of a first start; they are made once, by the code that `npm start` uses, and kept under the hash of that code.
 * What the set-up does when it is cut or run again is for the tests that begin with an empty folder.
 */
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { keptBuild } from "../../scripts/parts/kept-build.mjs";
import { minioPort, startMinioServer } from "../../scripts/parts/minio.ts";
import { killAtExit } from "./kill-at-exit.ts";

/** What decides how a vault is set up. */
const SOURCES = [
  "scripts/parts/minio.ts",
  "scripts/parts/minio-provision.ts",
  "scripts/parts/go-program.ts",
  "storage/vault/policies.ts",
  "storage/vault/canary.ts",
  "test/parts/new-vault.ts",
];

/** Puts `minio/` and its two files of `keys/` into a folder where neither is. */
export async function putNewVault(dataDir: string): Promise<void> {
  await cp(await keptBuild("vault", SOURCES, setUp), dataDir, { recursive: true });
}

async function setUp(folder: string): Promise<void> {
  const { part } = await startMinioServer({
    dir: join(folder, "minio"),
    keysDir: join(folder, "keys"),
    port: await minioPort(),
    say: (message) => console.error(message),
  });
  killAtExit(part);
  await part.stop();
}
