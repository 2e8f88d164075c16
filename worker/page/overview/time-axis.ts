/** Marks on a time axis: round steps in the shown zone, few enough to be read. Pure. */
import { formatTime, type Zone } from "../state/time.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [
  ...[1_000, 5_000, 15_000, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR],
  ...[DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 91 * DAY, 365 * DAY],
];

export interface Mark {
  readonly atMs: number;
  readonly text: string;
}

/** At most `max` marks between the two. */
export function marksBetween(fromMs: number, toMs: number, max: number, zone: Zone): Mark[] {
  const span = toMs - fromMs;
  const step =
    STEPS.find((size) => span / size <= max) ??
    STEPS.at(-1)! * Math.ceil(span / (STEPS.at(-1)! * max));
  const shift = zone === "utc" ? 0 : -new Date(fromMs).getTimezoneOffset() * MINUTE;
  const marks: Mark[] = [];
  for (let atMs = Math.ceil((fromMs + shift) / step) * step - shift; atMs <= toMs; atMs += step) {
    const text = formatTime(atMs, zone);
    marks.push({
      atMs,
      text:
        step >= DAY ? text.slice(0, 10) : step >= MINUTE ? text.slice(11, 16) : text.slice(11, 19),
    });
  }
  return marks;
}
