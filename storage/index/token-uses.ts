/** The TokenUses port on libSQL: a table of its own, which nothing else reads and no restore brings back. */
import type { TokenUses } from "../ports.ts";
import type { Connection } from "./connection.ts";
import { tokenUse } from "./schema.ts";

/** `WHERE true`: after a SELECT, ON CONFLICT would be read as a join's. */
const STORE = `INSERT INTO token_use (id, used_at) SELECT value ->> 0, value ->> 1 FROM json_each(?) WHERE true
  ON CONFLICT (id) DO UPDATE SET used_at = max(used_at, excluded.used_at)`;

/** An id and a time are 50 bytes of JSON: 500 KB, of sqld's 5 MB for a parameter. */
const ROWS_MAX = 10_000;

export class LibsqlTokenUses implements TokenUses {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async load(): Promise<Map<string, string>> {
    const query = this.#connection.db.select().from(tokenUse);
    const rows = await this.#connection.read(async () => await query);
    return new Map(rows.map(({ id, usedAt }) => [id, usedAt]));
  }

  async store(uses: ReadonlyMap<string, string>): Promise<void> {
    const rows = [...uses];
    for (let at = 0; at < rows.length; at += ROWS_MAX) {
      const args = [JSON.stringify(rows.slice(at, at + ROWS_MAX))];
      const statements = [{ sql: STORE, args }];
      await this.#connection.write(() => this.#connection.client.batch(statements, "write"));
    }
  }
}
