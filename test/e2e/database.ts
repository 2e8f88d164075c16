/** The index's database file in the hands of somebody who may write to the disk: while nothing runs on it. */
import Database from "libsql";

type Row = Record<string, unknown>;

/** Runs statements with the triggers out of the way, and puts the triggers back, so that nothing but the data tells. */
export function tamper(file: string, edit: (database: Database.Database) => void): void {
  const database = new Database(file);
  try {
    const triggers = database
      .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
      .all() as { name: string; sql: string }[];
    for (const { name } of triggers) database.exec(`DROP TRIGGER ${name}`);
    edit(database);
    for (const { sql } of triggers) database.exec(sql);
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
