/**
 * The data folder: its layout, the lock that lets one command at a time have it, and the record of
 * what runs on it. The lock matters more than it looks: nothing else stops two workers from writing
 * the same folder. The record is how a supervisor that was killed has its parts found and ended.
 *
 * | path | |
 * |---|---|
 * | `keys/` | the log key, MinIO's secrets, the index's key; may lie elsewhere |
 * | `tokens/` | `admin`, `demo` |
 * | `vkeys/` | verifier keys, written by the worker |
 * | `auditor.env` | a read-only S3 user, for any S3 client |
 * | `libsql/`, `minio/`, `ledger/` | what sqld, MinIO and workerd keep |
 * | `worker/` | the program and configuration that workerd runs |
 * | `instance.json` | origin, and the hashes of the first two tokens |
 * | `running.json` | what runs now, or ran last |
 * | `operator.json` | while a worker runs: how the folder's owner reaches it |
 * | `lock` | held while a command runs |
 */
import { chmod, mkdir, realpath } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type FileLock, tryFileLock } from "./file-lock.ts";
import { startNoMoreParts } from "./part.ts";
import {
  endProcess,
  findProcesses,
  identifyProcess,
  isRunning,
  type ProcessIdentity,
} from "./process-identity.ts";
import { readSecretJson, writeSecret } from "./secret-file.ts";

/** How a reader reaches the running index, for commands that only look. */
export interface RunningIndex {
  readonly url: string;
  readonly readToken: string;
}

/** `running.json`. */
export interface Running {
  readonly supervisor: ProcessIdentity;
  readonly parts: Readonly<Record<string, ProcessIdentity>>;
  /** Ports by their use; taken again at the next start if they are free. */
  readonly ports: Readonly<Record<string, number>>;
  readonly index?: RunningIndex;
  /** The public address and the operator's, once there are any. */
  readonly url?: string;
}

/** Another command has the data folder. */
export class DataFolderInUse extends Error {
  readonly pid: number | null;
  constructor(dir: string, pid: number | null) {
    const who = pid === null ? "another process" : `process ${pid}`;
    super(
      `The data folder ${dir} is in use by ${who}. Stop it first, or use another INDELIBLE_DATA.`,
    );
    this.name = "DataFolderInUse";
    this.pid = pid;
  }
}

/** A part that is ended without its supervisor's care gets this long to end by itself. */
const LEFTOVER_GRACE_MS = 5_000;

/** Not `INDELIBLE_`, whose names are settings. */
const MARK = "PART_OF_INDELIBLE_AT";

export class DataFolder {
  readonly dir: string;
  /** Where the keys are, in this folder or elsewhere. */
  readonly keysDir: string;
  readonly #lock: FileLock;
  #running: Running;
  /** Writes of `running.json` follow one another. */
  #written: Promise<void> = Promise.resolve();

  private constructor(dir: string, keysDir: string, lock: FileLock, running: Running) {
    this.dir = dir;
    this.keysDir = keysDir;
    this.#lock = lock;
    this.#running = running;
  }

  /**
   * Makes the folder if need be, locks it and ends what a killed supervisor left. Throws `DataFolderInUse`. Keys are in
   * `keys/` unless their folder is given.
   */
  static async open(
    path: string,
    say: (message: string) => void,
    keysDir?: string,
  ): Promise<DataFolder> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const dir = await realpath(path);
    await chmod(dir, 0o700);
    const lock = tryFileLock(join(dir, "lock"));
    if (!lock) throw new DataFolderInUse(dir, readRunning(dir)?.supervisor.pid ?? null);
    try {
      const last = await readSecretJson<Running>(join(dir, "running.json"));
      await endLeftovers(dir, last?.parts ?? {}, say);
      const supervisor = identifyProcess(process.pid)!;
      const running = { supervisor, parts: {}, ports: last?.ports ?? {} };
      const folder = new DataFolder(dir, keysDir ?? join(dir, "keys"), lock, running);
      await folder.#record({});
      return folder;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /**
   * For the environment of each part. A kill between a part's start and its record would leave it
   * unknown, and two of them would then write the same files; by this mark it is found all the same.
   */
  get partMark(): Record<string, string> {
    return { [MARK]: this.dir };
  }

  path(...names: string[]): string {
    return join(this.dir, ...names);
  }

  keyPath(name: string): string {
    return join(this.keysDir, name);
  }

  get running(): Running {
    return this.#running;
  }

  /** To be called as soon as a part has its pid: what is not recorded cannot be found after a kill. */
  async recordPart(name: string, pid: number): Promise<void> {
    const identity = identifyProcess(pid);
    if (identity) await this.#record({ parts: { ...this.#running.parts, [name]: identity } });
  }

  async recordPorts(ports: Record<string, number>): Promise<void> {
    await this.#record({ ports: { ...this.#running.ports, ...ports } });
  }

  async recordIndex(index: RunningIndex): Promise<void> {
    await this.#record({ index });
  }

  async recordUrl(url: string): Promise<void> {
    await this.#record({ url });
  }

  /** Ends every part that runs, in whatever state it is, and lets none be started. */
  async endParts(): Promise<void> {
    startNoMoreParts();
    const parts = Object.values(this.#running.parts);
    await Promise.all(parts.map((identity) => endProcess(identity, LEFTOVER_GRACE_MS)));
  }

  async close(): Promise<void> {
    const { supervisor, ports } = this.#running;
    this.#running = { supervisor, parts: {}, ports };
    await this.#record({});
    this.#lock.release();
  }

  async #record(changes: Partial<Running>): Promise<void> {
    this.#running = { ...this.#running, ...changes };
    const write = (): Promise<void> =>
      writeSecret(this.path("running.json"), JSON.stringify(this.#running, null, 2));
    this.#written = this.#written.then(write, write);
    await this.#written;
  }
}

/** Ends what a killed supervisor left: the recorded parts, and those that it had no time to record. */
async function endLeftovers(
  dir: string,
  recorded: Running["parts"],
  say: (message: string) => void,
): Promise<void> {
  const left = new Map<number, [name: string, ProcessIdentity]>();
  for (const identity of findProcesses(MARK, dir)) left.set(identity.pid, ["a part", identity]);
  for (const [name, identity] of Object.entries(recorded)) {
    if (isRunning(identity)) left.set(identity.pid, [name, identity]);
  }
  await Promise.all(
    [...left.values()].map(([name, identity]) => {
      say(`Ending ${name} (process ${identity.pid}), which an earlier run left behind.`);
      return endProcess(identity, LEFTOVER_GRACE_MS);
    }),
  );
}

/** What runs on a folder that somebody else may have locked; `null` if nothing is recorded. */
export function readRunning(dir: string): Running | null {
  try {
    return JSON.parse(readFileSync(join(dir, "running.json"), "utf8")) as Running;
  } catch {
    return null;
  }
}
