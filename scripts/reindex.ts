/**
 * `npm run reindex [-- --log NAME]`: drops the search tables, or those of one log, and builds them anew from the lines, with progress.
 * A running instance goes on meanwhile, and says with each search how far it has looked. Exit code 0: done; 2: not done.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { LibsqlIndex } from "../storage/index/index.ts";
import { readHeads } from "../storage/index/leaves.ts";
import { isLogName } from "../storage/log/entry.ts";
import { Projector } from "../storage/search/projector.ts";
import { openSearch, SearchTables } from "../storage/search/tables.ts";
import { ConfigError, readCommand } from "./config.ts";
import { DataFolderInUse } from "./parts/data-folder.ts";
import { Operator, readOperator } from "./parts/operator.ts";
import { withStores, type Stores } from "./parts/stores.ts";
import { ReindexProgress } from "./reindex/progress.ts";

/** How far the tables are; every log that there is. */
interface Reached {
  readonly log: string;
  readonly size: number;
  readonly searchedTo: number;
}

const LOOK_MS = 500;

const say = (message: string): void => void process.stderr.write(`${message}\n`);

try {
  await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const env = { INDELIBLE_SYSTEM_RETENTION_DAYS: "1", ...process.env };
  const { config, flags, words } = readCommand(process.argv.slice(2), env, {
    log: { type: "string" },
  });
  if (words.length > 0) throw new ConfigError("Command line:", `"${words[0]}" means nothing here.`);
  const log = nameOf(flags["log"]);
  if (!existsSync(join(config.dataDir, "instance.json"))) {
    throw new Error(`There is no instance in ${config.dataDir}: set INDELIBLE_DATA, or npm start.`);
  }
  try {
    await withStores(config, say, (stores) => rebuild(stores, log));
  } catch (error) {
    if (!(error instanceof DataFolderInUse)) throw error;
    const access = await readOperator(config.dataDir);
    if (access === null) throw error;
    await rebuildOnline(new Operator(access.port, access.secret), log);
  }
}

/** On a stopped instance: here, as fast as it goes. */
async function rebuild({ index: access }: Stores, log: string | null): Promise<void> {
  const { url, authToken, search } = access;
  const index = new LibsqlIndex({ url, authToken });
  const heads = () => readHeads(index.connection);
  const tables = new SearchTables(openSearch({ url: search.url, authToken: search.token }));
  const projector = new Projector({ tables, index, heads, pause: () => setImmediate() });
  const of = async (): Promise<Reached[]> =>
    [...(await heads())].map(([name, { size }]) => {
      return { log: name, size, searchedTo: projector.logs.get(name)?.next ?? 0 };
    });
  assertKnown(await of(), log);
  await tables.prepare();
  await projector.restart(log);
  const progress = new ReindexProgress(say);
  for (;;) {
    const { behind, entries } = await projector.round(true);
    if (!progress.show(chosen(await of(), log)) && behind > 0 && entries > 0) continue;
    if (behind > 0)
      throw new Error("Entries are missing from the index: npm run verify says which.");
    return progress.end();
  }
}

/** On a running instance: by the worker, which takes a part of its time for it. */
async function rebuildOnline(worker: Operator, log: string | null): Promise<void> {
  const status = async (): Promise<{ logs: Reached[]; problem: string | null }> => {
    const { status, detail, body } = await worker.search();
    if (status !== 200) throw new Error(detail);
    return body as { logs: Reached[]; problem: string | null };
  };
  const { logs: known } = await status();
  // Every instance has `_system`.
  if (known.length === 0) throw new Error("The index does not answer; come again when it does.");
  assertKnown(known, log);
  const restarted = await worker.restartSearch(log);
  if (restarted.status !== 200) throw new Error(restarted.detail);
  const progress = new ReindexProgress(say);
  for (;;) {
    const { logs, problem } = await status();
    if (problem !== null) throw new Error(`The worker cannot write them: ${problem}`);
    if (progress.show(chosen(logs, log))) return progress.end();
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

function nameOf(name: unknown): string | null {
  if (name === undefined) return null;
  if (typeof name === "string" && isLogName(name)) return name;
  throw new ConfigError("--log", "is the name of a log.");
}

function assertKnown(logs: readonly Reached[], log: string | null): void {
  if (log === null || logs.some((known) => known.log === log)) return;
  throw new Error(`There is no log ${log}.`);
}

function chosen(logs: readonly Reached[], log: string | null): Reached[] {
  return logs.filter((known) => log === null || known.log === log);
}
