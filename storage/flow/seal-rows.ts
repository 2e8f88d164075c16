/**
 * The index's rows of seals in order, held against the batches of the vault as a walk meets them. A row that a batch
 * lacks at the end may not be written yet (a crash before commit 2); one that lacks between others was taken away.
 */
import { newFinding, type Finding } from "../log/findings.ts";
import type { Index, SealRow } from "../ports.ts";
import { formatTime } from "./append.ts";
import { retainAtLeastMs, sealRowOf, type SlotBatch } from "./slot.ts";

const PAGE_ROWS = 500;
/** Batches for whose rows is waited: their rows are written in order, so those before them will not come. */
const WITHOUT_MAX = 20;

/** The seals of a log from the one that begins at `first` on. */
export async function* sealRowsFrom(
  index: Pick<Index, "seals">,
  log: string,
  first: number,
): AsyncGenerator<SealRow> {
  for (let from = first; ;) {
    const rows = await index.seals(log, { from, limit: PAGE_ROWS, order: "asc" });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined) return;
    from = last.first + 1;
  }
}

/** A row as its batch tells it, and the date up to which it was to be locked at least when it was sealed. */
type ToldRow = SealRow & { readonly leastUntil?: string };

/** Where a comparison stands; JSON. */
export type SealRowsState = {
  /** The next row begins here or behind. */
  readonly next: number;
  readonly newest: number;
  readonly without: readonly ToldRow[];
  /** Batches below this were told to have no row. */
  readonly toldBelow: number;
};

/** Behind all dates. */
const ANY_DATE = "9999-12-31T23:59:59.000Z";

const NO_ROWS: SealRowsState = { next: 0, newest: 0, without: [], toldBelow: 0 };

export class SealRows {
  readonly #index: Pick<Index, "seals">;
  readonly #log: string;
  readonly #locks: boolean;
  #page: SealRow[] = [];
  #next: number;
  /** Where the last batch that was met begins. */
  #newest: number;
  /** Batches that had no row when they were met, as their rows would be. */
  readonly #without: Map<number, ToldRow>;
  #toldBelow: number;

  /** `locks`: whether the vault knows versions and dates. */
  constructor(
    index: Pick<Index, "seals">,
    log: string,
    locks: boolean,
    { next, newest, without, toldBelow }: SealRowsState = NO_ROWS,
  ) {
    this.#index = index;
    this.#log = log;
    this.#locks = locks;
    this.#next = next;
    this.#newest = newest;
    this.#without = new Map(without.map((row) => [row.first, row]));
    this.#toldBelow = toldBelow;
  }

  get state(): SealRowsState {
    const [next, newest, toldBelow] = [this.#next, this.#newest, this.#toldBelow];
    return { next, newest, toldBelow, without: [...this.#without.values()] };
  }

  /** The first row not taken yet. */
  async peek(): Promise<SealRow | null> {
    if (this.#page.length === 0) {
      const range = { from: this.#next, limit: PAGE_ROWS, order: "asc" } as const;
      this.#page = await this.#index.seals(this.#log, range);
    }
    return this.#page[0] ?? null;
  }

  /** Compares the batch's row, if it has one; all rows below it were taken before. */
  async take(read: SlotBatch): Promise<Finding[]> {
    const asSealed = sealRowOf(read, formatTime(read.version.lastModifiedMs));
    // A lock that does not hold was told: the row cannot have its date.
    const { header, times } = read.batch;
    const leastMs = retainAtLeastMs(times.at(-1) as number, header.retention_days);
    const least = { ...asSealed, leastUntil: formatTime(leastMs) };
    const told = read.lockFinding === null ? least : { ...least, retainUntil: ANY_DATE };
    this.#newest = told.first;
    const row = await this.peek();
    if (row?.first === told.first) return this.#compare(told);
    this.#without.set(told.first, told);
    if (this.#without.size <= WITHOUT_MAX) return [];
    const [oldest] = [...this.#without.values()] as [ToldRow];
    this.#without.delete(oldest.first);
    this.#toldBelow = oldest.first + 1;
    return [noRow(oldest)];
  }

  /** Takes the first row, which the batch at hand does not have: null, unless its batch came when the row was not written yet. */
  takeLate(): Finding[] | null {
    const row = this.#page[0] as SealRow;
    const told = this.#without.get(row.first);
    if (told === undefined) {
      this.#shift();
      return row.first < this.#toldBelow ? [] : null;
    }
    this.#without.delete(row.first);
    return this.#compare(told);
  }

  /** Batches that still have no row. The newest may have been sealed just now, or before a crash. */
  rest(): Finding[] {
    const others = [...this.#without.values()].filter(({ first }) => first !== this.#newest);
    return others.map(noRow);
  }

  #compare(told: ToldRow): Finding[] {
    const wrong = differs(this.#shift(), told, this.#locks);
    return wrong === null ? [] : [wrong];
  }

  #shift(): SealRow {
    const row = this.#page.shift() as SealRow;
    this.#next = row.first + 1;
    return row;
  }
}

function noRow({ log, first, count, key }: SealRow): Finding {
  const place = { log, first, last: first + count - 1, object: key };
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

/** The worker writes its clock, the store its own; between the two lies the PUT. Beyond 5 min of skew nothing is sealed. */
const SEALED_APART_MS_MAX = 10 * 60_000;

const HINT =
  "The index's row of this seal is not what lies under lock. Trust the vault; find out who can write to the index.";

function differs(row: SealRow, told: ToldRow, locks: boolean): Finding | null {
  const wrong: (keyof SealRow)[] = TOLD.filter(
    (name) => row[name] !== told[name] && (locks || name !== "versionId"),
  );
  const { leastUntil = "" } = told;
  if (locks && (row.retainUntil > told.retainUntil || row.retainUntil < leastUntil)) {
    wrong.push("retainUntil");
  }
  const apartMs = Math.abs(Date.parse(row.sealedAt) - Date.parse(told.sealedAt));
  if (locks && !(apartMs <= SEALED_APART_MS_MAX)) wrong.push("sealedAt");
  if (wrong.length === 0) return null;
  const { log, first, count, key, versionId } = told;
  const place = { log, first, last: first + count - 1, object: key, version: versionId };
  const list = (of: SealRow) => wrong.map((name) => `${name} ${of[name]}`).join(", ");
  return { ...newFinding("batch_altered", place, list(told), list(row)), hint: HINT };
}
