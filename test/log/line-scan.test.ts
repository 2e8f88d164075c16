/**
 * The verifier's quick scan beside the full reader: whatever the scan accepts, the reader accepts, for random lines and
 * for mutants of them; and ordinary lines are never left to the reader.
 */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { encodeUtf8, decodeUtf8, fromHex, toHex } from "../../storage/log/bytes.ts";
import { decodeLine, encodeLine, type Entry, type EntryFields } from "../../storage/log/entry.ts";
import { LogError } from "../../storage/log/errors.ts";
import { ZERO_HASH } from "../../storage/log/hash.ts";
import { checkLine } from "../../storage/log/line-check.ts";
import { LineScanner } from "../../storage/log/line-scan.ts";
import { lineFields } from "./events.ts";
import { property } from "./property.ts";

function full(bytes: Uint8Array): Entry | null {
  try {
    return decodeLine(decodeUtf8(bytes));
  } catch (error) {
    assert.ok(error instanceof LogError, String(error));
    return null;
  }
}

/** What the scan says, after holding it against the reader: between other bytes, as in a batch. */
function scan(
  bytes: Uint8Array,
  { log, seq, prev }: Pick<EntryFields, "log" | "seq" | "prev">,
): boolean {
  const around = new Uint8Array(bytes.length + 20).fill(0x22);
  around.set(bytes, 10);
  const scanner = new LineScanner(log);
  const quick = scanner.scan(around, 10, 10 + bytes.length, seq, fromHex(prev));
  if (quick) {
    const entry = full(bytes);
    assert.ok(entry !== null, `the scan let through ${decodeUtf8(bytes)}`);
    assert.deepEqual([entry.log, entry.seq, entry.prev], [log, seq, prev]);
    assert.equal(scanner.timeMs, entry.timeMs);
  }
  return quick;
}

property("a line that is right passes, by the scan or by the reader", lineFields, (fields) => {
  const bytes = encodeUtf8(encodeLine(fields));
  scan(bytes, fields);
  assert.equal(checkLine(bytes, { ...fields, timeMin: fields.time }).time, fields.time);
});

const mutations = fc.array(
  fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom("set", "insert", "remove", "swap")),
  {
    minLength: 1,
    maxLength: 3,
  },
);

property(
  "mutants: the scan lets nothing through that the reader refuses",
  fc.tuple(lineFields, mutations),
  ([fields, steps]) => {
    let bytes = [...encodeUtf8(encodeLine(fields))];
    for (const [at, byte, kind] of steps) {
      const place = at % bytes.length;
      if (kind === "set") bytes[place] = byte;
      if (kind === "insert") bytes = bytes.toSpliced(place, 0, byte);
      if (kind === "remove") bytes.splice(place, 1);
      if (kind === "swap") bytes.push(...bytes.splice(place, 1 + (byte % 40)));
    }
    scan(Uint8Array.from(bytes), fields);
  },
  3_000,
);

const FULL_EVENT =
  '{"action":"invoice.paid","actor":{"id":"u-1","name":"Jörg \\"J\\" \\\\ 😀","type":"user"},' +
  '"context":{"ip":"2001:db8::1","location":"","request_id":"r","session_id":"s","trace_id":"t","user_agent":"a\\tb\\u001f"},' +
  '"details":{"":0,"a":[1,-2,2.5,1e-7,true,false,null,"\\n",{}],"b":{"c":9007199254740991,"d":[]},"ba":""},' +
  '"id":"e-1","occurred_at":"2026-11-22T10:00:00.5+02:00","outcome":"denied",' +
  '"targets":[{"id":"t-1"},{"id":"t-2","name":"№","type":"invoice"}]}';
const place: EntryFields = {
  by: "oidc:https://issuer.example#someone",
  event: FULL_EVENT,
  log: "demo",
  prev: ZERO_HASH,
  salt: "QRJUjHKRwVCeo8MhmleRjg",
  seq: 12,
  time: "2026-10-24T00:00:00.123Z",
};

test("ordinary lines are read by the scan alone", () => {
  for (const fields of [
    place,
    { ...place, by: "system" },
    { ...place, by: "token:abc" },
    { ...place, event: '{"action":"a","actor":{"id":"u"}}' },
    { ...place, event: '{"action":"a","actor":{"id":"u"},"context":{},"details":{}}' },
    { ...place, event: '{"action":"a","actor":{"id":"u"},"outcome":"success"}' },
  ]) {
    assert.ok(scan(encodeUtf8(encodeLine(fields)), fields), fields.event);
  }
});

test("every byte of a full line replaced by each of many: scan and reader never part", () => {
  const bytes = encodeUtf8(encodeLine(place));
  const replacements = encodeUtf8('"\\,:{}[]0129-.eEtfnu aA\n\u0000\u001f\u007f');
  let accepted = 0;
  for (let i = 0; i < bytes.length; i++) {
    for (const byte of [...replacements, 0x80, 0xc3, 0xed, 0xf0, 0xff, bytes[i]! ^ 1]) {
      if (byte === bytes[i]) continue;
      const mutant = bytes.with(i, byte);
      if (scan(mutant, place)) accepted++;
      else assert.ok(!isOrdinary(full(mutant)), toHex(mutant));
    }
  }
  assert.ok(accepted > 1_000, "changes inside texts stay valid lines");
});

/** A line in the right place that the scan should have read itself: no member name it leaves to the reader. */
function isOrdinary(entry: Entry | null): boolean {
  if (entry === null || entry.log !== "demo" || entry.seq !== 12 || entry.prev !== ZERO_HASH)
    return false;
  return !/"(?:[^"\\]|\\.)*(?:\\|[^\x20-\x7e\u007f])(?:[^"\\]|\\.)*":/.test(entry.event);
}

test("details that are not canonical are refused by both", () => {
  const bad = [
    '{"b":1,"a":2}',
    '{"a":1,"a":2}',
    '{"a":1.0}',
    '{"a":-0}',
    '{"a":1e2}',
    '{"a":1E-7}',
    '{"a":0.0000001}',
    '{"a":9007199254740992}',
    '{"a":1e400}',
    '{"a":--1}',
    '{"a":-}',
    '{"a":1-1}',
    '{"a":01}',
    '{"a":"\\u0041"}',
    '{"a":"\\u000A"}',
    '{"a":"\\u000a"}',
    '{"a":"\\u001F"}',
    '{"a":"\\/"}',
    '{"a":"\\ud83d\\ude00"}',
    '{"a": 1}',
    '{"a":[1,]}',
    '{"a":nul}',
    '{"a":tRue}',
    '{"é":1,"z":1}',
    `{"a":${"[".repeat(31)}${"]".repeat(31)}}`,
  ];
  for (const details of bad) {
    const event = `{"action":"a","actor":{"id":"u"},"details":${details}}`;
    const bytes = encodeUtf8(encodeLine({ ...place, event }));
    assert.ok(!scan(bytes, place), details);
    assert.equal(full(bytes), null, details);
  }
});

property(
  "numbers with a point or an exponent: scan and reader agree",
  fc.oneof(
    fc
      .tuple(
        fc.constantFrom("", "-"),
        fc.nat({ max: 1_000_000 }),
        fc.string({ unit: fc.constantFrom(..."01590"), minLength: 1, maxLength: 18 }),
      )
      .map(([sign, whole, fraction]) => `${sign}${whole}.${fraction}`),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  ),
  (number) => {
    const event = `{"action":"a","actor":{"id":"u"},"details":{"x":${number}}}`;
    const bytes = encodeUtf8(encodeLine({ ...place, event }));
    assert.equal(scan(bytes, place), full(bytes) !== null, number);
  },
  2_000,
);

test("a line in a wrong place is refused, and chain_broken is said of a wrong prev alone", () => {
  const bytes = encodeUtf8(encodeLine(place));
  const refusal = (change: object) => {
    try {
      checkLine(bytes, { ...place, ...change });
    } catch (error) {
      assert.ok(error instanceof LogError);
      return [error.code, error.seq];
    }
    return null;
  };
  assert.equal(refusal({}), null);
  assert.equal(refusal({ timeMin: place.time }), null);
  assert.deepEqual(refusal({ prev: "1".repeat(64) }), ["chain_broken", 12]);
  assert.deepEqual(refusal({ seq: 13 }), ["invalid_entry", 13]);
  assert.deepEqual(refusal({ log: "demo2" }), ["invalid_entry", 12]);
  assert.deepEqual(refusal({ timeMin: "2026-10-24T00:00:00.124Z" }), ["invalid_entry", 12]);
  assert.equal(toHex(fromHex(place.prev)), place.prev);
});
