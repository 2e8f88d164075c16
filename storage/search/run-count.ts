/** Counts over runs: how many of their entries meet a filter, in which bins they lie, and how often each value occurs among them. */
import { matchesAction, type Filter } from "../log/filter.ts";
import type { Run } from "./run.ts";
import { FIELDS, type Field } from "./terms.ts";

/** Different values of a field, and their characters, that are kept while they are counted: 40 MB at most. */
const VALUES_MAX = 400_000;
const VALUE_CHARS_MAX = 8_000_000;

export class RunCounts {
  readonly #filter: Filter;
  readonly #edges: readonly number[];
  /** Of each bin. */
  readonly bins: number[];
  readonly #counts: Record<Field, Map<string, number> | null>;
  readonly #chars: Record<Field, number> = { action: 0, actor: 0, target: 0, outcome: 0 };

  /** Words and times of the filter are not looked at. `edges`: the entries at which the bins begin, and where the last one ends. */
  constructor(filter: Filter, edges: readonly number[]) {
    this.#filter = filter;
    this.#edges = edges;
    this.bins = edges.slice(1).map(() => 0);
    this.#counts = { action: new Map(), actor: new Map(), target: new Map(), outcome: new Map() };
  }

  /** Counts a run; where `marks` is given those of its entries only that are not 0 there. */
  add(run: Run, marks: Uint8Array | null): void {
    const wanted = wantedPlaces(this.#filter, run);
    if (wanted === null) return;
    const found = foundIn(run);
    const { first, action, actor, outcome, targetCounts, targets } = run;
    const from = Math.max(0, this.#edges[0]! - first);
    const to = Math.min(run.count, this.#edges.at(-1)! - first);
    let bin = 0;
    let target = 0;
    for (let at = 0; at < to; at++) {
      const begin = target;
      target += targetCounts[at]!;
      if (at < from || action[at] === 0 || wanted.action[action[at]!] === 0) continue;
      if (wanted.actor !== 0 && actor[at] !== wanted.actor) continue;
      if (wanted.outcome !== 0 && outcome[at] !== wanted.outcome) continue;
      if (wanted.target !== null && !targets.subarray(begin, target).includes(wanted.target))
        continue;
      if (marks !== null && marks[at] === 0) continue;
      while (first + at >= this.#edges[bin + 1]!) bin++;
      this.bins[bin]!++;
      found.action[action[at]! - 1]!++;
      found.actor[actor[at]! - 1]!++;
      if (outcome[at] !== 0) found.outcome[outcome[at]! - 1]!++;
      for (let n = begin; n < target; n++) found.target[targets[n]!]!++;
    }
    for (const field of FIELDS) this.#gather(field, run.values[field], found[field]);
  }

  /** How often each value of the field occurs; null where they were too many to be kept. */
  of(field: Field): ReadonlyMap<string, number> | null {
    return this.#counts[field];
  }

  #gather(field: Field, values: readonly string[], found: Uint32Array): void {
    const counts = this.#counts[field];
    if (counts === null) return;
    for (let at = 0; at < found.length; at++) {
      if (found[at] === 0) continue;
      const value = values[at]!;
      const before = counts.get(value);
      if (before === undefined) this.#chars[field] += value.length;
      counts.set(value, (before ?? 0) + found[at]!);
    }
    const isFull = counts.size > VALUES_MAX || this.#chars[field] > VALUE_CHARS_MAX;
    if (isFull) this.#counts[field] = null;
  }
}

function foundIn({ values }: Run): Record<Field, Uint32Array> {
  return {
    action: new Uint32Array(values.action.length),
    actor: new Uint32Array(values.actor.length),
    target: new Uint32Array(values.target.length),
    outcome: new Uint32Array(values.outcome.length),
  };
}

/** What the filter asks for as places of the run; null where the run has none of it. */
function wantedPlaces({ action, actor, target, outcome }: Filter, { values }: Run) {
  const isWanted = values.action.map((value) => action === null || matchesAction(action, value));
  const places = {
    /** 1 at each action that is asked for. */
    action: Uint8Array.from([0, ...isWanted.map(Number)]),
    /** 0: not asked for. */
    actor: actor === null ? 0 : values.actor.indexOf(actor) + 1,
    outcome: outcome === null ? 0 : values.outcome.indexOf(outcome) + 1,
    target: target === null ? null : values.target.indexOf(target),
  };
  const hasNone =
    !isWanted.includes(true) ||
    (actor !== null && places.actor === 0) ||
    (outcome !== null && places.outcome === 0) ||
    places.target === -1;
  return hasNone ? null : places;
}
