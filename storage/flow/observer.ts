/**
 * What a ledger tells whoever counts: numbers of what has just happened, never names or contents. Calls return at once and
 * throw nothing, because what they are told of is on its way to somebody who waits.
 */
export interface Observer {
  /** Requests, and bytes of their events, that wait for their commit from now on. */
  waiting(requests: number, bytes: number): void;
  /** ★ Commit 1 happened, some ms after it was first sent: a group of so many requests and logs. */
  committed(group: CommittedGroup): void;
  /** ★ Commit 2 happened: one batch, some ms after its lines were read. `bytes` are those of the object. */
  sealed(batch: { readonly entries: number; readonly bytes: number; readonly ms: number }): void;
  /** What was committed of a log when its seal began lies under lock; the oldest entry has waited so long for it. */
  caughtUp(waitedMs: number): void;
  /** A seal did not succeed, and will be tried again. */
  sealFailed(): void;
}

export interface CommittedGroup {
  readonly requests: number;
  readonly logs: number;
  readonly entries: number;
  /** Of lines. */
  readonly bytes: number;
  readonly ms: number;
}
