/**
 * `npm run restore`: the index anew, from the vault alone and the log key. It wants an empty index: move `libsql/` of the
 * data folder aside, or name an empty database. Exit code 0: all of the vault is in the index, 1: there are
 * findings, 2: nothing was restored.
 */
import { existsSync } from "node:fs";
import { restoreIndex, RestoreRefused, type RestoreReport } from "../storage/flow/restore.ts";
import { nodeGzip } from "../storage/gzip.ts";
import { LibsqlIndex } from "../storage/index/index.ts";
import { migrate } from "../storage/index/migrate.ts";
import { webCryptoVerify } from "../storage/keys.ts";
import { MinioVault } from "../storage/vault/vault.ts";
import { ConfigError, readCommand, type Config } from "./config.ts";
import type { DataFolder } from "./parts/data-folder.ts";
import { withStores, type Stores } from "./parts/stores.ts";
import { readOwner, rebuildIdentity } from "./restore/owner.ts";
import { Progress, findingLines, grouped } from "./verify/report.ts";
import { fastSha256 } from "./verify/sha256.ts";

const say = (message: string): void => void process.stderr.write(`${message}\n`);

try {
  process.exitCode = await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}

async function main(): Promise<number> {
  const { config, words } = readCommand();
  if (words.length > 0) throw new ConfigError("Command line:", `"${words[0]}" means nothing here.`);
  const { dataDir } = config;
  if (!existsSync(dataDir) || (!config.s3 && !existsSync(`${dataDir}/minio`))) {
    throw new RestoreRefused(
      `There is no vault in ${dataDir}: set INDELIBLE_DATA, or INDELIBLE_S3_… for a store of your own.`,
    );
  }
  return withStores(config, say, (stores, data) => restore(config, stores, data));
}

async function restore(config: Config, stores: Stores, data: DataFolder): Promise<number> {
  const vault = new MinioVault(stores.vault);
  const owner = await readOwner(data, config.origin, vault);
  const { url, authToken, ddlToken } = stores.index;
  await migrate({ url, authToken: ddlToken });
  const progress = new Progress(process.stderr.isTTY === true);
  const report = await restoreIndex(
    {
      index: new LibsqlIndex({ url, authToken }),
      vault,
      gzip: nodeGzip,
      sha256: fastSha256,
      verify: webCryptoVerify(),
      nowMs: Date.now(),
    },
    {
      origin: owner.origin,
      keysOf: (origin) => owner.keysOf(origin),
      onBatch: (read) => progress.batch(read),
      onLog: ({ log, head, batches }) => {
        progress.end();
        say(`${log}: ${grouped(head.size)} entries of ${grouped(batches)} batches`);
      },
    },
  );
  await rebuildIdentity(data, report.directory);
  print(report, progress);
  return report.logs.some(({ findings }) => findings.length > 0) ? 1 : 0;
}

function print({ logs, directory, unknown }: RestoreReport, progress: Progress): void {
  const lines: string[] = [];
  for (const { findings } of logs) {
    for (const finding of findings) lines.push(...findingLines(finding), "");
  }
  for (const log of unknown) {
    lines.push(`The vault holds a folder ${log}, which _system does not name; it was left alone.`);
  }
  const entries = logs.reduce((sum, { head }) => sum + head.size, 0);
  const rate = Math.round(entries / progress.seconds());
  const [system] = logs;
  lines.push(
    `Restored ${grouped(entries)} entries of ${logs.length} logs (${grouped(rate)} entries/s).`,
    `_system is known up to entry ${directory.size - 1} (${system?.time}). Logs, tokens, revocations and keys that were`,
    "made later and never sealed are not known; neither are entries of other logs that were acknowledged and not yet sealed.",
    "A token revoked after that time works again: revoke it once more. npm start goes on from here.",
  );
  process.stdout.write(`${lines.join("\n")}\n`);
}
