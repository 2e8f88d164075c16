/**
 * `npm run recover -- --new-log-key`: a log key that is lost is replaced (PROTOCOL §4). What the old one signed stays as it
 * is, and nobody can sign like it any more, so from here on the logs are under another verifier key that people have to be given
 * by hand: an attacker with this machine could do the same.
 *
 * A crash in between leaves no `keys/log.key`: no start goes on, and the same command, run again, uses the key it has
 * made (`keys/log.key.next`). The key takes its place only when every log ends in a batch that it has signed.
 */
import { randomBytes } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { RecoveryRefused } from "../../storage/flow/recover.ts";
import { AT_START, walkLog } from "../../storage/flow/walk.ts";
import { nodeGzip } from "../../storage/gzip.ts";
import { webCryptoVerify } from "../../storage/keys.ts";
import { equalBytes, toHex } from "../../storage/log/bytes.ts";
import { logOrigin } from "../../storage/log/checkpoint.ts";
import { SYSTEM_LOG } from "../../storage/log/entry.ts";
import { formatVkey, keyIdOf, keyOf } from "../../storage/log/vkey.ts";
import type { Vault } from "../../storage/ports.ts";
import type { DataFolder } from "../parts/data-folder.ts";
import {
  distinctKeys,
  isSeed,
  logKeyPath,
  logKeysAmong,
  publicKeyOf,
  readReplacedKeys,
  replacedKeysPath,
  SEED_BYTES,
} from "../parts/log-key.ts";
import { readSecret, writeSecret } from "../parts/secret-file.ts";
import { ownerOf, readOrigin, type Owner } from "../restore/owner.ts";
import { readKeys, vkeyFiles } from "../verify/keys.ts";
import { fastSha256 } from "../verify/sha256.ts";

type VaultReader = Pick<Vault, "get" | "lock" | "versions">;

export class NewLogKey {
  readonly #data: DataFolder;
  readonly #seed: string;
  readonly #publicKey: Uint8Array;
  /** Signs with the new key; the old ones are among the keys that count. */
  readonly owner: Owner;

  /** `vkeys`: files with verifier keys beside those of the data folder. Writes nothing. Throws `RecoveryRefused`. */
  static async prepare(
    data: DataFolder,
    configuredOrigin: string | null,
    vault: VaultReader,
    vkeys: readonly string[],
  ): Promise<NewLogKey> {
    const origin = await readOrigin(data, configuredOrigin, vault);
    const given = await readKeys([...(await vkeyFiles(data.path("vkeys"))), ...vkeys]);
    const now = await keyIn(logKeyPath(data));
    const begun = await keyIn(nextPath(data));
    const files = [now, begun].flatMap((key) => (key === null ? [] : [key.publicKey]));
    const replacedBefore = await readReplacedKeys(data);
    const known = distinctKeys([...replacedBefore, ...logKeysAmong(given, origin), ...files]);
    const signers = await signersOf(vault, origin, known);
    const last = signers?.at(-1) ?? null;
    if (now !== null && (signers === null || same(now.publicKey, last))) {
      throw new RecoveryRefused(
        `The log key is there, in ${logKeyPath(data)}, and nothing in the vault is signed by a later one: ` +
          "npm start goes on with it. It is not replaced.",
      );
    }
    if (signers?.length === 0) {
      throw new RecoveryRefused(
        "No verifier key that is known here has signed this vault, so nobody can tell whether it is true. " +
          `Give the one that people verify ${origin} with: --vkey FILE.`,
      );
    }
    // A file that has signed nothing yet is not used: anybody may have put it there, and know it.
    const goesOn = begun !== null && same(begun.publicKey, last);
    const seed = goesOn ? begun.seed : randomBytes(SEED_BYTES).toString("base64");
    const publicKey = await publicKeyOf(seed);
    const replaced = (signers ?? []).filter((key) => !same(key, publicKey));
    return new NewLogKey(data, seed, publicKey, await ownerOf(origin, seed, replaced));
  }

  private constructor(data: DataFolder, seed: string, publicKey: Uint8Array, owner: Owner) {
    this.#data = data;
    this.#seed = seed;
    this.#publicKey = publicKey;
    this.owner = owner;
  }

  vkey(log: string): string {
    return formatVkey(logOrigin(this.owner.origin, log), this.#publicKey);
  }

  /** Before it signs anything: the key must outlive a crash. */
  async keep(): Promise<void> {
    await writeSecret(nextPath(this.#data), this.#seed);
  }

  /** Once every log ends in a batch by this key. What was in the old one's place is kept aside; returns where. */
  async install(logs: Iterable<string>): Promise<string | null> {
    const { replaced, origin } = this.owner;
    const lines = replaced.map((key) => formatVkey(logOrigin(origin, SYSTEM_LOG), key));
    await writeSecret(replacedKeysPath(this.#data), lines.join("\n"));
    for (const log of logs) await this.#publish(log);
    const path = logKeyPath(this.#data);
    const aside = `${path}.unusable-${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "")}`;
    const wrong = await readSecret(path);
    if (wrong !== null) await rename(path, aside);
    await writeSecret(path, this.#seed);
    await rm(nextPath(this.#data), { force: true });
    return wrong === null ? null : aside;
  }

  /** A plus sign stands in no log's name, so the files of old keys are no other log's. */
  async #publish(log: string): Promise<void> {
    const { replaced, origin } = this.owner;
    const name = logOrigin(origin, log);
    const folder = this.#data.path("vkeys");
    for (const key of replaced) {
      const file = `${log}+${toHex(keyIdOf(name, key))}.vkey`;
      await writeSecret(join(folder, file), formatVkey(name, key));
    }
    await writeSecret(join(folder, `${log}.vkey`), this.vkey(log));
  }
}

interface FileKey {
  readonly seed: string;
  readonly publicKey: Uint8Array;
}

/** Null where the file is missing, or holds no key. */
async function keyIn(path: string): Promise<FileKey | null> {
  const seed = await readSecret(path);
  if (seed === null || !isSeed(seed)) return null;
  return { seed, publicKey: await publicKeyOf(seed) };
}

function same(a: Uint8Array, b: Uint8Array | null): boolean {
  return b !== null && equalBytes(a, b);
}

function nextPath(data: DataFolder): string {
  return `${logKeyPath(data)}.next`;
}

/** Which of the public keys have signed `_system`, in their order; null where the vault has nothing of it. */
async function signersOf(
  vault: VaultReader,
  origin: string,
  known: readonly Uint8Array[],
): Promise<Uint8Array[] | null> {
  const name = logOrigin(origin, SYSTEM_LOG);
  const keys = known.map((publicKey) => keyOf(name, publicKey));
  const context = {
    ...{ vault, gzip: nodeGzip, sha256: fastSha256, verify: webCryptoVerify() },
    ...{ log: SYSTEM_LOG, origin: name, keys, locks: false },
  };
  let found: Uint8Array[] | null = null;
  for await (const step of walkLog(context, { from: 0, before: AT_START, goOn: false })) {
    found ??= [];
    if (step.kind !== "batch") continue;
    for (const { publicKey } of step.read.batch.checkpoint.signers) found.push(publicKey);
  }
  return found === null ? null : distinctKeys(found);
}
