/**
 * What an auditor needs, what it is told, and what it tells: the contract with whoever hosts one (the worker, `npm run
 * guard`).
 */
import type { AlertSink, GuardStore } from "../../guard-ports.ts";
import type { AuditCoverage, AuditRun } from "../../log/audit-run.ts";
import type { Finding, Severity } from "../../log/findings.ts";
import type { Sha256 } from "../../log/hash.ts";
import type { Verify, VerifierKey } from "../../log/note.ts";
import type { Clock, Gzip, Vault } from "../../ports.ts";
import type { KeptCheckpoint } from "../remembered.ts";
import type { IndexView } from "../verify-index.ts";

export interface AuditorParts {
  readonly vault: Pick<Vault, "get" | "lock" | "versions"> & Partial<Pick<Vault, "prefixes">>;
  /** Null: no index is compared. */
  readonly index: IndexView | null;
  readonly store: GuardStore;
  readonly alerts: AlertSink;
  readonly clock: Clock;
  readonly gzip: Gzip;
  readonly sha256: Sha256;
  readonly verify: Verify;
  /** Checkpoints of a log that others show now: what the vault has must have them, too. Asked when a look at the log begins. */
  readonly checkpoints?: (log: string) => Promise<readonly KeptCheckpoint[]>;
  /** Lets others have the thread; called between parts of long work. */
  readonly breathe?: () => Promise<void>;
  /** Structured log line: never a token, body or event. */
  report(level: "info" | "warn" | "error", message: string, fields?: Record<string, unknown>): void;
  /**
   * What the surroundings know to be wrong by themselves (frozen logs, lock probe, ages, clocks, database): the findings as
   * they are now. Asked at each `run`; one that throws is asked again, and leaves what was found open.
   */
  conditions(): Promise<readonly Finding[]>;
  /**
   * Puts the result of an audit on record. Durable on return; the same run (by its id) may come again after a crash, and
   * must not be put on record twice. One that throws is called again later.
   */
  record(run: AuditRun): Promise<void>;
  /** Told of each audit that is over, also of those that leave nothing on record. Returns at once and throws nothing. */
  readonly over?: (run: AuditRun) => void;
}

export interface AuditorSettings {
  /** The instance's; a log's is `<origin>/<log>`. */
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
  readonly source: "instance" | "guard";
  /** Everything is checked at least so often, milliseconds. */
  readonly everyMs: number;
  /** Pause between passes that follow each other as fast as the share allows, milliseconds; null: one each `everyMs`. */
  readonly minPauseMs: number | null;
  /** Of one core's time, above 0 up to 1; for new seals, and as much again for the rolling pass. There it is exceeded where `everyMs` could not be kept otherwise (`SHARE_MAX`). */
  readonly share: number;
  /** An open finding is told again after so long, milliseconds. */
  readonly remindMs: number;
  /** A finding counts once a second look says the same, so much later, milliseconds; 3 s unless given. */
  readonly confirmMs?: number;
  /** A vault or index that does not answer is a finding after so long, milliseconds; a minute unless given. */
  readonly unreachableMs?: number;
}

/** Entries [from, to) of a log; without `from` and `to` all of it, without a log all logs. */
export interface AuditScope {
  readonly log: string | null;
  readonly from?: number;
  readonly to?: number;
}

/** A finding that was confirmed and holds until a look at its place shows it no more. */
export interface OpenFinding {
  readonly key: string;
  readonly severity: Severity;
  readonly since: string;
  /** When it was last seen. */
  readonly seen: string;
  readonly reminders: number;
  readonly finding: Finding;
}

export interface AuditorStats {
  /** The last pass over everything that came to its end; null before the first. */
  readonly lastPass: {
    readonly startedMs: number;
    readonly finishedMs: number;
    readonly workMs: number;
    readonly coverage: AuditCoverage;
  } | null;
  readonly passes: number;
  /** The pass under way: since when, and at which log. */
  readonly pass: { readonly startedMs: number; readonly log: string | null } | null;
  readonly requestsWaiting: number;
  readonly openByCode: ReadonlyMap<string, number>;
  /** Findings beyond those that are kept. */
  readonly openMore: number;
  /** Seals that were checked right after they were written, since the start. */
  readonly sealsChecked: number;
  /** Since when vault or index do not answer; null if they do. */
  readonly failingSinceMs: number | null;
}
