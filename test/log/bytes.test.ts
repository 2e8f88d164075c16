/** Spellings of bytes: each reader accepts what the writer writes and nothing else; Buffer is the other implementation. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  concatBytes,
  decodeUtf8,
  encodeUtf8,
  equalBytes,
  fromBase64,
  fromBase64Url,
  fromHex,
  isHashHex,
  toBase64,
  toBase64Url,
  toHex,
  utf8FaultAt,
  utf8Length,
} from "../../storage/log/bytes.ts";
import { LogError } from "../../storage/log/errors.ts";
import { property } from "./property.ts";

const bytes = fc.uint8Array({ maxLength: 70 });
const forms = [
  ["hex", toHex, fromHex],
  ["base64", toBase64, fromBase64],
  ["base64url", toBase64Url, fromBase64Url],
] as const;

for (const [name, write, read] of forms) {
  property(`${name} is written as Buffer writes it, and read back`, bytes, (value) => {
    const text = write(value);
    assert.equal(text, Buffer.from(value).toString(name));
    assert.deepEqual(read(text), value);
  });

  property(
    `${name}: a text is read only if it is written just so`,
    fc.tuple(
      bytes,
      fc.nat(),
      fc.string({ minLength: 1, maxLength: 2, unit: fc.constantFrom(..."0aAfgG+/-_=\n é") }),
    ),
    ([value, at, char]) => {
      const text = write(value);
      const place = at % (text.length + 1);
      for (const mutant of [
        text.slice(0, place) + char + text.slice(place + 1),
        text.slice(0, place) + char + text.slice(place),
        text.slice(0, place) + text.slice(place + 1),
      ]) {
        let found: Uint8Array;
        try {
          found = read(mutant);
        } catch (error) {
          assert.ok(error instanceof LogError && error.code === "invalid_text");
          assert.notEqual(Buffer.from(mutant, name).toString(name), mutant);
          continue;
        }
        assert.equal(write(found), mutant);
      }
    },
  );
}

property(
  "UTF-8 is valid where TextDecoder says so, and the fault is where it begins",
  fc.oneof(bytes, fc.string({ unit: "binary" }).map(encodeUtf8)),
  (value) => {
    let valid = true;
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(value);
    } catch {
      valid = false;
    }
    assert.equal(utf8FaultAt(value) < 0, valid);
    if (valid) assert.deepEqual(encodeUtf8(decodeUtf8(value)), value);
    else {
      assert.throws(() => decodeUtf8(value), LogError);
      assert.doesNotThrow(() => decodeUtf8(value.subarray(0, utf8FaultAt(value))));
    }
  },
);

test("every sequence of up to three bytes from the edges of UTF-8", () => {
  const edges = [
    0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed,
    0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
  ];
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (const a of edges)
    for (const b of edges)
      for (const c of edges)
        for (const tail of [[], [0x80], [0xbf], [0x41]]) {
          const value = Uint8Array.of(a, b, c, ...tail);
          let valid = true;
          try {
            decoder.decode(value);
          } catch {
            valid = false;
          }
          assert.equal(utf8FaultAt(value) < 0, valid, toHex(value));
        }
});

property("lengths in UTF-8 are counted without encoding", fc.string({ unit: "binary" }), (text) => {
  assert.equal(utf8Length(text), encodeUtf8(text).length);
});

test("a byte order mark is kept", () => {
  assert.equal(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), "\ufeffa");
});

test("comparisons and joins", () => {
  const [a, b] = [Uint8Array.of(1, 2), Uint8Array.of(3)];
  assert.deepEqual(concatBytes(a, b, a), Uint8Array.of(1, 2, 3, 1, 2));
  assert.deepEqual(concatBytes(), new Uint8Array());
  assert.ok(equalBytes(a, Uint8Array.of(1, 2)));
  assert.ok(
    !equalBytes(a, b) && !equalBytes(a, Uint8Array.of(1, 3)) && !equalBytes(a, a.subarray(1)),
  );
  assert.ok(isHashHex("0".repeat(64)) && !isHashHex("0".repeat(63)) && !isHashHex("G".repeat(64)));
});
