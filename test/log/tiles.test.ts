/** Tile paths and entry bundles: read only as they are written. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { concatBytes, encodeUtf8 } from "../../storage/log/bytes.ts";
import { LogError } from "../../storage/log/errors.ts";
import {
  decodeEntryBundle,
  decodeTile,
  encodeEntryBundle,
  parseTilePath,
  tilePath,
} from "../../storage/log/tiles.ts";
import { property } from "./property.ts";

const tile = fc.record({
  level: fc.oneof(fc.integer({ min: 0, max: 63 }), fc.constant("entries" as const)),
  index: fc.oneof(fc.nat(2_000), fc.maxSafeNat()),
  width: fc.integer({ min: 1, max: 256 }),
});

property("a tile's path is read back", tile, ({ level, index, width }) => {
  assert.deepEqual(parseTilePath(tilePath(level, index, width)), { level, index, width });
});

property(
  "a path is read only if it is written just so",
  fc.tuple(tile, fc.nat(), fc.constantFrom(..."0x/.p9-ae")),
  ([{ level, index, width }, at, char]) => {
    const path = tilePath(level, index, width);
    const place = at % (path.length + 1);
    for (const mutant of [
      path.slice(0, place) + char + path.slice(place),
      path.slice(0, place) + path.slice(place + 1),
    ]) {
      const found = parseTilePath(mutant);
      if (found !== null) assert.equal(tilePath(found.level, found.index, found.width), mutant);
    }
  },
);

test("paths that name no tile", () => {
  for (const path of [
    "",
    "tile/0",
    "tile/0/",
    "tile/0/0",
    "tile/0/0000",
    "tile/64/000",
    "tile/00/000",
    "tile/-1/000",
    "tile/0/x000/000",
    "tile/0/x1/000",
    "tile/0/001/000",
    "tile/0/000.p/0",
    "tile/0/000.p/256",
    "tile/0/000.p/05",
    "tile/0/000.p/",
    "tile/0/000/",
    "/tile/0/000",
    "tile/entry/000",
    "tile/0/x999/x999/x999/x999/x999/999",
    `tile/0/${"x999/".repeat(50)}999`,
  ]) {
    assert.equal(parseTilePath(path), null, path);
  }
  assert.throws(() => tilePath(0, -1), LogError);
  assert.throws(() => tilePath(0, 0, 257), LogError);
  assert.throws(() => tilePath(64, 0), LogError);
});

const lines = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 256 });

property("a bundle gives its lines back", lines, (value) => {
  assert.deepEqual(decodeEntryBundle(encodeEntryBundle(value)), value);
});

test("bundles and tiles that were cut, or hold too much, are refused", () => {
  const bundle = encodeEntryBundle(["one", encodeUtf8("two")]);
  assert.deepEqual([...bundle], [0, 3, 0x6f, 0x6e, 0x65, 0, 3, 0x74, 0x77, 0x6f]);
  for (const end of [0, 1, 2, 4, 6, 7, 9]) {
    assert.throws(() => decodeEntryBundle(bundle.subarray(0, end)), LogError, `cut at ${end}`);
  }
  assert.throws(() => encodeEntryBundle([]), LogError);
  assert.throws(() => encodeEntryBundle(Array<string>(257).fill("x")), LogError);
  assert.throws(() => encodeEntryBundle(["x".repeat(65_536)]), LogError);
  assert.equal(decodeEntryBundle(encodeEntryBundle(["x".repeat(65_535)]))[0]?.length, 65_535);
  const hashes = Array.from({ length: 256 }, (_, i) => new Uint8Array(32).fill(i));
  assert.deepEqual(decodeTile(concatBytes(...hashes)), hashes);
  for (const length of [0, 31, 33, 257 * 32]) {
    assert.throws(() => decodeTile(new Uint8Array(length)), LogError, `${length} bytes`);
  }
});
