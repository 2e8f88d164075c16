/**
 * Numbers in Prometheus' text format 0.0.4: what the ledger counts, and the requests that this isolate
 * answered, by route and status. prom-client is not used: its default metrics do not work in workerd,
 * and what is left is one line a number.
 */

export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Requests answered since the start. Routes are those of the table, so their number is bounded. */
export class RequestCounter {
  readonly #counts = new Map<string, number>();

  add(method: string, route: string, status: number): void {
    const labels = `method="${method}",route="${route}",status="${status}"`;
    this.#counts.set(labels, (this.#counts.get(labels) ?? 0) + 1);
  }

  /** Label sets as they stand in the text, with their counts. */
  entries(): IterableIterator<[string, number]> {
    return this.#counts.entries();
  }
}

export function formatMetrics(
  stats: Readonly<Record<string, number>>,
  requests: RequestCounter,
): string {
  const lines: string[] = [];
  for (const name of Object.keys(stats).sort()) lines.push(...sample(name, stats[name]!));
  lines.push("# TYPE indelible_http_requests_total counter");
  for (const [labels, count] of requests.entries()) {
    lines.push(`indelible_http_requests_total{${labels}} ${count}`);
  }
  return `${lines.join("\n")}\n`;
}

/** One number of the ledger, by its full name; one that ends in `_total` only grows. */
function sample(name: string, value: number): string[] {
  return [`# TYPE ${name} ${name.endsWith("_total") ? "counter" : "gauge"}`, `${name} ${value}`];
}
