/** Times: the server's form against Date, and the RFC 3339 that senders may use. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { encodeUtf8 } from "../../storage/log/bytes.ts";
import {
  formatTimeMs,
  isRfc3339,
  isRfc3339At,
  parseTimeMs,
  parseTimeMsAt,
} from "../../storage/log/time.ts";
import { property } from "./property.ts";

const digits = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: length, maxLength: length });

/** Shaped like a time, mostly of dates that do not exist. */
const shaped = fc
  .tuple(digits(4), digits(2), digits(2), digits(2), digits(2), digits(2), digits(3))
  .map(([y, mo, d, h, mi, s, ms]) => `${y}-${mo}-${d}T${h}:${mi}:${s}.${ms}Z`);
const lowDigits = fc
  .tuple(
    digits(4),
    fc.integer({ min: 0, max: 13 }),
    fc.integer({ min: 0, max: 32 }),
    fc.integer({ min: 0, max: 25 }),
  )
  .map(([y, mo, d, h]) => `${y}-${two(mo)}-${two(d)}T${two(h)}:00:59.999Z`);
const two = (value: number) => String(value).padStart(2, "0");

/** What Date says, which also reads hour 24 and 31 February as the next day. */
function byDate(text: string): number {
  const ms = Date.parse(text);
  return !Number.isNaN(ms) && new Date(ms).toISOString() === text ? ms : Number.NaN;
}

property(
  "the server's form is read as Date reads it, and nothing else",
  fc.oneof(shaped, lowDigits),
  (text) => {
    const expected = byDate(text);
    assert.equal(parseTimeMs(text), expected);
    assert.equal(parseTimeMsAt(encodeUtf8(`xx${text}`), 2), expected);
    assert.equal(isRfc3339(text), !Number.isNaN(expected));
    if (!Number.isNaN(expected)) assert.equal(formatTimeMs(expected), text);
  },
  2_000,
);

test("every day of four hundred years", () => {
  for (let ms = Date.UTC(1800, 0, 1); ms < Date.UTC(2200, 0, 1); ms += 86_400_000) {
    assert.equal(parseTimeMs(new Date(ms).toISOString()), ms);
  }
});

test("other forms of a time are not the server's", () => {
  for (const text of [
    "2026-01-31T23:59:59Z",
    "2026-01-31T23:59:59.12Z",
    "2026-01-31T23:59:59.1234Z",
    "2026-01-31T23:59:59.123z",
    "2026-01-31t23:59:59.123Z",
    "2026-01-31 23:59:59.123Z",
    "2026-01-31T23:59:59,123Z",
    "2026-01-31T24:00:00.000Z",
    "2026-01-31T23:59:60.000Z",
    "2026-02-29T00:00:00.000Z",
    "2026-1-031T00:00:00.000Z",
    "+026-01-31T00:00:00.000Z",
    "",
  ]) {
    assert.ok(Number.isNaN(parseTimeMs(text)), text);
  }
  assert.throws(() => formatTimeMs(Date.UTC(10_000, 0, 1)), RangeError);
});

test("RFC 3339 as senders may use it", () => {
  const good = [
    "2026-01-31T23:59:59Z",
    "2026-01-31T23:59:59.1Z",
    "2026-01-31T23:59:59.123456789Z",
    "2026-01-31T23:59:59+00:00",
    "2026-01-31T23:59:59-00:00",
    "2026-01-31T23:59:59.5-23:59",
    "2024-02-29T00:00:00Z",
    "2000-02-29T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999+14:00",
  ];
  for (const text of good) {
    assert.ok(isRfc3339(text), text);
    assert.ok(isRfc3339At(encodeUtf8(`9${text}9`), 1, text.length + 1), text);
  }
  const bad = [
    "2026-01-31",
    "2026-01-31T23:59Z",
    "2026-01-31T23:59:59",
    "2026-01-31t23:59:59Z",
    "2026-01-31T23:59:59z",
    "2026-01-31 23:59:59Z",
    "2026-01-31T23:59:60Z",
    "2026-01-31T24:00:00Z",
    "2026-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "2026-01-31T23:59:59.Z",
    "2026-01-31T23:59:59.1234567890Z",
    "2026-01-31T23:59:59+24:00",
    "2026-01-31T23:59:59+00:60",
    "2026-01-31T23:59:59+0000",
    "2026-01-31T23:59:59+00",
    "2026-01-31T23:59:59Z ",
    " 2026-01-31T23:59:59Z",
    "2026-01-31T23:59:59Z+00:00",
    "12026-01-31T23:59:59Z",
  ];
  for (const text of bad) {
    assert.ok(!isRfc3339(text), text);
    assert.ok(!isRfc3339At(encodeUtf8(`9${text}9`), 1, text.length + 1), text);
  }
});
