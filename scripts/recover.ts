/**
 * `npm run recover [LOG] [--yes]`: brings logs that are frozen, or cannot be sealed, back to work, after a person looked. Shows
 * what was found and what would be done, asks, builds a new index beside the old one (which is kept), and seals
 * the entry that says so. Exit code 0: done, or nothing to do; 1: not possible; 2: could not look, or was not confirmed.
 *
 * `npm run recover -- --new-log-key [--vkey FILE]…`: the same for all logs, under a new log key in the place of one that is lost.
 */
import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline/promises";
import { isLogName } from "../storage/log/entry.ts";
import { RecoveryRefused } from "../storage/flow/recover.ts";
import { readCommand, ConfigError } from "./config.ts";
import { withStores } from "./parts/stores.ts";
import { Recovery } from "./recover/recovery.ts";
import { replaceLogKey } from "./recover/replace-log-key.ts";
import { formatDone, formatPlan } from "./recover/table.ts";
import { userPath } from "./verify/source.ts";

const say = (message: string): void => void process.stderr.write(`${message}\n`);

try {
  process.exitCode = await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = error instanceof RecoveryRefused ? 1 : 2;
}

async function main(): Promise<number> {
  const { config, flags, words } = readCommand(process.argv.slice(2), process.env, {
    yes: { type: "boolean" },
    "new-log-key": { type: "boolean" },
    vkey: { type: "string", multiple: true },
  });
  const yes = flags["yes"] === true;
  const vkeys = ((flags["vkey"] ?? []) as string[]).map((path) => userPath(path));
  if (flags["new-log-key"] === true) {
    if (words.length > 0) throw new ConfigError("Command line:", "--new-log-key is for all logs.");
    return withStores(config, say, (stores, data) =>
      replaceLogKey(config, stores, data, { vkeys, yes, say }),
    );
  }
  if (vkeys.length > 0) throw new ConfigError("--vkey", "goes with --new-log-key only.");
  const [log = null] = words;
  if (words.length > 1)
    throw new ConfigError("Command line:", "one log at a time, or none for all.");
  if (log !== null && !isLogName(log)) {
    throw new ConfigError("Command line:", `"${log}" is not a log's name.`);
  }
  return withStores(config, say, async (stores, data) => {
    const recovery = await Recovery.open(stores, data, { randomBytes, say });
    try {
      return await recover(recovery, log, yes);
    } finally {
      await recovery.close();
    }
  });
}

async function recover(recovery: Recovery, log: string | null, yes: boolean): Promise<number> {
  const assessments = await recovery.assess(log);
  const chosen = assessments.filter(
    (one) => one.log === log || (log === null && one.finding !== null),
  );
  if (chosen.length === 0) {
    process.stdout.write("No log is frozen: nothing to recover.\n");
    return 0;
  }
  process.stdout.write(`${formatPlan(chosen)}\n`);
  if (chosen.some(({ hopeless }) => hopeless !== null)) return 1;
  if (!yes && !(await confirmed())) {
    say("Nothing was changed.");
    return 2;
  }
  const { aside, heads } = await recovery.run(assessments, chosen);
  process.stdout.write(`${formatDone(heads, aside)}\nnpm start goes on from here.\n`);
  return 0;
}

async function confirmed(): Promise<boolean> {
  if (process.stdin.isTTY !== true) {
    say("There is no terminal to ask: look at the table, and give --yes.");
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question("Do this? The vault cannot forget it. Type yes: ");
    return answer.trim() === "yes";
  } finally {
    terminal.close();
  }
}
