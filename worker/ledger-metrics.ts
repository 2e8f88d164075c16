/**
 * What the ledger counts for Prometheus: what it is told as it happens (`Observer`), and what it knows when somebody asks. All
 * numbers are the instance's, none a log's: whoever may read them need not know which logs there are.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { AccessLog } from "../storage/flow/access-log.ts";
import type { Ledger } from "../storage/flow/ledger.ts";
import type { CommittedGroup, Observer, SealedStretch } from "../storage/flow/observer.ts";
import type { LockWatch } from "./lock-watch.ts";

/** Seconds of a commit: one fsync is some ms; after 15 s of doubt callers are told so. */
const COMMIT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15];
/** Seconds of a batch: its PUT and its read-back. A store gives up after half a minute. */
const SEAL_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Seconds that an entry waits for its lock: the interval of seals (10 s), and what a store that is away adds. */
const WAIT_SECONDS = [0.5, 1, 2.5, 5, 10, 12, 15, 20, 30, 60, 300, 1800];
/** Entries of a commit. */
const GROUP_ENTRIES = [1, 2, 5, 10, 25, 50, 100, 250, 1_000, 10_000];

/** What is looked at when somebody asks. */
export interface Counted {
  readonly ledger: Ledger;
  readonly access: AccessLog;
  readonly lock: LockWatch;
}

export class LedgerMetrics implements Observer {
  readonly #registry = new Registry();
  readonly #counters = {
    commits: this.#counter("commits_total", "Groups of entries committed to the index."),
    requests: this.#counter("committed_requests_total", "Requests that those groups held."),
    entries: this.#counter("committed_entries_total", "Entries committed to the index."),
    bytes: this.#counter("committed_bytes_total", "Bytes of lines committed to the index."),
    seals: this.#counter("seals_total", "Batches put under lock, read back and recorded."),
    sealedEntries: this.#counter("seal_entries_total", "Entries in those batches."),
    sealedBytes: this.#counter("seal_bytes_total", "Bytes of the objects of those batches."),
    failures: this.#counter("seal_failures_total", "Seals that did not succeed and were put off."),
    unrecorded: this.#counter("access_unrecorded_total", "Reads that could not be recorded."),
    lockUnknown: this.#counter(
      "lock_tests_without_verdict_total",
      "Self-tests of the store's lock that could not be run to their end.",
    ),
  };
  readonly #histograms = {
    commit: this.#histogram("commit_duration_seconds", "Time of a commit.", COMMIT_SECONDS),
    group: this.#histogram("commit_entries", "Entries of one commit.", GROUP_ENTRIES),
    seal: this.#histogram("seal_duration_seconds", "Time of one batch's seal.", SEAL_SECONDS),
    wait: this.#histogram(
      "seal_wait_seconds",
      "How long the oldest entry of a seal had waited for its lock.",
      WAIT_SECONDS,
    ),
  };
  /** Known at any time. */
  readonly #always = {
    started: this.#gauge(
      "ledger_started",
      "1 once the ledger has been compared and takes entries.",
    ),
    waitingRequests: this.#gauge("append_waiting_requests", "Requests that wait for their commit."),
    waitingBytes: this.#gauge(
      "append_waiting_bytes",
      "Bytes of events that wait for their commit.",
    ),
    witnesses: this.#gauge("witnesses", "Witnesses that cosign checkpoints. There are none yet."),
  };
  /** Known of a ledger that has started. */
  readonly #gauges = {
    logs: this.#gauge("logs", "Logs that are open."),
    entries: this.#gauge("entries", "Entries of all open logs."),
    sealed: this.#gauge("sealed_entries", "Entries of all open logs that lie under lock."),
    unsealed: this.#gauge("unsealed_entries", "Entries of all open logs that wait for their lock."),
    oldest: this.#gauge("oldest_unsealed_seconds", "Age of the oldest entry that is not sealed."),
    frozen: this.#gauge("frozen_logs", "Logs that take no entry because of what was found."),
    unsealable: this.#gauge(
      "unsealable_logs",
      "Logs that cannot be sealed because of what was found.",
    ),
    accessWaiting: this.#gauge("access_waiting", "Reads that wait to be put on record."),
    skew: this.#gauge("clock_skew_seconds", "The worker's clock less the store's."),
    lock: this.#gauge("lock_enforced", "1 while the last self-test of the store's lock passed."),
    lockTested: this.#gauge(
      "lock_tested_timestamp_seconds",
      "When the lock's self-test last came to a verdict.",
    ),
    lockSeconds: this.#gauge("lock_test_duration_seconds", "How long that self-test took."),
  };

  waiting(requests: number, bytes: number): void {
    this.#always.waitingRequests.set(requests);
    this.#always.waitingBytes.set(bytes);
  }

  committed({ requests, entries, bytes, ms }: CommittedGroup): void {
    this.#counters.commits.inc();
    this.#counters.requests.inc(requests);
    this.#counters.entries.inc(entries);
    this.#counters.bytes.inc(bytes);
    this.#histograms.commit.observe(secondsOf(ms));
    this.#histograms.group.observe(entries);
  }

  sealed({ entries, bytes, ms }: SealedStretch): void {
    this.#counters.seals.inc();
    this.#counters.sealedEntries.inc(entries);
    this.#counters.sealedBytes.inc(bytes);
    this.#histograms.seal.observe(secondsOf(ms));
  }

  caughtUp(waitedMs: number): void {
    this.#histograms.wait.observe(secondsOf(waitedMs));
  }

  sealFailed(): void {
    this.#counters.failures.inc();
  }

  /** The text for Prometheus; what only a ledger that has started knows is left out before. */
  text(counted: Counted | null, nowMs: number): Promise<string> {
    this.#look(counted, nowMs);
    return this.#registry.metrics();
  }

  #look(counted: Counted | null, nowMs: number): void {
    const known = this.#gauges;
    this.#always.started.set(counted === null ? 0 : 1);
    for (const gauge of Object.values(known)) gauge.remove();
    if (counted === null) return;
    const { ledger, access, lock } = counted;
    const states = [...ledger.directory.logs.keys()].flatMap((log) => ledger.state(log) ?? []);
    const sum = (count: (state: (typeof states)[number]) => number) =>
      states.reduce((total, state) => total + count(state), 0);
    const oldestMs = Math.min(...states.map(({ unsealedSinceMs }) => unsealedSinceMs ?? nowMs));
    known.logs.set(states.length);
    known.entries.set(sum(({ head }) => head.size));
    known.sealed.set(sum(({ sealed }) => sealed.size));
    known.unsealed.set(sum(({ head, sealed }) => head.size - sealed.size));
    known.oldest.set(states.length === 0 ? 0 : secondsOf(nowMs - oldestMs));
    known.frozen.set(sum(({ frozen }) => (frozen === null ? 0 : 1)));
    known.unsealable.set(sum(({ unsealable }) => (unsealable === null ? 0 : 1)));
    known.accessWaiting.set(access.waiting);
    known.skew.set(ledger.clock.skewMs / 1000);
    known.lock.set(ledger.sealingForbidden === null ? 1 : 0);
    if (lock.last !== null) {
      known.lockTested.set(lock.last.atMs / 1000);
      known.lockSeconds.set(lock.last.tookMs / 1000);
    }
    countTo(this.#counters.unrecorded, access.unrecorded);
    countTo(this.#counters.lockUnknown, lock.withoutVerdict);
  }

  #counter(name: string, help: string): Counter {
    return new Counter({ name: `indelible_${name}`, help, registers: [this.#registry] });
  }

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name: `indelible_${name}`, help, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    const registers = [this.#registry];
    return new Histogram({ name: `indelible_${name}`, help, buckets, registers });
  }
}

/** A clock that went back makes no time negative. */
function secondsOf(ms: number): number {
  return Math.max(0, ms) / 1000;
}

/** Takes over what is counted elsewhere. */
function countTo(counter: Counter, count: number): void {
  counter.reset();
  counter.inc(count);
}
