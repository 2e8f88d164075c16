/** The guard for one request or one call: a stub belongs to whoever made it. There is one guard a ledger. */
import { sleep } from "../../storage/flow/commit.ts";
import type { Env } from "../env.ts";
import type { ReadinessPart } from "../ledger-api.ts";
import { ProblemError } from "../problem.ts";
import { report } from "../report.ts";
import type { AuditorApi } from "./auditor-api.ts";

const SHARD = "0";

/** Whoever asks whether all is well does not wait for a slice of an audit. */
const READINESS_MS_MAX = 1_000;

function stubOf(env: Env): AuditorApi {
  return env.AUDITOR.get(env.AUDITOR.idFromName(SHARD)) as unknown as AuditorApi;
}

/** For the HTTP side: what is thrown on the way becomes a problem. */
export function auditorOf(env: Env): AuditorApi {
  return new Proxy(stubOf(env), {
    get: (stub, name: keyof AuditorApi) => {
      return async (...args: unknown[]): Promise<unknown> => {
        try {
          return await (stub[name] as (...given: unknown[]) => Promise<unknown>)(...args);
        } catch (cause) {
          const detail = "the guard stopped while this was under way; ask again";
          throw new ProblemError("index_unavailable", detail, { retryAfterSeconds: 1, cause });
        }
      };
    },
  });
}

/** Tells the guard which logs were sealed, or only that it has something to guard. A pass finds later what is lost here. */
export function tellAuditor(env: Env, logs: readonly string[]): Promise<void> {
  return stubOf(env)
    .sealed(logs)
    .catch((error: unknown) => {
      report("warn", "the guard was not told of a seal", { reason: String(error) });
    });
}

/** The part `audit` of `/readyz`. Never throws. */
export async function auditReadiness(env: Env): Promise<ReadinessPart> {
  const failed = (problem: string): ReadinessPart => ({ ok: false, problems: [problem] });
  const late = sleep(READINESS_MS_MAX).then(() => failed("the guard does not answer in time"));
  const asked = stubOf(env)
    .readiness()
    .catch((error: unknown) => failed(`the guard does not answer: ${String(error)}`));
  return Promise.race([asked, late]);
}
