/**
 * The state of the instance, folded from the entries of `_system`, which is its source of truth. Lines that are not what
 * their leaves say, or do not continue the last one that was folded, are not folded: nobody gets rights from an edited row.
 *
 * Another worker on the same database writes to `_system` too. So whoever is about to let somebody in asks for `current`,
 * which looks at the index again where the last look is older than half a second: what one worker revokes is revoked in all of
 * them within a second. While the index does not answer, what is known holds on for a minute; then nobody is let in.
 */
import { toHex } from "../log/bytes.ts";
import { decodeLine, SYSTEM_LOG } from "../log/entry.ts";
import { LogError } from "../log/errors.ts";
import { newFinding, type Finding } from "../log/findings.ts";
import { ZERO_HASH, type Head } from "../log/hash.ts";
import { Directory } from "../log/system.ts";
import { IndexError, type ChunkCommit } from "../ports.ts";
import { sleep, sleepAtMost } from "./commit.ts";
import { readLines, type IndexLine } from "./read-lines.ts";
import { Refusal } from "./refusal.ts";
import type { Parts } from "./state.ts";

/** Half of the promised second; the other half is for the read and for whoever revoked. Two small reads a second at most. */
export const LOOK_MS = 500;

/** What is known of tokens holds for so long without the index. */
export const BLIND_MS_MAX = 60_000;

/** Callers wait so long for a look. One that takes longer goes on, and they with what is known. */
const LOOK_WAIT_MS = 2_000;

/** Where nothing may hold on, a restart of sqld (tenths of a second) is waited for: 40 · 50 ms are those 2 s. */
const BLIND_TRIES_MAX = 40;
const BLIND_PAUSE_MS = 50;

type DirectoryParts = Pick<Parts, "index" | "sha256" | "clock" | "report">;

export class SystemDirectory {
  readonly directory = new Directory();
  readonly #parts: DirectoryParts;
  /** Of the last entry that was folded. */
  #leaf = ZERO_HASH;
  #looking: Promise<void> | null = null;
  /** When the last look began, and the last one that saw all there was. */
  #lookedMs = Number.NEGATIVE_INFINITY;
  #seenMs = Number.NEGATIVE_INFINITY;
  #away = false;
  /** Told once of an entry that cannot be followed. */
  #onAltered: (finding: Finding) => void = () => {};

  /** The entries up to this head, which was compared with the vault. Throws `frozen` where they do not lead there. */
  static async load(
    parts: DirectoryParts,
    head: Head,
    onAltered: (finding: Finding) => void,
  ): Promise<SystemDirectory> {
    const system = new SystemDirectory(parts);
    system.#lookedMs = parts.clock.nowMs();
    await system.reach(head);
    system.#seenMs = system.#lookedMs;
    system.#onAltered = onAltered;
    return system;
  }

  /** For a ledger that has not started. */
  constructor(parts: DirectoryParts) {
    this.#parts = parts;
  }

  /** Folds what leads to this head. Throws IndexError, and `frozen` where something else stands there. */
  async reach({ size, leaf }: Head): Promise<void> {
    await this.#follow(size);
    const known = this.directory.size;
    if (known < size) throw new Refusal("frozen", `_system has ${known} of its ${size} entries`);
    if (known === size && this.#leaf !== leaf) throw altered(size - 1);
  }

  /** A commit of this worker's own, which a look may have met before its answer came. */
  committed({ first, lines, after }: ChunkCommit): void {
    lines.split("\n").forEach((line, at) => {
      if (first + at === this.directory.size) this.directory.apply(decodeLine(line));
    });
    if (after.size === this.directory.size) this.#leaf = after.leaf;
  }

  /**
   * Returns once the directory is at most `LOOK_MS` behind the index, or that could not be had: then what is known is not
   * older than `BLIND_MS_MAX`, or this throws `index_unavailable`.
   */
  async current(): Promise<void> {
    if (!this.#isFresh()) await sleepAtMost(LOOK_WAIT_MS, this.#lookAgain());
    if (!this.#isBlind()) return;
    const detail = "the index has not said for a minute which tokens hold; nobody is let in";
    throw new Refusal("index_unavailable", detail, { retryAfterSeconds: 1 });
  }

  /** One look for all who ask; one that is under way may have begun too early. */
  async #lookAgain(): Promise<void> {
    if (this.#looking !== null) await this.#looking;
    if (this.#isFresh()) return;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    await this.#looking;
  }

  /** A clock that went back makes it neither fresh nor sighted. */
  #isFresh(): boolean {
    return isWithin(this.#parts.clock.nowMs() - this.#lookedMs, LOOK_MS);
  }

  #isBlind(): boolean {
    return !isWithin(this.#parts.clock.nowMs() - this.#seenMs, BLIND_MS_MAX);
  }

  /** Never throws. */
  async #look(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const nowMs = this.#parts.clock.nowMs();
      this.#lookedMs = nowMs;
      try {
        await this.#follow(Number.MAX_SAFE_INTEGER);
        this.#seenMs = nowMs;
        return this.#indexAway(null);
      } catch (error) {
        if (!(error instanceof IndexError)) return this.#tell(error);
        this.#indexAway(error);
      }
      if (!this.#isBlind() || tries === BLIND_TRIES_MAX) return;
      await sleep(BLIND_PAUSE_MS);
    }
  }

  /** Says once that the index is away, and once that it is back. */
  #indexAway(error: IndexError | null): void {
    const away = error !== null;
    if (away === this.#away) return;
    this.#away = away;
    const { report } = this.#parts;
    if (away) report("warn", "changes of tokens cannot be seen", { reason: error.message });
    else report("info", "changes of tokens are seen again");
  }

  #tell(error: unknown): void {
    const onAltered = this.#onAltered;
    this.#onAltered = () => {};
    const found = error instanceof Error ? error.message : String(error);
    const place = { log: SYSTEM_LOG, first: this.directory.size };
    onAltered(newFinding("entry_altered", place, "an entry that continues the log", found));
  }

  async #follow(to: number): Promise<void> {
    const { index, sha256 } = this.#parts;
    const from = this.directory.size;
    for await (const line of readLines(index, SYSTEM_LOG, from, to, sha256)) this.#fold(line);
  }

  #fold(line: IndexLine): void {
    const { size } = this.directory;
    // A commit, or another look, was faster.
    if (line.seq < size) return;
    const entry = line.holds && line.seq === size ? decodeOrNull(line.text) : null;
    if (entry?.prev !== this.#leaf) throw altered(size);
    this.directory.apply(entry);
    this.#leaf = toHex(line.leaf);
  }
}

function isWithin(ageMs: number, limitMs: number): boolean {
  return ageMs >= 0 && ageMs <= limitMs;
}

function decodeOrNull(text: string) {
  try {
    return decodeLine(text);
  } catch (error) {
    if (error instanceof LogError) return null;
    throw error;
  }
}

function altered(seq: number): Refusal {
  return new Refusal("frozen", `_system was altered in the index at entry ${seq}`);
}
