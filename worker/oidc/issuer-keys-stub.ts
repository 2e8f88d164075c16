/** The keeper of issuers' keys for one request: a stub belongs to the request that made it. */
import { ProblemError } from "../problem.ts";
import type { Env } from "../env.ts";
import type { KeySource } from "./sign-in.ts";

/** There is one, whatever the number of workers. */
const NAME = "0";

export function issuerKeysOf(env: Env): KeySource {
  return {
    async keys(issuer, newerThanMs) {
      // A stub has the object's method, with its answer as a promise of a copy.
      const stub = env.ISSUER_KEYS.get(env.ISSUER_KEYS.idFromName(NAME)) as unknown as KeySource;
      try {
        return await stub.keys(issuer, newerThanMs);
      } catch (cause) {
        const detail = "the token cannot be checked now; try again";
        throw new ProblemError("issuer_unavailable", detail, { retryAfterSeconds: 1, cause });
      }
    },
  };
}
