/**
 * What the one verifier finds, in the words that tests, alerts, page and command line share. A finding says where, what was
 * expected and found, and what an operator should do next.
 */
import { findingWith, LOG_HINTS, type FindingOf, type FindingPlace } from "./log-findings.ts";

export { findingOf, type FindingPlace } from "./log-findings.ts";

export type FindingCode = keyof typeof HINTS;
export type Finding = FindingOf<FindingCode>;

const HINTS = {
  ...LOG_HINTS,
  lock_missing:
    "The object is under no COMPLIANCE lock and can be deleted. Check the bucket and the worker's rights before sealing goes on.",
  lock_too_short:
    "The lock ends before the retention that the log promised. Extend it now: a lock can be made longer, never shorter.",
  lock_not_enforced:
    "The store let through what a lock must refuse. Do not rely on its locks until the cause is found.",
  extra_version:
    "Another version lies beside the sealed one. The sealed one is intact; find out who wrote to the bucket.",
  delete_marker:
    "Somebody deleted the object by name. The sealed version is still there under its version id; find out who.",
  index_behind:
    "The index has lost entries that were acknowledged. Do not start on it; look at what is missing, then run recover.",
  index_altered:
    "The database is not made as this version makes it. Find out who holds a token or the disk that can change it; npm run restore makes a new one from the vault.",
  index_not_durable:
    "The database does not write its commits to disk. Set durability_mode strong on its namespace, or start the local one again; an acknowledged entry could be lost until then.",
  index_unreachable:
    "The database does not answer. No entry is taken meanwhile; check the process, the disk and the token.",
  log_unknown:
    "Vault or index hold a log that the instance does not know. Restore, or find out who made it.",
  vault_unreachable: "The vault does not answer. Check the store, the network and the credentials.",
  instance_unreachable:
    "The instance does not answer the guard beside it. Look whether it runs, and at the network between the two.",
  unsealed_too_old:
    "Entries have waited too long for their seal. Check that the vault takes objects.",
  clock_skew: "The clock and the vault's differ by minutes. Check time synchronisation on both.",
} as const;

/** Every finding's code. */
export const FINDING_CODES: readonly FindingCode[] = Object.keys(HINTS) as FindingCode[];

export function newFinding(
  code: FindingCode,
  place: FindingPlace,
  expected: string,
  found: string,
): Finding {
  return findingWith(HINTS[code], code, place, expected, found);
}

/** What somebody should look at today; everything else puts what was sealed or acknowledged, or its lock, in doubt. */
const WARNINGS: ReadonlySet<FindingCode> = new Set([
  "extra_version",
  "delete_marker",
  "log_unknown",
  "vault_unreachable",
  "index_unreachable",
  "instance_unreachable",
  "unsealed_too_old",
  "clock_backwards",
  "clock_skew",
]);

/** How loud a finding is told. `critical`: what was sealed or acknowledged is in doubt, or its lock is; `warning`: somebody should look today. */
export type Severity = "critical" | "warning";

export function severityOf(code: FindingCode): Severity {
  return WARNINGS.has(code) ? "warning" : "critical";
}
