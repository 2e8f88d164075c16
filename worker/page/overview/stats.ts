/** Counts over time and the commonest values, as the server counts them over the whole filter. */
import { getJson, logPath } from "../state/api.ts";
import type { Bin } from "./histogram.tsx";

interface StatsAnswer {
  readonly total: number;
  /** Where the last bin ends. */
  readonly to: string | null;
  readonly bins: readonly { readonly start: string; readonly count: number }[];
  readonly top: Readonly<Record<string, readonly ValueCount[]>>;
  readonly searched_to: number;
}

export interface ValueCount {
  readonly value: string;
  readonly count: number;
}

export interface Stats {
  readonly total: number;
  /** So many entries of the log have been looked at. */
  readonly searchedTo: number;
  readonly bins: readonly Bin[];
  readonly top: readonly { readonly field: string; readonly values: readonly ValueCount[] }[];
}

/** `conditions`: as the API takes them. */
export async function getStats(
  log: string,
  conditions: URLSearchParams,
  signal: AbortSignal,
): Promise<Stats> {
  const text = conditions.toString();
  const path = `${logPath(log)}/stats${text === "" ? "" : `?${text}`}`;
  const {
    total,
    to,
    bins,
    top,
    searched_to: searchedTo,
  } = await getJson<StatsAnswer>(path, signal);
  return {
    total,
    searchedTo,
    bins: bins.map(({ start, count }, at) => ({
      fromMs: Date.parse(start),
      toMs: Date.parse(bins[at + 1]?.start ?? to ?? start),
      count,
    })),
    top: Object.entries(top)
      .map(([field, values]) => ({ field, values }))
      .filter(({ values }) => values.length > 0),
  };
}
