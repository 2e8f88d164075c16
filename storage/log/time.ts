/**
 * Points in time as text: the server's own form `YYYY-MM-DDTHH:MM:SS.mmmZ` (FORMAT §3) and the RFC 3339 that senders may use
 * (FORMAT §2). No clock is read here; dates are counted by hand, so that one which does not exist is seen.
 */

/** Length of the server's form, which sorts as text. */
export const TIME_LENGTH = 24;
const DAY_MS = 86_400_000;
const FRACTION_DIGITS_MAX = 9;

/** Milliseconds since 1970 of the server's form, or NaN for any other text. */
export function parseTimeMs(text: string): number {
  return text.length === TIME_LENGTH ? readTimeMs((i) => text.charCodeAt(i)) : Number.NaN;
}

/** The server's form of milliseconds since 1970; the year must be 0000 to 9999. */
export function formatTimeMs(timeMs: number): string {
  const text = new Date(timeMs).toISOString();
  if (text.length !== TIME_LENGTH) throw new RangeError("the year of a time has four digits");
  return text;
}

/** The same from 24 bytes at `at`, for who has not made a string of them. */
export function parseTimeMsAt(bytes: Uint8Array, at: number): number {
  return at + TIME_LENGTH <= bytes.length ? readTimeMs((i) => bytes[at + i]!) : Number.NaN;
}

type CodeAt = (index: number) => number;

function readTimeMs(codeAt: CodeAt): number {
  if (codeAt(19) !== 0x2e || codeAt(23) !== 0x5a) return Number.NaN;
  const ms = digit(codeAt(20)) * 100 + digit(codeAt(21)) * 10 + digit(codeAt(22));
  return readSecondsMs(codeAt) + ms;
}

/** `YYYY-MM-DDTHH:MM:SS` at index 0 as milliseconds; NaN if it is not that, or names no second that exists. */
function readSecondsMs(codeAt: CodeAt): number {
  if (codeAt(4) !== 0x2d || codeAt(7) !== 0x2d || codeAt(10) !== 0x54) return Number.NaN;
  if (codeAt(13) !== 0x3a || codeAt(16) !== 0x3a) return Number.NaN;
  const year = two(codeAt, 0) * 100 + two(codeAt, 2);
  const month = two(codeAt, 5);
  const day = two(codeAt, 8);
  const hour = two(codeAt, 11);
  const minute = two(codeAt, 14);
  const second = two(codeAt, 17);
  const exists = month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month) && hour <= 23;
  if (!exists || !(minute <= 59 && second <= 59)) return Number.NaN;
  const seconds = hour * 3_600 + minute * 60 + second;
  return daysSince1970(year, month, day) * DAY_MS + seconds * 1_000;
}

function two(codeAt: CodeAt, index: number): number {
  return digit(codeAt(index)) * 10 + digit(codeAt(index + 1));
}

/** NaN for what is no digit: it spoils every sum that it goes into. */
function digit(code: number): number {
  return code >= 0x30 && code <= 0x39 ? code - 0x30 : Number.NaN;
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

/** Days from 1970-01-01 in the proleptic Gregorian calendar, counting years from March so that leap days come last. */
function daysSince1970(year: number, month: number, day: number): number {
  const fromMarch = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const leapDays =
    Math.floor(fromMarch / 4) - Math.floor(fromMarch / 100) + Math.floor(fromMarch / 400);
  // 719,468 days lie between 0000-03-01 and 1970-01-01.
  return fromMarch * 365 + leapDays + dayOfYear - 719_468;
}

/**
 * True for RFC 3339 with upper-case T and Z or a numeric offset, a date that exists, no leap second and one to nine
 * fraction digits if any.
 */
export function isRfc3339(text: string): boolean {
  return readsRfc3339((i) => text.charCodeAt(i), text.length);
}

/** The same of `bytes[start..end)`. */
export function isRfc3339At(bytes: Uint8Array, start: number, end: number): boolean {
  return readsRfc3339((i) => bytes[start + i]!, end - start);
}

/**
 * The first whole millisecond since 1970 that is not before a time of RFC 3339 as `isRfc3339` takes it, or NaN for any other
 * text: entries have whole milliseconds, so "not before" and "before" it are the same of both.
 */
export function parseRfc3339Ms(text: string): number {
  if (!isRfc3339(text)) return Number.NaN;
  const codeAt = (i: number): number => text.charCodeAt(i);
  let ms = readSecondsMs(codeAt);
  let at = 19;
  if (codeAt(at) === 0x2e) {
    const fraction = /^[0-9]+/.exec(text.slice(at + 1))![0];
    ms += Math.ceil(Number(fraction.padEnd(FRACTION_DIGITS_MAX, "0")) / 1_000_000);
    at += 1 + fraction.length;
  }
  if (codeAt(at) === 0x5a) return ms;
  const offsetMs = (two(codeAt, at + 1) * 60 + two(codeAt, at + 4)) * 60_000;
  // What is two hours ahead of UTC has passed the same time two hours earlier.
  return codeAt(at) === 0x2b ? ms - offsetMs : ms + offsetMs;
}

function readsRfc3339(codeAt: CodeAt, length: number): boolean {
  if (Number.isNaN(readSecondsMs(codeAt))) return false;
  let at = 19;
  if (codeAt(at) === 0x2e) {
    const first = ++at;
    while (at < length && !Number.isNaN(digit(codeAt(at)))) at++;
    if (at === first || at - first > FRACTION_DIGITS_MAX) return false;
  }
  const sign = codeAt(at);
  if (sign === 0x5a) return length === at + 1;
  if ((sign !== 0x2b && sign !== 0x2d) || length !== at + 6 || codeAt(at + 3) !== 0x3a)
    return false;
  return two(codeAt, at + 1) <= 23 && two(codeAt, at + 4) <= 59;
}
