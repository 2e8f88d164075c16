/**
 * Verifies one log: its batches in the vault one after the other, each true by itself and continuing the one before, with
 * its lock; then that the index says the same, entry by entry, and what the index has beyond the last seal.
 * Keeps a head, not a log: memory does not grow with its length, and what it keeps can be put away and gone on from.
 */
import { parseSlotName } from "../log/batch.ts";
import { toBase64, toHex } from "../log/bytes.ts";
import { newFinding, type Finding } from "../log/findings.ts";
import type { Head } from "../log/hash.ts";
import { VaultError, type ObjectVersion } from "../ports.ts";
import { FindingList } from "./finding-list.ts";
import { findSpoiled } from "./spoiled.ts";
import { KeyOrder } from "./key-order.ts";
import type { Remembered } from "./remembered.ts";
import { sealRowsFrom, SealRows } from "./seal-rows.ts";
import { headAfter, retainAtLeastMs, type SlotBatch } from "./slot.ts";
import { findingsBeside } from "./verify-beside.ts";
import {
  chainAt,
  checkChain,
  compareRun,
  type IndexContext,
  type IndexView,
  type SealedRun,
} from "./verify-index.ts";
import { progressAt, type LogProgress } from "./verify-progress.ts";
import { beginTail, followTail } from "./verify-tail.ts";
import { versionsOf, walkLog, type WalkContext, type WalkOptions } from "./walk.ts";

export interface VerifyLogOptions {
  /** Null: no index is compared. */
  readonly index: IndexView | null;
  /** Where runs are compared with the index; `compareRun` unless given. */
  readonly compare?: (run: SealedRun) => Promise<readonly Finding[]>;
  /** Checkpoints of this log that somebody kept. */
  readonly remembered: Remembered;
  /** The least retention that the log can have promised when an entry of this time was sealed; null if that is not known. */
  readonly retentionDaysAt: (timeMs: number) => number | null;
  /** Told of each batch that counts; what it returns is waited for. */
  onBatch(read: SlotBatch): void | Promise<void>;
  /** Where to begin; at the beginning unless given. Of what is remembered, only what lies beyond is wanted then. */
  readonly progress?: LogProgress;
  /** Ends with the batch that reaches this size, and looks at nothing behind; at the end of the log unless given. */
  readonly until?: number;
  /** False: what is under no seal yet is left alone. */
  readonly tail?: boolean;
  /** Slots read and checked ahead; 6 unless given. */
  readonly ahead?: number;
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

export interface TakenFindings {
  readonly findings: readonly Finding[];
  readonly more: number;
}

/** Slots read and checked ahead: enough to keep two threads busy while one object is under way. */
const AHEAD = 6;
/** A running instance seals while it is verified: so often the end is looked for again. */
const ROUNDS_MAX = 5;

export async function verifyLog(
  context: WalkContext,
  options: VerifyLogOptions,
): Promise<LogReport> {
  const verifier = new LogVerifier(context, options);
  for (let done = false; !done;) done = await verifier.step();
  return verifier.report();
}

export class LogVerifier {
  readonly #context: WalkContext;
  readonly #options: VerifyLogOptions;
  #findings = new FindingList();
  #unchecked: readonly string[] = [];
  readonly #rows: SealRows | null;
  readonly #order: KeyOrder;
  readonly #damaged: Set<string>;
  /** What changes as it goes, but for what the three above keep. */
  #now: LogProgress;
  readonly #steps: AsyncGenerator<void>;

  /** Begins at the start of the log unless `options.progress` says where. After an error it must not be used any more. */
  constructor(context: WalkContext, options: VerifyLogOptions) {
    this.#context = { ...context, tolerant: true };
    this.#options = options;
    const { index, progress = progressAt() } = options;
    this.#now = progress;
    const rows = progress.rows ?? undefined;
    this.#rows = index === null ? null : new SealRows(index, context.log, context.locks, rows);
    this.#order = new KeyOrder(progress.order);
    this.#damaged = new Set(progress.damaged);
    this.#steps = this.#all();
  }

  /** Goes on by a batch, an object that is none, or a stretch of what is not sealed. True when all is done. */
  async step(): Promise<boolean> {
    return (await this.#steps.next()).done === true;
  }

  /** Where it stands after the last step. */
  get progress(): LogProgress {
    const rows = this.#rows?.state ?? null;
    return { ...this.#now, rows, order: this.#order.state, damaged: [...this.#damaged] };
  }

  /** What was found since it was last asked; `more`: beyond those that are kept. */
  take(): TakenFindings {
    const list = this.#findings;
    this.#findings = new FindingList();
    return { findings: list.sorted(), more: list.more };
  }

  report(): LogReport {
    const { before, counts, root, index } = this.#now;
    return {
      log: this.#context.log,
      origin: this.#context.origin,
      entries: counts.entries,
      batches: counts.batches,
      objectBytes: counts.objectBytes,
      lineBytes: counts.lineBytes,
      head: { size: before.size, leaf: before.leaf },
      root,
      index,
      findings: this.#findings.sorted(),
      moreFindings: this.#findings.more,
      unchecked: this.#unchecked,
    };
  }

  /** Stops for good: what it reads ahead is let go. */
  async close(): Promise<void> {
    await this.#steps.return(undefined);
  }

  async *#all(): AsyncGenerator<void> {
    const { until = Infinity, tail = true } = this.#options;
    if (this.#now.phase === "batches") {
      yield* this.#walk("all");
      this.#move({ phase: "late" });
    }
    if (this.#now.phase === "late") {
      if (this.#rows !== null) yield* this.#late(this.#rows);
      this.#move({ phase: "tail" });
      yield;
    }
    // What lies behind is known where something of the log is.
    const open = tail && this.#now.known && until > this.#now.before.size;
    if (this.#now.phase === "tail" && open) yield* this.#tail();
    if (this.#now.phase === "done") return;
    this.#move({ phase: "done" });
    const { unchecked, findings } = this.#options.remembered.rest(this.#now.before.size);
    this.#findings.addAll(findings);
    this.#unchecked = unchecked;
  }

  /** Until the vault has no more, and the index names no seal beyond. */
  async *#late(rows: SealRows): AsyncGenerator<void> {
    for (let round = 0; round < ROUNDS_MAX && !this.#ended; round += 1) {
      const { size } = this.#now.before;
      if ((await rows.peek()) === null) break;
      if (this.#now.unlisted) break;
      // Sealed after the listing was made, if it is there when one looks again.
      yield* this.#walk("batches");
      if (this.#now.before.size === size) break;
    }
    const { until = Infinity } = this.#options;
    await this.#rowsWithoutBatch(until);
    if (until === Infinity) this.#findings.addAll(rows.rest());
  }

  /** `batches`: what else is there was told by the walk before. */
  async *#walk(what: "all" | "batches"): AsyncGenerator<void> {
    if (this.#ended) return;
    if (this.#now.unlisted) {
      yield* this.#walkSteps("batches", await this.#listedAlone());
      return;
    }
    try {
      yield* this.#walkSteps(what);
    } catch (error) {
      // An object that hides the log from the listing, or spoils it: said by the vault itself.
      if (!isUnreadable(error)) throw error;
      await this.#unlisted(error);
      this.#move({ unlisted: true });
      yield* this.#walkSteps("batches", await this.#listedAlone());
    }
  }

  async *#walkSteps(what: "all" | "batches", keys?: readonly string[]): AsyncGenerator<void> {
    const { before, known, place } = this.#now;
    const { ahead = AHEAD } = this.#options;
    const from = { from: before.size, before: known ? before : null };
    const going = { goOn: true, ahead, order: this.#order };
    const options: WalkOptions = {
      ...{ ...from, ...going },
      ...(keys === undefined ? {} : { keys }),
      ...(what === "all" && place !== null ? { place } : {}),
    };
    for await (const step of walkLog(this.#context, options)) {
      if (step.kind === "batch" || what === "all") this.#findings.addAll(step.findings);
      if (step.kind === "batch") await this.#batch(step.read);
      else if (step.kind === "passed" && what === "all") {
        await this.#passed(step.versions, step.findings);
      } else if (step.kind === "invalid") this.#damaged.add(step.key);
      if (step.place === null) continue;
      this.#move({ place: step.place });
      yield;
      if (this.#ended) return;
    }
  }

  /** Names the object that keeps the log from being listed; the log, where it cannot be found. */
  async #unlisted({ key, message }: VaultError): Promise<void> {
    const { log, vault } = this.#context;
    const object = key ?? (await findSpoiled(vault, `${log}/`));
    const first = object === null ? null : (parseSlotName(object)?.first ?? null);
    const place = { log, first, object };
    this.#findings.add(newFinding("batch_unreadable", place, "a listing", message));
  }

  /** All that was asked for was seen. */
  get #ended(): boolean {
    return this.#now.before.size >= (this.#options.until ?? Infinity);
  }

  /** The objects that the index names and that can be listed one by one; those that cannot are findings. */
  async #listedAlone(): Promise<string[]> {
    const { index } = this.#options;
    const { log, vault } = this.#context;
    const keys: string[] = [];
    if (index === null) return keys;
    for await (const row of sealRowsFrom(index, log, this.#now.before.size)) {
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

  async #batch(read: SlotBatch): Promise<void> {
    const { header, times } = read.batch;
    const { before, known, counts } = this.#now;
    const { log } = this.#context;
    const place = { log, first: header.first, object: read.version.key };
    if (known && header.first > before.size) await this.#unseen(header.first, header.prev);
    const firstMs = times[0] as number;
    if (this.#now.timeMs !== null && firstMs < this.#now.timeMs) {
      const [expected, found] = ["no time before the last entry's", "an earlier one"];
      this.#findings.add(newFinding("clock_backwards", place, expected, found));
    }
    this.#checkPromise(read);
    this.#findings.addAll(this.#options.remembered.inBatch(read.batch, this.#context.sha256));
    await this.#compare(read);
    const timeMs = times.at(-1) as number;
    const retainMs = retainAtLeastMs(timeMs, header.retention_days);
    this.#move({
      ...{ before: headAfter(read), known: true, timeMs },
      ...{ root: toBase64(read.batch.checkpoint.root), note: read.batch.note },
      counts: {
        entries: counts.entries + header.count,
        batches: counts.batches + 1,
        objectBytes: counts.objectBytes + read.bytes,
        lineBytes: counts.lineBytes + read.inflatedBytes,
        locks: counts.locks + (this.#context.locks ? 1 : 0),
      },
      beside: { first: header.first, retainAtLeastMs: retainMs },
    });
    await this.#options.onBatch(read);
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
    this.#findings.addAll(await compare(run));
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
    const { size: from, leaf } = this.#now.before;
    const state = chainAt(leaf, this.#now.timeMs, null);
    const context = this.#indexContext();
    this.#findings.addAll(await checkChain(context, log, from, to, state));
    if (toHex(state.leaf) === leafHex) return;
    const place = { log, first: to - 1 };
    const found = `leaf ${toHex(state.leaf)} in the index`;
    this.#findings.add(newFinding("entry_altered", place, `the sealed leaf ${leafHex}`, found));
  }

  /** Beyond the last batch: what was committed and waits for its seal. */
  async *#tail(): AsyncGenerator<void> {
    if (this.#options.index === null) return;
    const { log, sha256 } = this.#context;
    const { remembered } = this.#options;
    const context = { ...this.#indexContext(), log, remembered, sha256 };
    if (this.#now.tail === null) {
      const { report, tail, findings } = await beginTail(context, log, this.#now);
      this.#findings.addAll(findings);
      this.#move({ tail, index: report });
    }
    while (this.#now.tail !== null) {
      const { tail, findings } = await followTail(context, this.#now.tail);
      this.#findings.addAll(findings);
      this.#move({ tail });
      if (tail !== null) yield;
    }
  }

  async #passed(versions: readonly ObjectVersion[], told: readonly Finding[]): Promise<void> {
    if (told.length > 0) return;
    this.#findings.addAll(await findingsBeside(this.#context, versions, this.#now.beside));
  }

  #indexContext(): IndexContext {
    const { sha256, breathe } = this.#context;
    const breathing = breathe === undefined ? {} : { breathe };
    return { index: this.#options.index as IndexView, sha256, ...breathing };
  }

  #move(changes: Partial<LogProgress>): void {
    this.#now = { ...this.#now, ...changes };
  }
}

function isUnreadable(error: unknown): error is VaultError {
  return error instanceof VaultError && error.code === "batch_unreadable";
}
