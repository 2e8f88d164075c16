/** What stands behind the HTTP side in a real worker. */
import { LibsqlIndex } from "../storage/index/index.ts";
import { MinioVault } from "../storage/vault/vault.ts";
import { AdmitCache, LOOPBACK_HOST } from "./admit.ts";
import type { Services } from "./ask.ts";
import { indexConfigOf, vaultConfigOf, type Env } from "./env.ts";
import { ledgerOf } from "./ledger-stub.ts";
import { report } from "./ledger-parts.ts";
import { RequestCounter } from "./metrics.ts";
import { sha256 } from "./sha256.ts";
import type { ProblemError } from "./problem.ts";
import { ReadinessCache } from "./readiness-cache.ts";

/** Memory of the isolate: it holds no connection, so requests may share it. */
const admitted = new AdmitCache();
const readiness = new ReadinessCache();
const requests = new RequestCounter();

/** The services of one request. Connections are made when they are used, and never shared: workerd ties them to a request. */
export function openServices(env: Env): Services {
  return {
    ledger: ledgerOf(env),
    index: () => new LibsqlIndex(indexConfigOf(env)),
    vault: () => new MinioVault(vaultConfigOf(env)),
    sha256,
    nowMs: Date.now,
    randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
    admitted,
    readiness,
    requests,
    onLoopback: LOOPBACK_HOST.test((env.INDELIBLE_LISTEN ?? "").replace(/:[0-9]+$/, "")),
    report: reportProblem,
  };
}

/** One line for the operator, with what the sender is not told. */
export function reportProblem(requestId: string, { code, detail, cause }: ProblemError): void {
  const reason = cause instanceof Error ? (cause.stack ?? cause.message) : cause;
  report("error", "a request failed", { request_id: requestId, code, detail, reason });
}
