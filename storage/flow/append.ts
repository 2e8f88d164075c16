/**
 * Plans commit 1 (PROTOCOL §2.2): gives every event of the jobs that wait its place, of all logs at once.
 * Nothing here does I/O; a job is refused whole, before its first line touches the log.
 */
import { encodeUtf8, toBase64Url, toHex } from "../log/bytes.ts";
import { assertLineFits, encodeLine, SALT_BYTES } from "../log/entry.ts";
import { LogError } from "../log/errors.ts";
import type { Sha256 } from "../log/hash.ts";
import type { ChunkCommit, EventKey, EventRecord, IndexHead } from "../ports.ts";
import { ChunkBuilder } from "./chunk.ts";
import { Refusal } from "./refusal.ts";

/** How long an event's id is remembered, from its entry's time (PROTOCOL §2, Ids). */
export const ID_LIFE_MS = 7 * 86_400_000;

/** A clock this far behind the log's last entry is wrong, rather than adjusted (PROTOCOL §2, Time). */
export const CLOCK_BACKWARDS_MS_MAX = 5_000;

/** Three bytes of UTF-8 a character, and 3,000 for a `by` of 512 characters and the rest: under 65,535 in any case. */
const LENGTH_SURELY_FITS = 20_000;

export interface NewEvent {
  /** Canonical text (`parseEvent`). */
  readonly text: string;
  readonly id: string | null;
}

/** What one caller wants appended to one log: all of it or nothing. */
export interface AppendJob {
  readonly log: string;
  readonly by: string;
  readonly events: readonly NewEvent[];
  /** Of which trace it is a part, where somebody takes traces: for the observer, who knows what it means. */
  readonly trace?: string | undefined;
}

/** Where one event is; `duplicate`: it was there before. */
export interface Place {
  readonly seq: number;
  /** Leaf, hex. */
  readonly hash: string;
  readonly time: string;
  readonly duplicate: boolean;
}

export interface Placed {
  /** `seq` of the first new entry, null if all were duplicates. */
  readonly first: number | null;
  readonly count: number;
  readonly places: readonly Place[];
}

export interface PlanContext {
  readonly nowMs: number;
  readonly sha256: Sha256;
  /** Fills with cryptographically secure random bytes. */
  randomBytes(length: number): Uint8Array;
  /** The head of the job's log, if the job may append to it; throws the Refusal that says why not. */
  head(job: AppendJob): IndexHead;
  /** Records of ids that the index knows and whose life has not ended, by `eventKeyText`. */
  readonly known: ReadonlyMap<string, EventRecord>;
  /** Of those, the ones for which there is no such entry; none unless given. */
  readonly untrue?: ReadonlySet<string>;
}

export interface Plan {
  readonly commits: readonly ChunkCommit[];
  /** One outcome a job, in order. */
  readonly outcomes: readonly (Placed | Refusal)[];
  /** The heads as they will be, by log. */
  readonly heads: ReadonlyMap<string, IndexHead>;
}

export function eventKeyText(key: EventKey): string {
  return JSON.stringify([key.log, key.by, key.id]);
}

export function formatTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

/** So many events are placed in 80 ms: two hashes and a line each. */
const STEP_EVENTS = 4_000;

export function planAppend(jobs: readonly AppendJob[], context: PlanContext): Plan {
  const steps = planInSteps(jobs, context);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** As `planAppend`, in steps of some milliseconds, between which others may have the thread. */
export function* planInSteps(
  jobs: readonly AppendJob[],
  context: PlanContext,
): Generator<void, Plan, undefined> {
  const plan = new Planner(context);
  const outcomes: (Placed | Refusal)[] = [];
  let events = 0;
  for (const job of jobs) {
    events += job.events.length;
    if (events > STEP_EVENTS && events > job.events.length) {
      yield;
      events = job.events.length;
    }
    outcomes.push(yield* plan.place(job));
  }
  return { commits: plan.commits(), outcomes, heads: plan.heads() };
}

class Planner {
  readonly #context: PlanContext;
  readonly #builders = new Map<string, ChunkBuilder>();
  readonly #records: Map<string, EventRecord>;
  readonly #now: string;

  constructor(context: PlanContext) {
    this.#context = context;
    this.#records = new Map(context.known);
    this.#now = formatTime(context.nowMs);
  }

  *place(job: AppendJob): Generator<void, Placed | Refusal, undefined> {
    try {
      const builder = this.#builder(job);
      const time = this.#timeAfter(job.log, builder.time);
      const drafts = this.#resolve(job);
      this.#refuseLongLines(job, builder.size, drafts);
      return yield* this.#write(job, builder, time, drafts);
    } catch (error) {
      if (error instanceof Refusal) return error;
      throw error;
    }
  }

  commits(): ChunkCommit[] {
    return [...this.#builders.values()].flatMap((builder) => builder.take());
  }

  heads(): Map<string, IndexHead> {
    return new Map([...this.#builders].map(([log, builder]) => [log, builder.head()]));
  }

  #builder(job: AppendJob): ChunkBuilder {
    const head = this.#context.head(job);
    const found = this.#builders.get(job.log);
    if (found !== undefined) return found;
    const builder = new ChunkBuilder(job.log, head, this.#context.sha256);
    this.#builders.set(job.log, builder);
    return builder;
  }

  /** Time never runs backwards within a log: max(now, the entry before). */
  #timeAfter(log: string, last: string): string {
    if (this.#now >= last) return this.#now;
    const behindMs = Date.parse(last) - this.#context.nowMs;
    if (behindMs > CLOCK_BACKWARDS_MS_MAX) {
      throw new Refusal(
        "clock_backwards",
        `the server's clock is ${Math.ceil(behindMs / 1000)} s behind the last entry of ${log}`,
        { retryAfterSeconds: Math.min(Math.ceil(behindMs / 1000), 60) },
      );
    }
    return last;
  }

  /** For each event: a record if it is there already, the index of its first sending in this job, or null if new. */
  #resolve(job: AppendJob): Draft[] {
    const own = new Map<string, { digest: string; index: number }>();
    return job.events.map((event, index) => {
      if (event.id === null) return { kind: "new" };
      const digest = toHex(this.#context.sha256(encodeUtf8(event.text)));
      const key = eventKeyText({ log: job.log, by: job.by, id: event.id });
      if (this.#context.untrue?.has(key) === true) throw untrueRecord(event.id);
      const earlier = own.get(key) ?? this.#records.get(key);
      if (earlier === undefined) {
        own.set(key, { digest, index });
        return { kind: "new", id: event.id, key, digest };
      }
      if (earlier.digest !== digest) throw idConflict(event.id, index);
      return "index" in earlier
        ? { kind: "repeated", index: earlier.index }
        : { kind: "known", record: earlier };
    });
  }

  #refuseLongLines(job: AppendJob, size: number, drafts: readonly Draft[]): void {
    const seqMax = size + job.events.length;
    const errors = job.events.flatMap(({ text }, index) => {
      if (drafts[index]?.kind !== "new" || text.length < LENGTH_SURELY_FITS) return [];
      try {
        assertLineFits({ by: job.by, event: text, log: job.log }, seqMax);
        return [];
      } catch (error) {
        if (!(error instanceof LogError)) throw error;
        return [{ pointer: `/${index}`, detail: error.detail }];
      }
    });
    if (errors.length > 0) {
      throw new Refusal("entry_too_large", errors[0]?.detail ?? "", { errors });
    }
  }

  *#write(
    job: AppendJob,
    builder: ChunkBuilder,
    time: string,
    drafts: readonly Draft[],
  ): Generator<void, Placed, undefined> {
    const first = builder.size;
    const salts = this.#context.randomBytes(SALT_BYTES * drafts.length);
    const places: Place[] = [];
    for (let from = 0; from < drafts.length; from += STEP_EVENTS) {
      if (from > 0) yield;
      const to = Math.min(from + STEP_EVENTS, drafts.length);
      for (let index = from; index < to; index += 1) {
        const salt = salts.subarray(index * SALT_BYTES, (index + 1) * SALT_BYTES);
        places.push(
          this.#writeOne(job, builder, time, index, drafts[index] as Draft, salt, places),
        );
      }
    }
    const count = builder.size - first;
    return { first: count === 0 ? null : first, count, places };
  }

  #writeOne(
    job: AppendJob,
    builder: ChunkBuilder,
    time: string,
    index: number,
    draft: Draft,
    salt: Uint8Array,
    places: readonly Place[],
  ): Place {
    if (draft.kind === "known") {
      const { seq, hash, time: then } = draft.record;
      return { seq, hash, time: then, duplicate: true };
    }
    if (draft.kind === "repeated") return { ...(places[draft.index] as Place), duplicate: true };
    const seq = builder.size;
    const text = encodeLine({
      by: job.by,
      event: (job.events[index] as NewEvent).text,
      log: job.log,
      prev: builder.leaf,
      salt: toBase64Url(salt),
      seq,
      time,
    });
    const hash = builder.add(text, encodeUtf8(text), time);
    if (draft.id !== undefined) {
      const { id, key, digest } = draft;
      const record = { log: job.log, by: job.by, id, seq, hash, time, digest };
      builder.addId(record);
      this.#records.set(key, record);
    }
    return { seq, hash, time, duplicate: false };
  }
}

type Draft =
  | { kind: "new"; id?: never }
  | { kind: "new"; id: string; key: string; digest: string }
  | { kind: "repeated"; index: number }
  | { kind: "known"; record: EventRecord };

function untrueRecord(id: string): Refusal {
  const detail = `the index's record of the id ${JSON.stringify(id)} names an entry that is not this one; nothing was written`;
  return new Refusal("entry_altered", detail);
}

function idConflict(id: string, index: number): Refusal {
  const detail = `the id ${JSON.stringify(id)} was used for another event`;
  const pointer = `/${index}/id`;
  return new Refusal("id_conflict", detail, { errors: [{ pointer, detail }] });
}
