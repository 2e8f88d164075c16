/**
 * Checks an instance over and over, without trusting it: each seal right after it was written, everything in turn at a
 * bounded share of time, and what somebody asks for. What it finds it looks at twice before it tells anybody.
 * All that it has to know after a restart is in its store.
 */
import type { AuditRun } from "../../log/audit-run.ts";
import type { Json } from "../../log/json-value.ts";
import { formatTime } from "../append.ts";
import { Refusal } from "../refusal.ts";
import { Conditions } from "./conditions.ts";
import type { AuditContext } from "./context.ts";
import { Failures } from "./failures.ts";
import { FindingBook } from "./finding-book.ts";
import { KnownLogs } from "./known-logs.ts";
import { FINDINGS_KEPT_MAX, type Stepped } from "./log-work.ts";
import { Pace } from "./pace.ts";
import { newPass, NothingToAudit, Pass, type PassState } from "./pass.ts";
import { RunBook } from "./run-book.ts";
import { Schedule, SHARE_MAX } from "./schedule.ts";
import { SealWatch, type SealsChecked } from "./seal-watch.ts";
import type {
  AuditorParts,
  AuditorSettings,
  AuditorStats,
  AuditScope,
  OpenFinding,
} from "./types.ts";

/** A slice ends after so much, milliseconds: a step of it is a batch, and others want the thread. */
const SLICE_MS = 50;
/** Where a clock does not move while there is work, as some runtimes have it. */
const SLICE_STEPS_MAX = 50;
/** Where a pass stands is written at most so often. */
const PERSIST_MS = 5_000;
const REQUESTS_MAX = 100;
/** A fault of the auditor itself ends a requested run after so many tries. */
const TRIES_MAX = 3;
const CONFIRM_MS = 3_000;
const UNREACHABLE_MS = 60_000;
/** Where nothing is to be done, it looks around so often. */
const IDLE_MS = 10_000;

const PASS_KEYS = { scheduled: "pass/scheduled", requested: "pass/requested" } as const;
type PassKind = keyof typeof PASS_KEYS;

export class Auditor {
  readonly #context: AuditContext;
  readonly #runs: RunBook;
  readonly #schedule: Schedule;
  readonly #seals: SealWatch;
  readonly #failures = new Failures();
  readonly #conditions: Conditions;
  /** Each has its own share: what is written all the time must not keep the rest from being looked at. */
  readonly #paces: Readonly<Record<"seals" | PassKind, Pace>>;
  readonly #passes: { scheduled: Pass | null; requested: Pass | null };
  readonly #waitMs = { scheduled: 0, requested: 0 };
  #persistedMs = -Infinity;
  #running: Promise<number> | null = null;

  private constructor(
    context: AuditContext,
    kept: { runs: RunBook; schedule: Schedule; passes: Record<PassKind, PassState | null> },
  ) {
    const { clock } = context.parts;
    const { share } = context.settings;
    this.#context = context;
    this.#runs = kept.runs;
    this.#schedule = kept.schedule;
    this.#seals = new SealWatch(context);
    this.#conditions = new Conditions(context, this.#failures);
    this.#paces = {
      seals: new Pace(clock, share),
      scheduled: new Pace(clock, share),
      requested: new Pace(clock, Math.max(share, SHARE_MAX)),
    };
    const pass = (state: PassState | null) => (state === null ? null : new Pass(context, state));
    const { scheduled, requested: asked } = kept.passes;
    this.#passes = { scheduled: pass(scheduled), requested: pass(asked) };
  }

  /** Reads what the store has of an auditor before. */
  static async open(parts: AuditorParts, settings: AuditorSettings): Promise<Auditor> {
    const { store } = parts;
    const book = await FindingBook.open(parts, settings);
    const context: AuditContext = {
      ...{ parts, book, known: await KnownLogs.open(store), system: { promises: null } },
      settings: { confirmMs: CONFIRM_MS, unreachableMs: UNREACHABLE_MS, ...settings },
    };
    const state = async (kind: PassKind) =>
      (await store.get(PASS_KEYS[kind])) as unknown as PassState | null;
    return new Auditor(context, {
      ...{ runs: await RunBook.open(parts), schedule: await Schedule.open(context) },
      passes: { scheduled: await state("scheduled"), requested: await state("requested") },
    });
  }

  /**
   * Does a slice of what is to be done; never throws. The time at which it wants to be called again, milliseconds since
   * 1970; earlier calls are harmless. One at a time: a second call while one is under way waits for that one.
   */
  run(): Promise<number> {
    this.#running ??= this.#slice().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** A seal of this log was just written: it is checked at the next `run`, which should be now. */
  sealed(log: string): void {
    this.#seals.sealed(log);
  }

  /** Looks for new seals of all logs at the next `run`: for whom nobody calls `sealed`. */
  lookForSeals(): void {
    this.#seals.lookAtAll();
  }

  /**
   * Asks for an audit: all, a log, or the batches that hold entries [from, to) of one. It waits for its turn before the
   * rolling pass and is durable on return. Throws `Refusal` `overloaded` where too many wait. `run` should be called now.
   */
  async request(scope: AuditScope, by: string): Promise<AuditRun> {
    if (this.#runs.waiting.length >= REQUESTS_MAX) {
      throw new Refusal("overloaded", `${REQUESTS_MAX} audits wait already`);
    }
    const run = this.#runs.newRun("requested", scope, by);
    await this.#runs.addWaiting(run);
    return run;
  }

  /** Newest first; `before`: only those older than this id. */
  runs(options: { readonly limit: number; readonly before?: string }): Promise<AuditRun[]> {
    return this.#runs.list(options);
  }

  /** One that is under way says how far it has come. */
  async audit(id: string): Promise<AuditRun | null> {
    const { requested } = this.#passes;
    if (requested?.state.run.id === id) return requested.run(this.#nowMs());
    return this.#runs.get(id);
  }

  openFindings(): OpenFinding[] {
    return this.#context.book.list();
  }

  stats(): AuditorStats {
    const openByCode = new Map<string, number>();
    for (const { finding } of this.openFindings()) {
      openByCode.set(finding.code, (openByCode.get(finding.code) ?? 0) + 1);
    }
    const { scheduled } = this.#passes;
    return {
      lastPass: this.#schedule.last,
      passes: this.#schedule.passes,
      pass:
        scheduled === null ? null : { startedMs: scheduled.state.startedMs, log: scheduled.log },
      requestsWaiting: this.#runs.waiting.length,
      ...{ openByCode, openMore: this.#context.book.more },
      ...{ sealsChecked: this.#seals.checked, failingSinceMs: this.#failures.sinceMs },
    };
  }

  /** Writes where it stands. What was not written is done again by whoever goes on. */
  async close(): Promise<void> {
    await this.#running;
    await this.#persist();
    await this.#passes.scheduled?.close();
    await this.#passes.requested?.close();
  }

  async #slice(): Promise<number> {
    const { parts } = this.#context;
    const untilMs = this.#nowMs() + SLICE_MS;
    await this.#try("conditions", () => this.#conditions.ask());
    await this.#try("alerts", () => this.#context.book.tend());
    for (let steps = 0; steps < SLICE_STEPS_MAX; steps += 1) {
      const next = this.#next();
      if (next === null) break;
      const startedMs = this.#nowMs();
      await this.#try(next.name, next.step);
      const workedMs = Math.max(0, this.#nowMs() - startedMs);
      next.pace.spend(workedMs);
      next.pass?.worked(workedMs);
      if (this.#nowMs() >= untilMs) break;
      await parts.breathe?.();
    }
    if (this.#runs.unrecorded.length > 0) await this.#try("record", () => this.#record());
    await this.#try("store", async () => {
      if (this.#nowMs() - this.#persistedMs >= PERSIST_MS) await this.#persist();
    });
    return this.#wakeMs();
  }

  async #record(): Promise<void> {
    for (const id of [...this.#runs.unrecorded]) {
      const run = await this.#runs.get(id);
      if (run !== null) await this.#context.parts.record(run);
      await this.#runs.recorded(id);
    }
  }

  async #try(name: string, work: () => Promise<void>): Promise<void> {
    if (this.#failures.retryMs(name) > this.#nowMs()) return;
    try {
      await work();
      this.#failures.went(name, this.#nowMs());
    } catch (error) {
      const { tries, code, why } = this.#failures.failed(name, error, this.#nowMs());
      const level = code === null ? "error" : "warn";
      this.#context.parts.report(level, "an audit cannot go on", {
        work: name,
        tries,
        reason: why,
      });
      if (code === null && tries >= TRIES_MAX) await this.#giveUp(name, why);
    }
  }

  /** What is to be done now, the most urgent first; null if nothing. */
  #next(): Step | null {
    const { seals, scheduled: rolling, requested } = this.#paces;
    const nowMs = this.#nowMs();
    // What failed is tried again whatever it may work: somebody is told how long it lasts.
    const ready = (name: string, pace: Pace) =>
      (pace.mayWork || this.#failures.has(name)) && this.#failures.retryMs(name) <= nowMs;
    if (this.#seals.dueMs <= nowMs && ready("seals", seals)) {
      return { name: "seals", pace: seals, pass: null, step: () => this.#stepSeals() };
    }
    const asked = this.#passes.requested !== null || this.#runs.waiting.length > 0;
    if (asked && this.#waitMs.requested <= nowMs && ready("requested", requested)) {
      const pass = this.#passes.requested;
      return { name: "requested", pace: requested, pass, step: () => this.#stepRequested() };
    }
    const { scheduled } = this.#passes;
    const due = scheduled !== null || this.#schedule.nextMs <= nowMs;
    if (due && this.#waitMs.scheduled <= nowMs && ready("scheduled", rolling)) {
      return {
        name: "scheduled",
        pace: rolling,
        pass: scheduled,
        step: () => this.#stepScheduled(),
      };
    }
    return null;
  }

  #wakeMs(): number {
    const { seals, scheduled: rolling, requested } = this.#paces;
    const { scheduled } = this.#passes;
    const nowMs = this.#nowMs();
    const when = (name: string, dueMs: number, pace: Pace) =>
      this.#failures.has(name)
        ? Math.max(dueMs, this.#failures.retryMs(name))
        : Math.max(dueMs, pace.readyMs);
    const asked = this.#passes.requested !== null || this.#runs.waiting.length > 0;
    const dueMs = scheduled === null ? this.#schedule.nextMs : this.#waitMs.scheduled;
    const wakeMs = Math.min(
      nowMs + IDLE_MS,
      this.#conditions.dueMs,
      this.#context.book.dueMs,
      this.#runs.unrecorded.length > 0 ? this.#failures.retryMs("record") : Infinity,
      when("seals", this.#seals.dueMs, seals),
      asked ? when("requested", this.#waitMs.requested, requested) : Infinity,
      when("scheduled", dueMs, rolling),
    );
    return Math.ceil(Math.max(nowMs + 1, wakeMs));
  }

  async #stepSeals(): Promise<void> {
    const checked = await this.#seals.step();
    if (checked !== null && checked.opened.length > 0) await this.#recordSeals(checked);
  }

  /** The check of a seal leaves a run only where it found something. */
  async #recordSeals({ state, opened }: SealsChecked): Promise<void> {
    const nowMs = this.#nowMs();
    const { parts } = this.#context;
    const { entries, batches, objectBytes: bytes, locks } = state.progress.counts;
    const run = this.#runs.newRun("sealed", { log: state.log }, "system", state.startedMs);
    const done = {
      ...{ state: "finished" as const, finished_at: formatTime(nowMs) },
      duration_ms: Math.max(0, nowMs - state.startedMs),
      coverage: { logs: 1, entries, batches, bytes, locks, unsealed: 0 },
      ...{ findings: opened.slice(0, FINDINGS_KEPT_MAX), finding_count: opened.length },
    };
    parts.over?.({ ...run, ...done });
    await this.#runs.finish({ ...run, ...done }, true);
  }

  async #stepRequested(): Promise<void> {
    const pass = this.#passes.requested ?? (await this.#beginRequested());
    if (pass === null) return;
    let stepped: Stepped;
    try {
      stepped = await pass.step();
    } catch (error) {
      if (error instanceof NothingToAudit) return this.#failRequested(pass, error.message);
      throw error;
    }
    this.#waitMs.requested = stepped === "waiting" ? pass.dueMs : 0;
    if (stepped !== "done") return;
    const nowMs = this.#nowMs();
    const finished = { state: "finished" as const, finished_at: formatTime(nowMs) };
    const run = { ...pass.run(nowMs), ...finished };
    await this.#runs.finish(run, true, [[PASS_KEYS.requested, null]]);
    this.#passes.requested = null;
    this.#context.parts.over?.(run);
  }

  async #beginRequested(): Promise<Pass | null> {
    const [id] = this.#runs.waiting;
    const run = id === undefined ? null : await this.#runs.get(id);
    if (run === null) return null;
    const pass = new Pass(this.#context, newPass(run, this.#nowMs()));
    await this.#runs.update(pass.state.run);
    this.#passes.requested = pass;
    return pass;
  }

  async #stepScheduled(): Promise<void> {
    const pass = this.#passes.scheduled ?? this.#beginScheduled();
    const { startedMs, workMs } = pass.state;
    const stepped = await pass.step();
    const nowMs = this.#nowMs();
    this.#waitMs.scheduled = stepped === "waiting" ? pass.dueMs : 0;
    this.#paces.scheduled.share = this.#schedule.shareOf(startedMs, workMs, nowMs);
    if (stepped !== "done") return;
    this.#context.book.passed();
    const finished = { state: "finished" as const, finished_at: formatTime(nowMs) };
    const run = { ...pass.run(nowMs), ...finished };
    const over = this.#schedule.finished(run, pass.keys, startedMs, nowMs);
    const { record, write } = over;
    const also = [write, [PASS_KEYS.scheduled, null]] as const;
    if (record === null) await this.#context.parts.store.write(new Map<string, Json | null>(also));
    else await this.#runs.finish(record, true, also);
    over.written();
    this.#context.parts.over?.(run);
    this.#passes.scheduled = null;
    this.#paces.scheduled.share = this.#context.settings.share;
  }

  #beginScheduled(): Pass {
    const run = this.#runs.newRun("scheduled", { log: null }, "system");
    const pass = new Pass(this.#context, newPass(run, this.#nowMs()));
    this.#passes.scheduled = pass;
    return pass;
  }

  /** A fault of its own: a requested run fails, the rolling pass begins anew. */
  async #giveUp(name: string, why: string): Promise<void> {
    if (name === "scheduled") {
      await this.#passes.scheduled?.close();
      this.#passes.scheduled = null;
      return;
    }
    const pass = this.#passes.requested;
    if (name === "requested" && pass !== null) await this.#failRequested(pass, why);
  }

  async #failRequested(pass: Pass, why: string): Promise<void> {
    await pass.close();
    const failed = { state: "failed" as const, finished_at: formatTime(this.#nowMs()), why };
    const run = { ...pass.run(this.#nowMs()), ...failed };
    this.#passes.requested = null;
    this.#failures.forget("requested");
    this.#context.parts.over?.(run);
    await this.#runs.finish(run, true, [[PASS_KEYS.requested, null]]).catch((error: unknown) => {
      const reason = String(error);
      this.#context.parts.report("error", "an audit's end could not be kept", { reason });
    });
  }

  async #persist(): Promise<void> {
    const changes = new Map<string, Json | null>();
    for (const kind of ["scheduled", "requested"] as const) {
      const state = this.#passes[kind]?.state;
      if (state !== undefined) changes.set(PASS_KEYS[kind], state as unknown as Json);
    }
    if (changes.size > 0) await this.#context.parts.store.write(changes);
    this.#persistedMs = this.#nowMs();
  }

  #nowMs(): number {
    return this.#context.parts.clock.nowMs();
  }
}

interface Step {
  readonly name: string;
  readonly pace: Pace;
  readonly pass: Pass | null;
  readonly step: () => Promise<void>;
}
