/** Bins of time on round steps, in UTC. */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** From a millisecond to thousands of years; each divides the day, or is a number of days since 1970. */
const STEPS_MS: readonly number[] = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * SECOND_MS),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR_MS),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((days) => days * DAY_MS),
  ...[1, 2, 5, 10, 20, 50].map((days) => days * 1_000 * DAY_MS),
];

export interface Bins {
  readonly stepMs: number;
  /** Where the bins begin: multiples of the step, of which the first is not after the range's beginning. */
  readonly startsMs: readonly number[];
  /** The range cut at the bins: one more than there are bins, the first and the last are the range's own ends. */
  readonly edgesMs: readonly number[];
}

/** The finest bins of `fromMs` … `toMs` − 1 that are no more than `countMax`; none where the range is empty. */
export function binsOf(fromMs: number, toMs: number, countMax: number): Bins {
  const count = (stepMs: number): number => Math.ceil(toMs / stepMs) - Math.floor(fromMs / stepMs);
  const stepMs = STEPS_MS.find((step) => count(step) <= countMax) ?? STEPS_MS.at(-1)!;
  if (toMs <= fromMs) return { stepMs, startsMs: [], edgesMs: [] };
  const first = Math.floor(fromMs / stepMs);
  const startsMs = Array.from({ length: count(stepMs) }, (_, at) => (first + at) * stepMs);
  return { stepMs, startsMs, edgesMs: [fromMs, ...startsMs.slice(1), toMs] };
}
