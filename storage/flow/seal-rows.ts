/**
 * The index's rows of seals in order, held against the batches of the vault as a walk meets them. A row that a batch
 * lacks at the end may not be written yet (a crash before commit 2); one that lacks between others was taken away.
 */
import { newFinding, type Finding } from "../log/findings.ts";
import type { Index, SealRow } from "../ports.ts";
import { sealRowOf, type SlotBatch } from "./slot.ts";

const PAGE_ROWS = 500;

export class SealRows {
  readonly #index: Pick<Index, "seals">;
  readonly #log: string;
  #page: SealRow[] = [];
  #next = 0;
  /** Batches that had no row when they were met. */
  #without: SlotBatch[] = [];

  constructor(index: Pick<Index, "seals">, log: string) {
    this.#index = index;
    this.#log = log;
  }

  /** The first row not taken or skipped yet. */
  async peek(): Promise<SealRow | null> {
    if (this.#page.length === 0) {
      const range = { from: this.#next, limit: PAGE_ROWS, order: "asc" } as const;
      this.#page = await this.#index.seals(this.#log, range);
    }
    return this.#page[0] ?? null;
  }

  skip(): void {
    const row = this.#page.shift();
    if (row !== undefined) this.#next = row.first + 1;
  }

  /** Compares the batch's row, if it has one; all rows below it were skipped before. */
  async take(read: SlotBatch, locks: boolean): Promise<Finding[]> {
    const row = await this.peek();
    if (row?.first !== read.batch.header.first) {
      this.#without.push(read);
      return [];
    }
    this.skip();
    const findings = this.#without.splice(0).map((batch) => noRow(this.#log, batch));
    const wrong = differs(row, read, locks);
    if (wrong === null) return findings;
    return [...findings, wrong];
  }
}

function noRow(log: string, { batch, version }: SlotBatch): Finding {
  const { first, count } = batch.header;
  const place = { log, first, last: first + count - 1, object: version.key };
  return newFinding("index_behind", place, "a row of this seal in the index", "none");
}

/** Fields of a row that the batch itself tells. A lock may have been made longer since. */
const TOLD = [
  "count",
  "key",
  "versionId",
  "sha256",
  "bytes",
  "checkpoint",
  "leaf",
  "frontier",
] as const;

const HINT =
  "The index's row of this seal is not what lies under lock. Trust the vault; find out who can write to the index.";

function differs(row: SealRow, read: SlotBatch, locks: boolean): Finding | null {
  const told = sealRowOf(read, row.sealedAt);
  const wrong: (keyof SealRow)[] = TOLD.filter(
    (name) => row[name] !== told[name] && (locks || name !== "versionId"),
  );
  if (locks && row.retainUntil > told.retainUntil) wrong.push("retainUntil");
  if (wrong.length === 0) return null;
  const { first, count } = read.batch.header;
  const place = {
    log: row.log,
    ...{ first, last: first + count - 1 },
    ...{ object: read.version.key, version: read.version.versionId },
  };
  const list = (of: SealRow) => wrong.map((name) => `${name} ${of[name]}`).join(", ");
  return { ...newFinding("batch_altered", place, list(told), list(row)), hint: HINT };
}
