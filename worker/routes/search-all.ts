/** The same search in all logs that the token may read: merged by time, then by the log's name and seq. */
import { isLogName } from "../../storage/log/entry.ts";
import { FILTER_NAMES, searchedOf, type Filter } from "../../storage/log/filter.ts";
import type { Proposal, SeqRange } from "../../storage/search/find.ts";
import type { SearchLog } from "../../storage/search/tables.ts";
import { may, READERS } from "../access.ts";
import { answerJsonText } from "../answer.ts";
import { principalOf, type Ask } from "../ask.ts";
import { filterOf } from "../filter-query.ts";
import type { LogStatus } from "../ledger-api.ts";
import { ProblemError, valueOf } from "../problem.ts";
import { wrong } from "../query.ts";
import type { ProvenLine } from "../reading.ts";
import { SearchCursors, type LastGiven, type SearchPlace } from "../search/cursor.ts";
import { hitsAmong } from "../search/hits.ts";
import type { SearchParts } from "../search/parts.ts";
import { fromTables, searchedLogs, searchOf, type Searched } from "../search/tables.ts";
import { itemOf, LIST_BYTES_MAX, LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX } from "./entries.ts";

export const SEARCH_ALL_QUERY: readonly string[] = [
  ...["logs", "order", "limit", "cursor", "fresh"],
  ...FILTER_NAMES,
];

/** Each is a look into the tables for each page. */
export const SEARCH_LOGS_MAX = 100;

/** A log of the search that the tables know, and what of it stands behind the place. */
interface Wanted {
  readonly status: LogStatus;
  readonly log: SearchLog;
  readonly range: SeqRange;
}

type Placed = Proposal & { readonly wanted: Wanted };
type Hit = ProvenLine & { readonly status: LogStatus; readonly timeMs: number };

export async function searchAll(ask: Ask): Promise<Response> {
  const filter = filterOf(ask.query);
  const limit = ask.query.integer("limit", 1, LIST_LIMIT_MAX) ?? LIST_LIMIT_DEFAULT;
  const statuses = await logsOf(ask);
  const names = statuses.map(({ name }) => name);
  const cursors = new SearchCursors(filter, names.join(" "), ask.services.sha256);
  const place = cursors.placeOf(ask.query);
  const parts = searchOf(ask);
  // Oldest first, a log whose tables are behind would be passed by for ever.
  const isFresh = place.order === "asc" || ask.query.flag("fresh");
  const searched = await searchedLogs(ask, parts, statuses, isFresh);
  const { hits, last } = await fromTables(parts, () =>
    page(ask, parts, filter, searched, place, limit),
  );
  ask.read.searched(names);
  ask.read.shown({ count: hits.length });
  const cursor = last === null ? null : cursors.format(place.order, last);
  const items = hits.map((hit) => itemOf(hit, hit.status)).join();
  const to = Object.fromEntries(searched.map((one) => [one.status.name, one.to]));
  const text = `{"entries":[${items}],"next_cursor":${JSON.stringify(cursor)},"searched_to":${JSON.stringify(to)}}`;
  return answerJsonText(ask.requestId, 200, text);
}

/** Those that were named, each of which the token must be able to read, or all that it can; by name. */
async function logsOf(ask: Ask): Promise<LogStatus[]> {
  const principal = principalOf(ask);
  const named = namesIn(ask.query.text("logs"));
  for (const name of named ?? []) {
    if (!may(principal, READERS, name)) {
      throw new ProblemError("forbidden", `the token may not read the log ${name}`);
    }
  }
  const logs = valueOf(await ask.services.ledger.logs());
  const unknown = named?.find((name) => !logs.some((log) => log.name === name));
  if (unknown !== undefined) throw new ProblemError("log_unknown", `there is no log ${unknown}`);
  const wanted = logs.filter(({ name }) =>
    named === null ? may(principal, READERS, name) : named.includes(name),
  );
  if (wanted.length > SEARCH_LOGS_MAX) {
    const detail = `names the logs to search: the token may read ${wanted.length}, and ${SEARCH_LOGS_MAX} are searched at once`;
    throw wrong("logs", detail);
  }
  return wanted.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function namesIn(text: string | null): string[] | null {
  if (text === null) return null;
  const names = [...new Set(text.split(","))];
  if (names.length > SEARCH_LOGS_MAX || !names.every(isLogName)) {
    throw wrong("logs", `is a list of 1 to ${SEARCH_LOGS_MAX} names with commas between them`);
  }
  return names;
}

async function page(
  ask: Ask,
  parts: SearchParts,
  filter: Filter,
  searched: readonly Searched[],
  place: SearchPlace,
  limit: number,
): Promise<{ hits: Hit[]; last: LastGiven | null }> {
  const wanted = await rangesOf(parts, filter, searched, place);
  const proposed = await parts.finder.propose(wanted, filter, place.order, limit + 1);
  const sign = place.order === "asc" ? 1 : -1;
  const merged = proposed
    .flatMap((ones, at) => ones.map((one): Placed => ({ ...one, wanted: wanted[at]! })))
    .sort((a, b) => sign * compare(placeOf(a), placeOf(b)));
  const given = merged.slice(0, limit);
  const hits = await provenHits(ask, parts, filter, given);
  let bytes = 0;
  const kept = hits.filter((hit) => (bytes += hit.bytes.length) <= LIST_BYTES_MAX);
  if (kept.length === 0 && hits.length > 0) kept.push(hits[0]!);
  const isCut = kept.length < hits.length;
  if (!isCut && merged.length <= limit) return { hits: kept, last: null };
  const end = isCut ? kept.at(-1)! : null;
  const last = end === null ? placeOf(given.at(-1)!) : placeOfHit(end);
  return { hits: kept, last };
}

/** What of each log stands behind the place. Times never decrease along a log, so a time is a seq. */
async function rangesOf(
  parts: SearchParts,
  filter: Filter,
  searched: readonly Searched[],
  { order, last }: SearchPlace,
): Promise<Wanted[]> {
  const known = searched.flatMap(({ status, log, to }) =>
    log === null ? [] : [{ status, log, to }],
  );
  return Promise.all(
    known.map(async ({ status, log, to }): Promise<Wanted> => {
      const within = await parts.finder.within(log, filter, { from: 0, to });
      if (last === null) return { status, log, range: within };
      const [at, after] = await parts.finder.seqsAt(log, [last.timeMs, last.timeMs + 1]);
      // At the place's time the logs stand by name.
      const elsewhere = status.name < last.log ? after! : at!;
      const here = order === "asc" ? last.seq + 1 : last.seq;
      const split = status.name === last.log ? here : elsewhere;
      const range =
        order === "asc"
          ? { from: Math.max(within.from, split), to: within.to }
          : { from: within.from, to: Math.min(within.to, split) };
      return { status, log, range };
    }),
  );
}

/** Read log by log, given in the order of the proposals. */
async function provenHits(
  ask: Ask,
  parts: SearchParts,
  filter: Filter,
  proposed: readonly Placed[],
): Promise<Hit[]> {
  const { index, sha256 } = ask.services;
  const byLog = new Map<Wanted, number[]>();
  for (const { seq, wanted } of proposed) byLog.set(wanted, [...(byLog.get(wanted) ?? []), seq]);
  const found = new Map<string, Hit>();
  for (const [{ status, log }, seqs] of byLog) {
    const source = { index: index(), log: status.name, sha256 };
    for (const line of await hitsAmong(parts, source, log, filter, seqs)) {
      const timeMs = searchedOf(line.text)!.timeMs;
      found.set(`${status.name} ${line.seq}`, { ...line, status, timeMs });
    }
  }
  return proposed.flatMap(({ seq, wanted }) => found.get(`${wanted.status.name} ${seq}`) ?? []);
}

function compare(a: LastGiven, b: LastGiven): number {
  if (a.timeMs !== b.timeMs) return a.timeMs - b.timeMs;
  return a.log === b.log ? a.seq - b.seq : a.log < b.log ? -1 : 1;
}

function placeOf({ seq, timeMs, wanted }: Placed): LastGiven {
  return { seq, timeMs, log: wanted.status.name };
}

function placeOfHit({ seq, timeMs, status }: Hit): LastGiven {
  return { seq, timeMs, log: status.name };
}
