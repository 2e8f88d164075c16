/**
 * A log, or a part of it, checked in the browser: every sealed batch from its exact bytes (lines, chain, root, signature by the
 * trusted key, continuing the one before), the index against it line by line, both against the checkpoint and against the one
 * that this browser remembers. The same code as `npm run verify`, in the same order; it only reads.
 */
import {
  BATCH_INFLATED_BYTES_MAX,
  decodeBatch,
  type BatchHeader,
  type CheckedBatch,
  type DecodedBatch,
} from "../../../storage/log/batch.ts";
import { fromHex } from "../../../storage/log/bytes.ts";
import type { OpenedCheckpoint } from "../../../storage/log/checkpoint.ts";
import { LogError, type LogErrorCode } from "../../../storage/log/errors.ts";
import { findingOf, logFinding, type LogFinding } from "../../../storage/log/log-findings.ts";
import { HASH_BYTES, ZERO_HASH } from "../../../storage/log/hash.ts";
import { Replay } from "../../../storage/log/replay.ts";
import { CompactTree } from "../../../storage/log/tree.ts";
import { gunzip } from "./gunzip.ts";
import { compareLines, IndexChain, isSame, type IndexLine } from "./index-chain.ts";
import { TrustedKeys } from "./keys.ts";
import { IndexReader } from "./read-index.ts";
import { compareRoots } from "./roots.ts";
import { checkRemembered, type Remembered } from "./remembered.ts";
import { SourceError, type LogFacts, type LogSource, type SealFacts } from "./source.ts";
import { checkTail } from "./tail.ts";
import {
  VerdictBook,
  wordsOf,
  type CheckName,
  type Checks,
  type Progress,
  type Verdict,
} from "./verdict.ts";

/** `last` is the last seq; a part is checked seal by seal, so it grows to whole seals. */
export type Scope =
  | { readonly kind: "everything" }
  | { readonly kind: "range"; readonly first: number; readonly last: number };

export interface CheckOptions {
  readonly scope: Scope;
  /** Verifier keys that this browser trusts for the log; none: the server's, on first use. */
  readonly vkeys: readonly string[];
  /** The checkpoint of the last visit. */
  readonly remembered: Remembered | null;
  readonly onChecks?: (checks: Checks) => void;
  readonly onProgress?: (progress: Progress) => void;
  /** A batch whose lines, chain, root and signature hold. */
  readonly onBatch?: (batch: CheckedBatch) => void;
  /** Awaited between steps: a pause lasts as long as it does. */
  readonly gate?: () => Promise<void>;
}

/** Throws SourceError where the server does not answer: then nothing is said of the log. */
export async function checkLog(source: LogSource, options: CheckOptions): Promise<Verdict> {
  const book = new VerdictBook(options.onChecks);
  const facts = await source.log();
  const keys = new TrustedKeys(options.vkeys, facts, book);
  const run = new Run(source, options, facts, keys, book);
  return run.run();
}

class Run {
  readonly #source: LogSource;
  readonly #options: CheckOptions;
  readonly #facts: LogFacts;
  readonly #keys: TrustedKeys;
  readonly #book: VerdictBook;
  readonly #reader: IndexReader;
  #progress: Progress = { entries: 0, of: 0, bytes: 0, seals: 0, seal: null };
  #replay: Replay | null = null;
  #chain: IndexChain | null = null;
  /** The vault's root at the remembered size. */
  #rootThere: Uint8Array | null = null;

  constructor(
    source: LogSource,
    options: CheckOptions,
    facts: LogFacts,
    keys: TrustedKeys,
    book: VerdictBook,
  ) {
    this.#source = source;
    this.#options = options;
    this.#facts = facts;
    this.#keys = keys;
    this.#book = book;
    this.#reader = new IndexReader(source);
  }

  get #isWhole(): boolean {
    return this.#options.scope.kind === "everything";
  }

  async run(): Promise<Verdict> {
    const book = this.#book;
    book.set("witness", "open", "not provable here: no witness is set up");
    const committed = await this.#committed();
    const opened = await this.#checkpoint();
    if (opened === null && book.failed) return this.#untold();
    if (opened !== null) await this.#sealed(opened);
    else for (const name of SEALED_CHECKS) book.set(name, "skipped", "nothing is sealed yet");
    await checkRemembered(this.#source, book, {
      ...{ remembered: this.#options.remembered, now: opened, log: this.#facts.name },
      ...{ vault: this.#rootThere, index: this.#chain?.rootThere ?? null },
    });
    if (this.#isWhole) {
      const chain = this.#chain ?? new IndexChain(this.#facts.name, AT_START, book);
      await checkTail(book, { facts: this.#facts, committed, chain, reader: this.#reader });
    } else book.set("tail", "skipped", "not part of what was asked for");
    return this.#verdict(opened);
  }

  /** Without a signed checkpoint there is nothing to hold anything against. */
  #untold(): Verdict {
    for (const name of [...SEALED_CHECKS, "remembered", "tail"] as const) {
      this.#book.set(name, "skipped", "there is no checkpoint that holds");
    }
    return this.#verdict(null);
  }

  async #committed(): Promise<string | null> {
    try {
      return await this.#source.checkpoint(true);
    } catch (error) {
      if (error instanceof SourceError && error.code !== "unreachable") return null;
      throw error;
    }
  }

  /** The newest sealed checkpoint, its signature checked; null where nothing is sealed or it is none. */
  async #checkpoint(): Promise<OpenedCheckpoint | null> {
    let note: string;
    try {
      note = await this.#source.checkpoint(false);
    } catch (error) {
      if (error instanceof SourceError && error.code === "seal_unknown") return null;
      throw error;
    }
    this.#book.set("signature", "running", "");
    try {
      const opened = await this.#keys.open(note);
      this.#note = note;
      if (opened.origin === this.#facts.origin) return opened;
      const place = { log: this.#facts.name };
      const finding = logFinding("batch_altered", place, this.#facts.origin, opened.origin);
      this.#book.fail("signature", finding, `the checkpoint is of ${opened.origin}`);
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.#fault(error, "signature", "the checkpoint's signature does not verify");
    }
    return null;
  }

  #note: string | null = null;

  async #sealed(opened: OpenedCheckpoint): Promise<void> {
    const { scope } = this.#options;
    const from = scope.kind === "everything" ? 0 : Math.min(scope.first, opened.size - 1);
    const to = scope.kind === "everything" ? opened.size : Math.min(scope.last + 1, opened.size);
    for (const name of SEALED_CHECKS) this.#book.set(name, "running", "");
    try {
      await this.#batches(from, to, opened);
    } catch (error) {
      if (!(error instanceof SourceError) || error.code !== "forbidden") throw error;
      this.#book.set(
        "sealed",
        "skipped",
        "the sealed batches are for auditors: this sign-in is none",
      );
    }
    if (this.#isWhole) await this.#indexAlone(opened);
    const end = this.#replay?.state ?? null;
    compareRoots(this.#book, {
      ...{ log: this.#facts.name, opened, to, isWhole: this.#isWhole, chain: this.#chain },
      // Where a batch is missing or wrong, the batches have no root to speak of.
      vault:
        end === null || this.#book.is("sealed", "fails")
          ? null
          : new CompactTree(end.head.size, end.frontier).root(),
    });
    this.#holds(this.#chain?.size ?? 0);
  }

  /** Batch after batch, the next one under way while one is checked. */
  async #batches(from: number, to: number, opened: OpenedCheckpoint): Promise<void> {
    const seals = this.#source.seals(from)[Symbol.asyncIterator]();
    let next: Promise<Reading | null> | null = null;
    const read = async (): Promise<Reading | null> => {
      const { done, value } = await seals.next();
      if (done === true || value.first >= to) return null;
      const lines = this.#reader.read(value.first, value.count);
      lines.catch(() => {});
      const object = this.#source.object(value.first).then(
        (bytes) => ({ bytes }),
        (error: unknown) => ({ error }),
      );
      return { seal: value, object: await object, lines: await lines };
    };
    next = read();
    for (;;) {
      const reading: Reading | null = await next;
      if (reading === null) break;
      next = read();
      // Whether it is waited for depends on this one.
      next.catch(() => {});
      await this.#options.gate?.();
      if (this.#progress.of === 0) {
        this.#step({
          of: (this.#isWhole ? opened.size : to) - reading.seal.first,
        });
      }
      if (!(await this.#batch(reading))) break;
    }
    const size = this.#replay?.head.size ?? from;
    if (size >= to || this.#book.is("sealed", "fails")) return;
    const place = { log: this.#facts.name, first: size, last: to - 1 };
    const finding = logFinding("batch_missing", place, `a batch that begins at ${size}`, "none");
    this.#book.fail("sealed", finding, `no batch from ${size} on`);
  }

  /** False where what comes behind cannot be told. */
  async #batch({ seal, object, lines }: Reading): Promise<boolean> {
    const book = this.#book;
    const place = { log: this.#facts.name, first: seal.first, last: seal.first + seal.count - 1 };
    if ("error" in object) {
      const { error } = object;
      if (!(error instanceof SourceError) || !VAULT_CODES.has(error.code)) throw error;
      const finding = logFinding(
        error.code as LogFinding["code"],
        place,
        "the sealed object",
        error.detail,
      );
      book.fail("sealed", finding, `seal ${seal.first}: ${error.detail}`);
      return false;
    }
    let checked: CheckedBatch;
    let sealed: DecodedBatch;
    try {
      sealed = decodeBatch(await gunzip(object.bytes, BATCH_INFLATED_BYTES_MAX));
      const { first, count } = sealed.header;
      if (first !== seal.first || count !== seal.count) {
        const found = `entries ${first} to ${first + count - 1}`;
        throw new LogError("invalid_checkpoint", `the object holds ${found}`);
      }
      checked = await this.#keys.check(sealed);
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.#fault(error, CHECK_OF[error.code] ?? "sealed", `the batch at ${seal.first}`, place);
      return false;
    }
    this.#begin(checked);
    const before = { ...this.#replay!.head, frontier: this.#replay!.state.frontier };
    for (const finding of this.#replay!.take(checked)) {
      book.fail(REPLAY_CHECK_OF[finding.code] ?? "sealed", finding, `the batch at ${seal.first}`);
    }
    if (checked.note !== seal.checkpoint) {
      const finding = logFinding(
        "batch_altered",
        place,
        "the checkpoint in the batch",
        seal.checkpoint,
      );
      book.fail(
        "sealed",
        finding,
        `the index keeps another checkpoint of the batch at ${seal.first}`,
      );
    }
    this.#remember(checked);
    this.#options.onBatch?.(checked);
    const chain = this.#chain!;
    const same = isSame(sealed.lines, lines.lines);
    if (same && chain.isAt(before.size, before.leaf, before.frontier)) chain.jump(checked);
    else {
      compareLines(sealed.lines, seal.first, lines.lines, { log: this.#facts.name }, book);
      for (const line of lines.lines) chain.take(line);
    }
    const { entries, bytes, seals } = this.#progress;
    this.#step({
      ...{ entries: entries + checked.header.count, seals: seals + 1, seal: seal.first },
      bytes: bytes + object.bytes.length + lines.bytes,
    });
    return true;
  }

  /** At the first batch: a whole log begins with nothing, a part where that batch says, whose root is signed. */
  #begin({ header }: CheckedBatch): void {
    if (this.#replay !== null) return;
    const { name: log, origin } = this.#facts;
    const first = this.#isWhole ? AT_START : startOf(header);
    const head = { size: first.size, leaf: first.prev };
    this.#replay = new Replay(log, { head, frontier: first.frontier, timeMs: null }, origin);
    this.#chain = new IndexChain(log, first, this.#book, this.#options.remembered?.size ?? -1);
  }

  /** The vault's root at the remembered size, where this batch passes it. */
  #remember({ header, leaves }: CheckedBatch): void {
    const size = this.#options.remembered?.size ?? -1;
    const { first, count } = header;
    if (this.#options.scope.kind !== "everything" || size <= first || size > first + count) return;
    const tree = new CompactTree(first, startOf(header).frontier);
    for (let at = 0; at < size - first; at++) {
      tree.append(leaves.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES));
    }
    this.#rootThere = tree.root();
  }

  /** Who may not read batches, or where one does not hold, still sees whether the index is what was signed. */
  async #indexAlone({ size }: OpenedCheckpoint): Promise<void> {
    const rootAt = this.#options.remembered?.size ?? -1;
    const chain = (this.#chain ??= new IndexChain(this.#facts.name, AT_START, this.#book, rootAt));
    this.#step({ of: size });
    while (chain.size < size) {
      await this.#options.gate?.();
      const count = Math.min(LINES_PAGE, size - chain.size);
      const { lines, bytes } = await this.#reader.read(chain.size, count);
      if (lines.length === 0) break;
      for (const line of lines) chain.take(line);
      this.#step({ entries: chain.size, bytes: this.#progress.bytes + bytes });
    }
  }

  /** What has not failed by now holds. */
  #holds(size: number): void {
    const book = this.#book;
    book.set("root", "holds", `the tree of ${size} entries has the root that was signed`);
    book.set("chain", "holds", `each entry follows on the one before, up to ${size - 1}`);
    const notes = this.#progress.seals || 1;
    book.set("signature", "holds", `${notes} signed by the log key`);
    if (!book.is("sealed", "skipped")) {
      book.set("sealed", "holds", "the index has the sealed lines, byte for byte");
    }
  }

  #fault(error: LogError, check: CheckName, words: string, place: object = {}): void {
    this.#book.fail(
      check,
      findingOf(error, { log: this.#facts.name, ...place }),
      `${words}: ${error.detail}`,
    );
  }

  #step(change: Partial<Progress>): void {
    this.#progress = { ...this.#progress, ...change };
    this.#options.onProgress?.(this.#progress);
  }

  #verdict(opened: OpenedCheckpoint | null): Verdict {
    const book = this.#book;
    const isEmpty = opened === null || this.#progress.entries === 0;
    const badge = book.failed ? "Does not match" : isEmpty ? "Not checked" : "Verified here";
    return {
      ...{ badge, words: wordsOf(book, this.#progress.entries, opened?.size ?? 0) },
      ...{ log: this.#facts.name, origin: this.#facts.origin, checks: book.checks },
      ...{ faults: book.faults, faultsMore: book.faultsMore, progress: this.#progress },
      ...{ checkpoint: this.#note, size: opened?.size ?? 0, vkeys: this.#keys.used },
      whole: this.#isWhole && !book.failed && opened !== null,
    };
  }
}

interface Reading {
  readonly seal: SealFacts;
  readonly object: { readonly bytes: Uint8Array } | { readonly error: unknown };
  readonly lines: { readonly lines: readonly IndexLine[]; readonly bytes: number };
}

/** Lines of one page where there is no batch to hold them against: 5,000 of 1 KB are 5 MB. */
const LINES_PAGE = 5_000;

const SEALED_CHECKS = ["chain", "root", "sealed"] as const;

/** What an instance says when its own vault is not as it was. */
const VAULT_CODES = new Set(["batch_altered", "batch_missing", "batch_unreadable"]);

const CHECK_OF: Partial<Record<LogErrorCode, CheckName>> = {
  chain_broken: "chain",
  root_mismatch: "root",
  signature_invalid: "signature",
};

const REPLAY_CHECK_OF: Partial<Record<LogFinding["code"], CheckName>> = {
  chain_broken: "chain",
  root_mismatch: "root",
};

const AT_START = { size: 0, frontier: [], prev: ZERO_HASH } as const;

/** Where a batch says that it begins; its root is signed, so it cannot say so wrongly. */
function startOf({ first, frontier, prev }: BatchHeader) {
  return { size: first, frontier: frontier.map(fromHex), prev };
}
