/**
 * Whose signatures count: the keys that this browser was told to trust, or, at the first visit, the one that the server names
 * (trust on first use). A signature by another key of the same name is told from one that is false.
 */
import { findingOf } from "../../../storage/log/log-findings.ts";
import { openCheckpoint, type OpenedCheckpoint } from "../../../storage/log/checkpoint.ts";
import { checkBatch, type CheckedBatch, type DecodedBatch } from "../../../storage/log/batch.ts";
import { formatVkey, parseVkey, type VerifierKey } from "../../../storage/log/note.ts";
import { LogError } from "../../../storage/log/errors.ts";
import type { LogFacts } from "./source.ts";
import type { VerdictBook } from "./verdict.ts";

export class TrustedKeys {
  readonly #trusted: readonly VerifierKey[];
  /** What the server says, where that is another one: only to tell what else would hold. */
  readonly #said: readonly VerifierKey[];
  readonly #book: VerdictBook;
  readonly #used = new Set<string>();

  /** `vkeys`: those that are trusted; none at the first visit. Throws `invalid_vkey`. */
  constructor(vkeys: readonly string[], facts: LogFacts, book: VerdictBook) {
    this.#book = book;
    const isFirst = vkeys.length === 0;
    this.#trusted = (isFirst ? [facts.vkey] : vkeys).map(parseVkey);
    this.#said = vkeys.includes(facts.vkey) || isFirst ? [] : [parseVkey(facts.vkey)];
    if (isFirst) book.set("key", "open", "trusted on first use: the server named it just now");
    else if (this.#said.length > 0) {
      book.set("key", "open", `the server names another key than you trust: ${facts.vkey}`);
    } else book.set("key", "holds", "the one that this browser trusts");
  }

  /** The keys that have signed something. */
  get used(): readonly string[] {
    return [...this.#used];
  }

  open(note: string): Promise<OpenedCheckpoint> {
    return this.#with(
      (keys) => openCheckpoint(note, keys),
      (opened) => opened,
    );
  }

  check(batch: DecodedBatch): Promise<CheckedBatch> {
    return this.#with(
      (keys) => checkBatch(batch, keys),
      ({ checkpoint }) => checkpoint,
    );
  }

  /** By a trusted key; or else, told as a fault, by the key that the server names. */
  async #with<T>(
    run: (keys: readonly VerifierKey[]) => Promise<T>,
    checkpointOf: (done: T) => OpenedCheckpoint,
  ): Promise<T> {
    try {
      return this.#note(await run(this.#trusted), checkpointOf);
    } catch (error) {
      if (!(error instanceof LogError) || error.code !== "signature_invalid") throw error;
      if (this.#said.length === 0) throw error;
      const done = await run(this.#said);
      if (!this.#book.is("signature", "fails")) {
        const { size } = checkpointOf(done);
        const finding = findingOf(error, { first: 0, last: size - 1 });
        this.#book.fail("signature", finding, "signed by another key than the one you trust");
      }
      return this.#note(done, checkpointOf);
    }
  }

  #note<T>(done: T, checkpointOf: (done: T) => OpenedCheckpoint): T {
    for (const { name, publicKey } of checkpointOf(done).signers) {
      this.#used.add(formatVkey(name, publicKey));
    }
    return done;
  }
}
