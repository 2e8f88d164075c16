/** Entry lines: written and read back, exact limits, and what is refused. */
import assert from "node:assert/strict";
import test from "node:test";
import { encodeUtf8, toHex } from "../../storage/log/bytes.ts";
import {
  assertLineFits,
  decodeLine,
  encodeLine,
  isBy,
  isLogName,
  LINE_BYTES_MAX,
  type EntryFields,
} from "../../storage/log/entry.ts";
import { LogError, type LogErrorCode } from "../../storage/log/errors.ts";
import { leafHash, sha256, ZERO_HASH } from "../../storage/log/hash.ts";
import { encodeJson, type Json } from "../../storage/log/json.ts";
import { lineFields } from "./events.ts";
import { property } from "./property.ts";

const fields: EntryFields = {
  by: "token:abc",
  event: '{"action":"a","actor":{"id":"u"}}',
  log: "demo",
  prev: ZERO_HASH,
  salt: "QRJUjHKRwVCeo8MhmleRjg",
  seq: 0,
  time: "2026-10-24T00:00:00.123Z",
};
const code = (expected: LogErrorCode) => (error: unknown) =>
  error instanceof LogError && error.code === expected;

property(
  "a line is canonical JSON of its fields, and read back it gives them",
  lineFields,
  (given) => {
    const line = encodeLine(given);
    const { event, ...rest } = given;
    assert.equal(line, encodeJson({ ...rest, event: JSON.parse(event) as Json, v: 1 }));
    const { by, event: text, log, prev, salt, seq, time, timeMs } = decodeLine(line);
    assert.deepEqual({ by, event: text, log, prev, salt, seq, time }, { ...given });
    assert.equal(timeMs, Date.parse(given.time));
  },
);

/** A line of exactly so many bytes. */
function lineOf(bytes: number, seq = 0): EntryFields {
  const make = (filler: string) => ({
    ...fields,
    seq,
    event: `{"action":"a","actor":{"id":"u"},"details":{"x":"${filler}"}}`,
  });
  const rest = encodeLine(make("")).length;
  return make("é".repeat((bytes - rest) >> 1) + "a".repeat((bytes - rest) & 1));
}

test("65,535 bytes fit, one more does not", () => {
  const longest = encodeLine(lineOf(LINE_BYTES_MAX));
  assert.equal(encodeUtf8(longest).length, LINE_BYTES_MAX);
  assert.equal(decodeLine(longest).seq, 0);
  assert.throws(() => encodeLine(lineOf(LINE_BYTES_MAX + 1)), code("entry_too_large"));
  assert.throws(() => decodeLine(longest.replace('"x":"', '"x":"a')), code("entry_too_large"));
  assert.doesNotThrow(() => assertLineFits(lineOf(LINE_BYTES_MAX)));
  assert.throws(() => assertLineFits(lineOf(LINE_BYTES_MAX), 10), code("entry_too_large"));
});

test("a line has exactly its members, each what it must be", () => {
  const line = encodeLine(fields);
  const bad: [string, string][] = [
    ['"by":"token:abc"', '"by":"token:"'],
    ['"by":"token:abc"', '"by":"nobody"'],
    ['"by":"token:abc"', '"by":7'],
    ['"by":"token:abc",', ""],
    ['"log":"demo"', '"log":"Demo"'],
    ['"log":"demo"', '"log":"a--b"'],
    [`"prev":"${ZERO_HASH}"`, `"prev":"${ZERO_HASH.slice(1)}"`],
    [`"prev":"${ZERO_HASH}"`, `"prev":"${ZERO_HASH.slice(1)}A"`],
    ['Rjg"', 'Rjh"'],
    ['Rjg"', 'Rj"'],
    ['Rjg"', 'Rj="'],
    ['"seq":0', '"seq":-1'],
    ['"seq":0', '"seq":0.5'],
    ['"seq":0', '"seq":"0"'],
    ['"seq":0', '"seq":00'],
    ['"seq":0', '"seq":1e1'],
    ["2026-10-24", "2026-10-32"],
    [".123Z", "Z"],
    ['"v":1', '"v":2'],
    ['"v":1', '"v":1,"w":1'],
    ['"v":1', '"v":1 '],
    ['"action":"a"', '"action":""'],
    ['"action":"a"', '"action":"\\u0061"'],
    ['"actor":{"id":"u"}', '"actor":{"id":"u","x":1}'],
    ["}}", "} }"],
  ];
  for (const [from, to] of bad) {
    assert.ok(line.includes(from), from);
    assert.throws(() => decodeLine(line.replace(from, to)), code("invalid_entry"), to);
  }
  for (const text of ["", "[]", "1", `${line}\n`, ` ${line}`, `\ufeff${line}`]) {
    assert.throws(() => decodeLine(text), code("invalid_entry"), text.slice(0, 9));
  }
});

test("an event may nest to level 32, which is 33 in a line", () => {
  const nest = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;
  const event = (levels: number) =>
    `{"action":"a","actor":{"id":"u"},"details":{"x":${nest(levels)}}}`;
  assert.doesNotThrow(() => decodeLine(encodeLine({ ...fields, event: event(30) })));
  const deep = encodeLine({ ...fields, event: event(31) });
  assert.throws(() => decodeLine(deep), code("invalid_entry"));
});

test("what cannot be in a line is not written", () => {
  for (const wrong of [
    { prev: "00" },
    { salt: "short" },
    { time: "now" },
    { seq: -1 },
    { seq: 0.5 },
    { seq: 2 ** 53 },
  ]) {
    assert.throws(() => encodeLine({ ...fields, ...wrong }), code("invalid_entry"));
  }
});

test("names of logs and writers", () => {
  for (const name of ["a", "a.b", "a-b_c.d0", "0", "_system", "_access", "x".repeat(64)]) {
    assert.ok(isLogName(name), name);
  }
  const badNames = [
    "",
    "_x",
    "a.",
    ".a",
    "a..b",
    "A",
    "é",
    "a/b",
    "a b",
    "x".repeat(65),
    "_system2",
    "a\n",
  ];
  for (const name of badNames) assert.ok(!isLogName(name), name);
  const oidc = (chars: number) => `oidc:${"i".repeat(chars - 7)}#s`;
  for (const by of ["system", "token:a", "oidc:i#s", "oidc:i#s#t", "oidc:i#\u2028", oidc(512)]) {
    assert.ok(isBy(by), by);
  }
  const badBys = [
    "",
    "System",
    "system ",
    "token:",
    "oidc:",
    "oidc:#s",
    "oidc:i#",
    "oidc:i",
    "token:a\nb",
    oidc(513),
  ];
  for (const by of badBys) assert.ok(!isBy(by), by);
});

test("leaves and nodes are hashed behind their prefixes, whatever their length", () => {
  for (const length of [0, 1, 55, 64, 65_535, 65_536, 100_000]) {
    const line = new Uint8Array(length).fill(7);
    const expected = sha256(Uint8Array.of(0, ...line));
    assert.equal(toHex(leafHash(line)), toHex(expected));
  }
});
