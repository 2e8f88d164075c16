/**
 * The pieces of an export: the log's lines in ascending order, each proven as every read is, those that the filter asks for written in
 * one of three formats. Everything that may be long is in short pieces, so memory stays what one page of lines takes.
 */
import { createHash } from "node:crypto";
import { encodeUtf8 } from "../storage/log/bytes.ts";
import type { Filter } from "../storage/log/filter.ts";
import { lineMatcher } from "../storage/log/line-matcher.ts";
import { firstNotBefore } from "./line-times.ts";
import { linePages, type LineSource, type ProvenLine } from "./reading.ts";

/** What one format writes. Every text ends in its own line's end. */
export interface ExportWriter {
  begin(): string;
  /** `after`: the entry up to which had been looked before this one. */
  record(line: ProvenLine, after: number): Promise<string> | string;
  /** No entry was asked for since the last line that was written, up to `after`. */
  mark(after: number): string;
  /** `sha256`: of all bytes before, hex. */
  end(count: number, sha256: string): string;
}

export interface ExportRange {
  readonly filter: Filter;
  readonly from: number;
  /** One beyond the last; all of them are sealed. */
  readonly to: number;
}

/** How far it came: for the record of one that breaks off. */
export interface ExportProgress {
  count: number;
  last: number;
}

/** Text of one piece, about: a socket takes so much at once, and it is some hundred proofs. */
const PIECE_CHARS = 256 * 1024;

/** Entries without a hit after which the formats that can say so: a second of looking. */
const MARK_ENTRIES = 100_000;

export async function* exportPieces(
  source: LineSource,
  { filter, from, to }: ExportRange,
  writer: ExportWriter,
  progress: ExportProgress,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash("sha256");
  let texts = [writer.begin()];
  let chars = texts[0]!.length;
  const take = (): Uint8Array => {
    const bytes = encodeUtf8(texts.join(""));
    [texts, chars] = [[], 0];
    hash.update(bytes);
    return bytes;
  };
  const write = (text: string): void => {
    texts.push(text);
    chars += text.length;
  };
  let after = from - 1;
  for await (const page of wantedPages(source, { filter, from, to })) {
    for (const line of page.lines) {
      for (const seq of marksBetween(after, line.seq - 1)) write(writer.mark((after = seq)));
      write(await writer.record(line, after));
      after = progress.last = line.seq;
      progress.count += 1;
      if (chars >= PIECE_CHARS) yield take();
    }
    for (const seq of marksBetween(after, page.looked)) write(writer.mark((after = seq)));
    if (chars > 0) yield take();
  }
  if (chars > 0) yield take();
  yield encodeUtf8(writer.end(progress.count, hash.digest("hex")));
}

/** Where marks stand is a matter of the log's own numbers, so one that goes on elsewhere sets the same. */
function* marksBetween(after: number, looked: number): Generator<number> {
  for (;;) {
    const next = Math.ceil((after + 1 + MARK_ENTRIES) / MARK_ENTRIES) * MARK_ENTRIES - 1;
    if (next > looked) return;
    yield (after = next);
  }
}

interface WantedPage {
  readonly lines: readonly ProvenLine[];
  /** The last entry that was looked at. */
  readonly looked: number;
}

/** The lines that are asked for, page by page. A log's times never go back, so nothing before `since` or behind `until` is read. */
async function* wantedPages(
  source: LineSource,
  { filter, from, to }: ExportRange,
): AsyncGenerator<WantedPage, void, undefined> {
  const { sinceMs, untilMs } = filter;
  const start = sinceMs === null ? from : await firstNotBefore(source, sinceMs, from, to);
  const end = untilMs === null ? to : await firstNotBefore(source, untilMs, start, to);
  const wants = lineMatcher(filter);
  for await (const page of linePages(source, { from: start, to: end, order: "asc" })) {
    yield { lines: page.filter(({ text }) => wants(text)), looked: page.at(-1)!.seq };
  }
  yield { lines: [], looked: to - 1 };
}
