/**
 * The local vault: one MinIO server on loopback, set up once so that its COMPLIANCE lock binds. Set-up
 * runs with root access on, makes the bucket, encryption, policies and users, and turns root access
 * off; from then on the server runs without it. What set-up made is kept in one secret file, whose
 * `ready` mark is written last: an interrupted set-up is simply run again.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { S3Credentials } from "../config/shape.ts";
import { findGoProgram, MC, MINIO, type Say } from "./go-program.ts";
import { provisionMinio } from "./minio-provision.ts";
import { type Part, startPart, untilReady } from "./part.ts";
import { freePorts } from "./ports.ts";
import { readSecretJson, writeSecret } from "./secret-file.ts";

/** Boot to ready took 0.7 s; a large drive after a crash takes longer. */
const START_LIMIT_MS = 60_000;

export const LOCAL_BUCKET = "indelible";
export const LOCAL_REGION = "us-east-1";

/** `minio.json` in the keys folder. */
export interface MinioSecrets {
  readonly root: S3Credentials;
  readonly worker: S3Credentials;
  readonly auditor: S3Credentials;
  /** Set-up was completed. */
  readonly ready: boolean;
}

export interface MinioOptions {
  /** The drive. */
  readonly dir: string;
  /** Where `minio.json` and `minio-kms.key` are kept. */
  readonly keysDir: string;
  /** The port of loopback; a restart must ask for the same. */
  readonly port: number;
  readonly say: Say;
  /** Added to the environment: how a part is found whose supervisor was killed. */
  readonly mark?: Readonly<Record<string, string>>;
  /** Called when the process has its pid, before anything waits for it. */
  readonly onSpawn?: (part: Part) => Promise<void>;
}

export interface MinioServer {
  readonly part: Part;
  readonly endpoint: string;
  readonly secrets: MinioSecrets;
}

export async function minioPort(): Promise<number> {
  const [port] = await freePorts([0]);
  return port!;
}

/** Starts MinIO, setting it up first if that was never completed. */
export async function startMinioServer(options: MinioOptions): Promise<MinioServer> {
  const binary = await findGoProgram(MINIO, options.say);
  const path = join(options.keysDir, "minio.json");
  let secrets = await readSecretJson<MinioSecrets>(path);
  if (!secrets) {
    secrets = makeSecrets();
    await writeSecret(path, JSON.stringify(secrets, null, 2));
  }
  if (!secrets.ready) {
    const mc = await findGoProgram(MC, options.say);
    const open = await serve(binary, options, secrets, "on");
    try {
      const workDir = join(options.keysDir, "mc");
      const { endpoint } = open;
      await provisionMinio({ mc, endpoint, bucket: LOCAL_BUCKET, workDir, ...secrets });
    } finally {
      await open.part.stop();
    }
    secrets = { ...secrets, ready: true };
    await writeSecret(path, JSON.stringify(secrets, null, 2));
  }
  const { part, endpoint } = await serve(binary, options, secrets, "off");
  return { part, endpoint, secrets };
}

async function serve(
  binary: string,
  options: MinioOptions,
  secrets: MinioSecrets,
  rootAccess: "on" | "off",
): Promise<{ part: Part; endpoint: string }> {
  await mkdir(options.dir, { recursive: true, mode: 0o700 });
  const part = await startPart({
    name: "MinIO",
    command: binary,
    args: ["server", ...["--address", `127.0.0.1:${options.port}`], options.dir],
    env: {
      ...options.mark,
      HOME: dirname(options.dir),
      MINIO_ROOT_USER: secrets.root.accessKey,
      MINIO_ROOT_PASSWORD: secrets.root.secretKey,
      MINIO_KMS_SECRET_KEY: await kmsKey(options),
      MINIO_API_ROOT_ACCESS: rootAccess,
      MINIO_BROWSER: "off",
      MINIO_UPDATE: "off",
    },
  });
  const endpoint = `http://127.0.0.1:${options.port}`;
  // On a busy machine it calls itself ready and refuses requests as "not initialized" for a moment more.
  const alive = async (): Promise<boolean> =>
    (await fetch(`${endpoint}/minio/health/ready`)).ok && (await fetch(endpoint)).status !== 503;
  try {
    await options.onSpawn?.(part);
    await untilReady(part, alive, START_LIMIT_MS);
  } catch (error) {
    await part.stop();
    throw error;
  }
  return { part, endpoint };
}

/** Key ids are long and random because MinIO has taken writes from who knew an id alone. */
function makeSecrets(): MinioSecrets {
  const credentials = (): S3Credentials => ({
    accessKey: randomBytes(10).toString("hex"), // 20 characters, MinIO's longest
    secretKey: randomBytes(20).toString("hex"), // 40 characters, MinIO's longest
  });
  return { root: credentials(), worker: credentials(), auditor: credentials(), ready: false };
}

/** The key that encrypts every object (SSE-S3), as MinIO wants it: a name and 32 bytes in base64. */
async function kmsKey({ dir, keysDir }: MinioOptions): Promise<string> {
  const path = join(keysDir, "minio-kms.json");
  const kept = await readSecretJson<{ key: string }>(path);
  if (kept) return kept.key;
  // A new key would read nothing of what is there, and what is put now would be lost with the wrong folder.
  if (existsSync(join(dir, ".minio.sys"))) {
    throw new Error(
      `${path} is gone, and every object in ${dir} is encrypted with it. Put it back.`,
    );
  }
  const key = `indelible:${randomBytes(32).toString("base64")}`;
  await writeSecret(path, JSON.stringify({ key }));
  return key;
}
