/**
 * What the ledger knows of one log, and the parts every flow works with. A state is built by `load`,
 * moved by commit 1 (`head`) and commit 2 (`sealed`), and thrown away whenever in doubt: all of it can be read again.
 */
import type { Finding } from "../log/findings.ts";
import { ZERO_HASH, type Head, type Sha256 } from "../log/hash.ts";
import type { Verify } from "../log/note.ts";
import type {
  Alarm,
  ChunkCommit,
  Clock,
  Gzip,
  Index,
  IndexHead,
  Memo,
  SealRow,
  Signer,
  Vault,
} from "../ports.ts";
import type { Observer } from "./observer.ts";

/** Where the next batch begins, and the row of the seal before it. */
export interface SealedHead extends Head {
  readonly frontier: string;
  readonly row: SealRow | null;
}

export const EMPTY_SEALED: SealedHead = { size: 0, leaf: ZERO_HASH, frontier: "", row: null };

export function sealedHeadOf(row: SealRow): SealedHead {
  return { size: row.first + row.count, leaf: row.leaf, frontier: row.frontier, row };
}

export interface LogState {
  readonly name: string;
  /** The last head seen committed. */
  head: IndexHead;
  sealed: SealedHead;
  /** Committed heads beyond `sealed`, oldest first, at which a batch may end: so its lines are read once, not twice. */
  marks: readonly IndexHead[];
  /** Bytes of lines committed since the last mark. */
  unmarkedBytes: number;
  /** Frozen: no entry is taken. */
  frozen: Finding | null;
  /** A record of an id in the index that was not true, when it was last asked for. */
  falseId: Finding | null;
  /** Entries go on, sealing does not. */
  unsealable: Finding | null;
  /** Ends in `log.recovered`, and takes no entry until that lies under lock. */
  recovering: boolean;
  /** The receipt key of this start has been announced in `_system`. */
  announced: boolean;
  /** Clock at which the oldest unsealed entry was committed (or found); null if all is sealed. */
  unsealedSinceMs: number | null;
  /** The receipt key's checkpoint of the head, once it was asked for. */
  receipt: { readonly size: number; readonly note: Promise<string> } | null;
}

export function newState(name: string, head: IndexHead, sealed: SealedHead): LogState {
  return {
    name,
    head,
    sealed,
    marks: [],
    unmarkedBytes: 0,
    frozen: null,
    falseId: null,
    unsealable: null,
    recovering: false,
    announced: false,
    unsealedSinceMs: null,
    receipt: null,
  };
}

/** Marks the head before this chunk where a batch of `bytesMax` would end; `before` is the head before it. */
export function markBefore(
  state: LogState,
  chunk: Pick<ChunkCommit, "lines">,
  before: IndexHead,
  bytesMax: number,
): void {
  const bytes = chunk.lines.length;
  if (state.unmarkedBytes > 0 && state.unmarkedBytes + bytes > bytesMax) {
    state.marks = [...state.marks, before];
    state.unmarkedBytes = 0;
  }
  state.unmarkedBytes += bytes;
}

/** The parts a flow may use; composed in one place by the worker, and by the scripts for their verbs. */
export interface Parts {
  readonly index: Index;
  readonly vault: Vault;
  readonly memo: Memo;
  /** Signs sealed checkpoints, under the log's origin. */
  readonly logKey: Signer;
  /** Public keys of log keys that were replaced: what they signed still counts, up to where the next one took over. */
  readonly replacedKeys?: readonly Uint8Array[];
  /** Signs acknowledgements, under `<origin>/receipt`; a new key pair at each start. */
  readonly receiptKey: Signer;
  readonly clock: Clock;
  readonly alarm: Alarm;
  readonly gzip: Gzip;
  readonly sha256: Sha256;
  readonly verify: Verify;
  randomBytes(length: number): Uint8Array;
  /** Counts what happens; nobody where it is not given. */
  readonly observer?: Observer;
  /** Told after each seal of a log, for whoever wants to look at it: must return at once and not throw. */
  sealed?(log: string): void;
  /** Structured log line: never a token, body or event. */
  report(level: "info" | "warn" | "error", message: string, fields?: Record<string, unknown>): void;
}

export interface Settings {
  /** The instance's origin; a log's is `<origin>/<log>`. */
  readonly origin: string;
  readonly sealSeconds: number;
  readonly sealEntries: number;
  /** Most bytes of lines in one batch: gzip holds the thread for its time. */
  readonly sealBytes: number;
}
