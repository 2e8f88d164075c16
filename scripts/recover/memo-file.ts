/**
 * The ledger's memo in the Durable Object's own SQLite file (its tables are made by the worker), read and brought up to
 * date while no worker runs. A folder without that file or its tables has no memo.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import Database from "libsql";
import type { Head } from "../../storage/log/hash.ts";
import type { Memo } from "../../storage/ports.ts";

/** workerd's own book-keeping beside the objects. */
const NOT_AN_OBJECT = "metadata.sqlite";

/** `dir`: where workerd keeps its objects (`ledger/` of the data folder). */
export class MemoFile implements Memo {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  async load(): Promise<Map<string, Head> | null> {
    return this.#open((database) => {
      const rows = database.prepare("SELECT log, size, leaf FROM memo").all() as MemoRow[];
      return new Map(rows.map(({ log, size, leaf }) => [log, { size, leaf }]));
    });
  }

  /** Only where there is a memo: a missing one is not made up. */
  async store(heads: ReadonlyMap<string, Head>): Promise<void> {
    await this.#open((database) => {
      const put = database.prepare("INSERT OR REPLACE INTO memo VALUES (?, ?, ?)");
      database.transaction(() => {
        for (const [log, { size, leaf }] of heads) put.run(log, size, leaf);
        database.prepare("UPDATE memo_state SET written = ?").run(Date.now());
      })();
    });
  }

  /** Runs `use` on the one database that holds a memo; null if none does. */
  async #open<T>(use: (database: Database.Database) => T): Promise<T | null> {
    for (const path of await databases(this.#dir)) {
      const database = new Database(path);
      try {
        if (holdsMemo(database)) return use(database);
      } finally {
        database.close();
      }
    }
    return null;
  }
}

interface MemoRow {
  readonly log: string;
  readonly size: number;
  readonly leaf: string;
}

async function databases(dir: string): Promise<string[]> {
  const names = await readdir(dir, { recursive: true }).catch(() => []);
  return names
    .filter((name) => name.endsWith(".sqlite") && !name.endsWith(NOT_AN_OBJECT))
    .sort()
    .map((name) => join(dir, name));
}

function holdsMemo(database: Database.Database): boolean {
  const tables = database
    .prepare(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('memo', 'memo_state')",
    )
    .all();
  if (tables.length < 2) return false;
  return database.prepare("SELECT 1 FROM memo_state").all().length > 0;
}
