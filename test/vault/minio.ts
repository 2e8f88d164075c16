/**
 * A private MinIO for the tests of this room, provisioned as `npm start` does it: lock on, SSE on, the two
 * policies, and (after `harden`) no root access. Every start has its own folder, port and keys.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { auditorPolicy, workerPolicy } from "../../storage/vault/policies.ts";
import type { VaultConfig } from "../../storage/vault/vault.ts";

export interface TestMinio {
  readonly folder: string;
  readonly worker: VaultConfig;
  readonly auditor: VaultConfig;
  readonly root: VaultConfig;
  /** A key that may do what the worker may, without the Deny statements. */
  readonly allowOnly: VaultConfig;
  /** Starts MinIO again with root access off. */
  harden(): Promise<void>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const BUCKET = "indelible-test";

export async function startTestMinio(options: { sse?: boolean } = {}): Promise<TestMinio> {
  const folder = await mkdtemp(join(tmpdir(), "indelible-vault-"));
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  const user = () => ({
    accessKey: randomBytes(10).toString("hex"),
    secretKey: randomBytes(20).toString("hex"),
  });
  const config = (): VaultConfig => ({ endpoint, bucket: BUCKET, region: "us-east-1", ...user() });
  const [root, worker, auditor, allowOnly] = [config(), config(), config(), config()];
  const kms = options.sse === false ? "" : `test:${randomBytes(32).toString("base64")}`;
  let rootAccess = "on";
  let child: ChildProcess | undefined;

  const start = async () => {
    child = spawn(
      process.env["MINIO_BIN"] ?? "minio",
      ["server", join(folder, "data"), "--address", new URL(endpoint).host, "--quiet"],
      {
        stdio: "ignore",
        env: {
          PATH: process.env["PATH"],
          HOME: folder,
          MINIO_ROOT_USER: root.accessKey,
          MINIO_ROOT_PASSWORD: root.secretKey,
          MINIO_API_ROOT_ACCESS: rootAccess,
          MINIO_BROWSER: "off",
          ...(kms === "" ? {} : { MINIO_KMS_SECRET_KEY: kms }),
        },
      },
    );
    await ready(endpoint, child);
  };
  const kill = async (signal: NodeJS.Signals = "SIGKILL") => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill(signal);
    await exit;
  };
  const mc = (...args: string[]) => runMc(folder, root, args);

  await start();
  await mc("mb", "--with-lock", `v/${BUCKET}`);
  await mc("retention", "set", "--default", "COMPLIANCE", "1d", `v/${BUCKET}`);
  if (kms !== "") await mc("encrypt", "set", "sse-s3", `v/${BUCKET}`);
  const allowed = workerPolicy(BUCKET);
  const policies = {
    worker: { config: worker, policy: allowed },
    auditor: { config: auditor, policy: auditorPolicy(BUCKET) },
    "allow-only": {
      config: allowOnly,
      policy: { ...allowed, Statement: allowed.Statement.filter((s) => s.Effect === "Allow") },
    },
  };
  for (const [name, { config, policy }] of Object.entries(policies)) {
    const file = join(folder, `${name}.json`);
    await writeFile(file, JSON.stringify(policy));
    await mc("admin", "policy", "create", "v", name, file);
    await mc("admin", "user", "add", "v", config.accessKey, config.secretKey);
    await mc("admin", "policy", "attach", "v", name, "--user", config.accessKey);
  }
  return {
    folder,
    worker,
    auditor,
    root,
    allowOnly,
    kill,
    restart: start,
    async harden() {
      await mc("admin", "config", "set", "v", "api", "root_access=off");
      await kill("SIGTERM");
      rootAccess = "off";
      await start();
    },
    async stop() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function runMc(folder: string, root: VaultConfig, args: string[]): Promise<void> {
  const host = root.endpoint.replace("://", `://${root.accessKey}:${root.secretKey}@`);
  const child = spawn(
    process.env["MC_BIN"] ?? "mc",
    ["--config-dir", join(folder, "mc"), "--quiet", ...args],
    { env: { PATH: process.env["PATH"], HOME: folder, MC_HOST_v: host } },
  );
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`mc ${args[0] ?? ""} ${args[1] ?? ""}: ${output}`);
}

async function ready(endpoint: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline && child.exitCode === null) {
    const answer = await fetch(`${endpoint}/minio/health/ready`).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  throw new Error(`MinIO did not become ready (exit ${child.exitCode ?? "none"})`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
