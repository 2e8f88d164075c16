/**
 * The set-up of a fresh MinIO with its own client `mc`: a bucket with object lock, encryption at rest,
 * the worker's and the auditor's users with their policies, an expiry for the lock self-test's canaries,
 * and root access off. Every step may be repeated. Secrets reach `mc` by environment or standard input.
 */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CANARY_PREFIX } from "../../storage/vault/canary.ts";
import { auditorPolicy, workerPolicy } from "../../storage/vault/policies.ts";
import type { S3Credentials } from "../config/shape.ts";
import { runTool } from "./tool.ts";

export interface ProvisionOptions {
  readonly mc: string;
  readonly endpoint: string;
  readonly bucket: string;
  readonly root: S3Credentials;
  readonly worker: S3Credentials;
  readonly auditor: S3Credentials;
  /** A folder for `mc` alone, removed afterwards. */
  readonly workDir: string;
}

/** Canaries are locked for one day; two days after they were put nothing holds them. */
const CANARY_EXPIRE_DAYS = "2";

/** Sets up everything. Throws with what `mc` said if a step fails. */
export async function provisionMinio(options: ProvisionOptions): Promise<void> {
  const folder = options.workDir;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  const mc = (args: string[], input = ""): Promise<string> => runMc(options, folder, args, input);
  const bucket = `vault/${options.bucket}`;
  try {
    await mc(["mb", "--with-lock", "--ignore-existing", bucket]);
    // All at once, for a call of `mc` that makes a user takes 0.3 s to hide its secret; and to its end, also where one fails.
    const steps = await Promise.allSettled([
      mc(["encrypt", "set", "sse-s3", bucket]).then(() => expireCanaries(mc, bucket)),
      makeUser(mc, folder, "worker", options.worker, workerPolicy(options.bucket)),
      makeUser(mc, folder, "auditor", options.auditor, auditorPolicy(options.bucket)),
    ]);
    for (const step of steps) if (step.status === "rejected") throw step.reason;
    await mc(["admin", "config", "set", "vault", "api", "root_access=off"]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

type Mc = (args: string[], input?: string) => Promise<unknown>;

async function makeUser(
  mc: Mc,
  folder: string,
  role: string,
  credentials: S3Credentials,
  policy: object,
): Promise<void> {
  const name = `indelible-${role}`;
  const file = join(folder, `${role}.json`);
  await writeFile(file, JSON.stringify(policy));
  await mc(["admin", "policy", "create", "vault", name, file]);
  await mc(
    ["admin", "user", "add", "vault"],
    `${credentials.accessKey}\n${credentials.secretKey}\n`,
  );
  // The key id is on a command line here, for some milliseconds before the server takes its first
  // object; `mc` has no other way to name the user.
  await mc(["admin", "policy", "attach", "vault", name, "--user", credentials.accessKey]).catch(
    (error: Error) => {
      if (!error.message.includes("already")) throw error; // A set-up that is run again.
    },
  );
}

/**
 * One rule for versions under a name, one for the markers that are left when they are gone; no others stay. A lock goes before
 * a rule: what is still locked is left. Every folder has had these rules since it was set up.
 */
export async function expireCanaries(mc: Mc, bucket: string): Promise<void> {
  await mc(["ilm", "rule", "remove", "--all", "--force", bucket]).catch(() => "there was none");
  const rule = ["ilm", "rule", "add", "--prefix", CANARY_PREFIX];
  const days = ["--expire-days", CANARY_EXPIRE_DAYS, "--noncurrent-expire-days", "1"];
  await mc([...rule, ...days, bucket]);
  await mc([...rule, "--expire-delete-marker", bucket]);
}

async function runMc(
  options: ProvisionOptions,
  folder: string,
  args: string[],
  input: string,
): Promise<string> {
  const url = new URL(options.endpoint);
  url.username = options.root.accessKey;
  url.password = options.root.secretKey;
  const { ok, said } = await runTool(
    options.mc,
    ["--config-dir", folder, "--disable-pager", ...args],
    { env: { HOME: folder, MC_HOST_vault: url.href, MC_UPDATE: "off" }, input },
  );
  if (!ok) throw new Error(`mc ${args.slice(0, 3).join(" ")} failed: ${said.trim()}`);
  return said;
}
