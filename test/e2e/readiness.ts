/** What `/readyz` says. */
import type { TestInstance } from "../parts/instance.ts";
import { call } from "./client.ts";
import { until } from "./until.ts";

export interface Readiness {
  readonly status: number;
  readonly state: "ready" | "taking, not sealing" | "not taking";
  /** What is wrong, in words. */
  readonly detail: string;
  readonly parts: Readonly<Record<string, { readonly ok: boolean }>>;
}

export async function readiness(instance: TestInstance): Promise<Readiness> {
  const reply = await call(instance.url, "/readyz");
  return { ...(JSON.parse(reply.text) as Omit<Readiness, "status">), status: reply.status };
}

/** Resolves when everything is well: entries are taken and sealed. */
export function untilReady(instance: TestInstance): Promise<Readiness> {
  return untilReadiness(instance, "ready");
}

/** Resolves when it is in this state and says these words. */
export function untilReadiness(
  instance: TestInstance,
  state: Readiness["state"],
  words = /(?:)/,
): Promise<Readiness> {
  return until(`/readyz says "${state}" and ${words}`, async () => {
    const found = await readiness(instance);
    if (found.state === state && words.test(found.detail)) return found;
    throw new Error(`it says ${found.state}: ${found.detail}`);
  });
}
