/**
 * A sealed batch (FORMAT §6), as UTF-8 lines, each ended by one newline:
 *
 *   header   canonical JSON: count, first, format, frontier, log, origin, prev, retention_days
 *   lines    `count` entry lines as they were hashed: 1 to 65,536, at most 32 MiB together
 *   footer   canonical JSON: checkpoint, the note of size first + count
 *
 * What the object in the vault adds is one gzip member around it: see `checkGzipHeader`. Here the bytes are taken apart; whether
 * they are true is the question of `checkBatch`.
 */
import { concatBytes, decodeUtf8, encodeUtf8 } from "./bytes.ts";
import { assertHeader, BATCH_FORMAT, type BatchHeader } from "./batch-header.ts";
import { LINE_BYTES_MAX, isLogName } from "./entry.ts";
import { attempt, LogError } from "./errors.ts";
import { DEPTH_MAX, encodeJson, isJsonObject, readJson, type JsonObject } from "./json.ts";
import { NOTE_BYTES_MAX } from "./note.ts";

export { BATCH_LINES_MAX, type BatchHeader } from "./batch-header.ts";
export { checkBatch, type CheckedBatch } from "./batch-check.ts";

/** Of all lines together, their newlines not counted. */
export const BATCH_BYTES_MAX = 32 * 1024 * 1024;
/** A frontier has at most 53 hashes of 67 bytes (3,551); the names and numbers around it stay below the rest. */
export const BATCH_HEADER_BYTES_MAX = 8 * 1024;
/** The note, whose newlines and quotes take two bytes each in JSON. */
export const BATCH_FOOTER_BYTES_MAX = 2 * NOTE_BYTES_MAX + 64;
/** What a reader inflates at most: header, lines, a newline each, footer. */
export const BATCH_INFLATED_BYTES_MAX =
  BATCH_HEADER_BYTES_MAX + BATCH_BYTES_MAX + 65_536 + 2 + BATCH_FOOTER_BYTES_MAX;

/** A batch that was taken apart; nothing of it is verified but its form. */
export interface DecodedBatch {
  readonly header: BatchHeader;
  readonly lines: BatchLines;
  /** The note of the footer. */
  readonly checkpoint: string;
}

/** The lines of a batch, inside its bytes: nothing is copied. */
export class BatchLines {
  readonly bytes: Uint8Array;
  readonly length: number;
  /** Where line i begins; one more than lines, so that line i ends (newline included) at `starts[i + 1]`. */
  readonly starts: Uint32Array;

  constructor(bytes: Uint8Array, starts: Uint32Array) {
    this.bytes = bytes;
    this.starts = starts;
    this.length = starts.length - 1;
  }

  /** A view of line i, without its newline. */
  at(i: number): Uint8Array {
    const [start, end] = [this.starts[i], this.starts[i + 1]];
    if (start === undefined || end === undefined) throw new RangeError(`no line ${i} in the batch`);
    return this.bytes.subarray(start, end - 1);
  }

  /** Line i as text; throws `invalid_text` if it is not UTF-8. */
  text(i: number): string {
    return decodeUtf8(this.at(i));
  }

  *[Symbol.iterator](): IterableIterator<Uint8Array> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }
}

/** What `encodeBatch` is given: the count follows from the lines. */
export interface BatchParts {
  readonly header: Omit<BatchHeader, "count">;
  readonly lines: readonly string[];
  readonly checkpoint: string;
}

/** The bytes of a batch, before gzip; throws `invalid_batch` for what `decodeBatch` would refuse by its form. */
export function encodeBatch({ header, lines, checkpoint }: BatchParts): Uint8Array {
  const whole: BatchHeader = { ...header, count: lines.length };
  assertHeader(whole);
  const head = encodeUtf8(headerText(whole));
  const body = encodeUtf8(lines.join("\n") + "\n");
  const foot = encodeUtf8(footerText(checkpoint));
  if (head.length > BATCH_HEADER_BYTES_MAX) throw bad("the header is too long");
  if (foot.length > BATCH_FOOTER_BYTES_MAX) throw bad("the footer is too long");
  assertBodyFits(body.length - lines.length);
  if (lineStarts(body, 0, lines.length)[lines.length] !== body.length) {
    throw bad("a line with a newline in it");
  }
  return concatBytes(head, body, foot);
}

function headerText(header: BatchHeader): string {
  return encodeJson({ ...header, frontier: [...header.frontier], format: BATCH_FORMAT }) + "\n";
}

function footerText(checkpoint: string): string {
  return encodeJson({ checkpoint }) + "\n";
}

/** Takes inflated bytes apart; throws `invalid_batch`. The views in the result are of these bytes. */
export function decodeBatch(inflated: Uint8Array): DecodedBatch {
  // Node inflates into a Buffer, whose views are dearer than those of a plain array over the same memory.
  const bytes = new Uint8Array(inflated.buffer, inflated.byteOffset, inflated.length);
  const headerEnd = bytes.subarray(0, BATCH_HEADER_BYTES_MAX).indexOf(NEWLINE) + 1;
  if (headerEnd === 0) throw bad("no header");
  const header = decodeHeader(bytes.subarray(0, headerEnd));
  const starts = lineStarts(bytes, headerEnd, header.count);
  const linesEnd = starts[header.count]!;
  assertBodyFits(linesEnd - headerEnd - header.count);
  const checkpoint = decodeFooter(bytes.subarray(linesEnd));
  return { header, lines: new BatchLines(bytes, starts), checkpoint };
}

const NEWLINE = 0x0a;

function lineStarts(bytes: Uint8Array, from: number, count: number): Uint32Array {
  const starts = new Uint32Array(count + 1);
  starts[0] = from;
  for (let i = 0; i < count; i++) {
    const start = starts[i]!;
    const end = bytes.indexOf(NEWLINE, start);
    if (end < 0) throw bad(`the header counts ${count} lines, ${i} are there`);
    if (end - start > LINE_BYTES_MAX) throw bad(`line ${i} has more than ${LINE_BYTES_MAX} bytes`);
    starts[i + 1] = end + 1;
  }
  return starts;
}

function decodeHeader(bytes: Uint8Array): BatchHeader {
  const object = decodeObject(bytes, "header");
  const { count, first, frontier, log, origin, prev, retention_days } = object;
  const header = {
    count,
    first,
    frontier,
    log,
    origin,
    prev,
    retention_days,
  } as unknown as BatchHeader;
  assertHeader(header);
  if (
    encodeUtf8(headerText(header)).length !== bytes.length ||
    headerText(header) !== decodeUtf8(bytes)
  ) {
    throw bad(
      `the header is not canonical, of another format, or has members that it should not have`,
    );
  }
  return header;
}

function decodeFooter(bytes: Uint8Array): string {
  if (bytes.length > BATCH_FOOTER_BYTES_MAX) throw bad("the footer is too long");
  const { checkpoint } = decodeObject(bytes, "footer");
  if (typeof checkpoint !== "string" || footerText(checkpoint) !== decodeUtf8(bytes)) {
    throw bad("the footer is not canonical, or has more than a checkpoint");
  }
  return checkpoint;
}

function decodeObject(bytes: Uint8Array, what: string): JsonObject {
  const value = attempt("invalid_batch", `the ${what} is not JSON`, () =>
    readJson(decodeUtf8(bytes), DEPTH_MAX),
  );
  if (isJsonObject(value)) return value;
  throw bad(`the ${what} is no object`);
}

function assertBodyFits(lengthBytes: number): void {
  if (lengthBytes > BATCH_BYTES_MAX) throw bad(`more than ${BATCH_BYTES_MAX} bytes of lines`);
}

/** Digits of a slot's name: those of 2^53 - 1. */
const SLOT_DIGITS = 16;
const SLOT_ENDING = ".jsonl.gz";

/** The name of the object for the batch of a log that begins at `first`. */
export function slotName(log: string, first: number): string {
  return `${log}/${String(first).padStart(SLOT_DIGITS, "0")}${SLOT_ENDING}`;
}

/** The log and first seq of a name that `slotName` gives, or null for any other. */
export function parseSlotName(
  name: string,
): { readonly log: string; readonly first: number } | null {
  const slash = name.indexOf("/");
  const log = name.slice(0, Math.max(slash, 0));
  const first = Number(name.slice(slash + 1, slash + 1 + SLOT_DIGITS));
  if (!isLogName(log) || !Number.isSafeInteger(first) || first < 0) return null;
  return slotName(log, first) === name ? { log, first } : null;
}

const GZIP_HEADER_BYTES = 10;

/**
 * Throws `invalid_batch` unless the bytes begin as one gzip member without name, comment, extra field or time (RFC 1952 §2.3).
 * The two fields left, how hard it was tried and on which system, say nothing about the content. That nothing follows the
 * member is for who inflates it to see.
 */
export function checkGzipHeader(bytes: Uint8Array): void {
  const [id1, id2, method, flags, ...time] = bytes.subarray(0, 8);
  if (bytes.length < GZIP_HEADER_BYTES || id1 !== 0x1f || id2 !== 0x8b || method !== 8)
    throw bad("not gzip");
  if (flags !== 0 || time.some((byte) => byte !== 0))
    throw bad("a gzip header with a name or a time");
}

function bad(detail: string): LogError {
  return new LogError("invalid_batch", detail);
}
