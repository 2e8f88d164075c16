/**
 * The export that is evidence (`indelible.export/1`, FORMAT §10), as lines of JSON, members in this order, no white space:
 *
 *   header   format, log, origin, vkey, filter, from, to, checkpoint
 *   record   seq, after, hash, line, receipt     one for each entry that the filter asks for, in the order of their seqs
 *   mark     after                               that there was none for long; any number, anywhere between
 *   end      end, after, count, sha256           the last line, or the file is not whole
 *
 * `line` is the entry's exact line and `receipt` its receipt, both as strings, so each record proves its entry alone. `after` says how far
 * the log had been looked through: no entry between it and `seq` is asked for by the filter. `sha256` is of all bytes
 * before the end's own line. The same request gives the same bytes.
 */
import { isHashHex } from "./bytes.ts";
import { attempt, LogError } from "./errors.ts";
import { FILTER_NAMES } from "./filter.ts";

export const EXPORT_FORMAT = "indelible.export/1";

/** A line of 65,535 bytes and a receipt with 53 hashes and a note of 64 KiB, each character escaped. */
export const EXPORT_LINE_CHARS_MAX = 512 * 1024;

export interface ExportHeader {
  readonly log: string;
  /** `<instance origin>/<log>`. */
  readonly origin: string;
  /** The log key that the instance says it has: whom to believe is not for a file to say. */
  readonly vkey: string;
  /** The conditions as they were given, by their names; empty: every entry. */
  readonly filter: Readonly<Record<string, string>>;
  /** Entries `from` … `to` − 1 were looked through. */
  readonly from: number;
  readonly to: number;
  /** The sealed checkpoint that all receipts lead to, of size `to` or larger: a note of the log key. */
  readonly checkpoint: string;
}

export interface ExportRecord {
  readonly seq: number;
  /** The last entry before this one that had been looked at; −1 where there is none. */
  readonly after: number;
  /** The leaf, hex. */
  readonly hash: string;
  readonly line: string;
  readonly receipt: string;
}

export interface ExportEnd {
  readonly after: number;
  readonly count: number;
  readonly sha256: string;
}

export type ExportLine =
  | ({ readonly kind: "header" } & ExportHeader)
  | ({ readonly kind: "record" } & ExportRecord)
  | { readonly kind: "mark"; readonly after: number }
  | ({ readonly kind: "end" } & ExportEnd);

/** A line of a file, without its newline. Inverse of `parseExportLine`. */
export function formatExportLine(line: ExportLine): string {
  switch (line.kind) {
    case "header": {
      const { log, origin, vkey, filter, from, to, checkpoint } = line;
      const names = FILTER_NAMES.filter((name) => filter[name] !== undefined);
      const given = Object.fromEntries(names.map((name) => [name, filter[name]]));
      const where = { log, origin, vkey, filter: given, from, to, checkpoint };
      return JSON.stringify({ format: EXPORT_FORMAT, ...where });
    }
    case "record": {
      const { seq, after, hash, line: text, receipt } = line;
      const [quoted, proof] = [JSON.stringify(text), JSON.stringify(receipt)];
      return `{"seq":${seq},"after":${after},"hash":"${hash}","line":${quoted},"receipt":${proof}}`;
    }
    case "mark":
      return `{"after":${line.after}}`;
    case "end": {
      const { after, count, sha256 } = line;
      return `{"end":true,"after":${after},"count":${count},"sha256":"${sha256}"}`;
    }
    default:
      return line satisfies never;
  }
}

/** Throws `invalid_export` for what `formatExportLine` would not have written just so. Nothing is verified. */
export function parseExportLine(text: string): ExportLine {
  if (text.length > EXPORT_LINE_CHARS_MAX) throw bad("a line is too long");
  const line = lineOf(parsed(text));
  if (line === null || formatExportLine(line) !== text) {
    throw bad("a line is neither header, record, mark nor end as they are written");
  }
  return line;
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  const value = attempt("invalid_export", "a line that is not JSON", (): unknown =>
    JSON.parse(text),
  );
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw bad("a line that is no object");
}

function lineOf(value: Readonly<Record<string, unknown>>): ExportLine | null {
  const { format, log, origin, vkey, filter, from, to, checkpoint } = value;
  const { seq, after, hash, line, receipt, end, count, sha256 } = value;
  if (format !== undefined) {
    if (format !== EXPORT_FORMAT) throw bad(`another format than ${EXPORT_FORMAT}`);
    if (!areTexts(log, origin, vkey, checkpoint) || !isFilter(filter)) return null;
    if (!isSize(from) || !isSize(to) || from > to) return null;
    return { kind: "header", log, origin, vkey, filter, from, to, checkpoint } as ExportLine;
  }
  if (!isSize(after) && after !== -1) return null;
  if (end !== undefined) {
    if (end !== true || !isSize(count) || !isHash(sha256)) return null;
    return { kind: "end", after, count, sha256 };
  }
  if (seq === undefined) return { kind: "mark", after };
  if (!isSize(seq) || !isHash(hash) || !areTexts(line, receipt)) return null;
  return { kind: "record", seq, after, hash, line, receipt } as ExportLine;
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isHash(value: unknown): value is string {
  return typeof value === "string" && isHashHex(value);
}

function areTexts(...values: readonly unknown[]): boolean {
  return values.every((value) => typeof value === "string");
}

function isFilter(value: unknown): value is Record<string, string> {
  if (typeof value !== "object" || value === null) return false;
  return areTexts(...Object.values(value));
}

function bad(detail: string): LogError {
  return new LogError("invalid_export", detail);
}
