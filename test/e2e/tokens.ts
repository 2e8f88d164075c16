/** Tokens and logs, made as an administrator makes them. */
import assert from "node:assert/strict";
import { call } from "./client.ts";

export type RoleName = "writer" | "reader" | "auditor" | "admin";

export interface NewTokenRequest {
  readonly roles: readonly RoleName[];
  readonly logs: readonly string[];
  readonly expires_at?: string | null;
  readonly description?: string;
}

export interface MadeToken {
  readonly id: string;
  readonly token: string;
}

/** Makes a token; `by` is the administrator's. */
export async function makeToken(
  url: string,
  by: string,
  wanted: NewTokenRequest,
): Promise<MadeToken> {
  const reply = await call(url, "/v1/tokens", { token: by, body: JSON.stringify(wanted) });
  assert.equal(reply.status, 201, reply.text);
  return reply.json<MadeToken & Record<string, unknown>>();
}

export interface NewLogRequest {
  readonly name: string;
  readonly retention_days?: number;
  readonly public?: boolean;
  readonly description?: string;
}

export async function makeLog(url: string, by: string, wanted: NewLogRequest): Promise<void> {
  const body = JSON.stringify({ retention_days: 1, ...wanted });
  const reply = await call(url, "/v1/logs", { token: by, body });
  assert.equal(reply.status, 201, reply.text);
}
