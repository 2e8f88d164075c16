/**
 * One audit of everything, a log, or a stretch of one, a step at a time: `_system` first, because it says which logs there are
 * and what they promised, then log by log. Its state is JSON; what `_system` says is read again by whoever goes on from it.
 */
import type { AuditCoverage, AuditRun } from "../../log/audit-run.ts";
import { SYSTEM_LOG } from "../../log/entry.ts";
import type { Finding } from "../../log/findings.ts";
import { formatTime } from "../append.ts";
import { Promises } from "../promises.ts";
import { findLogs, lookAtTop, type Top } from "../vault-top.ts";
import { progressAt, type LogProgress } from "../verify-progress.ts";
import type { AuditContext } from "./context.ts";
import {
  FINDINGS_KEPT_MAX,
  LogWork,
  newLogWork,
  takePromises,
  type LogWorkState,
  type Stepped,
} from "./log-work.ts";

export type PassState = {
  readonly startedMs: number;
  readonly workMs: number;
  /** With what the logs that are done have given. */
  readonly run: AuditRun;
  /** Keys of what was found in them. */
  readonly keys: readonly string[];
  /** The last log that is done; `""` before the first. */
  readonly done: string;
  readonly work: LogWorkState | null;
};

const KEYS_MAX = 2_000;
const UNCHECKED_MAX = 100;

/** Findings that make what is remembered of a log the better evidence. */
const KEEPS_MEMORY: ReadonlySet<string> = new Set([
  ...["fork", "chain_broken", "root_mismatch", "signature_invalid"],
  ...["batch_missing", "batch_altered", "batch_unreadable"],
]);

export function newPass(run: AuditRun, startedMs: number): PassState {
  const started = { state: "running" as const, started_at: formatTime(startedMs) };
  return { startedMs, workMs: 0, run: { ...run, ...started }, keys: [], done: "", work: null };
}

/** What was asked for is not there: no finding, and no fault of vault or index. */
export class NothingToAudit extends Error {}

interface Found {
  readonly names: readonly string[];
  readonly top: Pick<Top, "folders" | "objects">;
  readonly named: readonly string[];
}

export class Pass {
  readonly #context: AuditContext;
  #state: PassState;
  #work: LogWork | null = null;
  /** Only to know what it says: `_system` was looked at before a restart. */
  #again = false;
  #top: Top | null = null;
  #found: Found | null = null;
  /** What belongs to no log, as the first look saw it, and when the second may come. */
  #general: { readonly findings: readonly Finding[]; readonly dueMs: number } | null = null;

  constructor(context: AuditContext, state: PassState) {
    this.#context = context;
    this.#state = state;
  }

  get state(): PassState {
    const work = this.#again ? this.#state.work : (this.#work?.state ?? this.#state.work);
    return { ...this.#state, work };
  }

  /** Where it is. */
  get log(): string | null {
    return this.#work?.state.log ?? null;
  }

  /** When there is something to do, after it said that it waits. */
  get dueMs(): number {
    return this.#work?.dueMs ?? this.#general?.dueMs ?? 0;
  }

  worked(ms: number): void {
    this.#state = { ...this.#state, workMs: this.#state.workMs + ms };
  }

  /** Throws VaultError and IndexError where they do not answer; it can be called again then. */
  async step(): Promise<Stepped> {
    if (this.#work !== null) return this.#stepLog(this.#work);
    if (this.#needsSystem()) {
      await this.#beginSystem();
      return "worked";
    }
    this.#found ??= await this.#find();
    const name = this.#found.names.find((one) => afterLog(one, this.#state.done));
    if (name === undefined) return this.#finishGeneral();
    await this.#begin(name);
    return "worked";
  }

  async close(): Promise<void> {
    await this.#work?.close();
  }

  /** The run as it is over, or as it is so far. */
  run(nowMs: number): AuditRun {
    const { run, startedMs, workMs, work } = this.state;
    const counted = work === null ? run : { ...run, coverage: sum(run.coverage, coverageOf(work)) };
    return { ...counted, duration_ms: Math.max(0, nowMs - startedMs), work_ms: Math.round(workMs) };
  }

  get keys(): readonly string[] {
    return this.#state.keys;
  }

  get #scope(): AuditRun["scope"] {
    return this.#state.run.scope;
  }

  get #everything(): boolean {
    return this.#scope.log === null;
  }

  #needsSystem(): boolean {
    if (this.#top !== null) return false;
    // A single log can do with what `_system` said when it was last read.
    return this.#everything || this.#context.system.promises === null;
  }

  /** `_system` is there in every vault that an instance wrote; where it is not, its seals in the index are missed. */
  async #beginSystem(): Promise<void> {
    // Listed before `_system` is read: whatever log has a batch by now was made there before.
    this.#top = await lookAtTop(this.#context.parts.vault);
    const { work, done } = this.#state;
    const { log, from, to } = this.#scope;
    const wanted = log === null || (log === SYSTEM_LOG && from === null && to === null);
    this.#again = !wanted || done !== "";
    const promises = new Promises();
    // What it said before is not in a state: it is read from its beginning.
    const startedMs = work?.log === SYSTEM_LOG ? work.startedMs : this.#nowMs();
    this.#work = new LogWork(this.#context, newLogWork(SYSTEM_LOG, progressAt(), startedMs), {
      onBatch: takePromises(promises),
    });
    this.#promises = promises;
  }

  #promises: Promises | null = null;

  async #find(): Promise<Found> {
    const { parts, known, system } = this.#context;
    const { log } = this.#scope;
    const top = this.#top ?? { folders: [], objects: [] };
    if (log !== null) {
      await this.#assertThere(log);
      return { names: [log], top, named: [] };
    }
    const inIndex = parts.index === null ? [] : [...(await parts.index.heads()).keys()];
    const named = [...inIndex, ...known.names()];
    const found = await findLogs(parts.vault, top, {
      ...{ known: this.#knownLogs(), named },
      ...{ locks: true, beside: true },
    });
    if (system.promises === null || system.promises.directory.size === 0) {
      this.#say("there is no _system here: which logs there should be is not known");
    }
    const dueMs = this.#state.startedMs + this.#context.settings.confirmMs;
    const general = [...(this.#top?.findings ?? []), ...found.findings];
    if (general.length > 0) this.#general = { findings: general, dueMs };
    return { names: found.names, top, named };
  }

  /** An audit of nothing would find nothing, and look like one that went well. */
  async #assertThere(log: string): Promise<void> {
    const { parts, known } = this.#context;
    if (this.#knownLogs()?.has(log) === true || known.names().includes(log)) return;
    if ((await parts.index?.heads())?.has(log) === true) return;
    for await (const _ of parts.vault.versions(`${log}/`)) return;
    throw new NothingToAudit(`neither _system, index nor vault has a log ${log}`);
  }

  #knownLogs() {
    const { promises } = this.#context.system;
    return promises === null || promises.broken || promises.directory.size === 0
      ? null
      : promises.directory.logs;
  }

  async #begin(log: string): Promise<void> {
    const { work } = this.#state;
    const { to } = this.#scope;
    const until = to === null ? {} : { until: to };
    const state = work?.log === log ? work : newLogWork(log, await this.#start(log), this.#nowMs());
    this.#work = new LogWork(this.#context, state, until);
  }

  /** The batch before the one that holds the first entry: what comes has to continue it. */
  async #start(log: string): Promise<LogProgress> {
    const { from } = this.#scope;
    const { index } = this.#context.parts;
    if (from === null || from === 0 || index === null) return progressAt();
    const rows = await index.seals(log, { from, limit: 2, order: "desc" });
    return progressAt(rows.at(-1)?.first ?? 0);
  }

  async #stepLog(work: LogWork): Promise<Stepped> {
    const stepped = await work.step();
    if (stepped !== "done") return stepped;
    await this.#finishLog(work);
    return "worked";
  }

  async #finishLog(work: LogWork): Promise<void> {
    const { log, progress, keys, findings, startedMs, more } = work.state;
    const { book, known, system } = this.#context;
    const { from, to } = this.#scope;
    const whole = from === null && to === null;
    if (log === SYSTEM_LOG && this.#promises !== null) system.promises = this.#promises;
    if (whole) {
      const seen = new Set(keys);
      await book.clear("look", (key, finding, seenMs) => {
        return isOf(finding, log) && !seen.has(key) && seenMs < startedMs;
      });
      if (!findings.some(({ code }) => KEEPS_MEMORY.has(code))) {
        await known.remember(log, progress);
      }
    }
    this.#work = null;
    if (this.#again) {
      this.#again = false;
      return;
    }
    if (log === SYSTEM_LOG) for (const text of this.#promises?.unreadable() ?? []) this.#say(text);
    for (const text of work.unchecked) this.#say(`${log}: ${text}`);
    if (!whole) this.#say(this.#rangeSaid(progress));
    const { run } = this.#state;
    this.#state = {
      ...this.#state,
      run: {
        ...run,
        coverage: sum(run.coverage, coverageOf(work.state)),
        findings: [...run.findings, ...findings].slice(0, FINDINGS_KEPT_MAX),
        finding_count: run.finding_count + keys.length + more,
      },
      keys: [...this.#state.keys, ...keys].slice(0, KEYS_MAX),
      ...{ done: log, work: null },
    };
  }

  #rangeSaid({ before }: LogProgress): string {
    const { from, to } = this.#scope;
    const asked = `entries ${from ?? 0} to ${to === null ? "the end" : to - 1} were asked for`;
    return `${asked}; whole batches were read, from the one before them up to entry ${before.size - 1}`;
  }

  /** What belongs to no log is looked at a second time at the end. */
  async #finishGeneral(): Promise<Stepped> {
    if (!this.#everything || this.#found === null) return "done";
    const { book, parts } = this.#context;
    if (this.#general !== null && this.#general.dueMs > this.#nowMs()) return "waiting";
    let confirmed: readonly Finding[] = [];
    if (this.#general !== null) {
      const before = new Set(this.#general.findings.map((one) => book.keyOf(one)));
      const top = await lookAtTop(parts.vault);
      const beside = { known: this.#knownLogs(), named: [], locks: true, beside: true };
      const { findings } = await findLogs(parts.vault, top, beside);
      confirmed = [...top.findings, ...findings].filter((one) => before.has(book.keyOf(one)));
      await book.confirm(confirmed, "look");
      this.#general = null;
    }
    const keys = confirmed.map((one) => book.keyOf(one));
    const names = new Set([SYSTEM_LOG, ...this.#found.names]);
    await book.clear("look", (key, finding, seenMs) => {
      const general =
        finding.log === null || !names.has(finding.log) || !isOf(finding, finding.log);
      return general && !keys.includes(key) && seenMs < this.#state.startedMs;
    });
    const { run } = this.#state;
    this.#state = {
      ...this.#state,
      run: {
        ...run,
        findings: [...run.findings, ...confirmed].slice(0, FINDINGS_KEPT_MAX),
        finding_count: run.finding_count + confirmed.length,
      },
      keys: [...this.#state.keys, ...keys].slice(0, KEYS_MAX),
    };
    return "done";
  }

  #say(text: string): void {
    const { run } = this.#state;
    if (run.unchecked.includes(text) || run.unchecked.length >= UNCHECKED_MAX) return;
    this.#state = { ...this.#state, run: { ...run, unchecked: [...run.unchecked, text] } };
  }

  #nowMs(): number {
    return this.#context.parts.clock.nowMs();
  }
}

/** Whether a walk of the log sees such a finding; that nobody knows the log is seen from above. */
function isOf({ code, log }: Finding, of: string): boolean {
  return log === of && code !== "log_unknown";
}

/** `_system` comes first, the others by name. */
function afterLog(name: string, done: string): boolean {
  if (done === "") return true;
  return done === SYSTEM_LOG ? name !== SYSTEM_LOG : name > done;
}

function coverageOf({ progress }: LogWorkState): AuditCoverage {
  const { entries, batches, objectBytes: bytes, locks } = progress.counts;
  return { logs: 1, entries, batches, bytes, locks, unsealed: progress.index?.unsealed ?? 0 };
}

function sum(a: AuditCoverage, b: AuditCoverage): AuditCoverage {
  return {
    logs: a.logs + b.logs,
    entries: a.entries + b.entries,
    batches: a.batches + b.batches,
    bytes: a.bytes + b.bytes,
    unsealed: a.unsealed + b.unsealed,
    locks: a.locks + b.locks,
  };
}
