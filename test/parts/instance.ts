/**
 * A whole instance for tests: the real `npm start` in a folder of its own, on free ports, with what a test
 * needs to ask it, to hurt it and to look at what is left.
 */
import { spawn } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { readRunning, type Running } from "../../scripts/parts/data-folder.ts";
import { findProcesses, isRunning } from "../../scripts/parts/process-identity.ts";
import { atExit } from "./kill-at-exit.ts";
import { putNewVault } from "./new-vault.ts";

export type PartName = "sqld" | "minio" | "workerd";

export interface InstanceOptions {
  /** Beside `INDELIBLE_DATA` and `INDELIBLE_LISTEN`, which are chosen here. */
  readonly env?: Readonly<Record<string, string>>;
  /** A folder that is there already, from an instance that was stopped; kept by `stop`. */
  readonly dataDir?: string;
  /** Resolve as soon as the process runs, without waiting for the ready line. */
  readonly awaitReady?: boolean;
  /** Begin with an empty folder and set the vault up, as somebody's first start does. So do those that are not waited for. */
  readonly setUp?: boolean;
}

export interface TestInstance {
  /** The public address; another one after `restart`. */
  readonly url: string;
  readonly dataDir: string;
  readonly tokens: { readonly admin: string; readonly demo: string };
  /** The index's database file. */
  readonly databaseFile: string;
  /** What `running.json` says now: pids, ports, the index's address and read token. */
  running(): Running;
  /** All that was printed so far, both streams. */
  output(): string;
  /** Resolves when the output matches; rejects when the instance ends first. */
  untilOutput(pattern: RegExp): Promise<void>;
  /** SIGKILL to one part; the supervisor starts it again. Resolves when it is gone. */
  kill(part: PartName): Promise<void>;
  /** SIGKILL to the supervisor alone. */
  killSupervisor(): Promise<void>;
  /** Sends a signal to the supervisor and waits for its end; the exit code. */
  signal(signal: NodeJS.Signals): Promise<number | null>;
  /** Waits for the end by itself; the exit code. */
  ended(): Promise<number | null>;
  /** SIGTERM, wait, and start again on the same folder. */
  restart(env?: Readonly<Record<string, string>>): Promise<void>;
  /** SIGTERM and wait, if it still runs; removes the folder unless it was given. Throws if a process is left. */
  stop(): Promise<void>;
}

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** A start takes 4 s at most, a busy machine ten times that. */
const SAY_LIMIT_MS = 120_000;
const READY = /^Indelible is ready: (\S+)$/m;

export async function startInstance(options: InstanceOptions = {}): Promise<TestInstance> {
  const dataDir = options.dataDir ?? (await newFolder(options));
  let env = options.env ?? {};
  const start = () => run(dataDir, env);
  let process = start();
  const tokens = { admin: "", demo: "" };
  let url = "";
  const untilReady = async (): Promise<void> => {
    await process.untilOutput(READY);
    url = READY.exec(process.output())![1]!;
    for (const name of ["admin", "demo"] as const) {
      tokens[name] = (await readFile(join(dataDir, "tokens", name), "utf8")).trim();
    }
  };
  if (options.awaitReady !== false) await untilReady();
  const running = (): Running => {
    const found = readRunning(dataDir);
    if (!found) throw new Error(`nothing is recorded in ${dataDir}`);
    return found;
  };
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    process.kill(signal);
    const code = await process.ended;
    if (signal !== "SIGKILL") assertGone(dataDir, process.output());
    return code;
  };
  return {
    get url() {
      return url;
    },
    dataDir,
    tokens,
    databaseFile: join(dataDir, "libsql", "dbs", "127", "data"),
    running,
    output: () => process.output(),
    untilOutput: (pattern) => process.untilOutput(pattern),
    kill: async (part) => {
      const identity = running().parts[part];
      if (!identity || !isRunning(identity)) throw new Error(`${part} does not run`);
      globalThis.process.kill(identity.pid, "SIGKILL");
      while (isRunning(identity)) await pause();
    },
    killSupervisor: async () => {
      await end("SIGKILL");
    },
    signal: end,
    ended: () => process.ended,
    restart: async (changedEnv) => {
      await end("SIGTERM");
      env = changedEnv ?? env;
      process = start();
      await untilReady();
    },
    stop: async () => {
      await end("SIGTERM");
      if (!options.dataDir) await rm(dataDir, { recursive: true });
    },
  };
}

async function newFolder({ env = {}, awaitReady, setUp }: InstanceOptions): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "indelible-"));
  const isElsewhere = "INDELIBLE_S3_ENDPOINT" in env || "INDELIBLE_KEYS" in env;
  if (awaitReady !== false && !setUp && !isElsewhere) await putNewVault(folder);
  return folder;
}

interface Run {
  readonly ended: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
  output(): string;
  untilOutput(pattern: RegExp): Promise<void>;
}

function run(dataDir: string, env: Readonly<Record<string, string>>): Run {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("INDELIBLE_"));
  const child = spawn(process.execPath, [join(ROOT, "scripts", "run.mjs"), "start"], {
    env: {
      ...Object.fromEntries(inherited),
      INDELIBLE_DATA: dataDir,
      INDELIBLE_LISTEN: "127.0.0.1:0",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const forget = atExit(() => killAll(child.pid!, dataDir));
  let output = "";
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      output += `${line}\n`;
      for (const look of waiting) look();
    });
  }
  const ended = new Promise<number | null>((resolve) => {
    child.once("close", (code) => {
      forget();
      resolve(code);
    });
  });
  return {
    ended,
    kill: (signal) => void child.kill(signal),
    output: () => output,
    untilOutput: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!pattern.test(output)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
        const limit = setTimeout(() => {
          reject(new Error(`did not say ${pattern} within ${SAY_LIMIT_MS} ms:\n${output}`));
        }, SAY_LIMIT_MS);
        limit.unref();
        void ended.then((code) => {
          reject(new Error(`ended with ${code} before it said ${pattern}:\n${output}`));
        });
      }),
  };
}

/** A test process that dies leaves neither a supervisor nor its parts. */
function killAll(supervisorPid: number, dataDir: string): void {
  const parts = (): number[] =>
    findProcesses("PART_OF_INDELIBLE_AT", realpathSync(dataDir)).map((part) => part.pid);
  for (const pid of [supervisorPid, ...parts()]) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}

function assertGone(dataDir: string, output: string): void {
  for (const { pid } of findProcesses("PART_OF_INDELIBLE_AT", realpathSync(dataDir))) {
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    throw new Error(`process ${pid} was left behind: ${command}\n${output}`);
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
