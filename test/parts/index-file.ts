/** The database file of a local index, opened as whoever has the data folder and its keys can: while nothing runs on it. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type Database from "libsql";
import { openDatabase } from "../../scripts/parts/index-key.ts";

/** `path`: `<data>/libsql/dbs/127/data`. */
export function openIndexFile(path: string): Database.Database {
  const libsql = dirname(dirname(dirname(path)));
  const encrypted = existsSync(join(libsql, "index.key.sha256"));
  const keyPath = join(dirname(libsql), "keys", "index.key");
  return openDatabase(path, encrypted ? readFileSync(keyPath, "utf8").trim() : null);
}
