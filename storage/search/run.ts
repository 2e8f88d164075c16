/**
 * Runs: the values of many entries of a log side by side, field by field, as numbers into a list of the run's own values. Counts of
 * a filter that many entries meet are made of them, at a tenth of what reading the rows costs.
 *
 *   u32   bytes of the lists of values; u32 how many targets there are in all
 *   JSON  the lists of values, by field
 *   u16   for each entry its action, actor, outcome (three arrays): place in the list + 1; 0 where there is none
 *   u8    for each entry how many targets it has
 *   u16   the targets of all entries: place in the list
 *
 * All of it deflated (RFC 1951), numbers little-endian, as on every machine that sqld runs on.
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { concatBytes, decodeUtf8, encodeUtf8 } from "../log/bytes.ts";
import { isJsonObject, type Json } from "../log/json.ts";
import { FIELDS, type Field } from "./terms.ts";

/** Entries of a run: its values are told apart once for all of them. Fewer where the values are many or long. */
export const RUN_ENTRIES = 8_192;
/** Characters of the values of a run: at three bytes each within sqld's 5,000,000 bytes a parameter, in base64. */
const RUN_CHARS = 1_000_000;
/** Places in a list of values have 16 bits. */
const RUN_VALUES = 60_000;
/** JSON of the values, escaped, and the arrays with 32 targets each. */
const RUN_BYTES_MAX = 6 * (RUN_CHARS + 10_000) + 16 * RUN_VALUES + RUN_ENTRIES * (7 + 2 * 32);
const LENGTHS_BYTES = 8;

/** What an entry is counted by. `targets` are different ones. */
export interface Counted {
  readonly action: string;
  readonly actor: string;
  readonly outcome: string | null;
  readonly targets: readonly string[];
}

/** Entries `first` … `first` + `count` − 1; those whose action is 0 are none. */
export interface Run {
  readonly first: number;
  readonly count: number;
  readonly values: Readonly<Record<Field, readonly string[]>>;
  readonly action: Uint16Array;
  readonly actor: Uint16Array;
  readonly outcome: Uint16Array;
  readonly targetCounts: Uint8Array;
  readonly targets: Uint16Array;
}

/** Gathers entries in order into runs. */
export class RunBuilder {
  /** Runs that are complete, in order. */
  readonly complete: Run[] = [];
  #first: number;
  #lists = emptyLists();
  #chars = 0;
  #action: number[] = [];
  #actor: number[] = [];
  #outcome: number[] = [];
  #targetCounts: number[] = [];
  #targets: number[] = [];

  constructor(first: number) {
    this.#first = first;
  }

  /** The entry that is to come next. */
  get next(): number {
    return this.#first + this.#action.length;
  }

  /** The first entry that is in no complete run. */
  get open(): number {
    return this.#first;
  }

  /** `seq` is `next` or beyond: what was left out in between is no entry. */
  add(seq: number, entry: Counted): void {
    this.skipTo(seq);
    this.#action.push(this.#place("action", entry.action) + 1);
    this.#actor.push(this.#place("actor", entry.actor) + 1);
    this.#outcome.push(entry.outcome === null ? 0 : this.#place("outcome", entry.outcome) + 1);
    this.#targetCounts.push(entry.targets.length);
    for (const target of entry.targets) this.#targets.push(this.#place("target", target));
    this.#endIfFull();
  }

  /** There are no entries before `seq`. */
  skipTo(seq: number): void {
    while (this.next < seq) {
      for (const codes of [this.#action, this.#actor, this.#outcome, this.#targetCounts])
        codes.push(0);
      this.#endIfFull();
    }
  }

  /** What is not complete yet. */
  rest(): Run {
    const values = Object.fromEntries(
      FIELDS.map((field) => [field, [...this.#lists[field].keys()]]),
    );
    return {
      first: this.#first,
      count: this.#action.length,
      values: values as Record<Field, string[]>,
      action: Uint16Array.from(this.#action),
      actor: Uint16Array.from(this.#actor),
      outcome: Uint16Array.from(this.#outcome),
      targetCounts: Uint8Array.from(this.#targetCounts),
      targets: Uint16Array.from(this.#targets),
    };
  }

  #place(field: Field, value: string): number {
    const list = this.#lists[field];
    let place = list.get(value);
    if (place === undefined) {
      list.set(value, (place = list.size));
      this.#chars += value.length;
    }
    return place;
  }

  #endIfFull(): void {
    const isFull =
      this.#action.length >= RUN_ENTRIES ||
      this.#chars >= RUN_CHARS ||
      this.#lists.target.size >= RUN_VALUES;
    if (!isFull) return;
    this.complete.push(this.rest());
    this.#first = this.next;
    this.#lists = emptyLists();
    this.#chars = 0;
    for (const codes of [this.#action, this.#actor, this.#outcome, this.#targetCounts])
      codes.length = 0;
    this.#targets.length = 0;
  }
}

function emptyLists(): Record<Field, Map<string, number>> {
  return { action: new Map(), actor: new Map(), target: new Map(), outcome: new Map() };
}

export function encodeRun(run: Run): Uint8Array {
  const values = encodeUtf8(JSON.stringify(run.values));
  const lengths = new Uint8Array(Uint32Array.of(values.length, run.targets.length).buffer);
  const arrays = [run.action, run.actor, run.outcome, run.targetCounts, run.targets];
  const bytes = arrays.map((array) => new Uint8Array(array.buffer));
  return new Uint8Array(deflateRawSync(concatBytes(lengths, values, ...bytes), { level: 1 }));
}

/** The inverse of `encodeRun`; null for what is no such run: then its rows are read. */
export function decodeRun(data: Uint8Array, first: number, count: number): Run | null {
  try {
    const bytes = new Uint8Array(inflateRawSync(data, { maxOutputLength: RUN_BYTES_MAX }));
    return runOf(bytes, first, count);
  } catch {
    return null;
  }
}

function runOf(bytes: Uint8Array, first: number, count: number): Run | null {
  const [valuesLength = 0, targetsLength = 0] = new Uint32Array(
    bytes.slice(0, LENGTHS_BYTES).buffer,
  );
  let at = LENGTHS_BYTES;
  const take = (length: number): Uint8Array => bytes.slice(at, (at += length));
  const values = JSON.parse(decodeUtf8(take(valuesLength))) as Json;
  const take16 = (length: number): Uint16Array => new Uint16Array(take(2 * length).buffer);
  const [action, actor, outcome] = [take16(count), take16(count), take16(count)] as const;
  const targetCounts = take(count);
  const targets = take16(targetsLength);
  if (at !== bytes.length || !areLists(values)) return null;
  const run: Run = { first, count, values, action, actor, outcome, targetCounts, targets };
  return isSound(run) ? run : null;
}

function areLists(values: Json): values is Record<Field, string[]> {
  if (!isJsonObject(values)) return false;
  return FIELDS.every((field) => {
    const list = values[field];
    return Array.isArray(list) && list.every((value) => typeof value === "string");
  });
}

/** Every place is one of its list. */
function isSound({ values, action, actor, outcome, targetCounts, targets }: Run): boolean {
  return (
    largest(action) <= values.action.length &&
    largest(actor) <= values.actor.length &&
    largest(outcome) <= values.outcome.length &&
    (targets.length === 0 || largest(targets) < values.target.length) &&
    sum(targetCounts) === targets.length
  );
}

// Loops: a function for each of 40,000 numbers takes longer than all else.
function largest(numbers: Uint16Array): number {
  let largest = 0;
  for (let at = 0; at < numbers.length; at++) if (numbers[at]! > largest) largest = numbers[at]!;
  return largest;
}

function sum(numbers: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < numbers.length; at++) sum += numbers[at]!;
  return sum;
}
