/**
 * Whose vault it is: the log key that signed it, and the origin it signed under. The origin is in `instance.json`; where
 * that is lost too, the vault's first batch tells it, and the log key's signature shows that it is true.
 */
import { nodeGzip } from "../../storage/gzip.ts";
import { seedSigner } from "../../storage/keys.ts";
import { BATCH_INFLATED_BYTES_MAX, decodeBatch, slotName } from "../../storage/log/batch.ts";
import { SYSTEM_LOG } from "../../storage/log/entry.ts";
import type { VerifierKey } from "../../storage/log/note.ts";
import type { Directory } from "../../storage/log/system.ts";
import { keyOf } from "../../storage/log/vkey.ts";
import type { Signer, Vault } from "../../storage/ports.ts";
import { RestoreRefused } from "../../storage/flow/restore.ts";
import type { DataFolder } from "../parts/data-folder.ts";
import { publicKeyOf, readLogKey, readReplacedKeys } from "../parts/log-key.ts";
import { readSecretJson, writeSecret } from "../parts/secret-file.ts";

export interface Owner {
  readonly origin: string;
  readonly signer: Signer;
  /** Public keys of log keys that were lost and replaced. */
  readonly replaced: readonly Uint8Array[];
  keysOf(origin: string): readonly VerifierKey[];
}

/** Throws where the log key is not there. */
export async function readOwner(
  data: DataFolder,
  configuredOrigin: string | null,
  vault: Pick<Vault, "get" | "versions">,
): Promise<Owner> {
  const seed = await readLogKey(data);
  const origin = await readOrigin(data, configuredOrigin, vault);
  return ownerOf(origin, seed, await readReplacedKeys(data));
}

/** `replaced`: public keys of log keys before this one. */
export async function ownerOf(
  origin: string,
  seed: string,
  replaced: readonly Uint8Array[],
): Promise<Owner> {
  const signer = await seedSigner(Buffer.from(seed, "base64"));
  const keys = [await publicKeyOf(seed), ...replaced];
  const keysOf = (name: string) => keys.map((publicKey) => keyOf(name, publicKey));
  return { origin, signer, replaced, keysOf };
}

/** From `instance.json`, the configuration, or the vault. */
export async function readOrigin(
  data: DataFolder,
  configuredOrigin: string | null,
  vault: Pick<Vault, "get" | "versions">,
): Promise<string> {
  const instance = await readSecretJson<{ origin: string }>(data.path("instance.json"));
  return instance?.origin ?? configuredOrigin ?? originOf(vault);
}

/** What the first batch of `_system` says. Whether it is true shows when its signature is checked under that name. */
async function originOf(vault: Pick<Vault, "get" | "versions">): Promise<string> {
  const key = slotName(SYSTEM_LOG, 0);
  for await (const version of vault.versions(key)) {
    if (version.key !== key || version.deleteMarker) continue;
    const object = await vault.get(key, version.versionId);
    const { header } = decodeBatch(await nodeGzip.gunzip(object, BATCH_INFLATED_BYTES_MAX));
    return header.origin.slice(0, -`/${SYSTEM_LOG}`.length);
  }
  throw new RestoreRefused(
    "The vault holds no batch of _system: there is nothing to restore from.",
  );
}

/**
 * Writes `instance.json` where it is missing, from what `_system` says: the origin, and the first two tokens, of which
 * only hashes exist here. The tokens themselves are where their owners keep them.
 */
export async function rebuildIdentity(data: DataFolder, directory: Directory): Promise<void> {
  const path = data.path("instance.json");
  if ((await readSecretJson(path)) !== null || directory.origin === null) return;
  const first = [...directory.tokens.values()].filter(({ createdBy }) => createdBy === "system");
  const admin = first.find(({ roles }) => roles.includes("admin"));
  const demo = first.find(({ roles }) => !roles.includes("admin"));
  if (admin === undefined || demo === undefined) return;
  const tokens = {
    admin: { id: admin.id, sha256: admin.sha256 },
    demo: { id: demo.id, sha256: demo.sha256 },
  };
  await writeSecret(path, JSON.stringify({ origin: directory.origin, tokens }, null, 2));
}
