/**
 * Builds an empty index from the vault (PROTOCOL §4): `_system` first, because it says which logs there are, then each of
 * them, verifying as it goes. All of the index comes back: lines, heads, tree hashes, ids that are still alive,
 * rows of seals. What was committed and never sealed is not in the vault, so it does not.
 */
import { logOrigin } from "../log/checkpoint.ts";
import { SYSTEM_LOG } from "../log/entry.ts";
import { newFinding, type Finding } from "../log/findings.ts";
import type { Head } from "../log/hash.ts";
import type { VerifierKey } from "../log/note.ts";
import type { Directory } from "../log/system.ts";
import { VaultError, type Index, type SealRow, type Vault } from "../ports.ts";
import { formatTime } from "./append.ts";
import { EMPTY_HEAD } from "./chunk.ts";
import { importLines } from "./import-lines.ts";
import { Promises } from "./promises.ts";
import { sealRowOf, type SlotBatch, type SlotContext } from "./slot.ts";
import { AT_START, walkLog, type WalkContext } from "./walk.ts";

export interface RestoreParts extends Pick<SlotContext, "gzip" | "sha256" | "verify" | "check"> {
  readonly index: Index;
  readonly vault: Pick<Vault, "get" | "lock" | "versions" | "prefixes">;
  /** Ids of entries that are old by this time stay forgotten. Milliseconds since 1970. */
  readonly nowMs: number;
}

export interface RestoreOptions {
  /** The instance's origin. */
  readonly origin: string;
  /** Keys of the log at its origin. */
  keysOf(origin: string): readonly VerifierKey[];
  /** Told of each batch once it was read, before it is in the index. */
  onBatch(read: SlotBatch): void;
  onLog(log: RestoredLog): void;
}

export interface RestoredLog {
  readonly log: string;
  readonly head: Head;
  /** Of the last entry; the empty string without one. */
  readonly time: string;
  readonly batches: number;
  /** What is not as it should be. An error of the chain ended the log where it stands now. */
  readonly findings: readonly Finding[];
  /** False where the vault may hold more than could be brought back. */
  readonly whole: boolean;
}

export interface RestoreReport {
  readonly logs: readonly RestoredLog[];
  readonly directory: Directory;
  /** Logs in the vault that the sealed `_system` does not name; they were left alone. */
  readonly unknown: readonly string[];
}

/** Why nothing was restored. The message is for the operator. */
export class RestoreRefused extends Error {}

/** Slots read and checked ahead of the index. */
const AHEAD = 4;

/** Lines of small batches are gathered for one commit: about one chunk of the index. */
const GATHERED_BYTES_MAX = 3_000_000;
/** And their rows of seals: what a crash would leave to be written by the next start. */
const GATHERED_BATCHES_MAX = 64;

/** Throws `RestoreRefused`, and what vault and index throw. */
export async function restoreIndex(
  parts: RestoreParts,
  options: RestoreOptions,
): Promise<RestoreReport> {
  const heads = await parts.index.heads();
  if (heads.size > 0) {
    const sizes = [...heads].map(([log, { size }]) => `${log} ${size}`).join(", ");
    throw new RestoreRefused(`The index is not empty (${sizes}); only an empty one is restored.`);
  }
  const promises = new Promises();
  const system = await restoreLog(parts, options, SYSTEM_LOG, (read) => promises.take(read));
  options.onLog(system);
  if (system.head.size === 0) {
    const [finding] = system.findings;
    const why = finding === undefined ? "" : ` (${finding.code}: ${finding.found})`;
    throw new RestoreRefused(`The vault holds no valid batch of _system for this log key${why}.`);
  }
  const { directory } = promises;
  const logs = [system];
  for (const name of directory.logs.keys()) {
    if (name === SYSTEM_LOG) continue;
    const log = await restoreLog(parts, options, name, () => {});
    logs.push(log);
    options.onLog(log);
  }
  const folders = (await parts.vault.prefixes()).map((prefix) => prefix.slice(0, -1));
  const unknown = folders.filter((name) => name !== "_indelible" && !directory.logs.has(name));
  return { logs, directory, unknown };
}

/** One log into an index that has nothing of it. Also what a recovery begins with. */
export async function restoreLog(
  parts: RestoreParts,
  options: Pick<RestoreOptions, "origin" | "keysOf" | "onBatch">,
  log: string,
  onBatch: (read: SlotBatch) => void,
): Promise<RestoredLog> {
  const origin = logOrigin(options.origin, log);
  const keys = options.keysOf(origin);
  const context: WalkContext = { ...parts, log, origin, keys, locks: true, tolerant: true };
  const findings: Finding[] = [];
  const filling = new Filling(parts, log);
  let whole = true;
  const walk = { from: 0, before: AT_START, goOn: false, ahead: AHEAD };
  try {
    for await (const step of walkLog(context, walk)) {
      findings.push(...step.findings);
      if (step.kind === "invalid" || step.kind === "gap") whole = false;
      if (step.kind !== "batch") continue;
      onBatch(step.read);
      options.onBatch(step.read);
      await filling.take(step.read);
    }
  } catch (error) {
    // An object that hides the log from listings, or the like: the other logs need not wait for it.
    if (!(error instanceof VaultError) || error.code !== "batch_unreadable") throw error;
    findings.push(newFinding("batch_unreadable", { log }, "a listing", error.message));
    whole = false;
  }
  const { size, leaf, time } = await filling.end();
  if (!whole) findings.push(endFinding(log, size));
  return { log, head: { size, leaf }, time, batches: filling.batches, findings, whole };
}

function endFinding(log: string, size: number): Finding {
  const found = "what comes behind does not continue it, and was left in the vault";
  return newFinding("entry_missing", { log, first: size }, `entry ${size}`, found);
}

/** Fills one log of the index, gathering what is small. */
class Filling {
  readonly #parts: RestoreParts;
  readonly #log: string;
  #head = EMPTY_HEAD;
  #lines: Uint8Array[] = [];
  #rows: SealRow[] = [];
  #bytes = 0;
  /** The commit under way: the next lines are gathered meanwhile. */
  #writing: Promise<void> = Promise.resolve();
  batches = 0;

  constructor(parts: RestoreParts, log: string) {
    this.#parts = parts;
    this.#log = log;
  }

  async take(read: SlotBatch): Promise<void> {
    for (const line of read.lines) this.#lines.push(line);
    this.#rows.push(sealRowOf(read, formatTime(read.version.lastModifiedMs)));
    this.#bytes += read.inflatedBytes;
    this.batches += 1;
    const full = this.#bytes >= GATHERED_BYTES_MAX || this.#rows.length >= GATHERED_BATCHES_MAX;
    if (full) await this.#write();
  }

  async end(): Promise<typeof EMPTY_HEAD> {
    if (this.#rows.length > 0) await this.#write();
    await this.#writing;
    return this.#head;
  }

  /** Waits for the write before this one, so at most two are in memory. */
  async #write(): Promise<void> {
    const [lines, rows] = [this.#lines, this.#rows];
    [this.#lines, this.#rows, this.#bytes] = [[], [], 0];
    await this.#writing;
    this.#writing = this.#fill(lines, rows);
    this.#writing.catch(() => {});
  }

  async #fill(lines: readonly Uint8Array[], rows: readonly SealRow[]): Promise<void> {
    this.#head = await importLines(this.#parts, this.#log, this.#head, lines);
    // A crash before these: the next start writes them from the batches, as after a crash before commit 2.
    for (const row of rows) await this.#parts.index.addSeal(row);
  }
}
