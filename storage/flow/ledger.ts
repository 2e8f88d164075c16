/**
 * The ledger: owner of all logs of one database (PROTOCOL §2–4). It opens a log by comparing what index, vault and memo say of
 * it, takes entries through the one appender, and has them sealed. Everything it holds in memory can be read again.
 */
import { logOrigin, receiptKeyName } from "../log/checkpoint.ts";
import { decodeLine, SYSTEM_LOG } from "../log/entry.ts";
import type { Finding } from "../log/findings.ts";
import {
  Directory,
  keyAnnounced,
  instanceUnproven,
  logRecovered,
  type LogRecovered,
} from "../log/system.ts";
import {
  IndexError,
  VaultError,
  type ChunkCommit,
  type IndexHead,
  type SealRow,
} from "../ports.ts";
import { Appender, receiptOf, type Appended } from "./appender.ts";
import type { AppendJob, NewEvent } from "./append.ts";
import { EMPTY_HEAD, sameHead } from "./chunk.ts";
import { ClockGuard } from "./clock-guard.ts";
import { leafAt } from "./commit.ts";
import { loadDirectory } from "./directory.ts";
import { frozenFinding, loadLog, type Loaded } from "./load.ts";
import { MemoKeeper } from "./memo-keeper.ts";
import { Refusal } from "./refusal.ts";
import { sealLog } from "./seal.ts";
import { Sealer } from "./sealer.ts";
import { newState, sealedHeadOf, type LogState, type Parts, type Settings } from "./state.ts";

/** A job of the instance itself: taken also while its log is being recovered, and for logs that begin with `_`. */
export interface LedgerJob extends AppendJob {
  readonly internal?: true;
}

/** What happens beside the log when a log is opened; both may fail without harm and are repeated at the next start. */
export interface LedgerHooks {
  /** A log's verifier keys became known or grew: current log key, receipt keys newest first. */
  publishKeys(
    log: string,
    vkey: string,
    receiptVkeys: readonly string[],
    retentionDays: number,
  ): Promise<void>;
}

/** After so long without a seal the wait for it begins again: MinIO may be away for days. */
const RECOVERY_WAIT_MS = 60_000;

/** How many logs are opened at once in the background: each costs some requests to the vault. */
const OPENING_MAX = 4;

export class Ledger {
  readonly #parts: Parts;
  readonly #settings: Settings;
  readonly #hooks: LedgerHooks;
  readonly #states = new Map<string, LogState>();
  readonly #opening = new Map<string, Promise<LogState>>();
  readonly #announcing = new Map<string, Promise<void>>();
  readonly #appender: Appender;
  readonly #memo: MemoKeeper;
  readonly #memoStored: Map<string, { size: number; leaf: string }> | null;
  readonly #unproven = new Set<string>();
  #heads: Map<string, IndexHead>;
  #stopping = false;
  readonly sealer: Sealer;
  readonly clock: ClockGuard;
  /** The state of the instance, folded from `_system`; empty before the first start is over. */
  directory = new Directory();
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
    const { keeper, stored } = await MemoKeeper.load(parts.memo);
    const heads = await parts.index.heads();
    const ledger = new Ledger(parts, settings, hooks, clock, keeper, stored, heads);
    await ledger.open(SYSTEM_LOG);
    return ledger;
  }

  private constructor(
    parts: Parts,
    settings: Settings,
    hooks: LedgerHooks,
    clock: ClockGuard,
    memo: MemoKeeper,
    memoStored: Map<string, { size: number; leaf: string }> | null,
    heads: Map<string, IndexHead>,
  ) {
    this.#parts = parts;
    this.#settings = settings;
    this.#hooks = hooks;
    this.#memo = memo;
    this.#memoStored = memoStored;
    this.#heads = heads;
    this.clock = clock;
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
  }

  /** Opens every log that `_system` names, some at a time; a log that cannot be opened now is tried when it is asked for. */
  async openAll(): Promise<void> {
    const names = [...this.directory.logs.keys()];
    const prefixes = await this.#parts.vault.prefixes();
    const logs = prefixes.map((prefix) => prefix.slice(0, -1));
    this.unknownLogs = logs.filter((log) => log !== "_indelible" && !this.directory.logs.has(log));
    const worker = async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        await this.open(name).catch((error: unknown) => {
          this.#parts.report("warn", "a log could not be opened", { reason: String(error) });
        });
      }
    };
    await Promise.all(Array.from({ length: OPENING_MAX }, worker));
    await this.#noteUnproven();
  }

  /** The state of a log, compared with the vault once. Throws `log_unknown`, or why it cannot be compared now. */
  open(log: string): Promise<LogState> {
    const state = this.#states.get(log);
    if (state !== undefined) return Promise.resolve(state);
    const opening = this.#opening.get(log) ?? this.#load(log);
    this.#opening.set(log, opening);
    return opening.finally(() => this.#opening.delete(log));
  }

  /** The state if the log is open already. */
  state(log: string): LogState | undefined {
    return this.#states.get(log);
  }

  /** Appends and answers after commit 1. Throws a Refusal; then nothing of the job was written, unless it says otherwise. */
  async append(job: LedgerJob): Promise<Appended> {
    const state = this.#states.get(job.log) ?? (await this.open(job.log));
    if (!state.announced && job.log !== SYSTEM_LOG) await this.announce(state);
    return this.#appender.append(job);
  }

  /** Appends events of the instance's own to `_system`. */
  appendSystem(by: string, events: readonly NewEvent[]): Promise<Appended> {
    return this.append(internalJob(SYSTEM_LOG, by, events));
  }

  /** Before the first receipt of this start: its key becomes known in `_system` and in the folder of keys. */
  announce(state: LogState): Promise<void> {
    const announcing = this.#announcing.get(state.name) ?? this.#announce(state);
    this.#announcing.set(state.name, announcing);
    return announcing.finally(() => this.#announcing.delete(state.name));
  }

  async #announce(state: LogState): Promise<void> {
    const vkey = await this.receiptVkey(state.name);
    if (!this.#receiptVkeys(state.name).includes(vkey)) {
      await this.appendSystem("system", [keyAnnounced({ log: state.name, use: "receipt", vkey })]);
    }
    state.announced = true;
    await this.publishKeys(state.name);
  }

  async publishKeys(log: string): Promise<void> {
    const receiptVkeys = this.#receiptVkeys(log);
    try {
      const days = this.#retentionDays(SYSTEM_LOG);
      await this.#hooks.publishKeys(log, await this.logVkey(log), receiptVkeys, days);
    } catch (error) {
      this.#parts.report("warn", "verifier keys were not published", {
        log,
        reason: String(error),
      });
    }
  }

  /** Every receipt key ever announced for the log, newest first. */
  #receiptVkeys(log: string): string[] {
    const keys = this.directory.keys.get(log) ?? [];
    return keys.flatMap(({ use, vkey }) => (use === "receipt" ? [vkey] : [])).reverse();
  }

  async logVkey(log: string): Promise<string> {
    return (await this.#parts.logKey.signer(logOrigin(this.#settings.origin, log))).vkey;
  }

  async receiptVkey(log: string): Promise<string> {
    const origin = logOrigin(this.#settings.origin, log);
    return (await this.#parts.receiptKey.signer(receiptKeyName(origin))).vkey;
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
    await Promise.race([this.#appender.idle(), this.#until(deadlineMs)]);
    const sealed = await this.sealer.sealAll(deadlineMs);
    await Promise.race([this.#memo.flushed(), this.#until(deadlineMs)]).catch(() => {});
    return sealed;
  }

  /** Entries by log that are committed and not sealed. */
  unsealed(): Record<string, number> {
    const counts = [...this.#states.values()].map(
      ({ name, head, sealed }) => [name, head.size - sealed.size] as const,
    );
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
  }

  async #until(deadlineMs: number): Promise<void> {
    const waitMs = Math.max(0, deadlineMs - this.#parts.clock.nowMs());
    return new Promise((resolve) => setTimeout(resolve, waitMs));
  }

  async #load(log: string): Promise<LogState> {
    if (log !== SYSTEM_LOG && !this.directory.logs.has(log)) {
      throw new Refusal("log_unknown", `there is no log ${log}`);
    }
    const head = this.#heads.get(log) ?? EMPTY_HEAD;
    const stored = this.#memoStored;
    const memo = stored === null ? null : (stored.get(log) ?? EMPTY_HEAD);
    const loaded = await loadLog(this.#parts, this.#settings, {
      log,
      head,
      memo,
      retired: this.directory.recovered.get(log) ?? [],
    });
    const state = newState(log, loaded.head, loaded.sealed);
    state.frozen = loaded.frozen;
    state.unsealable = loaded.unsealable;
    if (log === SYSTEM_LOG) {
      this.directory = await loadDirectory(this.#parts, state.head.size);
    }
    this.#states.set(log, state);
    if (loaded.frozen === null) await this.#opened(state, loaded);
    return state;
  }

  async #opened(state: LogState, loaded: Loaded): Promise<void> {
    this.#memo.note(state.name, state.head);
    this.sealer.touched(state);
    if (loaded.unproven === "noted") this.#unproven.add(state.name);
    if (loaded.unproven === "recovered") return this.#recoverByItself(state, loaded);
    const { recovery } = loaded;
    const recorded = this.directory.recovered.get(state.name) ?? [];
    if (recovery !== null && !recorded.some(({ kept }) => kept === recovery.kept)) {
      this.#finishRecovery(state, recovery);
    }
  }

  /**
   * V went beyond I and the memo cannot say what was promised beyond V. The log takes no other entry until the
   * batch that ends with `log.recovered` lies under lock: that fences off a PUT still under way.
   */
  async #recoverByItself(state: LogState, loaded: Loaded): Promise<void> {
    state.recovering = true;
    const recovery: LogRecovered = {
      log: state.name,
      reason: "unproven",
      kept: state.head.size,
      missing_from: state.head.size,
      missing_to: null,
      memo: loaded.memo,
    };
    await this.#appender.append(internalJob(state.name, "system", [logRecovered(recovery)]));
    this.#finishRecovery(state, recovery);
  }

  /** Until its batch is under lock the log stays closed; a crash here finds the entry at its end and goes on. */
  #finishRecovery(state: LogState, recovery: LogRecovered): void {
    state.recovering = true;
    const { size } = state.head;
    const finish = async () => {
      while (!(await this.sealer.waitSealed(state, size, RECOVERY_WAIT_MS))) {
        if (this.#stopping) return;
      }
      if (state.name !== SYSTEM_LOG) {
        await this.appendSystem("system", [logRecovered(recovery)]);
      }
      state.recovering = false;
    };
    finish().catch((error: unknown) => {
      const reason = String(error);
      this.#parts.report("error", "a recovery did not end", { log: state.name, reason });
      this.#states.delete(state.name);
    });
  }

  async #noteUnproven(): Promise<void> {
    const logs = [...this.#unproven].sort();
    this.#unproven.clear();
    if (logs.length > 0) await this.appendSystem("system", [instanceUnproven({ logs })]);
  }

  #stateFor(job: LedgerJob): LogState {
    const state = this.#states.get(job.log);
    if (this.#stopping)
      throw new Refusal("overloaded", "the instance is stopping", { retryAfterSeconds: 5 });
    if (state === undefined) {
      throw new Refusal("vault_unreachable", `${job.log} has to be compared with the vault again`, {
        retryAfterSeconds: 1,
      });
    }
    if (state.frozen !== null) throw frozenRefusal(state.frozen);
    if (state.recovering && job.internal !== true) {
      throw new Refusal(
        "frozen",
        `${job.log} takes entries again once its recovery is under lock`,
        {
          retryAfterSeconds: 5,
        },
      );
    }
    this.clock.assertRight();
    return state;
  }

  #committed(states: readonly LogState[], commits: readonly ChunkCommit[]): void {
    for (const { log, lines } of commits) {
      if (log === SYSTEM_LOG)
        for (const line of lines.split("\n")) this.directory.apply(decodeLine(line));
    }
    for (const state of states) {
      this.#memo.note(state.name, state.head);
      this.sealer.touched(state);
    }
  }

  /** A compare-and-set met another head. One that does not extend the last one seen freezes its log at once. */
  async #reread(logs: readonly string[]): Promise<void> {
    this.#heads = await this.#parts.index.heads();
    for (const log of logs) {
      const state = this.#states.get(log);
      if (state === undefined) continue;
      const found = this.#heads.get(log) ?? EMPTY_HEAD;
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
      state.head = found;
      if (log === SYSTEM_LOG) this.directory = await loadDirectory(this.#parts, found.size);
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
    if (state.frozen !== null) return;
    if (state.unsealable !== null) throw new VaultError("batch_missing", state.unsealable.hint);
    await this.clock.check("seal");
    if (state.name !== SYSTEM_LOG && state.sealed.size === 0) await this.#sealBirth(state);
    const outcome = await sealLog(this.#parts, this.#settings, state, {
      retentionDays: this.#retentionDays(state.name),
      flushed: () => this.#memo.flushed(),
      sealed: (row) => {
        state.sealed = sealedHeadOf(row);
      },
    });
    if (outcome.kind === "altered") this.freeze(state, outcome.finding);
    // The slot holds what we did not put: the comparison starts again.
    if (outcome.kind === "taken") await this.#reload(state);
  }

  /** The first batch of a log is put only after the batch of `_system` that holds its `log.created`. */
  async #sealBirth(state: LogState): Promise<void> {
    const system = await this.open(SYSTEM_LOG);
    const created = this.directory.logs.get(state.name)?.seq;
    if (created === undefined) throw new Refusal("log_unknown", `${state.name} is not in _system`);
    if (system.sealed.size > created) return;
    if (!(await this.sealer.waitSealed(system, created + 1, 20_000))) {
      throw new VaultError("vault_unreachable", `_system is not sealed up to entry ${created}`);
    }
  }

  async #reload(state: LogState): Promise<void> {
    await this.#appender.idle();
    this.#heads = await this.#parts.index.heads();
    this.#memoStored?.set(state.name, { size: state.head.size, leaf: state.head.leaf });
    this.#states.delete(state.name);
    await this.open(state.name);
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

function internalJob(log: string, by: string, events: readonly NewEvent[]): LedgerJob {
  return { log, by, events, internal: true };
}

function frozenRefusal(finding: Finding): Refusal {
  return new Refusal("frozen", `${finding.log} is frozen: ${finding.code}. ${finding.hint}`, {
    retryAfterSeconds: 60,
  });
}

/** Words for an error that keeps a flow from going on now and may be over soon. */
export function refusalOf(error: unknown): Refusal | null {
  if (error instanceof Refusal) return error;
  if (error instanceof IndexError) {
    return new Refusal("index_unavailable", "the index does not answer", {
      retryAfterSeconds: 2,
      cause: error,
    });
  }
  if (error instanceof VaultError) {
    return new Refusal("vault_unreachable", error.message, { retryAfterSeconds: 5, cause: error });
  }
  return null;
}
