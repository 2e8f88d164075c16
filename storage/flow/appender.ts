/**
 * The one writer (PROTOCOL §2): takes the jobs that wait, of all logs, into one group, commits it, signs a
 * checkpoint for each log in it and answers them together. One group is under way at a time; who is in it when
 * more waits than it holds, the fair queue says.
 */
import { logOrigin, receiptKeyName, signCheckpoint } from "../log/checkpoint.ts";
import type { Finding } from "../log/findings.ts";
import { IndexError, type ChunkCommit, type EventKey, type EventRecord } from "../ports.ts";
import {
  eventKeyText,
  formatTime,
  ID_LIFE_MS,
  planInSteps,
  type AppendJob,
  type Placed,
  type Plan,
  type PlanContext,
} from "./append.ts";
import { treeAt } from "./chunk.ts";
import { commitSurely, sleep } from "./commit.ts";
import { FairQueue } from "./fair-queue.ts";
import { falseRecordFinding, falseRecords } from "./id-check.ts";
import { Refusal } from "./refusal.ts";
import { markBefore, type LogState, type Parts, type Settings } from "./state.ts";

/** A pause before a commit, only where others wait: it doubles the group and halves p99 at 32 connections. */
const GATHER_MS = 1;

/** Bytes of a line around its event, roughly: counts small events for what they cost. */
const LINE_OVERHEAD_BYTES = 350;

/** After this long in doubt callers are told so, also those who wait behind; the commit itself goes on being sent. */
const DOUBT_ANSWER_MS = 15_000;

/** So long a group waits for an index that is away: sqld is restarted in tenths of a second. */
const INDEX_PATIENCE_MS = 5_000;
const INDEX_PAUSE_MS = 50;

/** A head that moves under us so often means that another worker writes the same log in earnest. */
const MOVED_TRIES_MAX = 20;

export interface Appended extends Placed {
  /** The committed size the checkpoint speaks of; it covers every entry named in `places`. */
  readonly size: number;
  /** Signed with the receipt key. */
  readonly checkpoint: string;
}

export interface AppenderHooks {
  /** The state of a log that may be appended to now; throws the Refusal that says why not. */
  state(job: AppendJob): LogState;
  /** After commit 1, before answers go out. */
  committed(states: readonly LogState[], commits: readonly ChunkCommit[]): void;
  /** The heads are not where they were left: read them again, freeze what went back. */
  moved(logs: readonly string[]): Promise<void>;
}

interface Waiting {
  readonly job: AppendJob;
  readonly bytes: number;
  answered: boolean;
  resolve(appended: Appended): void;
  reject(error: unknown): void;
}

export class Appender {
  readonly #parts: Parts;
  readonly #settings: Settings;
  readonly #hooks: AppenderHooks;
  readonly #queue = new FairQueue<Waiting>();
  #running: Promise<void> | null = null;
  #underWay: Promise<void> | null = null;
  #inDoubt = false;
  #away = false;

  constructor(parts: Parts, settings: Settings, hooks: AppenderHooks) {
    this.#parts = parts;
    this.#settings = settings;
    this.#hooks = hooks;
  }

  append(job: AppendJob): Promise<Appended> {
    if (this.#inDoubt) return Promise.reject(doubtRefusal("was not tried"));
    const bytes = job.events.reduce((sum, { text }) => sum + text.length + LINE_OVERHEAD_BYTES, 0);
    return new Promise((resolve, reject) => {
      if (!this.#queue.push({ job, bytes, answered: false, resolve, reject })) {
        const detail = `too many events wait for their commit to ${job.log}, or to all logs`;
        reject(new Refusal("overloaded", detail, { retryAfterSeconds: 1 }));
        return;
      }
      this.#tellWaiting();
      this.#running ??= this.#run();
    });
  }

  /** Resolves when the group that is under way now, if any, has been answered. */
  async settled(): Promise<void> {
    await this.#underWay;
  }

  /** Resolves when nothing is queued or under way. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    // Answers of the group before have just left: what they bring back joins the next group.
    await Promise.resolve();
    while (this.#queue.count > 0) {
      if (this.#queue.count > 1) await sleep(GATHER_MS);
      const group = this.#queue.takeGroup();
      this.#tellWaiting();
      this.#underWay = this.#groupPatiently(group).catch((error: unknown) => {
        failAll(group, refusalOf(error));
      });
      await this.#underWay;
    }
    this.#running = null;
  }

  #tellWaiting(): void {
    this.#parts.observer?.waiting(this.#queue.count, this.#queue.bytes);
  }

  /** Tries again for some seconds where the index says that it wrote nothing. */
  async #groupPatiently(group: readonly Waiting[]): Promise<void> {
    for (let waitedMs = 0; ; waitedMs += INDEX_PAUSE_MS) {
      try {
        await this.#group(group);
        this.#indexAway(null);
        return;
      } catch (error) {
        if (!(error instanceof IndexError)) throw error;
        this.#indexAway(error);
        if (error.outcome === "unknown" || waitedMs > INDEX_PATIENCE_MS) throw error;
        await sleep(INDEX_PAUSE_MS);
      }
    }
  }

  /** Says once that the index is away, and once that it is back. */
  #indexAway(error: IndexError | null): void {
    const away = error !== null;
    if (away === this.#away) return;
    this.#away = away;
    if (away) this.#parts.report("error", "the index takes no commit", { reason: error.message });
    else this.#parts.report("info", "the index takes commits again");
  }

  async #group(group: readonly Waiting[]): Promise<void> {
    for (let tries = 0; tries < MOVED_TRIES_MAX; tries += 1) {
      const known = await this.#knownIds(group);
      const untrue = await this.#untrue(group, known);
      const states = new Map<string, LogState>();
      const plan = await this.#plan(group, { known, untrue }, states);
      // ★ Commit 1. A crash before: nothing happened, and nobody was told that it had. A crash after:
      // the entries are durable; who sends them again with their ids gets these places.
      const result =
        plan.commits.length === 0
          ? ({ kind: "committed" } as const)
          : await this.#commit(group, plan.commits);
      if (result.kind === "committed") return await this.#answer(group, plan, states);
      await this.#hooks.moved([...plan.heads.keys()]);
    }
    throw new Refusal("overloaded", "another writer keeps moving the log", {
      retryAfterSeconds: 1,
    });
  }

  async #commit(group: readonly Waiting[], commits: readonly ChunkCommit[]) {
    let late = false;
    const answerDoubt = (): void => {
      if (!late || !this.#inDoubt) return;
      failAll(group, doubtRefusal("may have happened"));
      failAll(this.#queue.takeAll(), doubtRefusal("was not tried"));
    };
    const timer = setTimeout(() => {
      late = true;
      answerDoubt();
    }, DOUBT_ANSWER_MS);
    const { index, clock, observer } = this.#parts;
    const begunMs = clock.nowMs();
    try {
      const result = await commitSurely(index, commits, (error) => {
        if (!this.#inDoubt) {
          this.#parts.report("warn", "the answer to a commit was lost; sending it again", {
            reason: error.message,
          });
        }
        this.#inDoubt = true;
        answerDoubt();
      });
      if (result.kind === "committed") {
        observer?.committed({
          requests: group.length,
          logs: commits.length,
          entries: commits.reduce((sum, { count }) => sum + count, 0),
          bytes: commits.reduce((sum, { lines }) => sum + lines.length, 0),
          ms: clock.nowMs() - begunMs,
          traces: group.flatMap(({ job: { trace } }) => trace ?? []),
        });
      }
      return result;
    } finally {
      clearTimeout(timer);
      this.#inDoubt = false;
    }
  }

  /** Plans the group; `states` gets the state of each log that a job of it may append to. */
  async #plan(
    group: readonly Waiting[],
    ids: Pick<PlanContext, "known" | "untrue">,
    states: Map<string, LogState>,
  ): Promise<Plan> {
    const steps = planInSteps(
      group.map(({ job }) => job),
      {
        nowMs: this.#parts.clock.nowMs(),
        sha256: this.#parts.sha256,
        randomBytes: (length) => this.#parts.randomBytes(length),
        head: (job) => {
          const state = this.#hooks.state(job);
          states.set(job.log, state);
          return state.head;
        },
        ...ids,
      },
    );
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      await sleep(0);
    }
  }

  async #knownIds(group: readonly Waiting[]): Promise<Map<string, EventRecord>> {
    const keys: EventKey[] = group.flatMap(({ job: { log, by, events } }) =>
      events.flatMap(({ id }) => (id === null ? [] : [{ log, by, id }])),
    );
    if (keys.length === 0) return new Map();
    const records = (await this.#parts.index.events(keys)).filter((record) => record !== null);
    const cutoff = formatTime(this.#parts.clock.nowMs() - ID_LIFE_MS);
    // A record past its life would stand in the way of the id's next use.
    if (records.some(({ time }) => time < cutoff)) await this.#parts.index.forgetEvents(cutoff);
    return new Map(
      records.filter(({ time }) => time >= cutoff).map((record) => [eventKeyText(record), record]),
    );
  }

  /** Whoever may write to the index could have put a record there: nobody is told that his event is there before it was seen. */
  async #untrue(
    group: readonly Waiting[],
    known: ReadonlyMap<string, EventRecord>,
  ): Promise<Set<string>> {
    if (known.size === 0) return new Set();
    const { index, sha256 } = this.#parts;
    const wrong = await falseRecords(index, sha256, [...known.values()]);
    for (const record of wrong) {
      const finding = falseRecordFinding(record);
      this.#parts.report("error", "a record of an id is not true", { ...finding });
      this.#note(group.find(({ job: { log } }) => log === record.log)!.job, finding);
    }
    return new Set(wrong.map(eventKeyText));
  }

  /** For the guard. A log that takes no entry has said why. */
  #note(job: AppendJob, finding: Finding): void {
    try {
      this.#hooks.state(job).falseId = finding;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }

  async #answer(
    group: readonly Waiting[],
    plan: Plan,
    states: ReadonlyMap<string, LogState>,
  ): Promise<void> {
    for (const chunk of plan.commits) {
      const state = states.get(chunk.log) as LogState;
      markBefore(state, chunk, state.head, this.#settings.sealBytes);
      state.head = chunk.after;
    }
    this.#hooks.committed([...states.values()], plan.commits);
    const notes = new Map<string, { size: number; note: string }>();
    for (const [log, state] of states) {
      notes.set(log, {
        size: state.head.size,
        note: await receiptOf(this.#parts, this.#settings, state),
      });
    }
    group.forEach((waiting, index) => {
      if (waiting.answered) return;
      const outcome = plan.outcomes[index] as Placed | Refusal;
      if (outcome instanceof Refusal) return waiting.reject(outcome);
      const { size, note } = notes.get(waiting.job.log) as { size: number; note: string };
      waiting.resolve({ ...outcome, size, checkpoint: note });
    });
  }
}

function refusalOf(error: unknown): unknown {
  if (!(error instanceof IndexError)) return error;
  const detail = "the index cannot be written now; nothing was written";
  return new Refusal("index_unavailable", detail, { retryAfterSeconds: 1, cause: error });
}

/** The receipt key's checkpoint of the log's head as it is now; signed once a head. */
export function receiptOf(parts: Parts, settings: Settings, state: LogState): Promise<string> {
  const { size } = state.head;
  if (state.receipt?.size === size) return state.receipt.note;
  const root = treeAt(state.head, parts.sha256).root();
  const origin = logOrigin(settings.origin, state.name);
  const note = parts.receiptKey
    .signer(receiptKeyName(origin))
    .then((signer) => signCheckpoint({ origin, size, root }, signer));
  state.receipt = { size, note };
  note.catch(() => {
    if (state.receipt?.note === note) state.receipt = null;
  });
  return note;
}

function failAll(group: readonly Waiting[], error: unknown): void {
  for (const waiting of group) {
    if (waiting.answered) continue;
    waiting.answered = true;
    waiting.reject(error);
  }
}

function doubtRefusal(what: string): Refusal {
  const detail = `the index does not answer; this request ${what}: send it again with the same ids`;
  return new Refusal("index_unavailable", detail, { retryAfterSeconds: 2 });
}
