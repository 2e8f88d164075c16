/**
 * The ledger: owner of all logs of one database (PROTOCOL §2–4). It opens a log by comparing what index, vault and memo say of
 * it, takes entries through the one appender, and has them sealed. Everything it holds in memory can be read again.
 */
import { SYSTEM_LOG } from "../log/entry.ts";
import type { Finding } from "../log/findings.ts";
import type { Directory } from "../log/system.ts";
import { VaultError, type ChunkCommit, type IndexHead, type SealRow } from "../ports.ts";
import { Appender, receiptOf, type Appended } from "./appender.ts";
import type { AppendJob, NewEvent } from "./append.ts";
import { EMPTY_HEAD, sameHead } from "./chunk.ts";
import { ClockGuard } from "./clock-guard.ts";
import { leafAt, sleep, sleepAtMost } from "./commit.ts";
import { SystemDirectory } from "./directory.ts";
import { KeyRing, type LedgerHooks } from "./key-ring.ts";
import { frozenFinding, loadLog, type Loaded } from "./load.ts";
import { MemoKeeper } from "./memo-keeper.ts";
import { Recovery } from "./recovery.ts";
import { frozenRefusal, Refusal } from "./refusal.ts";
import { sealLog } from "./seal.ts";
import { Sealer } from "./sealer.ts";
import { newState, sealedHeadOf, type LogState, type Parts, type Settings } from "./state.ts";
import { SystemLocks } from "./system-locks.ts";
import { Unproven } from "./unproven.ts";

export type { LedgerHooks } from "./key-ring.ts";

/** How many logs are opened at once in the background: each costs some requests to the vault. */
const OPENING_MAX = 4;

/** Pauses between tries to open a log that could not be opened: doubled from the first to the last. */
const REOPEN_MS_MIN = 1_000;
const REOPEN_MS_MAX = 60_000;

export class Ledger {
  readonly #parts: Parts;
  readonly #settings: Settings;
  readonly #states = new Map<string, LogState>();
  readonly #opening = new Map<string, Promise<LogState>>();
  readonly #keys: KeyRing;
  readonly #appender: Appender;
  readonly #memo: MemoKeeper;
  readonly #systemLocks: SystemLocks;
  readonly #recovery: Recovery;
  readonly #unproven: Unproven;
  /** Empty before the first start is over. */
  #system: SystemDirectory;
  /** Heads of all logs as the start read them, each good for one opening; null once all were opened. */
  #firstHeads: Map<string, IndexHead> | null;
  readonly #opened = new Set<string>();
  #stopping = false;
  readonly sealer: Sealer;
  readonly clock: ClockGuard;
  /** Logs that the vault has and `_system` does not name. */
  unknownLogs: readonly string[] = [];
  /** Why no batch may be written now; the lock self-test sets and clears it. */
  sealingForbidden: string | null = "the lock self-test has not passed yet";

  /**
   * Reads what a start needs: the heads, the memo, the vault's clock, and `_system`. Throws what a later try
   * may not meet (`IndexError`, `VaultError`); nothing is written by a start that fails.
   */
  static async start(parts: Parts, settings: Settings, hooks: LedgerHooks): Promise<Ledger> {
    const clock = new ClockGuard(parts);
    await clock.check("start");
    const memo = await MemoKeeper.load(parts.memo);
    const heads = await parts.index.heads();
    const ledger = new Ledger(parts, settings, hooks, clock, memo, heads);
    await ledger.open(SYSTEM_LOG);
    return ledger;
  }

  private constructor(
    parts: Parts,
    settings: Settings,
    hooks: LedgerHooks,
    clock: ClockGuard,
    memo: MemoKeeper,
    heads: Map<string, IndexHead>,
  ) {
    this.#parts = parts;
    this.#settings = settings;
    this.#memo = memo;
    this.#system = new SystemDirectory(parts);
    this.#systemLocks = new SystemLocks(parts);
    this.#unproven = new Unproven({
      append: (events) => this.#appender.append({ log: SYSTEM_LOG, by: "system", events }),
      noted: (log) => {
        const state = this.#states.get(log);
        if (state !== undefined) this.#memo.note(log, state.head);
      },
    });
    this.#firstHeads = heads;
    this.clock = clock;
    this.#keys = new KeyRing(parts, settings, hooks, {
      directory: () => this.directory,
      systemRetentionDays: () => this.#retentionDays(SYSTEM_LOG),
      appendSystem: (events) => this.appendSystem("system", events),
    });
    this.#appender = new Appender(parts, settings, {
      state: (job) => this.#stateFor(job),
      committed: (states, commits) => this.#committed(states, commits),
      moved: (logs) => this.#reread(logs),
    });
    this.sealer = new Sealer(parts, settings, {
      states: () => this.#states.values(),
      state: (log) => this.#states.get(log),
      seal: (state) => this.#seal(state),
      forbidden: () => this.sealingForbidden,
    });
    this.#recovery = new Recovery(parts, {
      directory: () => this.directory,
      goesOn: (state) => !this.#stopping && this.#states.get(state.name) === state,
      waitSealed: (state, size, waitMs) => this.sealer.waitSealed(state, size, waitMs),
      appendSystem: (events) => this.appendSystem("system", events),
    });
  }

  /** The state of the instance, folded from `_system`. */
  get directory(): Directory {
    return this.#system.directory;
  }

  /** Returns once the directory knows what other workers wrote half a second ago. Throws `index_unavailable`. */
  current(): Promise<void> {
    return this.#system.current();
  }

  /** Opens every log that `_system` names, some at a time; a log that cannot be opened now is tried when it is asked for. */
  async openAll(): Promise<void> {
    const names = [...this.directory.logs.keys()];
    const prefixes = await this.#parts.vault.prefixes();
    const logs = prefixes.map((prefix) => prefix.slice(0, -1));
    this.unknownLogs = logs.filter((log) => log !== "_indelible" && !this.directory.logs.has(log));
    const worker = async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        const opened = await this.#openedNow(name);
        if (!opened) void this.#reopen(name);
      }
    };
    await Promise.all(Array.from({ length: OPENING_MAX }, worker));
    this.#firstHeads = null;
    await this.#unproven.note().catch((error: unknown) => {
      // Asked for again before the first entry that needs it.
      this.#parts.report("warn", "instance.unproven has to wait", { reason: String(error) });
    });
  }

  async #openedNow(log: string): Promise<boolean> {
    try {
      await this.open(log);
      return true;
    } catch (error) {
      this.#parts.report("warn", "a log could not be opened", { log, reason: String(error) });
      return false;
    }
  }

  /** What lies unsealed in a log is not to wait for somebody who asks for it. */
  async #reopen(log: string): Promise<void> {
    for (let pauseMs = REOPEN_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, REOPEN_MS_MAX)) {
      await sleep(pauseMs);
      if (this.#stopping || (await this.#openedNow(log))) return;
    }
  }

  /** The state of a log, compared with the vault once. Throws `log_unknown`, or why it cannot be compared now. */
  open(log: string): Promise<LogState> {
    const state = this.#states.get(log);
    if (state !== undefined) return Promise.resolve(state);
    return this.#opening.get(log) ?? this.#track(log, this.#load(log));
  }

  #track(log: string, loading: Promise<LogState>): Promise<LogState> {
    const opening = loading.finally(() => this.#opening.delete(log));
    this.#opening.set(log, opening);
    return opening;
  }

  /** The state if the log is open already. */
  state(log: string): LogState | undefined {
    return this.#states.get(log);
  }

  /** Appends and answers after commit 1. Throws a Refusal; then nothing of the job was written, unless it says otherwise. */
  async append(job: AppendJob): Promise<Appended> {
    const state = await this.open(job.log);
    // Refused here, a job leaves no key announced for nothing; and nobody gets receipts of the instance's own entries.
    this.#stateFor(job);
    if (!this.#unproven.isEmpty) await this.#unproven.note();
    if (!state.announced && !job.log.startsWith("_")) await this.announce(state);
    return this.#appender.append(job);
  }

  /** Appends events of the instance's own to `_system`. */
  appendSystem(by: string, events: readonly NewEvent[]): Promise<Appended> {
    return this.append({ log: SYSTEM_LOG, by, events });
  }

  /** Before the first receipt of this start: its key becomes known in `_system` and in the folder of keys. */
  announce(state: LogState): Promise<void> {
    return this.#keys.announce(state);
  }

  publishKeys(log: string): Promise<void> {
    return this.#keys.publish(log);
  }

  logVkey(log: string): Promise<string> {
    return this.#keys.logVkey(log);
  }

  receiptVkey(log: string): Promise<string> {
    return this.#keys.receiptVkey(log);
  }

  /** The receipt key's checkpoint of the committed head. */
  async committedCheckpoint(log: string): Promise<{ size: number; note: string }> {
    const state = await this.open(log);
    if (!state.announced) await this.announce(state);
    const { size } = state.head;
    return { size, note: await receiptOf(this.#parts, this.#settings, state) };
  }

  /** Seals now; null if nothing waits. */
  async seal(log: string): Promise<SealRow | null> {
    return this.sealer.sealNow(await this.open(log));
  }

  /** Takes nothing more, waits for what is under way, seals what it can until the deadline. */
  async drain(deadlineMs: number): Promise<boolean> {
    this.#stopping = true;
    const leftMs = () => deadlineMs - this.#parts.clock.nowMs();
    await sleepAtMost(leftMs(), this.#appender.idle());
    const sealed = await this.sealer.sealAll(deadlineMs);
    await sleepAtMost(leftMs(), this.#memo.flushed()).catch(() => {});
    return sealed;
  }

  /** Entries by log that are committed and not sealed. */
  unsealed(): Record<string, number> {
    const counts = [...this.#states.values()].map(
      ({ name, head, sealed }) => [name, head.size - sealed.size] as const,
    );
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
  }

  async #load(log: string): Promise<LogState> {
    if (log !== SYSTEM_LOG && !this.directory.logs.has(log)) {
      throw new Refusal("log_unknown", `there is no log ${log}`);
    }
    const loaded = await loadLog(this.#parts, this.#settings, {
      log,
      head: await this.#headOf(log),
      memo: this.#memo.head(log),
      retired: this.directory.recovered.get(log) ?? [],
      assertMayAppend: () => this.clock.assertRight(),
    });
    const state = newState(log, loaded.head, loaded.sealed);
    state.frozen = loaded.frozen;
    state.unsealable = loaded.unsealable;
    if (log === SYSTEM_LOG) this.#system = await this.#loadSystem(state);
    this.#states.set(log, state);
    if (loaded.frozen === null) this.#begin(state, loaded);
    return state;
  }

  async #headOf(log: string): Promise<IndexHead> {
    const again = this.#opened.has(log);
    this.#opened.add(log);
    const heads = again ? null : this.#firstHeads;
    return (heads ?? (await this.#parts.index.heads())).get(log) ?? EMPTY_HEAD;
  }

  #begin(state: LogState, { unproven, recovery }: Loaded): void {
    // The memo goes on saying what it said until `_system` says that it was no proof.
    if (unproven) this.#unproven.add(state.name);
    else this.#memo.note(state.name, state.head);
    this.#recovery.begin(state, recovery);
    this.sealer.touched(state);
  }

  #loadSystem(state: LogState): Promise<SystemDirectory> {
    const onAltered = (finding: Finding) => this.freeze(state, finding);
    return SystemDirectory.load(this.#parts, state.head, onAltered);
  }

  #stateFor(job: AppendJob): LogState {
    const state = this.#states.get(job.log);
    if (this.#stopping)
      throw new Refusal("overloaded", "the instance is stopping", { retryAfterSeconds: 5 });
    if (state === undefined) {
      throw new Refusal("vault_unreachable", `${job.log} has to be compared with the vault again`, {
        retryAfterSeconds: 1,
      });
    }
    if (state.frozen !== null) throw frozenRefusal(state.frozen);
    if (state.recovering) {
      const detail = `${job.log} takes entries again once its recovery is under lock`;
      throw new Refusal("frozen", detail, { retryAfterSeconds: 5 });
    }
    this.clock.assertRight();
    return state;
  }

  #committed(states: readonly LogState[], commits: readonly ChunkCommit[]): void {
    for (const commit of commits) if (commit.log === SYSTEM_LOG) this.#system.committed(commit);
    for (const state of states) this.#moved(state);
  }

  #moved(state: LogState): void {
    this.#memo.note(state.name, state.head);
    this.sealer.touched(state);
  }

  /** A compare-and-set met another head. One that does not extend the last one seen freezes its log at once. */
  async #reread(logs: readonly string[]): Promise<void> {
    const heads = await this.#parts.index.heads();
    for (const log of logs) {
      const state = this.#states.get(log);
      if (state === undefined) continue;
      const found = heads.get(log) ?? EMPTY_HEAD;
      if (sameHead(found, state.head)) continue;
      const { size, leaf } = state.head;
      const extended =
        found.size >= size &&
        (size === 0 || (await leafAt(this.#parts.index, log, size - 1)) === leaf);
      if (!extended) {
        this.freeze(state, frozenFinding(log, "index_behind", state.head, found));
        continue;
      }
      this.#parts.report("warn", "another worker has written this log", { log, size: found.size });
      if (log === SYSTEM_LOG) await this.#system.reach(found);
      state.head = found;
      this.#moved(state);
    }
  }

  freeze(state: LogState, finding: Finding): void {
    state.frozen = finding;
    this.#parts.report("error", "a log is frozen", {
      log: state.name,
      finding: finding.code,
      expected: finding.expected,
      found: finding.found,
    });
  }

  async #seal(state: LogState): Promise<void> {
    if (state.frozen !== null) throw frozenRefusal(state.frozen);
    if (state.unsealable !== null) throw new VaultError("batch_missing", state.unsealable.hint);
    if (this.#unproven.has(state.name)) await this.#unproven.note();
    await this.clock.check("seal");
    if (state.name !== SYSTEM_LOG && state.sealed.size === 0) await this.#sealBirth(state);
    const outcome = await sealLog(this.#parts, this.#settings, state, {
      retentionDays: () => this.#retentionDays(state.name),
      flushed: () => this.#memo.flushed(),
      sealed: (row) => {
        state.sealed = sealedHeadOf(row);
        state.marks = state.marks.filter(({ size }) => size > state.sealed.size);
      },
    });
    if (outcome.kind === "altered") this.freeze(state, outcome.finding);
    // The slot holds what we did not put: the comparison starts again.
    if (outcome.kind === "taken") await this.#reload(state);
    if (state.name === SYSTEM_LOG) await this.#systemLocks.follow(this.#retentionDays(SYSTEM_LOG));
  }

  /** The first batch of a log is put only after the batch of `_system` that holds its `log.created`. */
  async #sealBirth(state: LogState): Promise<void> {
    const system = await this.open(SYSTEM_LOG);
    // Perhaps it is not by this log key: what that signed first, nobody who verifies would take for true.
    if (system.frozen !== null) throw frozenRefusal(system.frozen);
    const created = this.directory.logs.get(state.name)?.seq;
    if (created === undefined) throw new Refusal("log_unknown", `${state.name} is not in _system`);
    if (system.sealed.size > created) return;
    if (!(await this.sealer.waitSealed(system, created + 1, 20_000))) {
      throw new VaultError("vault_unreachable", `_system is not sealed up to entry ${created}`);
    }
  }

  /** Nothing more is built on the state that was; what was built on it is answered first. */
  async #reload({ name }: LogState): Promise<void> {
    this.#states.delete(name);
    const loading = this.#appender.settled().then(() => this.#load(name));
    await this.#track(name, loading).catch((error: unknown) => {
      void this.#reopen(name);
      throw error;
    });
  }

  /** `_system` is kept as long as the longest-kept log. */
  #retentionDays(log: string): number {
    const logs = [...this.directory.logs.values()];
    if (log === SYSTEM_LOG) return Math.max(1, ...logs.map(({ retentionDays }) => retentionDays));
    const found = logs.find(({ name }) => name === log);
    if (found === undefined) throw new Refusal("log_unknown", `${log} is not in _system`);
    return found.retentionDays;
  }
}
