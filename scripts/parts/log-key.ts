/**
 * The log key's files in the data folder: `keys/log.key`, the seed that signs every sealed checkpoint, and
 * `keys/log.replaced.vkeys`, the verifier keys of log keys that were lost and replaced. What those signed still counts.
 */
import { seedSigner } from "../../storage/keys.ts";
import { toHex } from "../../storage/log/bytes.ts";
import { isLogName } from "../../storage/log/entry.ts";
import { parseVkey, type VerifierKey } from "../../storage/log/vkey.ts";
import type { DataFolder } from "./data-folder.ts";
import { readSecret } from "./secret-file.ts";

export const SEED_BYTES = 32;

/** What to do without the key: for every message that says it is not there. */
export const LOST_LOG_KEY =
  "Put back the copy that you keep elsewhere. If there is none, the logs end at their sealed head, and " +
  "npm run recover -- --new-log-key goes on under a new key, which everybody who verifies must be given by hand.";

export function logKeyPath(data: DataFolder): string {
  return data.keyPath("log.key");
}

export function replacedKeysPath(data: DataFolder): string {
  return data.keyPath("log.replaced.vkeys");
}

/** The seed, base64; throws where it is missing or none. */
export async function readLogKey(data: DataFolder): Promise<string> {
  const path = logKeyPath(data);
  const seed = await readSecret(path);
  if (seed === null) throw new Error(`The log key ${path} is not there. ${LOST_LOG_KEY}`);
  if (isSeed(seed)) return seed;
  throw new Error(`${path} does not hold ${SEED_BYTES} bytes in base64. ${LOST_LOG_KEY}`);
}

export function isSeed(text: string): boolean {
  return Buffer.from(text, "base64").length === SEED_BYTES;
}

export async function publicKeyOf(seed: string): Promise<Uint8Array> {
  const signer = await seedSigner(Buffer.from(seed, "base64"));
  return parseVkey((await signer.signer("key")).vkey).publicKey;
}

/** Public keys of log keys that were replaced, oldest first. */
export async function readReplacedKeys(data: DataFolder): Promise<Uint8Array[]> {
  const path = replacedKeysPath(data);
  const lines = ((await readSecret(path)) ?? "").split("\n");
  try {
    return lines.filter((line) => line !== "").map((line) => parseVkey(line).publicKey);
  } catch (error) {
    throw new Error(`${path} is damaged: ${(error as Error).message}`, { cause: error });
  }
}

/** Public keys of this instance's logs among verifier keys of any kind. */
export function logKeysAmong(keys: readonly VerifierKey[], origin: string): Uint8Array[] {
  const start = `${origin}/`;
  const own = keys.filter(
    ({ name }) => name.startsWith(start) && isLogName(name.slice(start.length)),
  );
  return distinctKeys(own.map(({ publicKey }) => publicKey));
}

export function distinctKeys(keys: readonly Uint8Array[]): Uint8Array[] {
  return [...new Map(keys.map((key) => [toHex(key), key])).values()];
}
