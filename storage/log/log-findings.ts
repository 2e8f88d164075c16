/**
 * What reading a log can find: an entry, a batch or a signature that does not hold. This is all that a verifier in a browser
 * needs; what an instance can suffer besides is in `findings.ts`.
 */
import type { LogError, LogErrorCode } from "./errors.ts";

export type LogFindingCode = keyof typeof LOG_HINTS;
export type LogFinding = FindingOf<LogFindingCode>;

/** One thing that does not hold. `first` and `last` are seqs, `object` and `version` a place in the vault; null where it does not apply. */
export interface FindingOf<Code extends string> extends Required<FindingPlace> {
  readonly code: Code;
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

/** What an operator should do next. */
export const LOG_HINTS = {
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
  clock_backwards:
    "The clock went back. Check time synchronisation; entries wait until it has caught up.",
} as const;

export function logFinding(
  code: LogFindingCode,
  place: FindingPlace,
  expected: string,
  found: string,
): LogFinding {
  return findingWith(LOG_HINTS[code], code, place, expected, found);
}

export function findingWith<Code extends string>(
  hint: string,
  code: Code,
  place: FindingPlace,
  expected: string,
  found: string,
): FindingOf<Code> {
  const { log = null, first = null, last = first, object = null, version = null } = place;
  return { code, log, first, last, object, version, expected, found, hint };
}

/** The finding that a refusal of a batch or line amounts to. */
export function findingOf(error: LogError, place: FindingPlace): LogFinding {
  const at = error.seq === undefined ? place : { ...place, first: error.seq, last: error.seq };
  const code = FINDING_OF[error.code] ?? "batch_unreadable";
  return logFinding(code, at, EXPECTED[code] ?? "a batch as FORMAT §6 has it", error.detail);
}

const FINDING_OF: Partial<Record<LogErrorCode, LogFindingCode>> = {
  chain_broken: "chain_broken",
  entry_too_large: "entry_altered",
  invalid_checkpoint: "batch_altered",
  invalid_entry: "entry_altered",
  root_mismatch: "root_mismatch",
  signature_invalid: "signature_invalid",
};

const EXPECTED: Partial<Record<LogFindingCode, string>> = {
  batch_altered: "a checkpoint of just this batch's log and size",
  chain_broken: "the leaf of the entry before",
  entry_altered: "a valid line in its place",
  root_mismatch: "the root in the signed checkpoint",
  signature_invalid: "a signature by the log key",
};
