/**
 * The guard's records (`storage/guard-ports.ts`) in a Durable Object's own SQLite storage: one row each, the value as JSON. A row
 * holds 2 MB at most, which is the object's limit; the guard's largest, a report, has a tenth of it.
 */
import type { DurableObjectStorage } from "@cloudflare/workers-types";
import type { GuardStore } from "../../storage/guard-ports.ts";
import type { Json } from "../../storage/log/json-value.ts";

/** Behind every key that begins with a prefix: keys are ASCII. */
const BEHIND = "\u007f";

export class StorageGuardStore implements GuardStore {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS guard (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    );
  }

  async get(key: string): Promise<Json | null> {
    const { sql } = this.#storage;
    const [row] = sql.exec<Row>("SELECT key, value FROM guard WHERE key = ?", key).toArray();
    return row === undefined ? null : valueOf(row);
  }

  async write(changes: ReadonlyMap<string, Json | null>): Promise<void> {
    const { sql } = this.#storage;
    this.#storage.transactionSync(() => {
      for (const [key, value] of changes) {
        if (value === null) sql.exec("DELETE FROM guard WHERE key = ?", key);
        else sql.exec("INSERT OR REPLACE INTO guard VALUES (?, ?)", key, JSON.stringify(value));
      }
    });
    await this.#storage.sync();
  }

  async list(
    prefix: string,
    { limit, after, reverse = false }: Parameters<GuardStore["list"]>[1],
  ): Promise<Map<string, Json>> {
    const [first, last] = [prefix, prefix + BEHIND];
    const bound = reverse ? "key < ?3" : "key > ?3";
    const query = `SELECT key, value FROM guard WHERE key >= ?1 AND key < ?2 AND ${bound}
      ORDER BY key ${reverse ? "DESC" : "ASC"} LIMIT ?4`;
    const from = after ?? (reverse ? last : "");
    const rows = this.#storage.sql.exec<Row>(query, first, last, from, limit);
    return new Map(rows.toArray().map((row) => [row.key, valueOf(row)]));
  }
}

type Row = { readonly key: string; readonly value: string };

function valueOf({ value }: Row): Json {
  return JSON.parse(value) as Json;
}
