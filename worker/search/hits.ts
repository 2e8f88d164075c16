/**
 * Hits of a search, each proven before anybody sees it. The tables propose; the line that they keep counts only if it has the leaf that was
 * committed, else the line is read from its chunk, where one that was altered is `entry_altered`. And a line that does not
 * meet the filter is no hit, whatever the tables say.
 */
import { encodeUtf8 } from "../../storage/log/bytes.ts";
import { matchesLine, type Filter } from "../../storage/log/filter.ts";
import type { SeqRange } from "../../storage/search/find.ts";
import type { SearchLog } from "../../storage/search/tables.ts";
import type { Order } from "../cursor.ts";
import { lineAt, provenLine, type LineSource, type ProvenLine } from "../reading.ts";
import { proposals, type SearchParts } from "./parts.ts";

/** Lines of one read: of the longest 8 MB, of sqld's 10 an answer. */
const READ_LINES = 128;

/** The lines of proposed entries that are hits, in the order of `seqs`. Throws `entry_altered`, IndexError. */
export async function hitsAmong(
  parts: SearchParts,
  source: LineSource,
  log: SearchLog,
  filter: Filter,
  seqs: readonly number[],
): Promise<ProvenLine[]> {
  const hits: ProvenLine[] = [];
  for (let at = 0; at < seqs.length; at += READ_LINES) {
    const some = seqs.slice(at, at + READ_LINES);
    const [lines, leaves] = await Promise.all([
      parts.finder.lines(log, some),
      parts.leaves(source.log, some),
    ]);
    for (const seq of some) {
      const text = lines.get(seq);
      const committed = leaves.get(seq);
      const kept =
        text === undefined || committed === undefined
          ? null
          : provenLine(source, seq, text, encodeUtf8(text), committed);
      const line = kept ?? (await lineAt(source, seq));
      if (matchesLine(filter, line.text)) hits.push(line);
      else proposals.false++;
    }
  }
  return hits;
}

export interface HitPage {
  readonly hits: readonly ProvenLine[];
  /** Whether there may be more behind the last one. */
  readonly more: boolean;
}

/** Proposals that turn out to be none are passed over so often; then the page ends early. */
const ROUNDS_MAX = 8;

/** The first `limit` hits of a range in this order, fewer where their bytes would be too many. */
export async function firstHits(
  parts: SearchParts,
  source: LineSource,
  log: SearchLog,
  filter: Filter,
  wanted: {
    readonly range: SeqRange;
    readonly order: Order;
    readonly limit: number;
    readonly bytesMax: number;
  },
): Promise<HitPage & { readonly passed: number | null }> {
  const { order, limit, bytesMax } = wanted;
  let { from, to } = wanted.range;
  const hits: ProvenLine[] = [];
  let bytes = 0;
  let passed: number | null = null;
  for (let round = 0; from < to && round < ROUNDS_MAX; round++) {
    const count = limit + 1 - hits.length;
    const range = { from, to };
    const [proposed = []] = await parts.finder.propose([{ log, range }], filter, order, count);
    for (let at = 0; at < proposed.length; at += READ_LINES) {
      const seqs = proposed.slice(at, at + READ_LINES).map(({ seq }) => seq);
      for (const hit of await hitsAmong(parts, source, log, filter, seqs)) {
        if (hits.length === limit || (bytes > 0 && bytes + hit.bytes.length > bytesMax)) {
          return { hits, more: true, passed: hits.at(-1)?.seq ?? null };
        }
        bytes += hit.bytes.length;
        hits.push(hit);
      }
      passed = seqs.at(-1)!;
    }
    if (proposed.length < count) return { hits, more: false, passed };
    if (order === "asc") from = passed! + 1;
    else to = passed!;
  }
  return { hits, more: from < to, passed };
}
