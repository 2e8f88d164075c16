/**
 * What an auditor needs, what it is told, and what it tells: the contract with whoever hosts one (the worker, `npm run
 * guard`). Records are JSON as they stand, so that they are kept, served and put on record without another form.
 */
import type { AlertSink, GuardStore, Severity } from "../../guard-ports.ts";
import type { Finding } from "../../log/findings.ts";
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

export type AuditKind = "scheduled" | "requested" | "sealed";

/** Entries [from, to) of a log; without `from` and `to` all of it, without a log all logs. */
export interface AuditScope {
  readonly log: string | null;
  readonly from?: number;
  readonly to?: number;
}

/** What was looked at. A batch that was read twice counts twice. */
export interface AuditCoverage {
  readonly logs: number;
  /** Sealed entries. */
  readonly entries: number;
  readonly batches: number;
  /** Of objects as stored. */
  readonly bytes: number;
  /** Entries of the index that lie under no seal yet. */
  readonly unsealed: number;
  /** Versions whose lock was asked for. */
  readonly locks: number;
}

/** An audit. Times are `YYYY-MM-DDTHH:MM:SS.mmmZ`. A type and not an interface, so that it is JSON. */
export type AuditRun = {
  /** Sorts by time: later runs have greater ids. ASCII letters, digits and `-`. */
  readonly id: string;
  readonly kind: AuditKind;
  /** What was asked for; null for all. */
  readonly scope: {
    readonly log: string | null;
    readonly from: number | null;
    readonly to: number | null;
  };
  /** Who asked: the `by` of a line, `system` for what the schedule began. */
  readonly by: string;
  readonly state: "waiting" | "running" | "finished" | "failed";
  /** Why it failed. */
  readonly why: string | null;
  readonly asked_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  /** From its start to its end, with the pauses, and the work alone; milliseconds. */
  readonly duration_ms: number;
  readonly work_ms: number;
  readonly coverage: AuditCoverage;
  /** The first of them, in the order in which they were confirmed. */
  readonly findings: readonly Finding[];
  readonly finding_count: number;
  /** What could not be looked at, and what was looked at beyond the scope, as sentences. */
  readonly unchecked: readonly string[];
  /** Passes of which this one tells: quiet ones since the last that was put on record, and itself. */
  readonly passes: number;
};

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
