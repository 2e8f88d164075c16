/**
 * The operator's side of the worker: a socket on loopback with calls that nobody else may make. The secret is made anew
 * at each start and lives in two processes' memory, and while they run in a file for the folder's owner (`npm run token`).
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { readSecretJson, writeSecret } from "./secret-file.ts";
import type { Identity, TokenIdentity } from "./identity.ts";

export interface OperatorAnswer {
  readonly status: number;
  /** What the worker says is wrong, for a person; empty if nothing. */
  readonly detail: string;
  readonly body: unknown;
}

/** What `POST /drain` found still unsealed, by log. */
export interface DrainResult {
  readonly sealed: boolean;
  readonly unsealed: Readonly<Record<string, unknown>>;
}

/** `operator.json`: how the owner of a data folder reaches the worker that runs on it. */
export interface OperatorAccess {
  readonly port: number;
  readonly secret: string;
}

/** To be called at each start of a worker: its port is another one. */
export async function shareOperator(dataDir: string, access: OperatorAccess): Promise<void> {
  await writeSecret(pathIn(dataDir), JSON.stringify(access));
}

export async function unshareOperator(dataDir: string): Promise<void> {
  await rm(pathIn(dataDir), { force: true });
}

/** What was shared last: after a kill it opens nothing any more. */
export function readOperator(dataDir: string): Promise<OperatorAccess | null> {
  return readSecretJson<OperatorAccess>(pathIn(dataDir));
}

function pathIn(dataDir: string): string {
  return join(dataDir, "operator.json");
}

const CALL_LIMIT_MS = 30_000;
/** Tables of millions of rows are dropped in some seconds. */
const RESTART_LIMIT_MS = 120_000;
/** The worker takes at most 10 s to seal (PROTOCOL §3). */
const DRAIN_LIMIT_MS = 15_000;

export class Operator {
  readonly #base: string;
  readonly #secret: string;

  constructor(port: number, secret: string) {
    this.#base = `http://127.0.0.1:${port}`;
    this.#secret = secret;
  }

  /** Makes what an instance must have: its own logs, `demo`, and the first two tokens. May be repeated. */
  bootstrap(identity: Identity, systemRetentionDays: number): Promise<OperatorAnswer> {
    const tokenFields = (name: string, token: TokenIdentity): Record<string, string> => ({
      [`${name}_token_id`]: token.id,
      [`${name}_token_sha256`]: token.sha256,
    });
    return this.#call("POST", "/bootstrap", CALL_LIMIT_MS, {
      origin: identity.origin,
      system_retention_days: systemRetentionDays,
      ...tokenFields("admin", identity.tokens.admin),
      ...tokenFields("demo", identity.tokens.demo),
    });
  }

  ready(): Promise<OperatorAnswer> {
    return this.#call("GET", "/readyz", CALL_LIMIT_MS);
  }

  /** A link's secret, for a session of the page with these tokens, by their SHA-256. */
  makeLink(tokensSha256: readonly string[]): Promise<OperatorAnswer> {
    return this.#call("POST", "/links", CALL_LIMIT_MS, { tokens_sha256: tokensSha256 });
  }

  tokens(): Promise<OperatorAnswer> {
    return this.#call("GET", "/tokens", CALL_LIMIT_MS);
  }

  createToken(body: object): Promise<OperatorAnswer> {
    return this.#call("POST", "/tokens", CALL_LIMIT_MS, body);
  }

  rotateToken(body: object): Promise<OperatorAnswer> {
    return this.#call("POST", "/tokens/rotate", CALL_LIMIT_MS, body);
  }

  revokeToken(body: object): Promise<OperatorAnswer> {
    return this.#call("POST", "/tokens/revoke", CALL_LIMIT_MS, body);
  }

  /** How far the search tables are. */
  search(): Promise<OperatorAnswer> {
    return this.#call("GET", "/search", CALL_LIMIT_MS);
  }

  /** Drops the search tables, or those of one log; the worker builds them anew. */
  restartSearch(log: string | null): Promise<OperatorAnswer> {
    return this.#call("POST", "/search/restart", RESTART_LIMIT_MS, { log });
  }

  /** Takes nothing more, and seals what can be sealed. */
  async drain(): Promise<DrainResult> {
    const answer = await this.#call("POST", "/drain", DRAIN_LIMIT_MS);
    if (answer.status !== 200) throw new Error(answer.detail);
    return answer.body as DrainResult;
  }

  async #call(
    method: string,
    path: string,
    limitMs: number,
    body?: object,
  ): Promise<OperatorAnswer> {
    const response = await fetch(this.#base + path, {
      method,
      headers: {
        authorization: `Bearer ${this.#secret}`,
        // Calls are far apart: one on a kept connection may come just as the worker closes it, and a drain must not fail.
        connection: "close",
        ...(body ? { "content-type": "application/json" } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(limitMs),
    });
    const text = await response.text();
    const parsed = parseJson(text);
    return {
      status: response.status,
      detail: describe(response.status, parsed, text),
      body: parsed,
    };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** `detail` of a problem; anything else as it is. */
function describe(status: number, body: unknown, text: string): string {
  if (status === 200) return "";
  const problem = body as { code?: string; detail?: string } | null;
  if (problem?.detail) return problem.code ? `${problem.code}: ${problem.detail}` : problem.detail;
  return `the worker answered ${status} ${text.slice(0, 500)}`.trim();
}
