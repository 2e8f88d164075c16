/**
 * The parts of a ledger for a command that works on the data folder while no worker runs: the stores as they were started,
 * the memo of the worker's own storage, and the log key.
 */
import type { Parts, Settings } from "../../storage/flow/state.ts";
import { nodeGzip } from "../../storage/gzip.ts";
import { LibsqlIndex } from "../../storage/index/index.ts";
import { migrate } from "../../storage/index/migrate.ts";
import { newKeyPairSigner, webCryptoVerify } from "../../storage/keys.ts";
import { MinioVault } from "../../storage/vault/vault.ts";
import { MemoFile } from "../recover/memo-file.ts";
import { readOwner, type Owner } from "../restore/owner.ts";
import { fastSha256 } from "../verify/sha256.ts";
import type { DataFolder } from "./data-folder.ts";
import type { Say, Stores } from "./stores.ts";

export interface OfflineTools {
  randomBytes(length: number): Uint8Array;
  readonly say: Say;
}

export interface OfflineParts extends Parts {
  readonly index: LibsqlIndex;
}

export interface Offline {
  readonly owner: Owner;
  readonly parts: OfflineParts;
  readonly settings: Settings;
}

/** What a sealer would use; nothing here waits, so the times do not matter. */
const SEAL = { sealSeconds: 10, sealEntries: 10_000, sealBytes: 8 * 1024 * 1024 };

/**
 * Brings the index's schema up to date on the way. `given`: whose vault it is, where that is not what the data folder says.
 * Throws where the log key is not there.
 */
export async function openOffline(
  stores: Stores,
  data: DataFolder,
  tools: OfflineTools,
  given?: Owner,
): Promise<Offline> {
  const vault = new MinioVault(stores.vault);
  const owner = given ?? (await readOwner(data, null, vault));
  const { url, authToken, ddlToken } = stores.index;
  await migrate({ url, authToken: ddlToken });
  const parts: OfflineParts = {
    index: new LibsqlIndex({ url, authToken }),
    vault,
    memo: new MemoFile(data.path("ledger")),
    logKey: owner.signer,
    replacedKeys: owner.replaced,
    receiptKey: await newKeyPairSigner(),
    clock: { nowMs: () => Date.now() },
    alarm: { at: async () => {} },
    gzip: nodeGzip,
    sha256: fastSha256,
    verify: webCryptoVerify(),
    randomBytes: (length) => tools.randomBytes(length),
    report: (_level, message, fields) => tools.say(`${message} ${JSON.stringify(fields ?? {})}`),
  };
  return { owner, parts, settings: { origin: owner.origin, ...SEAL } };
}
