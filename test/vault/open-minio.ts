/**
 * A MinIO that is not hardened yet: root access on, a bucket with object lock, and a key that may do what
 * a writer of locked objects plainly needs. It shows that the tests' attacks are real ones, and lets them
 * do what only an owner can.
 */
import { randomBytes } from "node:crypto";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MC, MINIO, findGoProgram } from "../../scripts/parts/go-program.ts";
import { startPart, untilReady } from "../../scripts/parts/part.ts";
import type { Part } from "../../scripts/parts/part.ts";
import { minioPort } from "../../scripts/parts/minio.ts";
import { S3Client } from "../../storage/vault/client.ts";
import { workerPolicy } from "../../storage/vault/policies.ts";
import type { Policy } from "../../storage/vault/policies.ts";
import { MinioVault } from "../../storage/vault/vault.ts";
import type { VaultConfig } from "../../storage/vault/vault.ts";
import { killAtExit } from "../parts/kill-at-exit.ts";

export interface OpenMinio {
  /** The drive: `<drive>/<bucket>/<key>/xl.meta`. */
  readonly drive: string;
  readonly root: VaultConfig;
  /** The worker's policy as it is. */
  readonly worker: VaultConfig;
  /** May put, lock and read anything in the bucket, and is denied nothing by name. */
  readonly plain: VaultConfig;
  /** MinIO's own client, as root; the server is called `open`. */
  mc(...args: string[]): Promise<void>;
  /** What a user may do from now on: what the worker may, or what a plain writer may. */
  setPolicy(user: "worker" | "plain", policy: "the worker's" | "a plain one"): Promise<void>;
  stop(): Promise<void>;
}

const BUCKET = "open";
const START_MS_MAX = 30_000;

/** `kms`: whether it can encrypt objects at all. */
export async function startOpenMinio(kms = true): Promise<OpenMinio> {
  const say = (message: string) => console.error(message);
  const folder = await mkdtemp(join(tmpdir(), "indelible-open-minio-"));
  const port = await minioPort();
  const key = (): VaultConfig => ({
    endpoint: `http://127.0.0.1:${port}`,
    bucket: BUCKET,
    region: "us-east-1",
    accessKey: randomBytes(10).toString("hex"),
    secretKey: randomBytes(20).toString("hex"),
  });
  const [root, worker, plain] = [key(), key(), key()];
  const drive = join(folder, "drive");
  const part = await startPart({
    name: "MinIO",
    command: await findGoProgram(MINIO, say),
    args: ["server", "--address", `127.0.0.1:${port}`, drive],
    env: {
      HOME: folder,
      MINIO_ROOT_USER: root.accessKey,
      MINIO_ROOT_PASSWORD: root.secretKey,
      MINIO_BROWSER: "off",
      ...(kms ? { MINIO_KMS_SECRET_KEY: `test:${randomBytes(32).toString("base64")}` } : {}),
    },
  });
  killAtExit(part);
  await makeBucket(part, root);
  const mc = await findGoProgram(MC, say);
  const policy = workerPolicy(BUCKET);
  const policies = { "the worker's": policy, "a plain one": plainPolicy(policy) };
  const run = (...args: string[]) => runMc(mc, folder, root, args);
  await addUser(run, folder, worker, policies["the worker's"]);
  await addUser(run, folder, plain, policies["a plain one"]);
  const stop = async () => {
    await part.kill9();
    await rm(folder, { recursive: true });
  };
  const setPolicy: OpenMinio["setPolicy"] = (user, which) =>
    putPolicy(run, folder, { worker, plain }[user].accessKey, policies[which]);
  return { drive, root, worker, plain, mc: run, setPolicy, stop };
}

/** The worker's Allow statements, wherever in the bucket. */
function plainPolicy(policy: Policy): Policy {
  const allowed = policy.Statement.filter((statement) => statement.Effect === "Allow");
  const everywhere = (resource: string) => resource.replace(/\/\*\/\*$/, "/*");
  return {
    ...policy,
    Statement: allowed.map((s) => ({ ...s, Resource: s.Resource.map(everywhere) })),
  };
}

async function makeBucket(part: Part, root: VaultConfig): Promise<void> {
  const s3 = new S3Client(root);
  const headers = { "x-amz-bucket-object-lock-enabled": "true" };
  const made = async () => (await s3.send({ method: "PUT", headers })).status === 200;
  await untilReady(part, made, START_MS_MAX);
  await new MinioVault(root).nowMs();
}

type Mc = OpenMinio["mc"];

async function addUser(mc: Mc, folder: string, user: VaultConfig, policy: Policy): Promise<void> {
  await putPolicy(mc, folder, user.accessKey, policy);
  await mc("admin", "user", "add", "open", user.accessKey, user.secretKey);
  await mc("admin", "policy", "attach", "open", user.accessKey, "--user", user.accessKey);
}

/** Makes it, or puts another one under its name, for all whom it is attached to. */
async function putPolicy(mc: Mc, folder: string, name: string, policy: Policy): Promise<void> {
  const file = join(folder, `${name}.json`);
  await writeFile(file, JSON.stringify(policy));
  await mc("admin", "policy", "create", "open", name, file);
}

async function runMc(mc: string, folder: string, root: VaultConfig, args: string[]): Promise<void> {
  const url = new URL(root.endpoint);
  url.username = root.accessKey;
  url.password = root.secretKey;
  const child = spawn(mc, ["--config-dir", join(folder, "mc"), ...args], {
    env: { HOME: folder, MC_HOST_open: url.href },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`mc ${args.slice(0, 3).join(" ")} failed: ${said.trim()}`);
}
