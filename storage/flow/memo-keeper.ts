/**
 * Keeps the memo (PROTOCOL §1, M) in memory and writes it behind: a crash leaves it older than the index, which
 * the comparison at the start expects. Sealing waits for `flushed`, so it is never older than the vault.
 */
import type { Head } from "../log/hash.ts";
import type { Memo } from "../ports.ts";

/** Each write is an fsync on the disk that commits use too: one a second is enough for what it tells. */
const WRITE_BEHIND_MS = 1_000;

export class MemoKeeper {
  readonly #memo: Memo;
  readonly #heads: Map<string, Head>;
  /** Counts changes, so that a flush knows whether a write under way covers them. */
  #changes = 0;
  #written = 0;
  #writing: Promise<void> | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  private constructor(memo: Memo, heads: Map<string, Head>) {
    this.#memo = memo;
    this.#heads = heads;
  }

  /** Also returns what was stored: null where there was no memo at all. */
  static async load(memo: Memo): Promise<{ keeper: MemoKeeper; stored: Map<string, Head> | null }> {
    const stored = await memo.load();
    return { keeper: new MemoKeeper(memo, new Map(stored ?? [])), stored };
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
