/**
 * A data folder whose local MinIO and sqld hold a small instance, made without a worker: the index comes from
 * `npm run restore`. What happens to it afterwards is done to the real parts, or to their files while they rest.
 */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import Database from "libsql";
import { readCommand } from "../../scripts/config.ts";
import { type Stores, withStores } from "../../scripts/parts/stores.ts";
import { planAppend } from "../../storage/flow/append.ts";
import { EMPTY_HEAD } from "../../storage/flow/chunk.ts";
import { LibsqlIndex } from "../../storage/index/index.ts";
import { migrate } from "../../storage/index/migrate.ts";
import { parseEvent } from "../../storage/log/event.ts";
import type { Head } from "../../storage/log/hash.ts";
import { parseJson } from "../../storage/log/json.ts";
import type { IndexHead } from "../../storage/ports.ts";
import { MinioVault } from "../../storage/vault/vault.ts";
import { openIndexFile } from "../../scripts/tamper-demo/index-file.ts";
import { putNewVault } from "../parts/new-vault.ts";
import { buildInstance, type BuiltInstance } from "../verify/build-instance.ts";
import { sha256, type PutObject } from "../verify/build-log.ts";

const DAY_MS = 86_400_000;

export interface TestFolder extends BuiltInstance {
  readonly dir: string;
  readonly databaseFile: string;
  /** Runs `npm run <verb>` on the folder. */
  run(verb: string, ...args: string[]): Promise<Ran>;
  /** With MinIO and sqld running. */
  withStores<T>(use: (stores: Stores) => Promise<T>): Promise<T>;
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface FolderOptions {
  readonly batches: readonly number[];
  readonly event?: (seq: number) => string;
  /** For the stores of the folder, not for the commands that run on it. */
  readonly flags?: readonly string[];
}

/** Sealed in the vault, restored into the index. */
export async function makeFolder(t: TestContext, options: FolderOptions): Promise<TestFolder> {
  const dir = await mkdtemp(join(tmpdir(), "indelible-folder-"));
  t.after(() => rm(dir, { recursive: true }));
  await putNewVault(dir);
  const startMs = Date.now() - 60_000;
  const inFolder = <T>(use: (stores: Stores) => Promise<T>): Promise<T> => {
    const { config } = readCommand(["--data", dir, ...(options.flags ?? [])], {});
    return withStores(config, () => {}, use);
  };
  const built = await inFolder(async (stores) => {
    const { url, ddlToken } = stores.index;
    await migrate({ url, authToken: ddlToken });
    return buildInstance({
      put: putInVault(new MinioVault(stores.vault)),
      logs: { demo: options.batches },
      timeMs: (seq) => startMs + seq,
      ...(options.event === undefined ? {} : { log: { event: options.event } }),
    });
  });
  await mkdir(join(dir, "vkeys"));
  await writeFile(join(dir, "vkeys", "all.vkey"), built.vkeys);
  await writeFile(join(dir, "keys", "log.key"), Buffer.alloc(32, 7).toString("base64"));
  return {
    ...built,
    dir,
    databaseFile: join(dir, "libsql", "dbs", "127", "data"),
    run: (verb, ...args) => runVerb(verb, ["--data", dir, ...args]),
    withStores: inFolder,
  };
}

export function putInVault(vault: MinioVault): PutObject {
  return async (key, object, lastMs) => {
    const retainUntilMs = Math.ceil((Math.max(lastMs, Date.now()) + DAY_MS) / 1000) * 1000;
    const put = await vault.put(key, object, { retainUntilMs, ifAbsent: true });
    if (put.kind !== "put") throw new Error(`${key} is taken`);
  };
}

export async function runVerb(verb: string, args: readonly string[]): Promise<Ran> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("INDELIBLE_")),
  );
  const child = spawn(process.execPath, ["scripts/run.mjs", verb, ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
  child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stdout, stderr };
}

/** Commits entries that no batch holds; the new head. */
export async function appendUnsealed(
  stores: Stores,
  log: string,
  events: readonly string[],
): Promise<IndexHead> {
  const { url, authToken } = stores.index;
  const index = new LibsqlIndex({ url, authToken });
  const head = (await index.heads()).get(log) ?? EMPTY_HEAD;
  const job = { log, by: "token:test", events: events.map((text) => parseEvent(parseJson(text))) };
  const { commits, heads } = planAppend([job], {
    nowMs: Date.now(),
    sha256,
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    head: () => head,
    known: new Map(),
  });
  const result = await index.commit(commits);
  if (result.kind !== "committed") throw new Error("the index moved");
  return heads.get(log)!;
}

/** All lines and heads of the index, as they would be read. */
export async function readIndex(
  stores: Stores,
): Promise<{ heads: Map<string, IndexHead>; lines: Map<string, string[]> }> {
  const { url, authToken } = stores.index;
  const index = new LibsqlIndex({ url, authToken });
  const heads = await index.heads();
  const lines = new Map<string, string[]>();
  for (const [log, { size }] of heads) {
    const found: string[] = [];
    while (found.length < size) {
      const chunks = await index.chunks(log, { from: found.length, to: size });
      if (chunks.length === 0) break;
      for (const chunk of chunks) found.push(...chunk.lines.split("\n"));
    }
    lines.set(log, found);
  }
  return { heads, lines };
}

/**
 * Changes the database file behind everybody's back; triggers that refuse are dropped. The WAL is emptied here, because
 * `close` of this library waits for its statements to be collected: until then the WAL stays, and would be written into
 * whatever file has taken the database's place by then.
 */
export function editDatabase(path: string, ...statements: string[]): void {
  const database = openIndexFile(path);
  try {
    const triggers = database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'")
      .all() as { name: string }[];
    for (const { name } of triggers) database.exec(`DROP TRIGGER ${name}`);
    for (const statement of statements) database.exec(statement);
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } finally {
    database.close();
  }
}

/** Makes the memo as a worker would have left it. */
export async function writeMemo(dir: string, heads: Readonly<Record<string, Head>>): Promise<void> {
  const folder = join(dir, "ledger", "indelible-Ledger");
  await mkdir(folder, { recursive: true });
  const database = new Database(join(folder, "0123.sqlite"));
  database.exec(
    "CREATE TABLE memo (log TEXT PRIMARY KEY, size INTEGER NOT NULL, leaf TEXT NOT NULL)",
  );
  database.exec("CREATE TABLE memo_state (id INTEGER PRIMARY KEY, written INTEGER NOT NULL)");
  database.exec("INSERT INTO memo_state VALUES (1, 0)");
  for (const [log, { size, leaf }] of Object.entries(heads)) {
    database.prepare("INSERT INTO memo VALUES (?, ?, ?)").run(log, size, leaf);
  }
  database.close();
}
