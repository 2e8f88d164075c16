/** Reading entries: a list in either direction, a stream of exact lines, one entry. */
import { concatBytes, encodeUtf8, toHex } from "../../storage/log/bytes.ts";
import { accepts } from "../media.ts";
import { answer, answerJsonText, NDJSON_TYPE } from "../answer.ts";
import type { Shown } from "../../storage/flow/access-events.ts";
import { logOf, type Ask } from "../ask.ts";
import { formatCursor, placeOf, type Order } from "../cursor.ts";
import type { LogStatus } from "../ledger-api.ts";
import { invalidRequest, ProblemError } from "../problem.ts";
import { parseInteger, wrong } from "../query.ts";
import { filterOf, hasFilter } from "../filter-query.ts";
import { searchEntries } from "./search.ts";
import { lineAt, linePages, type LineSource, type ProvenLine } from "../reading.ts";
import { answerStream } from "../streaming.ts";

export const LIST_LIMIT_MAX = 1_000;
export const LIST_LIMIT_DEFAULT = 100;
/** A page of JSON ends early rather than grow beyond it: 1,000 lines of 65,535 bytes would be 65 MB. */
export const LIST_BYTES_MAX = 4 * 1024 * 1024;

/** The entries of a page, or those that a filter asks for, newest first unless asked otherwise; with `Accept: application/x-ndjson` a stream of lines. */
export async function listEntries(ask: Ask): Promise<Response> {
  if (hasFilter(ask.query)) return searchEntries(ask, filterOf(ask.query));
  if (ask.query.has("prove")) {
    throw wrong("prove", "goes with a filter: without one no seq may be missing, which shows");
  }
  const log = logOf(ask);
  const lines = accepts(ask.request, NDJSON_TYPE);
  const limitMax = lines ? Number.MAX_SAFE_INTEGER : LIST_LIMIT_MAX;
  const limit = ask.query.integer("limit", 1, limitMax);
  const place = placeOf(ask.query, "entries", log.name);
  const range = rangeOf(place.order, place.from, log.size);
  if (lines) return streamLines(ask, range, limit ?? Number.MAX_SAFE_INTEGER);
  return listPage(ask, range, limit ?? LIST_LIMIT_DEFAULT);
}

interface Range {
  readonly from: number;
  /** One beyond the last. */
  readonly to: number;
  readonly order: Order;
}

/** What stands in that direction from that place, up to the log's end as it is now. */
function rangeOf(order: Order, from: number | null, size: number): Range {
  if (order === "asc") return { from: from ?? 0, to: size, order };
  return { from: 0, to: from === null ? size : Math.min(from + 1, size), order };
}

async function listPage(ask: Ask, range: Range, limit: number): Promise<Response> {
  const log = logOf(ask);
  const items: string[] = [];
  let bytes = 0;
  let next: number | null = null;
  pages: for await (const page of linePages(sourceOf(ask), cutTo(range, limit + 1))) {
    for (const line of page) {
      if (items.length === limit || (bytes > 0 && bytes + line.bytes.length > LIST_BYTES_MAX)) {
        next = line.seq;
        break pages;
      }
      bytes += line.bytes.length;
      items.push(itemOf(line, log));
    }
  }
  const cursor =
    next === null ? null : formatCursor({ ...range, list: "entries", log: log.name, from: next });
  ask.read.shown(shownOf(range, items.length));
  const text = `{"entries":[${items.join(",")}],"next_cursor":${JSON.stringify(cursor)}}`;
  return answerJsonText(ask.requestId, 200, text);
}

/** The `count` entries that come first in the range's direction. */
function shownOf({ from, to, order }: Range, count: number): Shown {
  if (count === 0) return { count };
  if (order === "asc") return { first: from, last: from + count - 1, count };
  return { first: to - count, last: to - 1, count };
}

/** At most `count` entries of the range. */
function cutTo({ from, to, order }: Range, count: number): Range {
  if (to - from <= count) return { from, to, order };
  return order === "asc" ? { from, to: from + count, order } : { from: to - count, to, order };
}

/** `entry` is the line itself: it is JSON, and it was compared with its leaf. */
export function itemOf({ seq, text, leaf }: ProvenLine, log: LogStatus): string {
  const sealed = seq < log.sealedSize;
  return `{"seq":${seq},"hash":"${toHex(leaf)}","sealed":${sealed},"entry":${text}}`;
}

/** Exact lines, one read of the index a piece. A stream that no page of JSON could hold, or of several reads, is an export: on record before it begins. */
async function streamLines(ask: Ask, range: Range, limit: number): Promise<Response> {
  const given = cutTo(range, limit);
  const count = given.to - given.from;
  const pages = linePages(sourceOf(ask), given);
  const first = await pages.next();
  const isWhole = first.done === true || first.value.length === count;
  const isExport = count > LIST_LIMIT_MAX || !isWhole;
  ask.read.shown(shownOf(given, count), isExport);
  let sent = 0;
  async function* pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (let page = first; page.done !== true; page = await pages.next()) {
        yield joinLines(page.value);
        sent += page.value.length;
      }
    } finally {
      await pages.return();
    }
  }
  const headers = { "content-type": NDJSON_TYPE };
  return answerStream(ask, pieces(), headers, isExport ? () => shownOf(given, sent) : null);
}

const NEWLINE = encodeUtf8("\n");

function joinLines(lines: readonly ProvenLine[]): Uint8Array {
  return concatBytes(...lines.flatMap(({ bytes }) => [bytes, NEWLINE]));
}

/** One entry; as NDJSON its exact line. */
export async function getEntry(ask: Ask): Promise<Response> {
  const line = await lineAt(sourceOf(ask), seqOf(ask));
  ask.read.shown({ first: line.seq, last: line.seq, count: 1 });
  if (accepts(ask.request, NDJSON_TYPE)) {
    return answer(ask.requestId, 200, `${line.text}\n`, { "content-type": NDJSON_TYPE });
  }
  return answerJsonText(ask.requestId, 200, itemOf(line, logOf(ask)));
}

/** The seq of the path. Throws where it is none, or where the log has not come so far. */
export function seqOf(ask: Ask): number {
  const seq = parseInteger(ask.param("seq"));
  if (seq === null) throw invalidRequest("the seq in the path is a whole number from 0");
  const { size } = logOf(ask);
  if (seq < size) return seq;
  throw new ProblemError("entry_unknown", `the log has ${size} entries, the first one is 0`);
}

export function sourceOf(ask: Ask): LineSource {
  return { index: ask.services.index(), log: logOf(ask).name, sha256: ask.services.sha256 };
}
