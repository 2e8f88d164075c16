/** A throw-away instance for a measurement. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { post, startThrowAway } from "../parts/throw-away.ts";

export interface BenchInstance {
  readonly url: string;
  /** Writes and audits the logs of the measurement. */
  readonly token: string;
  readonly dataDir: string;
  readonly secondsToReady: number;
  /** Stops it in order; the folder stays. */
  stop(): Promise<void>;
}

/** One token and one address make all of the load: on a fast machine the defaults would be what is measured. */
const UNLIMITED = { INDELIBLE_RATE_PER_TOKEN: "1000000", INDELIBLE_RATE_PER_ADDRESS: "1000000" };

/** Throws with the instance's last lines if it ends before it is ready. */
export async function startBenchInstance(dataDir: string): Promise<BenchInstance> {
  const { admin, ...instance } = await startThrowAway(dataDir, UNLIMITED);
  return { ...instance, token: await makeLogs(instance.url, admin) };
}

/** Logs of their own, so that many small batches of one case do not slow down reading the other. */
export const LOGS = { plain: "bench.plain", sealed: "bench.sealed" } as const;

async function makeLogs(url: string, admin: string): Promise<string> {
  for (const name of Object.values(LOGS)) {
    await post(url, "/v1/logs", admin, { name, retention_days: 1 });
  }
  const rights = { roles: ["writer", "auditor"], logs: Object.values(LOGS) };
  const made = (await post(url, "/v1/tokens", admin, rights)) as { token: string };
  return made.token;
}

/** Runs one of our own commands to its end; its standard output. Throws where it exits with another code than 0. */
export async function runVerb(
  verb: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const child = spawn(process.execPath, ["scripts/run.mjs", verb, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on("data", (data: Buffer) => output.push(data));
  child.stderr.on("data", (data: Buffer) => errors.push(data));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0)
    throw new Error(`${verb} ended with ${code}: ${Buffer.concat(errors).toString()}`);
  return Buffer.concat(output).toString();
}
