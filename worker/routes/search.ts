/** Entries of one log that a filter asks for, newest first unless asked otherwise. */
import { FILTER_NAMES, type Filter } from "../../storage/log/filter.ts";
import { NDJSON_TYPE, answerJsonText } from "../answer.ts";
import { logOf, type Ask } from "../ask.ts";
import { accepts } from "../media.ts";
import { invalidRequest } from "../problem.ts";
import { proofOf, type SearchedRange } from "../proving.ts";
import { SearchCursors, type SearchPlace } from "../search/cursor.ts";
import { firstHits } from "../search/hits.ts";
import { fromTables, searchedLogs, searchOf, type Searched } from "../search/tables.ts";
import { itemOf, LIST_BYTES_MAX, LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX, sourceOf } from "./entries.ts";

export const SEARCH_QUERY: readonly string[] = [...FILTER_NAMES, "fresh", "prove"];

export async function searchEntries(ask: Ask, filter: Filter): Promise<Response> {
  if (accepts(ask.request, NDJSON_TYPE)) {
    throw invalidRequest("with a filter, exact lines come from /export");
  }
  const log = logOf(ask);
  const limit = ask.query.integer("limit", 1, LIST_LIMIT_MAX) ?? LIST_LIMIT_DEFAULT;
  const from = ask.query.integer("from", 0, Number.MAX_SAFE_INTEGER);
  const cursors = new SearchCursors(filter, log.name, ask.services.sha256);
  const place = cursors.placeOf(ask.query);
  const prove = ask.query.flag("prove");
  const parts = searchOf(ask);
  // What is proven has to speak of all that is sealed, so it waits for the tables.
  const [searched] = await searchedLogs(ask, parts, [log], prove || ask.query.flag("fresh"));
  const range = rangeOf(searched!, place, from);
  const known = searched!.log;
  const page =
    known === null
      ? { hits: [], more: false, passed: null }
      : await fromTables(parts, async () => {
          const within = await parts.finder.within(known, filter, range);
          const wanted = { range: within, order: place.order, limit, bytesMax: LIST_BYTES_MAX };
          return firstHits(parts, sourceOf(ask), known, filter, wanted);
        });
  const seqs = page.hits.map(({ seq }) => seq);
  ask.read.action = "entries.search";
  ask.read.shown({ count: seqs.length, ...spanOf(seqs) });
  const last = page.more ? page.passed : null;
  const cursor =
    last === null ? null : cursors.format(place.order, { timeMs: 0, log: log.name, seq: last });
  const items = page.hits.map((hit) => itemOf(hit, log)).join();
  const searchedTo = `"searched_to":${searched!.to}`;
  const proof = prove
    ? await proofOf(ask, sourceOf(ask), { ...claimOf(filter, place, range, last), askedFrom: from })
    : null;
  const proven = proof === null ? "" : `,"proof":${JSON.stringify(proof)}`;
  const text = `{"entries":[${items}],"next_cursor":${JSON.stringify(cursor)},${searchedTo}${proven}}`;
  return answerJsonText(ask.requestId, 200, text);
}

/** Of which entries a page has every hit: up to the last one that was looked at where it is not the last page. */
function claimOf(
  filter: Filter,
  { order, last: before }: SearchPlace,
  { from, to }: { readonly from: number; readonly to: number },
  last: number | null,
): Omit<SearchedRange, "askedFrom"> {
  const asked = { filter, order, after: before?.seq ?? null };
  if (last === null) return { ...asked, from: Math.min(from, to), to };
  return order === "asc" ? { ...asked, from, to: last + 1 } : { ...asked, from: last, to };
}

/** What stands behind the place, up to where the tables have looked. */
function rangeOf({ to }: Searched, { order, last }: SearchPlace, from: number | null) {
  if (order === "asc") return { from: last === null ? (from ?? 0) : last.seq + 1, to };
  const end = last === null ? (from === null ? to : from + 1) : last.seq;
  return { from: 0, to: Math.min(to, end) };
}

export function spanOf(seqs: readonly number[]): { first?: number; last?: number } {
  return seqs.length === 0 ? {} : { first: Math.min(...seqs), last: Math.max(...seqs) };
}
