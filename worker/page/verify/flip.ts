/**
 * "Flip one character": a copy in memory with one character of one entry changed, so that everybody can see what a change looks
 * like. Nothing leaves the browser, and nothing is remembered of it.
 */
import type { LogSource } from "./source.ts";
import { splitLines } from "./index-chain.ts";
import { concatBytes, decodeUtf8, encodeUtf8 } from "../../../storage/log/bytes.ts";

/** As it stands in a line, and in a line that is a string in an export. */
const ACTIONS = [encodeUtf8('"action":"'), encodeUtf8('\\"action\\":\\"')];
const NEWLINE = encodeUtf8("\n");

/** The source with one character of entry `seq` changed wherever the index gives it. */
export function flipping(source: LogSource, seq: number): LogSource {
  return {
    log: () => source.log(),
    seals: (from) => source.seals(from),
    object: (first) => source.object(first),
    checkpoint: (committed) => source.checkpoint(committed),
    consistency: (from, to) => source.consistency(from, to),
    receipt: (of) => source.receipt(of),
    lines: async (from, count) => {
      const bytes = await source.lines(from, count);
      if (seq < from || seq >= from + count) return bytes;
      const lines = splitLines(bytes).map((line, i) => (from + i === seq ? flip(line) : line));
      return concatBytes(...lines.flatMap((line) => [line, NEWLINE]));
    },
  };
}

/** A copy of a line whose action begins with another letter. */
export function flip(line: Uint8Array): Uint8Array {
  const copy = line.slice();
  const ends = ACTIONS.map((action) => find(copy, action) + action.length);
  const at = Math.max(...ends, 0);
  copy[at] = copy[at] === 0x78 ? 0x79 : 0x78;
  return copy;
}

/** The same of a line as text. */
export function flipText(line: string): string {
  return decodeUtf8(flip(encodeUtf8(line)));
}

function find(bytes: Uint8Array, wanted: Uint8Array): number {
  for (let at = bytes.indexOf(wanted[0]!); at >= 0; at = bytes.indexOf(wanted[0]!, at + 1)) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -wanted.length;
}
