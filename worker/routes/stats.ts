/**
 * Counts of the entries of a log that a filter asks for: over time, and by value. They are made from the search tables, of everything
 * that these have looked at, and prove nothing: an export is what can be checked.
 */
import { FILTER_NAMES, type Filter } from "../../storage/log/filter.ts";
import { formatTimeMs } from "../../storage/log/time.ts";
import { binsOf, type Bins } from "../../storage/search/bins.ts";
import type { TopValues } from "../../storage/search/count.ts";
import { boundedTimeMs } from "../../storage/search/find.ts";
import type { SearchLog } from "../../storage/search/tables.ts";
import { answerJson } from "../answer.ts";
import { logOf, type Ask } from "../ask.ts";
import { filterOf } from "../filter-query.ts";
import { ProblemError } from "../problem.ts";
import type { SearchParts } from "../search/parts.ts";
import { fromTables, searchedLogs, searchOf } from "../search/tables.ts";

export const STATS_QUERY: readonly string[] = [...FILTER_NAMES, "fresh", "bins", "top"];

/** As many as a chart of a page's width can show. */
export const BINS_MAX = 120;
export const TOP_MAX = 100;
export const TOP_DEFAULT = 10;

/** A count may read millions of rows; more of them at once would only take longer, and from the commits. */
const UNDER_WAY_MAX = 4;
let underWay = 0;

interface Counts {
  readonly total: number;
  readonly range: { readonly fromMs: number; readonly toMs: number } | null;
  readonly bins: Bins;
  readonly counts: readonly number[];
  readonly top: TopValues;
}

const NO_VALUES: TopValues = { action: [], actor: [], target: [], outcome: [] };
const NO_BINS: Bins = { stepMs: 0, startsMs: [], edgesMs: [] };

export async function getStats(ask: Ask): Promise<Response> {
  const log = logOf(ask);
  const filter = filterOf(ask.query);
  const binsMax = ask.query.integer("bins", 1, BINS_MAX) ?? BINS_MAX;
  const top = ask.query.integer("top", 1, TOP_MAX) ?? TOP_DEFAULT;
  const parts = searchOf(ask);
  const [searched] = await searchedLogs(ask, parts, [log]);
  const known = searched!.log;
  const counts = await inTurn(() =>
    fromTables(parts, () => countsOf(parts, known, filter, binsMax, top)),
  );
  ask.read.shown({ count: counts.total });
  return answerJson(ask.requestId, 200, { ...statsItem(counts), searched_to: searched!.to });
}

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (underWay >= UNDER_WAY_MAX) {
    throw new ProblemError("overloaded", "too many counts are under way; ask again in a moment");
  }
  underWay++;
  try {
    return await work();
  } finally {
    underWay--;
  }
}

async function countsOf(
  parts: SearchParts,
  log: SearchLog | null,
  filter: Filter,
  binsMax: number,
  limit: number,
): Promise<Counts> {
  const span = log === null ? null : await parts.finder.span(log);
  const fromMs = filter.sinceMs ?? span?.firstMs ?? null;
  const toMs = filter.untilMs ?? (span === null ? null : span.lastMs + 1);
  const nothing = { total: 0, bins: NO_BINS, counts: [], top: NO_VALUES };
  if (fromMs === null || toMs === null || toMs <= fromMs) return { ...nothing, range: null };
  const range = { fromMs: boundedTimeMs(fromMs), toMs: boundedTimeMs(toMs) };
  const bins = binsOf(range.fromMs, range.toMs, binsMax);
  if (log === null) return { ...nothing, range, bins, counts: bins.startsMs.map(() => 0) };
  const seqs = await parts.finder.seqsAt(log, bins.edgesMs);
  const { bins: counts, top } = await parts.counter.count(log, filter, { bins, seqs, limit });
  return { total: counts.reduce((sum, count) => sum + count, 0), range, bins, counts, top };
}

function statsItem({ total, range, bins, counts, top }: Counts) {
  return {
    total,
    from: range === null ? null : formatTimeMs(range.fromMs),
    to: range === null ? null : formatTimeMs(range.toMs),
    bin_ms: bins.stepMs,
    bins: bins.startsMs.map((startMs, at) => ({
      start: formatTimeMs(boundedTimeMs(startMs)),
      count: counts[at]!,
    })),
    top,
  };
}
