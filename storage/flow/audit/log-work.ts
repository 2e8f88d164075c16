/**
 * One log under the eyes of an auditor, a step at a time. What a step finds that is not known yet is only a suspicion: some
 * seconds later the same stretch is read again from where that step began, and what both looks say is a finding. What an
 * instance was just doing, or a part that was just dying, looks wrong once and not twice.
 */
import { logOrigin } from "../../log/checkpoint.ts";
import { SYSTEM_LOG } from "../../log/entry.ts";
import type { Finding } from "../../log/findings.ts";
import type { Promises } from "../promises.ts";
import { Remembered } from "../remembered.ts";
import type { SlotBatch } from "../slot.ts";
import { keysOf } from "../verify.ts";
import { LogVerifier } from "../verify-log.ts";
import { hasReached, type LogCounts, type LogProgress } from "../verify-progress.ts";
import type { AuditContext } from "./context.ts";

/** A stretch that has to be looked at again, and what the last look found there. */
type Suspicion = {
  readonly from: LogProgress;
  readonly to: LogProgress;
  readonly keys: readonly string[];
  readonly dueMs: number;
  readonly looks: number;
};

/** JSON: another process goes on from it. */
export type LogWorkState = {
  readonly log: string;
  readonly startedMs: number;
  readonly progress: LogProgress;
  readonly suspicions: readonly Suspicion[];
  /** What was confirmed: keys of the book, and the first of the findings. */
  readonly keys: readonly string[];
  readonly findings: readonly Finding[];
  /** Findings beyond. */
  readonly more: number;
};

export interface LogWorkOptions {
  /** Ends with the batch that reaches this size. */
  readonly until?: number;
  /** False: what is under no seal yet is left alone, and what is remembered is not asked. */
  readonly tail?: boolean;
  /** Of `_system`, for what the other logs promised: each batch, in order. */
  readonly onBatch?: (read: SlotBatch) => void;
}

/** `waiting`: for the second look at what is suspected; call again at `dueMs`. */
export type Stepped = "worked" | "waiting" | "done";

/** Stretches to look at again at one time; with more of them, the walk waits. A progress has some 2 KB. */
const SUSPICIONS_MAX = 16;
/** What a look finds that the one before did not is looked at again, so often. */
const LOOKS_MAX = 5;
/** Findings of one log that are kept with a run; the others are in the book, or counted. */
export const FINDINGS_KEPT_MAX = 50;
const KEYS_MAX = 2_000;

export function newLogWork(log: string, progress: LogProgress, startedMs: number): LogWorkState {
  return { log, startedMs, progress, suspicions: [], keys: [], findings: [], more: 0 };
}

export class LogWork {
  readonly #context: AuditContext;
  readonly #options: LogWorkOptions;
  #state: LogWorkState;
  #verifier: LogVerifier | null = null;
  #unchecked: readonly string[] = [];
  /** Keys that were opened by this work, and not known before. */
  readonly #opened = new Map<string, Finding>();

  constructor(context: AuditContext, state: LogWorkState, options: LogWorkOptions = {}) {
    this.#context = context;
    this.#state = state;
    this.#options = options;
  }

  get state(): LogWorkState {
    return this.#state;
  }

  get counts(): LogCounts {
    return this.#state.progress.counts;
  }

  get unchecked(): readonly string[] {
    return this.#unchecked;
  }

  get opened(): readonly Finding[] {
    return [...this.#opened.values()];
  }

  /** When there is something to do: now, or once a suspicion is due. */
  get dueMs(): number {
    const { progress, suspicions } = this.#state;
    const walking = progress.phase !== "done" && suspicions.length < SUSPICIONS_MAX;
    if (walking || suspicions.length === 0) return 0;
    return Math.min(...suspicions.map(({ dueMs }) => dueMs));
  }

  /** Throws VaultError and IndexError where they do not answer; it can be called again then. */
  async step(): Promise<Stepped> {
    const nowMs = this.#context.parts.clock.nowMs();
    const due = this.#state.suspicions.find(({ dueMs }) => dueMs <= nowMs);
    if (due !== undefined) {
      await this.#lookAgain(due);
      return "worked";
    }
    const { progress, suspicions } = this.#state;
    if (progress.phase === "done") return suspicions.length === 0 ? "done" : "waiting";
    if (suspicions.length >= SUSPICIONS_MAX) return "waiting";
    await this.#goOn();
    return "worked";
  }

  /** What it read ahead is let go. */
  async close(): Promise<void> {
    const verifier = this.#verifier;
    this.#verifier = null;
    await verifier?.close();
  }

  async #goOn(): Promise<void> {
    const from = this.#state.progress;
    this.#verifier ??= await this.#open(from, this.#options.onBatch);
    const verifier = this.#verifier;
    try {
      if (await verifier.step()) this.#unchecked = verifier.report().unchecked;
    } catch (error) {
      // It must not be used any more; the next one begins where the last whole step ended.
      this.#verifier = null;
      throw error;
    }
    const to = verifier.progress;
    const { findings, more } = verifier.take();
    const { book } = this.#context;
    const known = findings.filter((one) => book.has(book.keyOf(one)));
    const fresh = findings.filter((one) => !known.includes(one));
    this.#state = { ...this.#state, progress: to, more: this.#state.more + more };
    this.#suspect(from, to, fresh, 1);
    await this.#confirm(known);
  }

  #suspect(from: LogProgress, to: LogProgress, fresh: readonly Finding[], looks: number): void {
    if (fresh.length === 0) return;
    const { book, parts, settings } = this.#context;
    const keys = fresh.map((one) => book.keyOf(one));
    const dueMs = parts.clock.nowMs() + settings.confirmMs;
    // The end of the index is read afresh, too.
    const start = from.phase === "tail" ? { ...from, tail: null } : from;
    const suspicion = { from: start, to, keys, dueMs, looks };
    this.#state = { ...this.#state, suspicions: [...this.#state.suspicions, suspicion] };
  }

  async #lookAgain(suspicion: Suspicion): Promise<void> {
    const { from, to, keys, looks } = suspicion;
    const { book, parts } = this.#context;
    const verifier = await this.#open(from);
    for (let done = false; !done && !hasReached(verifier.progress, to);) {
      done = await verifier.step();
    }
    await verifier.close();
    const { findings } = verifier.take();
    const seenBefore = new Set(keys);
    const says = (one: Finding): boolean => {
      const key = book.keyOf(one);
      return seenBefore.has(key) || book.has(key);
    };
    const confirmed = findings.filter(says);
    const fresh = findings.filter((one) => !says(one));
    const others = this.#state.suspicions.filter((one) => one !== suspicion);
    await this.#confirm(confirmed);
    this.#state = { ...this.#state, suspicions: others };
    if (looks < LOOKS_MAX) this.#suspect(from, to, fresh, looks + 1);
    const gone = keys.length - confirmed.length;
    if (gone <= 0) return;
    const { log } = this.#state;
    parts.report("info", "what looked wrong once did not look so again", { log, findings: gone });
  }

  async #confirm(findings: readonly Finding[]): Promise<void> {
    if (findings.length === 0) return;
    const { book } = this.#context;
    for (const one of findings)
      if (!book.has(book.keyOf(one))) this.#opened.set(book.keyOf(one), one);
    await book.confirm(findings, "look");
    const keys = new Set(this.#state.keys);
    const kept = [...this.#state.findings];
    for (const one of findings) {
      const key = book.keyOf(one);
      if (keys.has(key) || keys.size >= KEYS_MAX) continue;
      keys.add(key);
      if (kept.length < FINDINGS_KEPT_MAX) kept.push(one);
    }
    this.#state = { ...this.#state, keys: [...keys], findings: kept };
  }

  async #open(progress: LogProgress, onBatch?: (read: SlotBatch) => void): Promise<LogVerifier> {
    const { parts, settings, known, system } = this.#context;
    const { log } = this.#state;
    const { until, tail = true } = this.#options;
    const { vault, gzip, sha256, verify, breathe } = parts;
    const origin = logOrigin(settings.origin, log);
    const keys = keysOf(settings.keys, settings.origin, origin);
    const by = { ...settings, verify };
    const { size } = progress.before;
    // What lies before was compared when it was read.
    const whole = tail && until === undefined;
    const shown = whole ? ((await parts.checkpoints?.(log)) ?? []) : [];
    const kept = whole ? [...(await known.kept(log, by)), ...shown] : [];
    const remembered = new Remembered(
      log,
      kept.filter((one) => size === 0 || one.size > size),
    );
    const breathing = breathe === undefined ? {} : { breathe };
    return new LogVerifier(
      { vault, gzip, sha256, verify, log, origin, keys, locks: true, ...breathing },
      {
        ...{ index: parts.index, remembered, progress, tail, ahead: 0 },
        ...(until === undefined ? {} : { until }),
        retentionDaysAt: (timeMs) => system.promises?.retentionDaysAt(log, timeMs) ?? null,
        onBatch: onBatch ?? (() => {}),
      },
    );
  }
}

/** Takes the batches of `_system`; one that comes again, after a store that did not answer, is passed over. */
export function takePromises(promises: Promises): (read: SlotBatch) => void {
  return (read) => {
    if (read.batch.header.log !== SYSTEM_LOG) return;
    if (read.batch.header.first >= promises.directory.size) promises.take(read);
  };
}
