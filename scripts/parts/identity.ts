/**
 * What an instance is, made once at its first start and kept for good: its origin, its log key, and the
 * tokens `admin` and `demo`. `instance.json` is written last, so an interrupted first start begins anew.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { makeToken, TOKEN_RANDOM_BYTES, tokenSha256Hex } from "../../storage/token.ts";
import { ConfigError } from "../config.ts";
import type { DataFolder } from "./data-folder.ts";
import { logKeyPath, readLogKey, readReplacedKeys, SEED_BYTES } from "./log-key.ts";
import { readSecret, readSecretJson, writeSecret } from "./secret-file.ts";

export interface TokenIdentity {
  readonly id: string;
  readonly sha256: string;
}

/** `instance.json`. */
interface InstanceFile {
  readonly origin: string;
  readonly tokens: { readonly admin: TokenIdentity; readonly demo: TokenIdentity };
}

export interface Identity extends InstanceFile {
  /** Base64 of the 32-byte Ed25519 seed that signs what is sealed. */
  readonly logKey: string;
  /** Public keys of log keys that were lost and replaced. */
  readonly replacedKeys: readonly Uint8Array[];
  /** This is the first start. */
  readonly isNew: boolean;
}

/** Reads the instance's identity, or makes one. A configured origin must be the one that holds. */
export async function loadIdentity(data: DataFolder, origin: string | null): Promise<Identity> {
  const file = await readSecretJson<InstanceFile>(data.path("instance.json"));
  if (!file)
    return makeIdentity(data, origin ?? `${randomBytes(4).toString("hex")}.indelible.local`);
  if (origin !== null && origin !== file.origin) {
    throw new ConfigError(
      "INDELIBLE_ORIGIN",
      `is ${origin}, but this instance is ${file.origin} for good: its checkpoints are signed under that name.`,
    );
  }
  const logKey = await readLogKey(data);
  return { ...file, logKey, replacedKeys: await readReplacedKeys(data), isNew: false };
}

/** Ids and hashes of the first two tokens; null where no instance was ever started. */
export async function readTokenIdentities(dataDir: string): Promise<Identity["tokens"] | null> {
  return (await readSecretJson<InstanceFile>(join(dataDir, "instance.json")))?.tokens ?? null;
}

async function makeIdentity(data: DataFolder, origin: string): Promise<Identity> {
  const path = logKeyPath(data);
  // A log key that is already there was put there: by a person, or by a first start that was cut.
  if ((await readSecret(path)) === null) {
    await writeSecret(path, randomBytes(SEED_BYTES).toString("base64"));
  }
  const logKey = await readLogKey(data);
  const tokens = { admin: await newToken(data, "admin"), demo: await newToken(data, "demo") };
  const file: InstanceFile = { origin, tokens };
  await writeSecret(data.path("instance.json"), JSON.stringify(file, null, 2));
  return { ...file, logKey, replacedKeys: await readReplacedKeys(data), isNew: true };
}

async function newToken(data: DataFolder, name: string): Promise<TokenIdentity> {
  const { id, token } = makeToken(randomBytes(TOKEN_RANDOM_BYTES));
  await writeSecret(data.path("tokens", name), token);
  return { id, sha256: tokenSha256Hex(token) };
}
