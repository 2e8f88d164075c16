/** What went wrong in a Durable Object, as the problem that its callers are told; what nobody foresaw goes to the operator's log. */
import { refusalOf } from "../storage/flow/refusal.ts";
import type { Problem } from "./ledger-api.ts";
import { report } from "./report.ts";

export function problemOf(error: unknown): Problem {
  const refusal = refusalOf(error);
  if (refusal === null) {
    // The call does not know its request: by this name the request's own line is found, which has the request's id.
    const fault = crypto.randomUUID();
    report("error", "a call failed for no known reason", { fault, reason: describe(error) });
    return { code: "internal_error", detail: `the instance failed; its log says why (${fault})` };
  }
  const { code, message: detail, errors, retryAfterSeconds } = refusal;
  return {
    code,
    detail,
    ...(errors === undefined ? {} : { errors }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
