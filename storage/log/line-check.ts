/**
 * What a verifier asks of each line: that it is canonical and valid, belongs to this log at this place, follows on the leaf
 * before, and does not go back in time. The quick scan accepts nearly all; what it leaves open goes to the full reader,
 * which accepts or says what is wrong.
 */
import { decodeUtf8, fromHex, toHex } from "./bytes.ts";
import { LogError } from "./errors.ts";
import { decodeLine, type Entry } from "./entry.ts";
import { LineScanner } from "./line-scan.ts";
import { formatTimeMs } from "./time.ts";

/** Where a line must fit in: `prev` is the leaf before in hex, `timeMin` the time before (none for the first entry). */
export interface LinePlace {
  readonly log: string;
  readonly seq: number;
  readonly prev: string;
  readonly timeMin?: string;
}

/** Checks one line; throws `chain_broken` if `prev` is another, `invalid_entry` or `entry_too_large` otherwise. */
export function checkLine(line: Uint8Array, place: LinePlace): { time: string } {
  const timeMinMs =
    place.timeMin === undefined ? Number.NEGATIVE_INFINITY : Date.parse(place.timeMin);
  const checker = new LineChecker(place.log);
  const timeMs = checker.check(line, 0, line.length, place.seq, fromHex(place.prev), timeMinMs);
  return { time: formatTimeMs(timeMs) };
}

/** The same for many lines of one log, without an object a line. */
export class LineChecker {
  private readonly log: string;
  private readonly scanner: LineScanner;

  constructor(log: string) {
    this.log = log;
    this.scanner = new LineScanner(log);
  }

  /** Checks `bytes[start..end)`, `prev` being 32 bytes; gives its time in milliseconds since 1970. */
  check(
    bytes: Uint8Array,
    start: number,
    end: number,
    seq: number,
    prev: Uint8Array,
    timeMsMin: number,
  ): number {
    const quick = this.scanner.scan(bytes, start, end, seq, prev);
    const timeMs = quick
      ? this.scanner.timeMs
      : this.full(bytes.subarray(start, end), seq, toHex(prev)).timeMs;
    if (timeMs < timeMsMin) {
      throw new LogError("invalid_entry", `entry ${seq} is older than the one before it`, { seq });
    }
    return timeMs;
  }

  private full(line: Uint8Array, seq: number, prev: string): Entry {
    const entry = decoded(line, seq);
    if (entry.log !== this.log || entry.seq !== seq) {
      const detail = `the line of ${entry.log} ${entry.seq} stands in the place of ${this.log} ${seq}`;
      throw new LogError("invalid_entry", detail, { seq });
    }
    if (entry.prev !== prev) {
      const detail = `entry ${seq} follows on ${entry.prev}, but the leaf before it is ${prev}`;
      throw new LogError("chain_broken", detail, { seq });
    }
    return entry;
  }
}

function decoded(line: Uint8Array, seq: number): Entry {
  try {
    return decodeLine(decodeUtf8(line));
  } catch (cause) {
    if (!(cause instanceof LogError)) throw cause;
    const code = cause.code === "entry_too_large" ? cause.code : "invalid_entry";
    throw new LogError(code, `entry ${seq}: ${cause.detail}`, { seq, errors: cause.errors, cause });
  }
}
