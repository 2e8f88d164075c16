/** Strict JSON: properties of the canonical form, places in refusals, and a canonicaliser of other people's beside ours. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import canonicalize from "canonicalize";
import fc from "fast-check";
import { encodeUtf8 } from "../../storage/log/bytes.ts";
import { LogError } from "../../storage/log/errors.ts";
import { DEPTH_MAX, encodeJson, parseJson, readJson, type Json } from "../../storage/log/json.ts";
import { json } from "./json-values.ts";
import { property } from "./property.ts";

const VECTORS = JSON.parse(
  readFileSync(new URL("../vectors/canonical.json", import.meta.url), "utf8"),
) as { readonly refused: readonly { readonly text: string }[] };

const any = fc.json({ maxDepth: 6, stringUnit: "binary" });

property("canonical form is a fixed point of parsing and encoding", json, (value) => {
  const once = encodeJson(value);
  assert.equal(encodeJson(parseJson(once)), once);
  assert.equal(encodeJson(parseJson(encodeUtf8(once))), once);
});

property("other spellings of a value have the same canonical form", json, (value) => {
  const once = encodeJson(value);
  const spelled = JSON.stringify(JSON.parse(once), null, "\t \n");
  const escaped = spelled.replaceAll(/[^\x20-\x7e\t\n]/g, (char) => `\\u${hex4(char)}`);
  assert.equal(encodeJson(parseJson(spelled)), once);
  assert.equal(encodeJson(parseJson(escaped)), once);
});

/** The text, where writing again what was read of it gives the same. */
const canonicalBy = (read: (text: string) => Json, input: string): string | null => {
  try {
    return encodeJson(read(input)) === input ? input : null;
  } catch (error) {
    assert.ok(error instanceof LogError && error.code === "invalid_json", String(error));
    return null;
  }
};
const assertSame = (input: string): void =>
  assert.equal(
    canonicalBy((text) => readJson(text, DEPTH_MAX), input),
    canonicalBy(parseJson, input),
    input.slice(0, 200),
  );

property(
  "the engine's reader and the strict one find the same texts canonical",
  fc.tuple(json, any, fc.nat(), fc.constantFrom(...'{}[]",:0-+.eE\\/u tfn\u0000\ud800\ufeff')),
  ([value, input, at, char]) => {
    const once = encodeJson(value);
    const place = at % (once.length + 1);
    for (const text of [
      once,
      input,
      once.slice(0, place) + char + once.slice(place),
      once.slice(0, place) + char + once.slice(place + 1),
      once.slice(0, place) + once.slice(place + 1),
    ]) {
      assertSame(text);
    }
  },
);

test("what must be refused is not canonical for the engine's reader either", () => {
  const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
  const texts = VECTORS.refused.map(({ text }) => text);
  for (const text of [...texts, deep(DEPTH_MAX), deep(DEPTH_MAX + 1), deep(60_000)]) {
    assertSame(text);
  }
  for (const text of texts)
    assert.equal(
      canonicalBy((one) => readJson(one, 32), text),
      null,
    );
});

const hex4 = (char: string) => char.charCodeAt(0).toString(16).padStart(4, "0");

property("the canonical form is that of another implementation", json, (value) => {
  assert.equal(encodeJson(value), canonicalize(value));
});

property("what is accepted is what JSON.parse reads, and numbers that stay", any, (input) => {
  let value: Json;
  try {
    value = parseJson(input);
  } catch (error) {
    assert.ok(error instanceof LogError && error.code === "invalid_json");
    assert.match(
      error.detail,
      /beyond 2\^53-1|become zero|significant digits|nested deeper|lone surrogate/,
    );
    return;
  }
  assert.equal(encodeJson(value), canonicalize(JSON.parse(input)));
});

property(
  "no text is read that JSON.parse refuses",
  fc.tuple(any, fc.nat(), fc.constantFrom(...'{}[]",:0-+.eE\\/u tfn\u0000\ud800\ufeff')),
  ([input, at, char]) => {
    const place = at % (input.length + 1);
    for (const mutant of [
      input.slice(0, place) + char + input.slice(place),
      input.slice(0, place) + char + input.slice(place + 1),
    ]) {
      let value: Json;
      try {
        value = parseJson(mutant);
      } catch (error) {
        assert.ok(error instanceof LogError && error.code === "invalid_json");
        continue;
      }
      assert.equal(encodeJson(value), canonicalize(JSON.parse(mutant)));
    }
  },
);

property(
  "numbers keep their nearest double",
  fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 18n }), fc.integer({ min: -30, max: 5 })),
  ([digits, exponent]) => {
    const input = `${digits}e${exponent}`;
    let value: Json;
    try {
      value = parseJson(input);
    } catch {
      const significant = String(digits).replace(/0+$/, "").length;
      assert.ok(significant > 17 || Number(input) > Number.MAX_SAFE_INTEGER);
      return;
    }
    assert.equal(value, Number(input));
  },
);

test("a refusal names pointer and byte offset", () => {
  const cases: [string, string, number][] = [
    ['{"a":{"b~/c":[1,2,x]}}', "/a/b~0~1c/2", 18],
    ['{"€":1,"€":2}', "/€", 9],
    ['{"a":1 "b":2}', "", 7],
    ['{"a":[1 2]}', "/a", 8],
    ['{"a":1,}', "", 7],
    ['{"a" 1}', "/a", 5],
    ['{"a":"\\x"}', "/a", 6],
    ['{"a":"\\u12G4"}', "/a", 6],
    ['{"a":"b', "/a", 7],
    ['{"a":', "/a", 5],
    ["[tru]", "/0", 1],
    ["-", "", 0],
    ["[1.]", "/0", 1],
    ["[1e]", "/0", 1],
    ["[.5]", "/0", 1],
    ["[+1]", "/0", 1],
    ["[-01]", "/0", 1],
  ];
  for (const [input, pointer, offset] of cases) {
    assert.throws(
      () => parseJson(input),
      (error) => {
        assert.ok(error instanceof LogError);
        assert.equal(error.code, "invalid_json");
        assert.equal(error.errors[0]?.pointer, pointer, input);
        assert.match(error.detail, new RegExp(`at byte ${offset}$`), input);
        return true;
      },
    );
  }
});

test("depth is counted from the top, and a list of events does not count", () => {
  const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
  assert.doesNotThrow(() => parseJson(nested(DEPTH_MAX)));
  assert.throws(() => parseJson(nested(DEPTH_MAX + 1)), LogError);
  assert.doesNotThrow(() => parseJson(` ${nested(DEPTH_MAX + 1)}`, { list: true }));
  assert.throws(() => parseJson(nested(DEPTH_MAX + 2), { list: true }), LogError);
  const object = '{"a":'.repeat(DEPTH_MAX + 1) + "1" + "}".repeat(DEPTH_MAX + 1);
  assert.throws(() => parseJson(object, { list: true }), LogError);
  assert.doesNotThrow(() => parseJson(object, { depthMax: DEPTH_MAX + 1 }));
});

test("objects inherit nothing", () => {
  const value = parseJson('{"__proto__":{"x":1},"constructor":2}') as { [name: string]: Json };
  assert.deepEqual(Object.keys(value), ["__proto__", "constructor"]);
  assert.equal((parseJson("{}") as { [name: string]: Json })["toString"], undefined);
  assert.equal(encodeJson(value), '{"__proto__":{"x":1},"constructor":2}');
});

test("what is no JSON is not encoded", () => {
  for (const value of [
    undefined,
    Number.NaN,
    Infinity,
    2 ** 53,
    () => 1,
    1n,
    "\ud800",
    { "\udc00": 1 },
  ]) {
    assert.throws(() => encodeJson(value as Json), LogError);
  }
});

test("long runs of digits take time in proportion", () => {
  const zeros = "0".repeat(4_000_000);
  assert.equal(parseJson(`1.${zeros}`), 1);
  assert.throws(() => parseJson(`1.${zeros}1`), LogError);
  assert.throws(() => parseJson(`0.${"10".repeat(2_000_000)}`), LogError);
});
