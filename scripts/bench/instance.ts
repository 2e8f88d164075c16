/** A throw-away instance for a measurement: the real `npm start` on a new folder and free ports. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const READY = /^Indelible is ready: (\S+)$/;

export interface BenchInstance {
  readonly url: string;
  /** Writes and audits the logs of the measurement. */
  readonly token: string;
  readonly dataDir: string;
  readonly secondsToReady: number;
  /** Stops it in order; the folder stays. */
  stop(): Promise<void>;
}

export function newDataDir(): Promise<string> {
  return mkdtemp(join(tmpdir(), "indelible-bench-"));
}

export function removeDataDir(dataDir: string): Promise<void> {
  return rm(dataDir, { recursive: true, force: true });
}

/** What is measured is this program, not TLS; empty settings are none. */
const PLAIN = { INDELIBLE_TLS_CERT: "", INDELIBLE_TLS_KEY: "" };
/** One token and one address make all of the load: on a fast machine the defaults would be what is measured. */
const UNLIMITED = { INDELIBLE_RATE_PER_TOKEN: "1000000", INDELIBLE_RATE_PER_ADDRESS: "1000000" };

/** Throws with the instance's last lines if it ends before it is ready. */
export async function startBenchInstance(dataDir: string): Promise<BenchInstance> {
  const startMs = performance.now();
  const child = spawn(process.execPath, ["scripts/run.mjs", "start"], {
    env: {
      ...{ ...process.env, ...PLAIN, ...UNLIMITED },
      INDELIBLE_DATA: dataDir,
      INDELIBLE_LISTEN: "127.0.0.1:0",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "close");
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => lines.push(line));
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [, found] = READY.exec(line) ?? [];
      if (found !== undefined) resolve(found);
    });
    child.once("close", () => reject(new Error(lines.slice(-10).join("\n"))));
  });
  const admin = (await readFile(join(dataDir, "tokens", "admin"), "utf8")).trim();
  return {
    url,
    token: await makeLogs(url, admin),
    dataDir,
    secondsToReady: (performance.now() - startMs) / 1000,
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
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

async function post(url: string, path: string, token: string, body: object): Promise<unknown> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
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
