/**
 * One part — sqld, MinIO, workerd — as a child process in its own process group, so that a Ctrl-C in
 * the terminal reaches the supervisor alone and the parts are stopped in order. It keeps the part's
 * last lines, because they are the only thing worth showing when it dies.
 */
import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { createInterface } from "node:readline";
import { escapeControls } from "../../storage/printable.ts";

/** How many of a part's last lines are kept: a Rust or Go panic with its first frames fits in. */
const LAST_LINES_MAX = 30;

/** A part gets this long between SIGTERM and SIGKILL unless its caller says otherwise. */
const STOP_GRACE_MS = 10_000;

export interface PartOptions {
  /** The name that messages use. */
  readonly name: string;
  /** The program itself, never a wrapper script: its pid is the one that is recorded and ended. */
  readonly command: string;
  readonly args: readonly string[];
  /** Secrets travel here, never in `args`, which every user of the machine can read. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Opens file descriptor 3 as a pipe from the part; its lines go here. */
  readonly onControlLine?: (line: string) => void;
  /** Each line of standard output and standard error. */
  readonly onLine?: (line: string) => void;
}

export interface PartExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Part {
  readonly name: string;
  readonly pid: number;
  /** Settles when the process has ended; never rejects. */
  readonly exited: Promise<PartExit>;
  /** How it ended, or `null` while it runs. */
  exit(): PartExit | null;
  /** The part's own last lines, oldest first. */
  lastLines(): string[];
  /** SIGTERM, then SIGKILL after `graceMs`. Resolves when the process is gone. */
  stop(graceMs?: number): Promise<PartExit>;
  kill9(): Promise<PartExit>;
}

let closed = false;

/** From now on no part is started: what is being started is about to be stopped. */
export function startNoMoreParts(): void {
  closed = true;
}

/** Starts a part. Rejects if the program cannot be run at all (not found, not executable). */
export async function startPart(options: PartOptions): Promise<Part> {
  if (closed) throw new Error(`${options.name} is not started any more.`);
  const child = spawn(options.command, [...options.args], {
    cwd: options.cwd,
    env: { ...options.env },
    detached: true,
    stdio: ["ignore", "pipe", "pipe", ...(options.onControlLine ? (["pipe"] as const) : [])],
  });
  let ended: PartExit | null = null;
  const exited = new Promise<PartExit>((resolve) => {
    child.once("exit", (code, signal) => {
      ended = { code, signal };
      resolve(ended);
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => {
      reject(new Error(`${options.name} could not be started: ${error.message}`));
    });
  });

  const lines: string[] = [];
  const keep = (line: string): void => {
    lines.push(line);
    if (lines.length > LAST_LINES_MAX) lines.shift();
    options.onLine?.(line);
  };
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) readLines(stream, keep);
  }
  const control = child.stdio[3];
  if (options.onControlLine && control) readLines(control as Readable, options.onControlLine);

  const pid = child.pid!;
  const end = async (first: NodeJS.Signals, graceMs: number): Promise<PartExit> => {
    if (ended) return ended;
    child.kill(first);
    const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
    try {
      return await exited;
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    name: options.name,
    pid,
    exited,
    exit: () => ended,
    lastLines: () => [...lines],
    stop: (graceMs = STOP_GRACE_MS) => end("SIGTERM", graceMs),
    kill9: () => end("SIGKILL", STOP_GRACE_MS),
  };
}

function readLines(stream: Readable, onLine: (line: string) => void): void {
  stream.on("error", () => {}); // The pipe of a killed part may break; its exit tells the story.
  const lines = createInterface({ input: stream, crlfDelay: Infinity });
  lines.on("line", (line) => onLine(escapeControls(line)));
}

/**
 * Waits until `probe` resolves to true. Throws with the part's last lines if the part ends first, or
 * after `limitMs`.
 */
export async function untilReady(
  part: Part,
  probe: () => Promise<boolean>,
  limitMs: number,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    if (part.exit()) throw new PartFailure(part, "ended while it was starting");
    if (await probe().catch(() => false)) return;
    if (Date.now() > deadline) throw new PartFailure(part, `was not ready after ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, PROBE_PAUSE_MS));
  }
}

/** Parts answer within 15–700 ms of their start; this adds at most a little to that. */
const PROBE_PAUSE_MS = 10;

/** A part that cannot start, with what it said last. */
export class PartFailure extends Error {
  readonly part: string;
  constructor(part: Part, what: string) {
    const exit = part.exit();
    const how = exit ? ` (${exit.signal ?? `exit code ${exit.code}`})` : "";
    const said = part.lastLines().map((line) => `  ${part.name} | ${line}`);
    super([`${part.name} ${what}${how}. Its last lines:`, ...said].join("\n"));
    this.name = "PartFailure";
    this.part = part.name;
  }
}
