/**
 * Batches of one log in a row: what does not continue the batch before. Each batch was found true by itself (`checkBatch`);
 * nothing but the head, the frontier and the last time is kept, so a log of any length can be replayed.
 */
import { equalBytes, fromHex } from "./bytes.ts";
import type { CheckedBatch } from "./batch-check.ts";
import { logFinding, type LogFinding, type FindingPlace } from "./log-findings.ts";
import { HASH_BYTES, ZERO_HASH, type Head } from "./hash.ts";

/** Where a replay stands; it can go on from a stored one. */
export interface ReplayState {
  readonly head: Head;
  readonly frontier: readonly Uint8Array[];
  /** Of the last entry, milliseconds since 1970; null if none is known. */
  readonly timeMs: number | null;
}

const START: ReplayState = { head: { size: 0, leaf: ZERO_HASH }, frontier: [], timeMs: null };

export class Replay {
  readonly log: string;
  private now: ReplayState;
  private origin: string | null;

  /** A replay of a log from its beginning, or from a state; `origin` if it is known, otherwise the first batch's. */
  constructor(log: string, state: ReplayState = START, origin: string | null = null) {
    this.log = log;
    this.now = state;
    this.origin = origin;
  }

  get state(): ReplayState {
    return this.now;
  }

  get head(): Head {
    return this.now.head;
  }

  /**
   * Takes the next batch and says what does not continue: `entry_missing`, `fork`, `chain_broken`, `root_mismatch`, `clock_backwards`,
   * `batch_altered` (another log or origin, which is not taken). Otherwise the replay goes on after the batch, so one fault is
   * named once; a batch that ends where the replay already is leaves it there.
   */
  take(batch: CheckedBatch, place: FindingPlace = {}): LogFinding[] {
    const { header, head } = batch;
    const at = { ...place, log: this.log, first: header.first, last: head.size - 1 };
    const origin = this.origin ?? header.origin;
    if (header.log !== this.log || header.origin !== origin) {
      return [logFinding("batch_altered", at, origin, header.origin)];
    }
    this.origin = origin;
    const found = this.compare(batch, at);
    if (head.size > this.now.head.size) this.now = stateAfter(batch);
    return found === null ? [] : [found];
  }

  private compare(batch: CheckedBatch, at: FindingPlace): LogFinding | null {
    const { head, frontier, timeMs } = this.now;
    const { first, prev } = batch.header;
    if (first > head.size) {
      const missing = { ...at, first: head.size, last: first - 1 };
      return logFinding(
        "entry_missing",
        missing,
        `a batch that begins at ${head.size}`,
        `one at ${first}`,
      );
    }
    if (first < head.size) {
      return logFinding("fork", at, `a batch that begins at ${head.size}`, `one at ${first}`);
    }
    if (prev !== head.leaf) return logFinding("chain_broken", at, head.leaf, prev);
    if (!sameFrontier(batch.header.frontier, frontier)) {
      return logFinding(
        "root_mismatch",
        at,
        "the frontier after the batch before",
        "another frontier",
      );
    }
    if (timeMs !== null && batch.times[0]! < timeMs) {
      return logFinding("clock_backwards", at, "no time before the last entry's", "an earlier one");
    }
    return null;
  }
}

function sameFrontier(hex: readonly string[], frontier: readonly Uint8Array[]): boolean {
  return (
    hex.length === frontier.length &&
    hex.every((hash, i) => equalBytes(fromHex(hash), frontier[i]!))
  );
}

function stateAfter({ head, frontier, times }: CheckedBatch): ReplayState {
  return { head, frontier, timeMs: times.at(-1)! };
}

/**
 * Of the valid versions of one slot the one that counts: the longest, if the lines of each of the others begin it (compared by
 * leaves). Null if they do not: a fork.
 */
export function longestVersion<T extends Pick<CheckedBatch, "header" | "leaves">>(
  versions: readonly [T, ...T[]],
): T | null {
  const longest = versions.reduce((a, b) => (b.header.count > a.header.count ? b : a));
  return versions.every((version) => begins(version, longest)) ? longest : null;
}

function begins(
  shorter: Pick<CheckedBatch, "header" | "leaves">,
  longer: Pick<CheckedBatch, "header" | "leaves">,
): boolean {
  const { header: a } = shorter;
  const { header: b } = longer;
  if (a.log !== b.log || a.origin !== b.origin || a.first !== b.first || a.prev !== b.prev)
    return false;
  return equalBytes(shorter.leaves, longer.leaves.subarray(0, a.count * HASH_BYTES));
}
