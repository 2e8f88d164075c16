/** How long to wait before the next attempt: growing pauses without chance in them, about a day in all. */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** After the first failure, the second …; the last one is for all that follow. A night's outage is survived, a storm is not made. */
const PAUSES_MS: readonly number[] = [
  5 * SECOND_MS,
  30 * SECOND_MS,
  2 * MINUTE_MS,
  10 * MINUTE_MS,
  HOUR_MS,
  3 * HOUR_MS,
];

/** What could not be delivered for so long becomes a dead letter at its next failure: 14 attempts on a channel that is away. */
export const GIVE_UP_MS = 24 * HOUR_MS;

/** A server that asks for more is not going to be back within the day. */
const RETRY_AFTER_MS_MAX = 6 * HOUR_MS;

/** `failures` in a row, at least 1; never less than the other side asked for. */
export function pauseMs(failures: number, retryAfterMs = 0): number {
  const own = PAUSES_MS[Math.min(failures, PAUSES_MS.length) - 1]!;
  return Math.max(own, Math.min(retryAfterMs, RETRY_AFTER_MS_MAX));
}

/** The header Retry-After (RFC 9110 §10.2.3): seconds or a date; null for what is neither. */
export function retryAfterMsOf(text: string | null, nowMs: number): number | null {
  if (text === null) return null;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text) * SECOND_MS;
  const timeMs = Date.parse(text);
  return Number.isNaN(timeMs) ? null : Math.max(0, timeMs - nowMs);
}
