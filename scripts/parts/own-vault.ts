/**
 * Before anything runs on a vault: that its first batch is signed by a key of this instance. A key or a vault that was
 * exchanged is refused in words that a person can act upon; that the newest batch of each log is by the log key of today
 * is for the ledger to see, as it opens the log.
 */
import { nodeGzip } from "../../storage/gzip.ts";
import { webCryptoVerify } from "../../storage/keys.ts";
import { BATCH_INFLATED_BYTES_MAX, decodeBatch, slotName } from "../../storage/log/batch.ts";
import { openCheckpoint } from "../../storage/log/checkpoint.ts";
import { SYSTEM_LOG } from "../../storage/log/entry.ts";
import { LogError } from "../../storage/log/errors.ts";
import { keyOf, type VerifierKey } from "../../storage/log/vkey.ts";
import { VaultError, type Vault } from "../../storage/ports.ts";
import { LOST_LOG_KEY } from "./log-key.ts";

/** A vault that is away does not keep the start waiting: the ledger waits for it. */
const LOOK_MS = 5_000;

type VaultReader = Pick<Vault, "get" | "versions">;

/** Throws where the vault has a first batch and none of the public `keys` has signed it. `path`: of the log key. */
export async function assertOwnVault(
  vault: VaultReader,
  origin: string,
  keys: readonly Uint8Array[],
  path: string,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, LOOK_MS, null);
  });
  const own = await Promise.race([signedFirst(vault, origin, keys), late]);
  clearTimeout(timer);
  if (own !== false) return;
  throw new Error(`The log key ${path} has not signed what lies in the vault. ${LOST_LOG_KEY}`);
}

/** Null where there is nothing to look at, or the vault does not answer. */
async function signedFirst(
  vault: VaultReader,
  origin: string,
  keys: readonly Uint8Array[],
): Promise<boolean | null> {
  const name = `${origin}/${SYSTEM_LOG}`;
  const known = keys.map((publicKey) => keyOf(name, publicKey));
  const slot = slotName(SYSTEM_LOG, 0);
  let found: false | null = null;
  try {
    for await (const { key, versionId, deleteMarker } of vault.versions(slot)) {
      if (key !== slot || deleteMarker) continue;
      if (await isSigned(await vault.get(key, versionId), known)) return true;
      found = false;
    }
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
  }
  return found;
}

/** True also of what cannot be read as a batch: what is wrong with that is not the key, and others will say it. */
async function isSigned(object: Uint8Array, keys: readonly VerifierKey[]): Promise<boolean> {
  try {
    const { checkpoint } = decodeBatch(await nodeGzip.gunzip(object, BATCH_INFLATED_BYTES_MAX));
    await openCheckpoint(checkpoint, keys, webCryptoVerify());
    return true;
  } catch (error) {
    return !(error instanceof LogError && error.code === "signature_invalid");
  }
}
