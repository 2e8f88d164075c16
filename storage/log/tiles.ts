/**
 * What transparency-log tools fetch (c2sp.org/tlog-tiles): paths `tile/<level>/<index>[.p/<width>]` and
 * `tile/entries/<index>[.p/<width>]`, the index in groups of three digits, all but the last with an x before it; and the bundle of entries,
 * each a uint16 (big-endian) of its length and the line. A tile of hashes is the hashes in a row.
 */
import { encodeUtf8 } from "./bytes.ts";
import { LINE_BYTES_MAX } from "./entry.ts";
import { LogError } from "./errors.ts";
import { HASH_BYTES } from "./hash.ts";
import { TILE_WIDTH } from "./tree.ts";

/** Which tile: `level` 0 holds leaves; `width` below 256 is a partial one. */
export interface Tile {
  readonly level: number | "entries";
  readonly index: number;
  readonly width: number;
}

/** Above level 6 a tile would cover more than 2^53 leaves; tlog-tiles lets paths go to 63. */
export const TILE_LEVEL_MAX = 63;

/** The path of a tile; throws `invalid_tile`. */
export function tilePath(level: number | "entries", index: number, width = TILE_WIDTH): string {
  if (!isTile({ level, index, width })) throw new LogError("invalid_tile", "no such tile");
  const partial = width === TILE_WIDTH ? "" : `.p/${width}`;
  return `tile/${level}/${tileIndexPath(index)}${partial}`;
}

/** The index as it stands in a path: 1234067 is `x001/x234/067`. */
export function tileIndexPath(index: number): string {
  let path = threeDigits(index % 1000);
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${threeDigits(rest % 1000)}/${path}`;
  }
  return path;
}

function threeDigits(value: number): string {
  return String(value).padStart(3, "0");
}

/** The tile of a path that `tilePath` would write just so, or null. */
export function parseTilePath(path: string): Tile | null {
  const match = PATH.exec(path);
  if (match === null) return null;
  const [, level, index, width] = match;
  const tile: Tile = {
    level: level === "entries" ? level : Number(level),
    index: Number(index!.replaceAll(/[x/]/g, "")),
    width: width === undefined ? TILE_WIDTH : Number(width),
  };
  return isTile(tile) && tilePath(tile.level, tile.index, tile.width) === path ? tile : null;
}

/** Six groups hold 2^53; a longer path is refused before it is read. */
const PATH = /^tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/;

function isTile({ level, index, width }: Tile): boolean {
  const isLevel =
    level === "entries" || (Number.isSafeInteger(level) && level >= 0 && level <= TILE_LEVEL_MAX);
  return isLevel && Number.isSafeInteger(index) && index >= 0 && width >= 1 && width <= TILE_WIDTH;
}

/** The hashes of a tile's bytes; throws `invalid_tile`. */
export function decodeTile(bytes: Uint8Array): Uint8Array[] {
  const width = bytes.length / HASH_BYTES;
  if (!Number.isSafeInteger(width) || width < 1 || width > TILE_WIDTH) {
    throw new LogError(
      "invalid_tile",
      `a tile has 1 to ${TILE_WIDTH} hashes of ${HASH_BYTES} bytes`,
    );
  }
  return Array.from({ length: width }, (_, i) =>
    bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );
}

/** The bundle of 1 to 256 lines; throws `invalid_tile`. See `decodeEntryBundle`. */
export function encodeEntryBundle(lines: readonly (Uint8Array | string)[]): Uint8Array {
  const all = lines.map((line) => (typeof line === "string" ? encodeUtf8(line) : line));
  if (
    all.length < 1 ||
    all.length > TILE_WIDTH ||
    all.some((line) => line.length > LINE_BYTES_MAX)
  ) {
    throw new LogError("invalid_tile", `a bundle has 1 to ${TILE_WIDTH} lines`);
  }
  const bundle = new Uint8Array(all.reduce((sum, line) => sum + 2 + line.length, 0));
  let at = 0;
  for (const line of all) {
    bundle[at] = line.length >> 8;
    bundle[at + 1] = line.length & 0xff;
    bundle.set(line, at + 2);
    at += 2 + line.length;
  }
  return bundle;
}

/** The lines of a bundle, as views; throws `invalid_tile`. */
export function decodeEntryBundle(bundle: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let at = 0; at < bundle.length;) {
    const start = at + 2;
    at = start + (bundle[at]! << 8) + (bundle[at + 1] ?? 0);
    if (start > bundle.length || at > bundle.length)
      throw new LogError("invalid_tile", "a bundle that was cut");
    lines.push(bundle.subarray(start, at));
  }
  if (lines.length < 1 || lines.length > TILE_WIDTH) {
    throw new LogError("invalid_tile", `a bundle has 1 to ${TILE_WIDTH} lines`);
  }
  return lines;
}
