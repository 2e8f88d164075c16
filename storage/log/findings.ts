/**
 * What the one verifier finds, in the words that tests, alerts, page and command line share. A finding says where, what was
 * expected and found, and what an operator should do next.
 */
import type { LogError, LogErrorCode } from "./errors.ts";

export type FindingCode = keyof typeof HINTS;

/** One thing that does not hold. `first` and `last` are seqs, `object` and `version` a place in the vault; null where it does not apply. */
export interface Finding {
  readonly code: FindingCode;
  readonly log: string | null;
  readonly first: number | null;
  readonly last: number | null;
  readonly object: string | null;
  readonly version: string | null;
  readonly expected: string;
  readonly found: string;
  readonly hint: string;
}

/** Where a finding is; what is left out is null. */
export interface FindingPlace {
  readonly log?: string | null;
  readonly first?: number | null;
  readonly last?: number | null;
  readonly object?: string | null;
  readonly version?: string | null;
}

const HINTS = {
  entry_altered:
    "Somebody changed an entry after it was hashed. Keep the altered copy, compare it with the sealed batch, and find out who can write there.",
  entry_missing:
    "Entries that later ones build on are not there. Look for them in the index, in copies and backups of the vault.",
  chain_broken:
    "An entry does not follow on the one before it. Compare both with the sealed batches and with receipts that clients hold.",
  root_mismatch:
    "The entries are not those that were signed. Compare them with another copy, and with receipts that clients hold.",
  signature_invalid:
    "No key that you trust has signed this. Check that you verify with the right vkey; if so, treat the object as forged.",
  fork: "Two histories exist for one place of the log. Keep both, find out which one clients hold receipts of, and who could write.",
  batch_missing:
    "A batch that was sealed is no longer in the vault. Look for it in copies; the same lines can be sealed again from the index.",
  batch_altered:
    "The object is not the one that was sealed. Read the locked version by its version id and keep this one as evidence.",
  batch_unreadable:
    "The object cannot be read as a batch. Fetch it again; if it stays so, read its other versions.",
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
    "The vault holds a log that the instance does not know. Restore, or find out who made it.",
  vault_unreachable: "The vault does not answer. Check the store, the network and the credentials.",
  instance_unreachable:
    "The instance does not answer the guard beside it. Look whether it runs, and at the network between the two.",
  unsealed_too_old:
    "Entries have waited too long for their seal. Check that the vault takes objects.",
  clock_backwards:
    "The clock went back. Check time synchronisation; entries wait until it has caught up.",
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
  const { log = null, first = null, last = first, object = null, version = null } = place;
  return { code, log, first, last, object, version, expected, found, hint: HINTS[code] };
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

/** How loud a finding is told. */
export function severityOf(code: FindingCode): "critical" | "warning" {
  return WARNINGS.has(code) ? "warning" : "critical";
}

/** The finding that a refusal of a batch or line amounts to. */
export function findingOf(error: LogError, place: FindingPlace): Finding {
  const at = error.seq === undefined ? place : { ...place, first: error.seq, last: error.seq };
  const code = FINDING_OF[error.code] ?? "batch_unreadable";
  return newFinding(code, at, EXPECTED[code] ?? "a batch as FORMAT §6 has it", error.detail);
}

const FINDING_OF: Partial<Record<LogErrorCode, FindingCode>> = {
  chain_broken: "chain_broken",
  entry_too_large: "entry_altered",
  invalid_checkpoint: "batch_altered",
  invalid_entry: "entry_altered",
  root_mismatch: "root_mismatch",
  signature_invalid: "signature_invalid",
};

const EXPECTED: Partial<Record<FindingCode, string>> = {
  batch_altered: "a checkpoint of just this batch's log and size",
  chain_broken: "the leaf of the entry before",
  entry_altered: "a valid line in its place",
  root_mismatch: "the root in the signed checkpoint",
  signature_invalid: "a signature by the log key",
};
