/**
 * Puts reads on record in the log `_access`. Plain reads are taken into a queue and written behind the answer: what cannot
 * be written waits, at most `QUEUE_MAX`, and beyond it is counted as lost. Exports are written before their answer, or
 * refused. What waits here is memory: a crash loses it, a drain writes it.
 */
import { ACCESS_LOG } from "../log/entry.ts";
import { isSummedUp, readEvent, type AccessEvent, type AccessRecord } from "./access-events.ts";
import { AccessMinutes } from "./access-minutes.ts";
import type { AppendJob } from "./append.ts";
import { sleep, sleepAtMost } from "./commit.ts";
import { frozenRefusal, Refusal } from "./refusal.ts";
import type { LogState, Parts } from "./state.ts";

/** Entries that may wait: 500 bytes each as a rule, 3 kB at most. */
export const QUEUE_MAX = 10_000;

/** Entries of one commit: half a megabyte of lines, beside which others' entries find room in the group. */
const BATCH_MAX = 1_000;

/** Pauses while `_access` cannot be written: doubled from the first to the last. So long exports are refused when it can be again. */
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 5_000;

/** What is asked of the ledger. */
export interface AccessLedger {
  open(log: string): Promise<Pick<LogState, "frozen">>;
  append(job: AppendJob): Promise<unknown>;
}

export class AccessLog {
  readonly #ledger: AccessLedger;
  readonly #parts: Pick<Parts, "clock" | "alarm" | "report">;
  readonly #minutes = new AccessMinutes();
  #queue: AccessEvent[] = [];
  #running: Promise<void> | null = null;
  /** Ends the pause before the next try. */
  #wake: () => void = () => {};
  /** Why the last try failed; null while writing succeeds. */
  #problem: string | null = null;
  #unrecorded = 0;
  #losing = false;
  #stopping = false;

  constructor(ledger: AccessLedger, parts: Pick<Parts, "clock" | "alarm" | "report">) {
    this.#ledger = ledger;
    this.#parts = parts;
  }

  /** Reads that were not put on record and will not be, since the start. */
  get unrecorded(): number {
    return this.#unrecorded;
  }

  /** Entries that wait to be written, without those that are still being summed up. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Takes plain reads; `lost` others were dropped before they came here. Never throws. */
  take(records: readonly AccessRecord[], lost = 0): void {
    if (lost > 0) this.#lose(lost, "more reads than could be remembered");
    for (const record of records) {
      try {
        if (isSummedUp(record)) this.#sumUp(record);
        else this.#enqueue(readEvent(record));
      } catch (error) {
        this.#lose(record.requests, String(error));
      }
    }
    this.#run();
  }

  /**
   * Writes exports: returns when they are committed; throws the Refusal that says why they cannot be. Those of the instance's
   * own logs are summed up like any other read of them, and refused while `_access` cannot be written.
   */
  async write(records: readonly AccessRecord[]): Promise<void> {
    await this.#assertWritable();
    const events = records.filter((record) => !isSummedUp(record)).map(readEvent);
    await Promise.all(jobsOf(events).map((job) => this.#ledger.append(job)));
    for (const record of records.filter(isSummedUp)) this.#sumUp(record);
  }

  /** The alarm: writes the minutes that are over, and asks to be woken for the next. */
  runDue(): void {
    for (const event of this.#minutes.end(this.#parts.clock.nowMs())) this.#enqueue(event);
    this.#run();
    this.#setAlarm();
  }

  /** Before the ledger stops: all minutes end, and what waits is tried once more. What is left then is lost. */
  async drain(waitMs: number): Promise<void> {
    this.#stopping = true;
    for (const event of this.#minutes.end(Infinity)) this.#enqueue(event);
    this.#run();
    this.#wake();
    await sleepAtMost(waitMs, this.#running ?? Promise.resolve());
  }

  async #assertWritable(): Promise<void> {
    const { frozen } = await this.#ledger.open(ACCESS_LOG);
    if (frozen !== null) throw frozenRefusal(frozen);
    if (this.#problem === null) return;
    throw new Refusal("overloaded", `reads wait to be put on record: ${this.#problem}`, {
      retryAfterSeconds: 5,
    });
  }

  #sumUp(record: AccessRecord): void {
    const before = this.#minutes.dueMs;
    for (const event of this.#minutes.add(record, this.#parts.clock.nowMs())) this.#enqueue(event);
    if (this.#minutes.dueMs !== before) this.#setAlarm();
  }

  #setAlarm(): void {
    const { dueMs } = this.#minutes;
    if (dueMs === null) return;
    this.#parts.alarm.at(dueMs).catch((error: unknown) => {
      this.#parts.report("error", "the alarm could not be set", { reason: String(error) });
    });
  }

  #enqueue(event: AccessEvent): void {
    if (this.#queue.length < QUEUE_MAX) this.#queue.push(event);
    else this.#lose(1, "more reads wait than can be remembered");
  }

  #run(): void {
    if (this.#queue.length === 0) return;
    this.#running ??= this.#writeAll().finally(() => {
      this.#running = null;
    });
  }

  async #writeAll(): Promise<void> {
    for (let pauseMs = RETRY_MS_MIN; this.#queue.length > 0;) {
      const reason = await this.#writeSome();
      if (reason === null) {
        pauseMs = RETRY_MS_MIN;
      } else if (this.#stopping) {
        this.#lose(this.#queue.length, reason);
        this.#queue = [];
      } else {
        await this.#pause(pauseMs);
        pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX);
      }
    }
  }

  /** Writes what came first, and keeps of it what was not written; why that was, or null. */
  async #writeSome(): Promise<string | null> {
    const batch = this.#queue.slice(0, BATCH_MAX);
    const jobs = jobsOf(batch);
    const results = await Promise.allSettled(jobs.map((job) => this.#ledger.append(job)));
    const failed = jobs.filter((_, at) => results[at]?.status === "rejected");
    const kept = failed.flatMap(({ by, events }) => events.map((event) => ({ ...event, by })));
    this.#queue = [...kept, ...this.#queue.slice(batch.length)];
    const [error] = results.flatMap((each) => (each.status === "rejected" ? [each.reason] : []));
    return this.#tell(failed.length === 0 ? null : messageOf(error));
  }

  /** Says once that reads wait, and once that they are on record again. */
  #tell(reason: string | null): string | null {
    if (reason !== null && this.#problem === null) {
      this.#parts.report("warn", "reads wait to be put on record", { reason });
    }
    if (reason === null && this.#problem !== null) {
      const unrecorded = this.#unrecorded;
      this.#parts.report("info", "reads are put on record again", { unrecorded });
      this.#losing = false;
    }
    this.#problem = reason;
    return reason;
  }

  #lose(count: number, reason: string): void {
    this.#unrecorded += count;
    if (this.#losing) return;
    this.#losing = true;
    this.#parts.report("error", "reads are not put on record", { reason });
  }

  async #pause(waitMs: number): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await Promise.race([sleep(waitMs), woken]);
  }
}

/** One job for each who asked, in the order of their first reads. */
function jobsOf(events: readonly AccessEvent[]): AppendJob[] {
  const byWhom = new Map<string, AccessEvent[]>();
  for (const event of events) {
    const own = byWhom.get(event.by);
    if (own === undefined) byWhom.set(event.by, [event]);
    else own.push(event);
  }
  return [...byWhom].map(([by, own]) => ({ log: ACCESS_LOG, by, events: own }));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
