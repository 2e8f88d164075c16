/**
 * The steps of `--new-log-key`, and what people are told. Asks nothing: that the key is not there any more is question
 * enough. Where something else is wrong with the logs, too, it shows what and wants `--yes`.
 */
import { randomBytes } from "node:crypto";
import { SYSTEM_LOG } from "../../storage/log/entry.ts";
import { MinioVault } from "../../storage/vault/vault.ts";
import type { Config } from "../config.ts";
import type { DataFolder } from "../parts/data-folder.ts";
import { logKeyPath } from "../parts/log-key.ts";
import type { Say, Stores } from "../parts/stores.ts";
import { rebuildIdentity } from "../restore/owner.ts";
import { NewLogKey } from "./new-log-key.ts";
import { Recovery } from "./recovery.ts";
import { formatDone, formatPlan } from "./table.ts";

export interface ReplaceOptions {
  /** Files with verifier keys beside those in the data folder. */
  readonly vkeys: readonly string[];
  readonly yes: boolean;
  readonly say: Say;
}

/** The exit code. Throws `RecoveryRefused` where the key may not or cannot be replaced; then nothing was written. */
export async function replaceLogKey(
  config: Config,
  stores: Stores,
  data: DataFolder,
  { vkeys, yes, say }: ReplaceOptions,
): Promise<number> {
  const vault = new MinioVault(stores.vault);
  const newLogKey = await NewLogKey.prepare(data, config.origin, vault, vkeys);
  const recovery = await Recovery.open(stores, data, { randomBytes, say, newLogKey });
  try {
    return await replace(recovery, newLogKey, { data, yes, say });
  } finally {
    await recovery.close();
  }
}

async function replace(
  recovery: Recovery,
  newLogKey: NewLogKey,
  { data, yes, say }: Pick<ReplaceOptions, "yes" | "say"> & { readonly data: DataFolder },
): Promise<number> {
  const logs = await recovery.assess(null);
  const wrongLogs = logs.filter(({ finding }) => finding !== null);
  if (wrongLogs.length > 0) process.stdout.write(`${formatPlan(wrongLogs)}\n`);
  if (wrongLogs.some(({ hopeless }) => hopeless !== null)) return 1;
  if (!yes && wrongLogs.length > 0) {
    say("More than the log key is wrong: look at the table, and give --yes. Nothing was changed.");
    return 2;
  }
  const { aside, heads } = await recovery.run(logs, logs);
  await rebuildIdentity(data, recovery.directory);
  const wrong = await newLogKey.install(heads.keys());
  if (wrong !== null) say(`What was in the place of the log key is kept in ${wrong}.`);
  process.stdout.write(
    `${formatDone(heads, aside)}

The new log key is in ${logKeyPath(data)}: keep a copy of it elsewhere. Its verifier keys are in
${data.path("vkeys")}, beside those of the key before. That of _system is

  ${newLogKey.vkey(SYSTEM_LOG)}

Give the new verifier keys by hand (print, mail, publish) to everybody who verifies these logs. Nothing can do that for
you: the old key is gone and cannot vouch for the new one, and whoever took over this machine could make a key just
as well. Until then they find signature_invalid from the entries log.recovered on. The old keys go on being needed
for what was sealed before; a vkey file may hold both, one a line.

npm start goes on from here.
`,
  );
  return 0;
}
