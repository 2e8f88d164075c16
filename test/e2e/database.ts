/** The index's database file in the hands of somebody who may write to the disk, whether or not sqld runs on it. */
import type Database from "libsql";
import { encodeUtf8, toHex } from "../../storage/log/bytes.ts";
import { leafHash, ZERO_HASH } from "../../storage/log/hash.ts";
import { CompactTree } from "../../storage/log/tree.ts";
import { openIndexFile } from "../parts/index-file.ts";
import { sha256 } from "./sha256.ts";

type Row = Record<string, unknown>;

/** Runs statements with the triggers out of the way, and puts the triggers back, so that nothing but the data tells. */
export function tamper(file: string, edit: (database: Database.Database) => void): void {
  const database = openIndexFile(file);
  try {
    database.exec("PRAGMA busy_timeout = 5000");
    database.exec("BEGIN IMMEDIATE");
    const triggers = database
      .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
      .all() as { name: string; sql: string }[];
    for (const { name } of triggers) database.exec(`DROP TRIGGER ${name}`);
    edit(database);
    for (const { sql } of triggers) database.exec(sql);
    database.exec("COMMIT");
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
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
    .all(log) as Row[] as unknown as ChunkRow[];
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
 * What a forger with the disk would do: changes words in one entry and recomputes every hash after it in the index, so that
 * the chain and the head agree with each other again.
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

/** Carries out statements as they stand, for what is no change of data. */
export function execute(file: string, ...statements: string[]): void {
  const database = openIndexFile(file);
  try {
    database.exec("PRAGMA busy_timeout = 5000");
    for (const sql of statements) database.exec(sql);
  } finally {
    database.close();
  }
}

/** Puts a log back to a head that it had, as an old copy of the database would have it. */
export function putBack(file: string, log: string, head: Row): void {
  tamper(file, (database) => {
    const { size, leaf, frontier, time } = head;
    database.prepare("DELETE FROM chunk WHERE log = ? AND first >= ?").run(log, size);
    database.prepare("DELETE FROM seal WHERE log = ? AND first >= ?").run(log, size);
    database
      .prepare("UPDATE head SET size = ?, leaf = ?, frontier = ?, time = ? WHERE log = ?")
      .run(size, leaf, frontier, time, log);
  });
}

/** The row of a log's head. */
export function headRow(file: string, log: string): Row {
  const database = openIndexFile(file);
  try {
    return database.prepare("SELECT * FROM head WHERE log = ?").get(log) as Row;
  } finally {
    database.close();
  }
}
