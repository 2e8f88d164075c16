/** Sealing on request, as a client does it that honours Retry-After: a new start tries the lock before it seals. */
import assert from "node:assert/strict";
import { call, type Reply } from "./client.ts";
import { until } from "./until.ts";

export interface SealItem {
  readonly first: number;
  readonly count: number;
  readonly key: string;
  readonly version_id: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly sealed_at: string;
  readonly retain_until: string;
  readonly checkpoint: string;
}

/** The answer to `POST …/seal` once the lock self-test of this start is over. */
export function sealReply(url: string, log: string, token: string): Promise<Reply> {
  return until(`${log} may be sealed`, async () => {
    const reply = await call(url, `/v1/logs/${log}/seal`, { method: "POST", token });
    return reply.status === 503 && reply.text.includes("self-test") ? null : reply;
  });
}

/** The seal that was written last; null where nothing waited. */
export async function sealNow(url: string, log: string, token: string): Promise<SealItem | null> {
  const reply = await sealReply(url, log, token);
  if (reply.status === 204) return null;
  assert.equal(reply.status, 200, reply.text);
  return reply.json<SealItem & Record<string, unknown>>();
}

export async function listSeals(url: string, log: string, token: string): Promise<SealItem[]> {
  const reply = await call(url, `/v1/logs/${log}/seals?order=asc&limit=1000`, { token });
  assert.equal(reply.status, 200, reply.text);
  return reply.json<{ seals: SealItem[] }>().seals;
}
