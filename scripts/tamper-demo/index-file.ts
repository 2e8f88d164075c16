/**
 * The index's database file in the hands of somebody who has the disk and the keys in it: what tests and the tamper demo do to
 * it, also while sqld runs. Triggers are no obstacle to whoever may write the file.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type Database from "libsql";
import { encodeUtf8, toHex } from "../../storage/log/bytes.ts";
import { leafHash, ZERO_HASH } from "../../storage/log/hash.ts";
import { CompactTree } from "../../storage/log/tree.ts";
import { openDatabase } from "../parts/index-key.ts";
import { fastSha256 as sha256 } from "../verify/sha256.ts";

/** So long another process's commit is waited for. */
const BUSY_MS_MAX = 10_000;

/** `<data>/libsql/dbs/127/data`. */
export function indexFileOf(dataDir: string): string {
  return join(dataDir, "libsql", "dbs", "127", "data");
}

/** `path`: as `indexFileOf` has it; the key is looked for beside it. */
export function openIndexFile(path: string): Database.Database {
  const libsql = dirname(dirname(dirname(path)));
  const encrypted = existsSync(join(libsql, "index.key.sha256"));
  const keyPath = join(dirname(libsql), "keys", "index.key");
  const key = encrypted ? readFileSync(keyPath, "utf8").trim() : null;
  return openDatabase(path, key, { timeout: BUSY_MS_MAX });
}

/** Runs statements with the triggers out of the way, and puts the triggers back, so that nothing but the data tells. */
export function tamper(file: string, edit: (database: Database.Database) => void): void {
  const database = openIndexFile(file);
  try {
    database.exec("BEGIN IMMEDIATE");
    const triggers = database
      .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
      .all() as { name: string; sql: string }[];
    for (const { name } of triggers) database.exec(`DROP TRIGGER ${name}`);
    edit(database);
    for (const { sql } of triggers) database.exec(sql);
    database.exec("COMMIT");
  } finally {
    database.close();
  }
}

export interface ChunkRow {
  readonly first: number;
  readonly count: number;
  readonly lines: string;
}

export function chunkRows(database: Database.Database, log: string): ChunkRow[] {
  return database
    .prepare("SELECT first, count, lines FROM chunk WHERE log = ? ORDER BY first")
    .all(log) as Record<string, unknown>[] as unknown as ChunkRow[];
}

/** Replaces words in the line of one entry. */
export function editLine(file: string, log: string, seq: number, from: string, to: string): void {
  tamper(file, (database) => {
    const row = chunkRows(database, log).find(
      ({ first, count }) => seq >= first && seq < first + count,
    )!;
    const lines = row.lines.split("\n");
    const line = lines[seq - row.first]!;
    if (!line.includes(from)) throw new Error(`"${from}" is not in ${line}`);
    lines[seq - row.first] = line.replace(from, to);
    database
      .prepare("UPDATE chunk SET lines = ? WHERE log = ? AND first = ?")
      .run(lines.join("\n"), log, row.first);
  });
}

/**
 * What a forger would do: changes words in one entry and recomputes every hash after it in the index, so that the chain and
 * the head agree with each other again.
 */
export function forgeFrom(file: string, log: string, seq: number, from: string, to: string): void {
  tamper(file, (database) => {
    const rows = chunkRows(database, log);
    const tree = new CompactTree(0, [], sha256);
    let prev = ZERO_HASH;
    for (const row of rows) {
      const leaves: Uint8Array[] = [];
      const lines = row.lines.split("\n").map((text, at) => {
        let line = text;
        if (row.first + at === seq) line = line.replace(from, to);
        line = line.replace(/"prev":"[0-9a-f]{64}"/, `"prev":"${prev}"`);
        const leaf = leafHash(encodeUtf8(line), sha256);
        prev = toHex(leaf);
        leaves.push(leaf);
        tree.append(leaf);
        return line;
      });
      database
        .prepare("UPDATE chunk SET lines = ?, leaves = ? WHERE log = ? AND first = ?")
        .run(lines.join("\n"), Buffer.concat(leaves), log, row.first);
    }
    database
      .prepare("UPDATE head SET leaf = ?, frontier = ? WHERE log = ?")
      .run(prev, tree.frontier().map(toHex).join(""), log);
  });
}

/** Removes the last entries of a log, from the first of a commit on, and puts its head back to where it was then. */
export function cutTail(file: string, log: string, size: number): void {
  tamper(file, (database) => {
    const tree = new CompactTree(0, [], sha256);
    let last = { leaf: ZERO_HASH, time: "" };
    for (const row of chunkRows(database, log)) {
      if (row.first >= size) break;
      for (const line of row.lines.split("\n")) {
        const leaf = leafHash(encodeUtf8(line), sha256);
        tree.append(leaf);
        last = { leaf: toHex(leaf), time: (JSON.parse(line) as { time: string }).time };
      }
    }
    if (tree.size !== size) throw new Error(`no commit to ${log} ends at ${size}`);
    database.prepare("DELETE FROM chunk WHERE log = ? AND first >= ?").run(log, size);
    database.prepare("DELETE FROM seal WHERE log = ? AND first >= ?").run(log, size);
    database
      .prepare("UPDATE head SET size = ?, leaf = ?, frontier = ?, time = ? WHERE log = ?")
      .run(size, last.leaf, tree.frontier().map(toHex).join(""), last.time, log);
  });
}

/** Carries out statements as they stand, for what is no change of data. */
export function execute(file: string, ...statements: string[]): void {
  const database = openIndexFile(file);
  try {
    for (const sql of statements) database.exec(sql);
  } finally {
    database.close();
  }
}

/** How many entries the index says that a log has. */
export function sizeOf(file: string, log: string): number {
  const database = openIndexFile(file);
  try {
    const row = database.prepare("SELECT size FROM head WHERE log = ?").get(log);
    return (row as { size: number }).size;
  } finally {
    database.close();
  }
}
