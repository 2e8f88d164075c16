/** What the search says of itself, for Prometheus. */
import { Counter, Gauge, Registry } from "prom-client";
import type { SearchStatus } from "./keeper-api.ts";

/** The text for one answer; `null` where the keeper of the tables does not answer. */
export function searchMetrics(
  status: SearchStatus | null,
  falseProposals: number,
): Promise<string> {
  const registry = new Registry();
  const registers = [registry];
  const isUp = status !== null && status.problem === null;
  new Gauge({
    name: "indelible_search_up",
    help: "1 while the search tables can be written.",
    registers,
  }).set(isUp ? 1 : 0);
  if (status !== null) {
    const behind = status.logs.reduce((sum, { size, searchedTo }) => sum + size - searchedTo, 0);
    new Gauge({
      name: "indelible_search_behind_entries",
      help: "Committed entries that the search tables have not looked at yet.",
      registers,
    }).set(behind);
  }
  new Counter({
    name: "indelible_search_false_proposals_total",
    help: "Entries that the search tables named and that were no hits: somebody else wrote them.",
    registers,
  }).inc(falseProposals);
  return registry.metrics();
}
