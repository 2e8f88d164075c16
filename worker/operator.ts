/**
 * The operator's own calls, on a socket on loopback: `POST /bootstrap`, `POST /drain`, `GET /readyz`, `POST /links`, and those
 * about tokens. Each demands the secret that the supervisor made for this run.
 */
import * as v from "valibot";
import { RETENTION_DAYS_MAX } from "../storage/log/batch-header.ts";
import { encodeUtf8 } from "../storage/log/bytes.ts";
import { sha256 } from "../storage/log/hash.ts";
import { bearerOf } from "./admit.ts";
import { answerJson, answerProblem } from "./answer.ts";
import { discardBody } from "./body.ts";
import type { Services } from "./ask.ts";
import type { Bootstrap, NewToken } from "./ledger-api.ts";
import { answerTokens, Sha256Hex, TokenId } from "./operator-tokens.ts";
import { asProblem, ProblemError, valueOf } from "./problem.ts";
import { answerReadiness } from "./routes/health.ts";
import { LINK_MS, SESSION_TOKENS_MAX } from "./session/book.ts";
import { makeSecret, secretHash } from "./session/secret.ts";
import { isLogName } from "../storage/log/entry.ts";
import type { SearchKeeperApi } from "./search/keeper-api.ts";
import { readShape } from "./shape.ts";

/** Null: the tables of all logs. */
const RestartShape = v.strictObject({
  log: v.nullable(v.pipe(v.string(), v.check(isLogName))),
});
const BootstrapShape = v.strictObject({
  origin: v.pipe(v.string(), v.minLength(1)),
  system_retention_days: v.pipe(
    v.number(),
    v.integer(),
    v.minValue(1),
    v.maxValue(RETENTION_DAYS_MAX),
  ),
  admin_token_id: TokenId,
  admin_token_sha256: Sha256Hex,
  demo_token_id: TokenId,
  demo_token_sha256: Sha256Hex,
});

/** Whose rights the session has that a link opens. */
const LinkShape = v.strictObject({
  tokens_sha256: v.pipe(v.array(Sha256Hex), v.minLength(1), v.maxLength(SESSION_TOKENS_MAX)),
});

/** The log that a first start makes to be tried out: what is locked there is free again after a day. */
const DEMO_LOG = "demo";
const DEMO_RETENTION_DAYS = 1;

/** What the operator's calls are about. */
export interface OperatorParts extends Pick<Services, "ledger" | "sessions"> {
  /** Not there where there are no search tables. */
  readonly search?: SearchKeeperApi;
}

/** Answers one of the operator's calls; `beforeDrain` gives the ledger what it has yet to take. */
export async function answerOperator(
  request: Request,
  parts: OperatorParts,
  secret: string,
  report: (requestId: string, problem: ProblemError) => void,
  beforeDrain: () => Promise<void> = async () => {},
): Promise<Response> {
  const requestId = crypto.randomUUID();
  try {
    assertOperator(request, secret);
    return await dispatch(request, requestId, parts, beforeDrain);
  } catch (error) {
    const problem = asProblem(error);
    if (problem.code === "internal_error") report(requestId, problem);
    await discardBody(request);
    return answerProblem(requestId, problem);
  }
}

async function dispatch(
  request: Request,
  requestId: string,
  { ledger, sessions, search }: OperatorParts,
  beforeDrain: () => Promise<void>,
): Promise<Response> {
  switch (`${request.method} ${new URL(request.url).pathname}`) {
    case "POST /bootstrap": {
      const shape = await readShape(request, BootstrapShape);
      valueOf(await ledger.bootstrap(firstStateOf(shape)));
      // A new worker looks at what came in since the tables were written last.
      await search?.poke();
      return answerJson(requestId, 200, {});
    }
    case "POST /drain":
      await beforeDrain();
      return answerJson(requestId, 200, await ledger.drain());
    case "POST /links": {
      const { tokens_sha256: tokens } = await readShape(request, LinkShape);
      const link = makeSecret((count) => crypto.getRandomValues(new Uint8Array(count)));
      await sessions.addLink(secretHash(link), tokens, Date.now());
      return answerJson(requestId, 201, { link, seconds: LINK_MS / 1_000 });
    }
    case "GET /readyz":
      return answerReadiness(requestId, await ledger.ready());
    case "GET /search":
      return answerJson(requestId, 200, (await search?.status()) ?? { logs: [], problem: null });
    case "POST /search/restart": {
      const { log } = await readShape(request, RestartShape);
      await search?.restart(log);
      return answerJson(requestId, 200, {});
    }
    default: {
      const answer = await answerTokens(request, requestId, ledger);
      if (answer !== null) return answer;
      throw new ProblemError("route_unknown", "the operator has no such call");
    }
  }
}

/** Hashes of equal length are compared in full, so the time taken says nothing of the secret. */
function assertOperator(request: Request, secret: string): void {
  const given = sha256(encodeUtf8(bearerOf(request) ?? ""));
  if (secret === "" || !equalInConstantTime(given, sha256(encodeUtf8(secret)))) {
    throw new ProblemError("unauthenticated", "this is not the operator's secret");
  }
}

function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < b.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

/** What a first start makes: a token that administers everything, and one that tries out `demo`. */
function firstStateOf(shape: v.InferOutput<typeof BootstrapShape>): Bootstrap {
  const token = (id: string, sha256: string): Pick<NewToken, "id" | "sha256"> => ({ id, sha256 });
  const always = { expiresAt: null, networks: [] };
  return {
    origin: shape.origin,
    systemRetentionDays: shape.system_retention_days,
    logs: [
      {
        name: DEMO_LOG,
        retentionDays: DEMO_RETENTION_DAYS,
        description: "A log to try things out",
        public: false,
      },
    ],
    tokens: [
      {
        ...token(shape.admin_token_id, shape.admin_token_sha256),
        ...always,
        roles: ["admin"],
        logs: ["*", "_system", "_access"],
        description: "The administrator of the first start",
      },
      {
        ...token(shape.demo_token_id, shape.demo_token_sha256),
        ...always,
        roles: ["writer", "auditor"],
        logs: [DEMO_LOG],
        description: "Writes and audits the log demo",
      },
    ],
  };
}
