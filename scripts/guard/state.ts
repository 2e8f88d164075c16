/**
 * The guard's own folder (0700): what it remembers, in one SQLite file (0600) that is on disk when a write returns, and a lock, so
 * that no two guards share it.
 */
import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import Database from "libsql";
import type { GuardStore } from "../../storage/guard-ports.ts";
import type { Json } from "../../storage/log/json-value.ts";
import { tryFileLock, type FileLock } from "../parts/file-lock.ts";
import { GuardInputError } from "./asked.ts";

/** Behind every key that begins with a prefix: keys are ASCII. */
const BEHIND = "\u007f";

export class GuardState {
  readonly store: GuardStore;
  readonly #database: Database.Database;
  readonly #lock: FileLock;

  private constructor(database: Database.Database, lock: FileLock) {
    this.#database = database;
    this.#lock = lock;
    this.store = new FileGuardStore(database);
  }

  /** Makes the folder if it is missing. Throws where another guard has it. */
  static open(folder: string): GuardState {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    const lock = tryFileLock(join(folder, "lock"));
    if (lock === null) throw new GuardInputError(`Another guard works with ${folder}.`);
    const file = join(folder, "guard.db");
    // Made here, so that nobody else can read it at any time; SQLite gives its own files the same mode.
    closeSync(openSync(file, "a", 0o600));
    return new GuardState(new Database(file), lock);
  }

  close(): void {
    this.#database.close();
    this.#lock.release();
  }
}

type Row = { readonly key: string; readonly value: string };

export class FileGuardStore implements GuardStore {
  readonly #database: Database.Database;

  constructor(database: Database.Database) {
    this.#database = database;
    database.exec("PRAGMA synchronous = FULL");
    database.exec(
      "CREATE TABLE IF NOT EXISTS guard (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    );
  }

  async get(key: string): Promise<Json | null> {
    const row = this.#database.prepare("SELECT key, value FROM guard WHERE key = ?").get(key);
    return row === undefined ? null : valueOf(row as Row);
  }

  async write(changes: ReadonlyMap<string, Json | null>): Promise<void> {
    const put = this.#database.prepare("INSERT OR REPLACE INTO guard VALUES (?, ?)");
    const remove = this.#database.prepare("DELETE FROM guard WHERE key = ?");
    this.#database.transaction(() => {
      for (const [key, value] of changes) {
        if (value === null) remove.run(key);
        else put.run(key, JSON.stringify(value));
      }
    })();
  }

  async list(
    prefix: string,
    { limit, after, reverse = false }: Parameters<GuardStore["list"]>[1],
  ): Promise<Map<string, Json>> {
    const [bound, order] = reverse ? ["<", "DESC"] : [">", "ASC"];
    const rows = this.#database
      .prepare(
        `SELECT key, value FROM guard WHERE key >= ? AND key < ? AND key ${bound} ?
         ORDER BY key ${order} LIMIT ?`,
      )
      .all(prefix, prefix + BEHIND, after ?? (reverse ? prefix + BEHIND : ""), limit) as Row[];
    return new Map(rows.map((row) => [row.key, valueOf(row)]));
  }
}

function valueOf({ value }: Row): Json {
  return JSON.parse(value) as Json;
}
