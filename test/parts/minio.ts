/**
 * A real MinIO for tests of the vault: its own drive and port, set up by the code that `npm start`
 * uses, with the worker's and the auditor's users and root access off.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { S3Credentials } from "../../scripts/config/shape.ts";
import {
  LOCAL_BUCKET,
  LOCAL_REGION,
  minioPort,
  startMinioServer,
} from "../../scripts/parts/minio.ts";
import { killAtExit } from "./kill-at-exit.ts";
import { putNewVault } from "./new-vault.ts";

export interface TestMinio {
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly worker: S3Credentials;
  readonly auditor: S3Credentials;
  /** Refused everything, as it should be; for tests that try. */
  readonly root: S3Credentials;
  /** Holds `minio/` (the drive) and `keys/`. */
  readonly dataDir: string;
  pid(): number;
  /** Ends it and removes the folder. */
  stop(): Promise<void>;
  kill9(): Promise<void>;
  /** Starts it again on the same drive and port, ending it first if it still runs. */
  restart(): Promise<void>;
}

export async function startMinio(): Promise<TestMinio> {
  const dataDir = await mkdtemp(join(tmpdir(), "indelible-minio-"));
  await putNewVault(dataDir);
  const options = {
    dir: join(dataDir, "minio"),
    keysDir: join(dataDir, "keys"),
    port: await minioPort(),
    say: (message: string) => console.error(message),
  };
  const start = async () => {
    const started = await startMinioServer(options);
    killAtExit(started.part);
    return started;
  };
  let server = await start();
  return {
    endpoint: server.endpoint,
    bucket: LOCAL_BUCKET,
    region: LOCAL_REGION,
    worker: server.secrets.worker,
    auditor: server.secrets.auditor,
    root: server.secrets.root,
    dataDir,
    pid: () => server.part.pid,
    stop: async () => {
      await server.part.stop();
      await rm(dataDir, { recursive: true });
    },
    kill9: async () => {
      await server.part.kill9();
    },
    restart: async () => {
      await server.part.stop();
      server = await start();
    },
  };
}
