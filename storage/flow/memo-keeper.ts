/**
 * Keeps the memo (PROTOCOL §1, M) in memory and writes it behind: a crash leaves it older than the index, which
 * the comparison at the start expects. Sealing waits for `flushed`, so it is never older than the vault.
 */
import { ZERO_HASH, type Head } from "../log/hash.ts";
import type { Memo } from "../ports.ts";

/** Each write is an fsync on the disk that commits use too: one a second is enough for what it tells. */
const WRITE_BEHIND_MS = 1_000;

/** Goes into `log.recovered` as it stands: a size and a leaf, nothing else. */
const NOT_NAMED: Head = { size: 0, leaf: ZERO_HASH };

export class MemoKeeper {
  readonly #memo: Memo;
  readonly #heads: Map<string, Head>;
  /** There was no memo at all: of a log that was not noted since, nothing is known. */
  readonly #missing: boolean;
  /** Counts changes, so that a flush knows whether a write under way covers them. */
  #changes = 0;
  #written = 0;
  #writing: Promise<void> | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  private constructor(memo: Memo, stored: Map<string, Head> | null) {
    this.#memo = memo;
    this.#heads = new Map(stored ?? []);
    this.#missing = stored === null;
  }

  static async load(memo: Memo): Promise<MemoKeeper> {
    return new MemoKeeper(memo, await memo.load());
  }

  /** M: the last head seen committed, size 0 for a log that the memo does not name; null where there is no memo. */
  head(log: string): Head | null {
    return this.#heads.get(log) ?? (this.#missing ? null : NOT_NAMED);
  }

  note(log: string, head: Head): void {
    this.#heads.set(log, { size: head.size, leaf: head.leaf });
    this.#changes += 1;
    // A failed write behind is repeated by the next change or by `flushed`, which reports it.
    this.#timer ??= setTimeout(() => void this.flushed().catch(() => {}), WRITE_BEHIND_MS);
  }

  /** Resolves when all that was noted before the call is durable. */
  async flushed(): Promise<void> {
    const wanted = this.#changes;
    while (this.#written < wanted) {
      this.#writing ??= this.#write().finally(() => {
        this.#writing = null;
      });
      await this.#writing;
    }
  }

  async #write(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const changes = this.#changes;
    await this.#memo.store(this.#heads);
    this.#written = changes;
  }
}
