/**
 * Which process a pid means. Pids are used again, so one is recorded together with when its process
 * started; only if both still agree is it the same process.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface ProcessIdentity {
  readonly pid: number;
  /** On Linux the boot and the clock tick of the process's start, elsewhere what `ps` says of it. */
  readonly started: string;
}

/** The identity of a running process, or `null` if there is none with this pid (a zombie is none). */
export function identifyProcess(pid: number): ProcessIdentity | null {
  const started = process.platform === "linux" ? linuxStart(pid) : psStart(pid);
  return started === null ? null : { pid, started };
}

export function isRunning(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.started === identity.started;
}

/**
 * Processes that have exactly this variable in their environment, as far as we may look. Linux only;
 * elsewhere none is found.
 */
export function findProcesses(name: string, value: string): ProcessIdentity[] {
  if (process.platform !== "linux") return [];
  const found: ProcessIdentity[] = [];
  for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    const variables = readOrNothing(`/proc/${pid}/environ`).split("\0");
    const identity = variables.includes(`${name}=${value}`) ? identifyProcess(Number(pid)) : null;
    if (identity) found.push(identity);
  }
  return found;
}

/** SIGTERM, then SIGKILL after `graceMs`. Resolves when the process is gone; at once if it was. */
export async function endProcess(identity: ProcessIdentity, graceMs: number): Promise<void> {
  const deadline = Date.now() + graceMs;
  let signal: NodeJS.Signals = "SIGTERM";
  for (let sent: string | null = null; isRunning(identity); await pause()) {
    if (Date.now() > deadline) signal = "SIGKILL";
    if (sent === signal) continue;
    try {
      process.kill(identity.pid, signal);
    } catch {
      return; // It ended between the look and the signal.
    }
    sent = signal;
  }
}

/** proc(5): field 3 is the state, field 22 the start in clock ticks since boot; the name before them may hold anything. */
function linuxStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z") return null;
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    return `${boot} ${fields[22 - 3]}`;
  } catch {
    return null;
  }
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // It has ended, or it is another user's.
  }
}

function psStart(pid: number): string | null {
  try {
    const said = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return said.trim() || null;
  } catch {
    return null;
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
