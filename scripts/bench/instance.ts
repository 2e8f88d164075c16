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
  /** Writes and audits the log `demo`. */
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

/** Throws with the instance's last lines if it ends before it is ready. */
export async function startBenchInstance(dataDir: string): Promise<BenchInstance> {
  const startMs = performance.now();
  const child = spawn(process.execPath, ["scripts/run.mjs", "start"], {
    env: { ...process.env, INDELIBLE_DATA: dataDir, INDELIBLE_LISTEN: "127.0.0.1:0" },
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
  const token = (await readFile(join(dataDir, "tokens", "demo"), "utf8")).trim();
  return {
    url,
    token,
    dataDir,
    secondsToReady: (performance.now() - startMs) / 1000,
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** Runs one of our own commands to its end; its standard output. Throws where it exits with another code than 0. */
export async function runVerb(verb: string, args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, ["scripts/run.mjs", verb, ...args], {
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
