/** Alive, ready, and numbers for Prometheus. */
import { answer, answerJson } from "../answer.ts";
import { auditMetrics } from "../audit/metrics.ts";
import type { Ask } from "../ask.ts";
import type { Readiness } from "../ledger-api.ts";
import { valueOf } from "../problem.ts";
import { METRICS_TYPE } from "../metrics.ts";
import { searchMetrics } from "../search/metrics.ts";
import { proposals } from "../search/parts.ts";

const READY_RETRY_SECONDS = "1";

export function healthz(ask: Ask): Response {
  return answer(ask.requestId, 200, '{"status":"alive"}', { "content-type": "application/json" });
}

/** 200 while entries are taken, sealed or not; 503 otherwise; always with each part's state. */
export async function readyz(ask: Ask): Promise<Response> {
  const { ledger, nowMs, readiness } = ask.services;
  return answerReadiness(ask.requestId, await readiness.get(nowMs, () => ledger.ready()));
}

export function answerReadiness(requestId: string, { state, parts }: Readiness): Response {
  const detail = Object.entries(parts)
    .flatMap(([part, { problems }]) => problems.map((problem) => `${part}: ${problem}`))
    .join("; ");
  const taking = state !== "not taking";
  const headers = taking ? {} : { "retry-after": READY_RETRY_SECONDS };
  return answerJson(requestId, taking ? 200 : 503, { state, detail, parts }, headers);
}

export async function metrics(ask: Ask): Promise<Response> {
  const { ledger, auditor, webhooks, limits, bodyRooms, answerRoom, http, nowMs } = ask.services;
  const here = http.text({
    requestsUnderWay: limits.underWay,
    bodyBytes: bodyRooms.arriving.bytes,
    answerBytes: answerRoom.bytes,
  });
  const told = webhooks.list().then(valueOf);
  const guard = Promise.all([auditor.stats().catch(() => null), told.catch(() => null)]);
  const keeper = ask.services.search()?.keeper;
  const searchStatus = (keeper?.status() ?? Promise.resolve(null)).catch(() => null);
  const texts = await Promise.all([
    ledger.metrics(),
    guard.then(([stats, channels]) => auditMetrics(stats, channels, nowMs())),
    searchStatus.then((status) => searchMetrics(status, proposals.false)),
    here,
    ask.services.tracing?.metrics() ?? "",
  ]);
  return answer(ask.requestId, 200, texts.join(""), { "content-type": METRICS_TYPE });
}
