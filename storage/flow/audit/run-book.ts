/**
 * Audits by id, the newest thousand: those that wait, the one under way, and what became of the others. A run that is over
 * stays in a list of its own until it has been put on record.
 */
import type { GuardStore } from "../../guard-ports.ts";
import type { AuditCoverage, AuditKind, AuditRun } from "../../log/audit-run.ts";
import type { Json } from "../../log/json-value.ts";
import type { Clock } from "../../ports.ts";
import { formatTime } from "../append.ts";
import type { AuditScope } from "./types.ts";

/** Runs that are kept. With its findings, a run has up to some 40 KB. */
const KEPT_MAX = 1_000;
const PREFIX = "run/";
const WAITING = "runs/waiting";
const UNRECORDED = "runs/unrecorded";

const NOTHING: AuditCoverage = {
  ...{ logs: 0, entries: 0, batches: 0, bytes: 0, unsealed: 0, locks: 0 },
};

export class RunBook {
  readonly #store: GuardStore;
  readonly #clock: Clock;
  /** Ids of requested runs that are not over, oldest first. */
  readonly #waiting: string[];
  /** Ids of runs that have to be put on record still, oldest first. */
  readonly #unrecorded: string[];
  /** How many are kept, at least; and the time and number in the newest id. */
  #count: number;
  #newest: { ms: number; n: number };

  private constructor(
    parts: { readonly store: GuardStore; readonly clock: Clock },
    kept: {
      waiting: string[];
      unrecorded: string[];
      count: number;
      newest: { ms: number; n: number };
    },
  ) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#waiting = kept.waiting;
    this.#unrecorded = kept.unrecorded;
    this.#count = kept.count;
    this.#newest = kept.newest;
  }

  static async open(parts: {
    readonly store: GuardStore;
    readonly clock: Clock;
  }): Promise<RunBook> {
    const { store } = parts;
    const waiting = ((await store.get(WAITING)) ?? []) as string[];
    const unrecorded = ((await store.get(UNRECORDED)) ?? []) as string[];
    const [newest] = (await store.list(PREFIX, { limit: 1, reverse: true })).keys();
    const [ms = 0, n = 0] = (newest ?? "").slice(PREFIX.length).split("-").map(Number);
    // Counting all would read all: what is there beyond the limit goes with the next ones.
    return new RunBook(parts, { waiting, unrecorded, count: KEPT_MAX, newest: { ms, n } });
  }

  get waiting(): readonly string[] {
    return this.#waiting;
  }

  get unrecorded(): readonly string[] {
    return this.#unrecorded;
  }

  /** A run that was not stored yet. */
  newRun(kind: AuditKind, scope: AuditScope, by: string, nowMs = this.#clock.nowMs()): AuditRun {
    const asked = formatTime(nowMs);
    const started = kind === "requested" ? null : asked;
    return {
      ...{ id: this.#newId(nowMs), kind, by, why: null, asked_at: asked, started_at: started },
      scope: { log: scope.log, from: scope.from ?? null, to: scope.to ?? null },
      state: kind === "requested" ? "waiting" : "running",
      ...{ finished_at: null, duration_ms: 0, work_ms: 0, coverage: NOTHING },
      ...{ findings: [], finding_count: 0, unchecked: [], passes: 1 },
    };
  }

  async get(id: string): Promise<AuditRun | null> {
    return (await this.#store.get(PREFIX + id)) as AuditRun | null;
  }

  /** Newest first; `before`: only those older than this one. */
  async list(options: { readonly limit: number; readonly before?: string }): Promise<AuditRun[]> {
    const { limit, before } = options;
    const after = before === undefined ? {} : { after: PREFIX + before };
    const records = await this.#store.list(PREFIX, { limit, reverse: true, ...after });
    return [...records.values()].map((record) => record as unknown as AuditRun);
  }

  async addWaiting(run: AuditRun): Promise<void> {
    this.#waiting.push(run.id);
    await this.#write(run, [[WAITING, this.#waiting]]);
    await this.#forgetOld();
  }

  async update(run: AuditRun): Promise<void> {
    await this.#write(run, []);
  }

  /** The run is over; with `record` it has to be put on record still. `also` is written in the same step. */
  async finish(
    run: AuditRun,
    record: boolean,
    also: readonly (readonly [string, Json | null])[] = [],
  ): Promise<void> {
    const at = this.#waiting.indexOf(run.id);
    if (at >= 0) this.#waiting.splice(at, 1);
    if (record && !this.#unrecorded.includes(run.id)) this.#unrecorded.push(run.id);
    await this.#write(run, [[WAITING, this.#waiting], [UNRECORDED, this.#unrecorded], ...also]);
    await this.#forgetOld();
  }

  async recorded(id: string): Promise<void> {
    const at = this.#unrecorded.indexOf(id);
    if (at >= 0) this.#unrecorded.splice(at, 1);
    await this.#store.write(new Map([[UNRECORDED, [...this.#unrecorded]]]));
  }

  /** Later ids are greater as text, also where the clock went back. */
  #newId(nowMs: number): string {
    const { ms, n } = this.#newest;
    this.#newest = nowMs > ms ? { ms: nowMs, n: 0 } : { ms, n: n + 1 };
    return `${String(this.#newest.ms).padStart(14, "0")}-${String(this.#newest.n).padStart(4, "0")}`;
  }

  async #write(run: AuditRun, also: readonly (readonly [string, Json | null])[]): Promise<void> {
    const changes = new Map<string, Json | null>(
      also.map(([key, value]) => [key, Array.isArray(value) ? [...value] : value]),
    );
    changes.set(PREFIX + run.id, run as unknown as Json);
    await this.#store.write(changes);
    this.#count += 1;
  }

  /** Looked for once in a while: a page of keys beyond the newest. */
  async #forgetOld(): Promise<void> {
    if (this.#count < KEPT_MAX + FORGET_EACH) return;
    this.#count = KEPT_MAX;
    const kept = await this.#store.list(PREFIX, { limit: KEPT_MAX, reverse: true });
    const last = [...kept.keys()].at(-1);
    if (kept.size < KEPT_MAX || last === undefined) return;
    const old = await this.#store.list(PREFIX, { limit: KEPT_MAX, reverse: true, after: last });
    await this.#store.write(new Map([...old.keys()].map((key) => [key, null])));
  }
}

const FORGET_EACH = 50;
