/**
 * The Memo port on the Durable Object's own SQLite storage: the last heads the ledger has seen committed
 * (PROTOCOL §1, M). `npm run recover` reads these two tables from the file while no worker runs.
 */
import type { Head } from "../storage/log/hash.ts";
import type { Memo } from "../storage/ports.ts";

export class StorageMemo implements Memo {
  readonly #storage: DurableObjectStorage;
  readonly #written = new Map<string, Head>();

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    const { sql } = storage;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS memo (log TEXT PRIMARY KEY, size INTEGER NOT NULL, leaf TEXT NOT NULL)",
    );
    // Its one row tells a memo that names no log from no memo at all.
    sql.exec(
      "CREATE TABLE IF NOT EXISTS memo_state (id INTEGER PRIMARY KEY, written INTEGER NOT NULL)",
    );
  }

  async load(): Promise<Map<string, Head> | null> {
    const { sql } = this.#storage;
    if (sql.exec("SELECT 1 FROM memo_state").toArray().length === 0) return null;
    const rows = sql.exec<{ log: string; size: number; leaf: string }>("SELECT * FROM memo");
    for (const { log, size, leaf } of rows) this.#written.set(log, { size, leaf });
    return new Map(this.#written);
  }

  async store(heads: ReadonlyMap<string, Head>): Promise<void> {
    const changed = [...heads].filter(([log, { size, leaf }]) => {
      const written = this.#written.get(log);
      return written?.size !== size || written.leaf !== leaf;
    });
    const { sql } = this.#storage;
    this.#storage.transactionSync(() => {
      for (const [log, { size, leaf }] of changed) {
        sql.exec("INSERT OR REPLACE INTO memo VALUES (?, ?, ?)", log, size, leaf);
      }
      sql.exec("INSERT OR REPLACE INTO memo_state VALUES (1, ?)", Date.now());
    });
    await this.#storage.sync();
    for (const [log, head] of changed) this.#written.set(log, head);
  }
}
