/**
 * The Durable Object that writes the search tables: the only one that does, beside the ledger and never in its way. It looks at the
 * heads once a second, and takes a small part of the time while many entries come in, all of it while none do.
 */
import { DurableObject } from "cloudflare:workers";
import type { Head } from "../../storage/log/hash.ts";
import { readHeads } from "../../storage/index/leaves.ts";
import { LibsqlIndex } from "../../storage/index/index.ts";
import { Projector } from "../../storage/search/projector.ts";
import { openSearch, SearchTables } from "../../storage/search/tables.ts";
import { indexConfigOf, searchConfigOf, type Env } from "../env.ts";
import { report } from "../report.ts";
import type { SearchKeeperApi, SearchStatus } from "./keeper-api.ts";

/** So long after an entry was committed a search finds it, as a rule, while little comes in. */
const LOOK_MS = 1_000;
/** The safety net: after a restart nobody may ask for a while. */
const ALARM_MS = 60_000;
/** More committed entries a second than this are load: then the object rests so many times as long as it worked. */
const LOAD_ENTRIES_PER_SECOND = 500;
const REST_UNDER_LOAD = 8;
/** Somebody waits: half of the time. */
const REST_AWAITED = 1;
const REST_OTHERWISE = 0.25;
const REST_MS_MAX = 5_000;
/** After a failure: doubled from the first to the last. */
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 15_000;

export class Search extends DurableObject<Env> implements SearchKeeperApi {
  readonly #index = new LibsqlIndex(indexConfigOf(this.env));
  readonly #projector: Projector | null;
  #running = false;
  #heads: ReadonlyMap<string, Head> = new Map();
  /** Ends the rest that is under way. */
  #wake: () => void = () => {};
  #isIdle = false;
  /** How many wait for the tables to come up to a head. */
  #awaited = 0;
  /** Ends when the round that is under way has ended, whatever became of it. */
  #round: Promise<unknown> = Promise.resolve();
  #problem: string | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const config = searchConfigOf(env);
    this.#projector = config === null ? null : this.#projectorOf(config);
    void ctx.blockConcurrencyWhile(async () => {
      if ((await ctx.storage.getAlarm()) === null) await this.#setAlarm();
    });
  }

  #projectorOf(config: { url: string; authToken: string }): Projector {
    return new Projector({
      tables: new SearchTables(openSearch(config)),
      index: this.#index,
      heads: () => this.#readHeads(),
      pause: () => sleep(0),
    });
  }

  async #readHeads(): Promise<ReadonlyMap<string, Head>> {
    return (this.#heads = await readHeads(this.#index.connection));
  }

  /** Never throws; see the ledger's. */
  override async alarm(): Promise<void> {
    await this.poke();
    await this.#setAlarm();
  }

  async poke(): Promise<void> {
    if (this.#isIdle) this.#wake();
    if (this.#running || this.#projector === null) return;
    this.#running = true;
    void this.#run(this.#projector);
  }

  async catchUp(wanted: readonly (readonly [log: string, size: number])[], waitMs: number) {
    const endMs = Date.now() + waitMs;
    const isThere = () =>
      wanted.every(([log, size]) => (this.#projector?.logs.get(log)?.next ?? 0) >= size);
    this.#awaited++;
    try {
      await this.poke();
      this.#wake();
      while (!isThere()) {
        if (Date.now() >= endMs) return false;
        await sleep(10);
      }
      return true;
    } finally {
      this.#awaited--;
    }
  }

  async restart(log: string | null): Promise<void> {
    if (this.#projector === null) return;
    // Between rounds: the tables have one writer.
    const before = this.#round;
    const restarted = before.then(() => this.#projector?.restart(log));
    this.#round = restarted.catch(() => {});
    await restarted;
    await this.poke();
  }

  async status(): Promise<SearchStatus> {
    await this.poke();
    // After a start, before the first round has read them; while the index does not answer, nothing is known.
    if (this.#heads.size === 0) await this.#readHeads().catch(() => {});
    const logs = [...this.#heads].map(([log, { size }]) => {
      const searchedTo = Math.min(size, this.#projector?.logs.get(log)?.next ?? 0);
      return { log, size, searchedTo };
    });
    return { logs, problem: this.#problem };
  }

  async #run(projector: Projector): Promise<void> {
    let retryMs = RETRY_MS_MIN;
    let seen = { entries: 0, atMs: 0 };
    let isHurried = false;
    for (;;) {
      const startMs = Date.now();
      const round = this.#round.then(() => projector.round(isHurried));
      this.#round = round.catch(() => {});
      let restMs: number;
      try {
        const { entries, behind } = await round;
        const now = { entries: sizeOf(this.#heads), atMs: Date.now() };
        const rate = (1_000 * (now.entries - seen.entries)) / Math.max(1, now.atMs - seen.atMs);
        seen = now;
        this.#isIdle = entries === 0 && behind === 0;
        const workedMs = now.atMs - startMs;
        isHurried = rate <= LOAD_ENTRIES_PER_SECOND;
        restMs = this.#isIdle ? LOOK_MS : Math.min(workedMs * this.#restFactor(rate), REST_MS_MAX);
        retryMs = RETRY_MS_MIN;
        this.#problem = null;
      } catch (error) {
        this.#fail(error);
        restMs = retryMs;
        retryMs = Math.min(2 * retryMs, RETRY_MS_MAX);
      }
      await this.#rest(restMs);
    }
  }

  #restFactor(entriesPerSecond: number): number {
    if (this.#awaited > 0) return REST_AWAITED;
    return entriesPerSecond > LOAD_ENTRIES_PER_SECOND ? REST_UNDER_LOAD : REST_OTHERWISE;
  }

  async #rest(ms: number): Promise<void> {
    const woken = new Promise<void>((resolve) => (this.#wake = resolve));
    await Promise.race([sleep(ms), woken]);
  }

  #fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason !== this.#problem)
      report("warn", "the search tables could not be written", { reason });
    this.#problem = reason;
  }

  async #setAlarm(): Promise<void> {
    await this.ctx.storage.setAlarm(Date.now() + ALARM_MS);
  }
}

function sizeOf(heads: ReadonlyMap<string, Head>): number {
  let sum = 0;
  for (const { size } of heads.values()) sum += size;
  return sum;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
