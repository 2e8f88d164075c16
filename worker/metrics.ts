/**
 * What this isolate answered, for Prometheus: requests by route and status, how long they took, refusals by code, and memory
 * that bodies hold. prom-client keeps and writes the numbers; its default metrics do not work in workerd and are not used.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { PROBLEMS, type ProblemCode } from "./problem.ts";

/** The text format 0.0.4. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Seconds until an answer begins: from what memory knows to what waits for a seal (30 s at most). */
const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30];

/** What is held for requests at this moment. */
export interface Held {
  readonly requestsUnderWay: number;
  readonly bodyBytes: number;
  readonly answerBytes: number;
}

/** One for an isolate. Routes are those of the table, and codes those of the problems, so labels are bounded. */
export class HttpMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<"method" | "route" | "status">;
  readonly #seconds: Histogram<"method" | "route">;
  readonly #problems: Counter<"code">;
  readonly #held: (held: Held) => void;

  constructor() {
    const registers = [this.#registry];
    this.#requests = new Counter({
      name: "indelible_http_requests_total",
      help: "Requests answered.",
      labelNames: ["method", "route", "status"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "indelible_http_request_duration_seconds",
      help: "Time from a request's arrival until its answer began.",
      labelNames: ["method", "route"],
      buckets: REQUEST_SECONDS,
      registers,
    });
    this.#problems = new Counter({
      name: "indelible_http_problems_total",
      help: "Requests refused, by the code of the problem.",
      labelNames: ["code"],
      registers,
    });
    for (const code of Object.keys(PROBLEMS)) this.#problems.inc({ code }, 0);
    const gauge = (name: string, help: string) =>
      new Gauge({ name: `indelible_http_${name}`, help, registers });
    const underWay = gauge("requests_under_way", "Requests that are being answered.");
    const body = gauge("body_bytes", "Memory set aside for bodies that arrive.");
    const answer = gauge("answer_bytes", "Memory set aside for answers that go out.");
    this.#held = ({ requestsUnderWay, bodyBytes, answerBytes }) => {
      underWay.set(requestsUnderWay);
      body.set(bodyBytes);
      answer.set(answerBytes);
    };
  }

  answered(method: string, route: string, status: number, ms: number): void {
    this.#requests.inc({ method, route, status: String(status) });
    this.#seconds.observe({ method, route }, Math.max(0, ms) / 1000);
  }

  refused(code: ProblemCode): void {
    this.#problems.inc({ code });
  }

  text(held: Held): Promise<string> {
    this.#held(held);
    return this.#registry.metrics();
  }
}
