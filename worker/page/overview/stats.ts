/** Counts over time and the commonest values, as the server counts them over the whole filter. */
import { getJson } from "../state/api.ts";
import type { Bin } from "./histogram.tsx";

interface StatsAnswer {
  readonly bins: readonly { readonly from: string; readonly to: string; readonly count: number }[];
  readonly top: Readonly<
    Record<string, readonly { readonly value: string; readonly count: number }[]>
  >;
}

export interface Stats {
  readonly bins: readonly Bin[];
  readonly top: readonly { readonly field: string; readonly values: StatsAnswer["top"][string] }[];
}

export async function getStats(
  log: string,
  since: string | null,
  until: string | null,
  signal: AbortSignal,
): Promise<Stats> {
  const query = new URLSearchParams();
  if (since !== null) query.set("since", since);
  if (until !== null) query.set("until", until);
  const text = query.toString();
  const path = `/v1/logs/${encodeURIComponent(log)}/stats${text === "" ? "" : `?${text}`}`;
  const { bins, top } = await getJson<StatsAnswer>(path, signal);
  return {
    bins: bins.map(({ from, to, count }) => ({
      fromMs: Date.parse(from),
      toMs: Date.parse(to),
      count,
    })),
    top: Object.entries(top)
      .map(([field, values]) => ({ field, values }))
      .filter(({ values }) => values.length > 0),
  };
}
