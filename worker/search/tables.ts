/** The search tables of one request: whether there are any, how far they are, and what to do where they are behind. */
import { IndexError } from "../../storage/ports.ts";
import type { SearchLog } from "../../storage/search/tables.ts";
import type { Ask } from "../ask.ts";
import type { LogStatus } from "../ledger-api.ts";
import { ProblemError } from "../problem.ts";
import type { SearchParts } from "./parts.ts";

/** `?fresh` waits so long for the tables. */
export const FRESH_MS_MAX = 10_000;

/** Throws `search_unavailable` where this worker has none. */
export function searchOf({ services }: Ask): SearchParts {
  const parts = services.search();
  if (parts !== null) return parts;
  throw new ProblemError("search_unavailable", "this instance has no search tables");
}

/** A log with what the tables know of it; null where they know nothing yet. */
export interface Searched {
  readonly status: LogStatus;
  readonly log: SearchLog | null;
  /** The tables have looked at all entries before this one. */
  readonly to: number;
}

/**
 * What the tables know of these logs; with `?fresh` once they have looked at all that was committed when the request came. Throws
 * `search_behind` where that took too long.
 */
export async function searchedLogs(
  ask: Ask,
  parts: SearchParts,
  statuses: readonly LogStatus[],
  isFresh = ask.query.flag("fresh"),
): Promise<Searched[]> {
  const searched = isFresh
    ? await fresh(parts, statuses, ask.services.nowMs)
    : await look(parts, statuses);
  // Who looks next finds more.
  if (searched.some(({ status, to }) => to < status.size)) ask.services.later(poke(parts));
  return searched;
}

async function fresh(
  parts: SearchParts,
  statuses: readonly LogStatus[],
  nowMs: () => number,
): Promise<Searched[]> {
  const endMs = nowMs() + FRESH_MS_MAX;
  const wanted = statuses.map(({ name, size }) => [name, size] as const);
  for (let leftMs = FRESH_MS_MAX; leftMs > 0; leftMs = endMs - nowMs()) {
    if (!(await parts.keeper.catchUp(wanted, leftMs))) break;
    const searched = await look(parts, statuses);
    if (searched.every(({ status, to }) => to === status.size)) return searched;
    // The keeper believes what it has written; the tables may be gone since.
    await sleep(LOOK_MS);
  }
  throw new ProblemError("search_behind", BEHIND);
}

const BEHIND =
  "the search tables have not come up to the last entry in time; ask again, or without fresh";

async function look(parts: SearchParts, statuses: readonly LogStatus[]): Promise<Searched[]> {
  const names = statuses.map(({ name }) => name);
  const known = await fromTables(parts, () => parts.finder.logs(names));
  return statuses.map((status) => {
    const log = known.get(status.name) ?? null;
    return { status, log, to: Math.min(status.size, log?.next ?? 0) };
  });
}

async function poke({ keeper }: SearchParts): Promise<void> {
  await keeper.poke().catch(() => {});
}

/** Reads the tables. Where they are not there yet they are made, and read then. Throws `search_unavailable`. */
export async function fromTables<T>(parts: SearchParts, read: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await read();
    } catch (error) {
      if (tries === TRIES_MAX || !isMissing(error)) throw asUnavailable(error);
    }
    await poke(parts);
    await sleep(LOOK_MS);
  }
}

/** Empty tables are made in some 20 ms, by a keeper that may have to find out first, within a second. */
const LOOK_MS = 100;
const TRIES_MAX = 30;

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function isMissing(error: unknown): boolean {
  return error instanceof IndexError && error.message.includes("no such table");
}

function asUnavailable(error: unknown): unknown {
  if (!(error instanceof IndexError)) return error;
  const detail = "the search tables do not answer; entries can be listed without a filter";
  return new ProblemError("search_unavailable", detail, { cause: error });
}
