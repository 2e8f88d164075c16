/**
 * What an audit says of itself, in the words that the auditor, the API and the page share. Types and not interfaces, so that
 * they are JSON: kept, served and put on record as they stand.
 */
import type { Finding, Severity } from "./findings.ts";

export type AuditKind = "scheduled" | "requested" | "sealed";

/** What was looked at. A batch that was read twice counts twice. */
export type AuditCoverage = {
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
};

/** An audit. Times are `YYYY-MM-DDTHH:MM:SS.mmmZ`. */
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

/** An audit as one caller may see it: of one over all logs, only what concerns his own. */
export type ShownAudit = Omit<AuditRun, "coverage"> & { readonly coverage: AuditCoverage | null };

/** What is known to be wrong now, as it is told. */
export type ShownFinding = Finding & {
  readonly severity: Severity;
  readonly since: string;
  /** When it was last seen. */
  readonly seen: string;
};
