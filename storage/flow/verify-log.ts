/**
 * Verifies one log: its batches in the vault one after the other, each true by itself and continuing the one before, with
 * its lock; then that the index says the same, entry by entry, and what the index has beyond the last seal.
 * Keeps a head, not a log: memory does not grow with its length.
 */
import { parseSlotName, slotName } from "../log/batch.ts";
import { toBase64, toHex } from "../log/bytes.ts";
import { newFinding, type Finding } from "../log/findings.ts";
import type { Head } from "../log/hash.ts";
import { VaultError, type ObjectVersion } from "../ports.ts";
import { treeAt } from "./chunk.ts";
import { FindingList } from "./finding-list.ts";
import { KeyOrder } from "./key-order.ts";
import type { Remembered } from "./remembered.ts";
import { sealRowsFrom, SealRows } from "./seal-rows.ts";
import {
  headAfter,
  lockFindingOf,
  markerFinding,
  retainAtLeastMs,
  type Before,
  type SlotBatch,
} from "./slot.ts";
import {
  chainAt,
  checkChain,
  checkHead,
  compareRun,
  entriesBehind,
  type IndexContext,
  type IndexView,
  type SealedRun,
} from "./verify-index.ts";
import { AT_START, versionsOf, walkLog, type WalkContext } from "./walk.ts";

export interface VerifyLogOptions {
  /** Null: no index is compared. */
  readonly index: IndexView | null;
  /** Where runs are compared with the index; `compareRun` unless given. */
  readonly compare?: (run: SealedRun) => Promise<readonly Finding[]>;
  /** Checkpoints of this log that somebody kept. */
  readonly remembered: Remembered;
  /** The least retention that the log can have promised when an entry of this time was sealed; null if that is not known. */
  readonly retentionDaysAt: (timeMs: number) => number | null;
  /** Told of each batch that counts. */
  onBatch(read: SlotBatch): void;
}

/** What was found of a log. Sizes of objects are in bytes as stored, of lines as they were hashed. */
export interface LogReport {
  readonly log: string;
  readonly origin: string;
  readonly entries: number;
  readonly batches: number;
  readonly objectBytes: number;
  readonly lineBytes: number;
  readonly head: Head;
  /** Base64, as in its checkpoint; null without a batch. */
  readonly root: string | null;
  /** The index: its size, and how many of its entries lie under no seal yet. Null if it was not compared. */
  readonly index: { readonly size: number; readonly unsealed: number } | null;
  readonly findings: readonly Finding[];
  /** Findings beyond those that are kept. */
  readonly moreFindings: number;
  /** What could not be looked at, as sentences. */
  readonly unchecked: readonly string[];
}

/** Slots read and checked ahead: enough to keep two threads busy while one object is under way. */
const AHEAD = 6;
/** Runs under comparison with the index at once, beside the checks of what comes next: its pages take the most memory of all. */
const COMPARING_MAX = 1;
/** A running instance seals while it is verified: so often the end is looked for again. */
const ROUNDS_MAX = 5;

export async function verifyLog(
  context: WalkContext,
  options: VerifyLogOptions,
): Promise<LogReport> {
  return new LogVerifier(context, options).run();
}

class LogVerifier {
  readonly #context: WalkContext;
  readonly #options: VerifyLogOptions;
  readonly #findings = new FindingList();
  readonly #comparing = new Set<Promise<void>>();
  readonly #rows: SealRows | null;
  #before: NonNullable<Before> = AT_START as NonNullable<Before>;
  readonly #order = new KeyOrder();
  #timeMs: number | null = null;
  #root: Uint8Array | null = null;
  #entries = 0;
  #batches = 0;
  #objectBytes = 0;
  #lineBytes = 0;
  #indexReport: LogReport["index"] = null;
  /** The lock of the last batch that counted, for what lies beside it. */
  #beside: { first: number; retainAtLeastMs: number } | null = null;

  constructor(context: WalkContext, options: VerifyLogOptions) {
    this.#context = { ...context, tolerant: true };
    this.#options = options;
    const { index } = options;
    this.#rows = index === null ? null : new SealRows(index, context.log, context.locks);
  }

  async run(): Promise<LogReport> {
    await this.#walkVault();
    if (this.#options.index !== null) await this.#endOfIndex(this.#options.index);
    await Promise.all(this.#comparing);
    const { unchecked, findings } = this.#options.remembered.rest(this.#before.size);
    this.#findings.addAll(findings);
    return {
      log: this.#context.log,
      origin: this.#context.origin,
      entries: this.#entries,
      batches: this.#batches,
      objectBytes: this.#objectBytes,
      lineBytes: this.#lineBytes,
      head: { size: this.#before.size, leaf: this.#before.leaf },
      root: this.#root === null ? null : toBase64(this.#root),
      index: this.#indexReport,
      findings: this.#findings.sorted(),
      moreFindings: this.#findings.more,
      unchecked,
    };
  }

  /** Until the vault has no more, and the index names no seal beyond. */
  async #walkVault(): Promise<void> {
    await this.#walk("all");
    if (this.#rows === null) return;
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const { size } = this.#before;
      if ((await this.#rows.peek()) === null) break;
      if (this.#unlisted) break;
      // Sealed after the listing was made, if it is there when one looks again.
      await this.#walk("batches");
      if (this.#before.size === size) break;
    }
    await this.#rowsWithoutBatch(Infinity);
    this.#findings.addAll(this.#rows.rest());
  }

  /** `batches`: what else is there was told by the walk before. */
  async #walk(what: "all" | "batches"): Promise<void> {
    try {
      await this.#steps(what);
    } catch (error) {
      // An object that hides the log from the listing, or spoils it: said by the vault itself.
      if (!isUnreadable(error)) throw error;
      const place = { log: this.#context.log };
      this.#findings.add(newFinding("batch_unreadable", place, "a listing", error.message));
      this.#unlisted = true;
      await this.#steps("batches", await this.#listedAlone());
    }
  }

  async #steps(what: "all" | "batches", keys?: readonly string[]): Promise<void> {
    const { size: from } = this.#before;
    const going = { goOn: true, ahead: AHEAD, order: this.#order };
    const options = { from, before: this.#before, ...going };
    for await (const step of walkLog(this.#context, keys ? { ...options, keys } : options)) {
      if (step.kind === "batch" || what === "all") this.#findings.addAll(step.findings);
      if (step.kind === "batch") await this.#batch(step.read);
      else if (step.kind === "passed" && what === "all") {
        await this.#passed(step.versions, step.findings);
      } else if (step.kind === "invalid") this.#damaged.add(step.key);
    }
  }

  /** The objects that the index names and that can be listed one by one; those that cannot are findings. */
  async #listedAlone(): Promise<string[]> {
    const { index } = this.#options;
    const { log, vault } = this.#context;
    const keys: string[] = [];
    if (index === null) return keys;
    for await (const row of sealRowsFrom(index, log, this.#before.size)) {
      try {
        await versionsOf(vault, row.key);
        keys.push(row.key);
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        this.#damaged.add(row.key);
        const place = { log, first: row.first, last: row.first + row.count - 1, object: row.key };
        this.#findings.add(
          newFinding("batch_unreadable", place, "a readable batch", error.message),
        );
      }
    }
    return keys;
  }

  readonly #damaged = new Set<string>();
  /** The log's objects cannot be listed, only looked for one by one. */
  #unlisted = false;

  async #batch(read: SlotBatch): Promise<void> {
    const { header, times } = read.batch;
    const { log } = this.#context;
    const place = { log, first: header.first, object: read.version.key };
    if (header.first > this.#before.size) await this.#unseen(header.first, header.prev);
    const timeMs = times[0] as number;
    if (this.#timeMs !== null && timeMs < this.#timeMs) {
      const [expected, found] = ["no time before the last entry's", "an earlier one"];
      this.#findings.add(newFinding("clock_backwards", place, expected, found));
    }
    this.#checkPromise(read);
    this.#findings.addAll(this.#options.remembered.inBatch(read.batch, this.#context.sha256));
    await this.#compare(read);
    this.#before = headAfter(read);
    this.#root = read.batch.checkpoint.root;
    this.#entries += header.count;
    this.#batches += 1;
    this.#objectBytes += read.bytes;
    this.#lineBytes += read.inflatedBytes;
    const lastMs = times.at(-1) as number;
    this.#timeMs = lastMs;
    this.#beside = {
      first: header.first,
      retainAtLeastMs: retainAtLeastMs(lastMs, header.retention_days),
    };
    this.#options.onBatch(read);
  }

  #checkPromise({ batch, version }: SlotBatch): void {
    const { retention_days: days, first } = batch.header;
    const promised = this.#options.retentionDaysAt(batch.times.at(-1) as number);
    if (promised === null || days >= promised) return;
    const place = {
      log: this.#context.log,
      first,
      object: version.key,
      version: version.versionId,
    };
    const [expected, found] = [`${promised} days, as the log promised`, `${days} days`];
    this.#findings.add(newFinding("lock_too_short", place, expected, found));
  }

  /** The batch's row of the index, and its entries there. */
  async #compare(read: SlotBatch): Promise<void> {
    const { index, compare = (run) => compareRun(this.#indexContext(), run) } = this.#options;
    if (index === null || this.#rows === null) return;
    const { first } = read.batch.header;
    await this.#rowsWithoutBatch(first);
    this.#findings.addAll(await this.#rows.take(read));
    const { leaves } = read.batch;
    const run = { log: this.#context.log, first, leaves, nodes: read.nodes };
    const comparing = compare(run).then((findings) => {
      this.#findings.addAll(findings);
      this.#comparing.delete(comparing);
    });
    comparing.catch(() => {});
    this.#comparing.add(comparing);
    if (this.#comparing.size >= COMPARING_MAX) await Promise.race(this.#comparing);
  }

  /** Rows of seals below `first` for which the walk has met no batch; a damaged one was told already. */
  async #rowsWithoutBatch(first: number): Promise<void> {
    const rows = this.#rows as SealRows;
    for (let row = await rows.peek(); row !== null && row.first < first; row = await rows.peek()) {
      const late = rows.takeLate();
      if (late !== null) this.#findings.addAll(late);
      if (late !== null || this.#damaged.has(row.key)) continue;
      const place = {
        log: row.log,
        ...{ first: row.first, last: row.first + row.count - 1 },
        ...{ object: row.key, version: row.versionId },
      };
      const expected = `the batch that was sealed ${row.sealedAt}`;
      this.#findings.add(newFinding("batch_missing", place, expected, "no such batch"));
    }
  }

  /** Entries for which there is no batch, between two that are there: the index must at least be a chain from one to the other. */
  async #unseen(to: number, leafHex: string): Promise<void> {
    const { log } = this.#context;
    if (this.#options.index === null) return;
    const from = this.#before.size;
    const state = chainAt(this.#before.leaf, this.#timeMs, null);
    const context = this.#indexContext();
    this.#findings.addAll(await checkChain(context, log, from, to, state));
    if (toHex(state.leaf) === leafHex) return;
    const place = { log, first: to - 1 };
    const found = `leaf ${toHex(state.leaf)} in the index`;
    this.#findings.add(newFinding("entry_altered", place, `the sealed leaf ${leafHex}`, found));
  }

  /** Beyond the last batch: what was committed and waits for its seal. */
  async #endOfIndex(index: IndexView): Promise<void> {
    const { log } = this.#context;
    const { size, leaf, frontier } = this.#before;
    // Read after the vault: an honest index then is never behind it.
    const behind = await entriesBehind(index, log, this.#before.size);
    const head = (await index.heads()).get(log);
    const indexSize = head?.size ?? 0;
    this.#indexReport = { size: indexSize, unsealed: Math.max(0, indexSize - size) };
    if (head === undefined || indexSize < size) {
      const place = { log, first: indexSize, last: behind - 1 };
      if (behind === 0) return;
      this.#findings.add(
        newFinding("index_behind", place, `a head of at least ${size}`, `one of ${indexSize}`),
      );
      return;
    }
    if (behind > indexSize) {
      const place = { log, first: indexSize, last: behind - 1 };
      const [expected, found] = [`nothing behind its head of ${indexSize}`, "entries"];
      this.#findings.add(newFinding("index_behind", place, expected, found));
    }
    const tree = treeAt({ size, frontier }, this.#context.sha256);
    const state = chainAt(leaf, this.#timeMs, tree);
    const { remembered } = this.#options;
    const onSize = (reached: number) => {
      if (remembered.wants(reached)) this.#findings.addAll(remembered.at(reached, tree.root()));
    };
    const context = this.#indexContext();
    this.#findings.addAll(await checkChain(context, log, size, indexSize, state, onSize));
    this.#findings.addAll(checkHead(log, head, state));
    remembered.reached(indexSize);
  }

  /** Objects that are no batch: what comes beside one under the same lock, or what nobody here has put. */
  async #passed(versions: readonly ObjectVersion[], told: readonly Finding[]): Promise<void> {
    if (told.length > 0) return;
    const { log } = this.#context;
    for (const version of versions) {
      const { key, versionId } = version;
      const place = { log, object: key, version: versionId };
      if (version.deleteMarker) this.#findings.add(markerFinding(this.#context, version));
      else if (!isBeside(log, key)) {
        this.#findings.add(newFinding("extra_version", place, "batches", "an unknown object"));
      } else if (this.#context.locks) await this.#besideLock(version);
    }
  }

  async #besideLock(version: ObjectVersion): Promise<void> {
    const lock = await this.#context.vault.lock(version.key, version.versionId);
    const first = slotOf(this.#context.log, version.key);
    const wantedMs = this.#beside?.first === first ? this.#beside.retainAtLeastMs : 0;
    const wrong = lockFindingOf(this.#context, version, wantedMs, lock);
    if (wrong !== null) this.#findings.add(wrong);
  }

  #indexContext(): IndexContext {
    return { index: this.#options.index as IndexView, sha256: this.#context.sha256 };
  }
}

function isUnreadable(error: unknown): error is VaultError {
  return error instanceof VaultError && error.code === "batch_unreadable";
}

/** A batch's name with another ending (FORMAT §6): `.note`, `.tsr`, and what later versions may add. */
function isBeside(log: string, key: string): boolean {
  return slotOf(log, key) !== null;
}

/** The slot beside which an object lies. */
function slotOf(log: string, key: string): number | null {
  const digits = /^(\d{16})(\.[a-z0-9]+)+$/.exec(key.slice(log.length + 1))?.[1];
  return digits === undefined
    ? null
    : (parseSlotName(slotName(log, Number(digits)))?.first ?? null);
}
