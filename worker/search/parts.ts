/** What stands behind a search in a real worker, and the numbers that it leaves. */
import type { Connection } from "../../storage/index/connection.ts";
import { readLeaves, type LeafAt } from "../../storage/index/leaves.ts";
import { SearchCounter } from "../../storage/search/count.ts";
import { SearchFinder } from "../../storage/search/find.ts";
import { openSearch } from "../../storage/search/tables.ts";
import { searchConfigOf, type Env } from "../env.ts";
import type { SearchKeeperApi } from "./keeper-api.ts";

export interface SearchParts {
  readonly finder: Pick<SearchFinder, "logs" | "seqsAt" | "span" | "within" | "propose" | "lines">;
  readonly counter: Pick<SearchCounter, "count">;
  readonly keeper: SearchKeeperApi;
  /** The leaves of these entries, as committed. */
  leaves(log: string, seqs: readonly number[]): Promise<Map<number, LeafAt>>;
}

/** Proposals of the tables that were no hits, since the start: more than none means that somebody else wrote them. */
export const proposals = { false: 0 };

/** There is one, whatever the number of workers. */
const NAME = "0";

/** Null where this worker has no database for search tables. */
export function searchPartsOf(env: Env, index: () => Connection): SearchParts | null {
  const config = searchConfigOf(env);
  if (config === null) return null;
  const connection = openSearch(config);
  return {
    finder: new SearchFinder(connection),
    counter: new SearchCounter(connection),
    keeper: searchKeeperOf(env),
    leaves: (log, seqs) => readLeaves(index(), log, seqs),
  };
}

/** The keeper for one request: a stub belongs to the request that made it. */
export function searchKeeperOf(env: Env): SearchKeeperApi {
  return env.SEARCH.get(env.SEARCH.idFromName(NAME)) as unknown as SearchKeeperApi;
}
