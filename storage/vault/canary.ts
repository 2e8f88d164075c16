/**
 * The object that the lock self-test attacks: put under lock for a day, then read again after each attack.
 * It is unharmed if its bytes, its mode and its date, read by version id, are what they were.
 */
import { randomBytes } from "node:crypto";
import { VaultError } from "../ports.ts";
import type { Vault } from "../ports.ts";
import { formatRetainUntil } from "./retention-request.ts";

/** Where canaries lie; readers of logs pass over everything under `_indelible/`. */
export const CANARY_PREFIX = "_indelible/canary/";
/** Long enough for the attacks to be real, short enough for old canaries to be tidied away by hand. */
const CANARY_LOCK_MS = 24 * 3600 * 1000;

export interface Canary {
  readonly key: string;
  readonly versionId: string;
  readonly body: Uint8Array;
  /** Whole seconds. */
  readonly retainUntilMs: number;
}

/** Puts a new canary, locked for a day from `nowMs`. Throws as `Vault.put` does. */
export async function putCanary(vault: Vault, nowMs: number): Promise<Canary> {
  const name = randomBytes(16).toString("hex");
  const key = `${CANARY_PREFIX}${name}`;
  const body = new TextEncoder().encode(`canary ${name}\n`);
  const retainUntilMs = Date.parse(formatRetainUntil(nowMs + CANARY_LOCK_MS));
  const put = await vault.put(key, body, { retainUntilMs, ifAbsent: true });
  // 128 random bits were there before: this store answers 412 to everything.
  if (put.kind === "taken") throw new VaultError("vault_refused", `the new key ${key} is taken`);
  return { key, versionId: put.versionId, body, retainUntilMs };
}

/** What became of the canary, in words; `undefined` while it is unharmed. Throws `vault_unreachable`. */
export async function canaryHarm(vault: Vault, canary: Canary): Promise<string | undefined> {
  try {
    const [body, lock] = await Promise.all([
      vault.get(canary.key, canary.versionId),
      vault.lock(canary.key, canary.versionId),
    ]);
    if (!Buffer.from(body).equals(canary.body)) return "the locked version has other bytes now";
    if (lock.mode !== "COMPLIANCE") return `the lock's mode is ${lock.mode}`;
    if (lock.retainUntilMs === canary.retainUntilMs) return undefined;
    const [found, asked] = [lock.retainUntilMs, canary.retainUntilMs].map(formatRetainUntil);
    return `locked until ${found}, not ${asked}`;
  } catch (error) {
    if (!(error instanceof VaultError) || error.code === "vault_unreachable") throw error;
    return `the locked version is not as it was: ${error.message}`;
  }
}
