/**
 * What a ledger tells whoever counts or traces: numbers of what has just happened and in which log, never contents. Calls return
 * at once and throw nothing, because what they are told of is on its way to somebody who waits.
 */
export interface Observer {
  /** Requests, and bytes of their events, that wait for their commit from now on. */
  waiting(requests: number, bytes: number): void;
  /** ★ Commit 1 happened, some ms after it was first sent: a group of so many requests and logs. */
  committed(group: CommittedGroup): void;
  /** ★ Commit 2 happened: one batch, some ms after its lines were read. `bytes` are those of the object. */
  sealed(batch: SealedStretch): void;
  /** What was committed of a log when its seal began lies under lock; the oldest entry has waited so long for it. */
  caughtUp(waitedMs: number): void;
  /** A seal did not succeed, some ms after it began, and will be tried again. */
  sealFailed(log: string, reason: string, ms: number): void;
}

export interface SealedStretch {
  readonly log: string;
  /** The seq of its first entry. */
  readonly first: number;
  readonly entries: number;
  readonly bytes: number;
  readonly ms: number;
}

export interface CommittedGroup {
  readonly requests: number;
  readonly logs: number;
  readonly entries: number;
  /** Of lines. */
  readonly bytes: number;
  readonly ms: number;
  /** `trace` of those jobs that have one. */
  readonly traces: readonly string[];
}
