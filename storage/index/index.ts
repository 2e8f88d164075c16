/**
 * The Index on libSQL (sqld): what `ports.ts` promises, by one transaction per write. sqld must run
 * the database with strong durability and refuse DDL to this token; `health.ts` checks both.
 */
import { and, asc, desc, eq, gte, lte } from "drizzle-orm";
import type { TileReader } from "../log/proof.ts";
import {
  type Chunk,
  type ChunkCommit,
  type ChunkRange,
  type CommitResult,
  type EventKey,
  type EventRecord,
  type Index,
  IndexError,
  type IndexHead,
  type SealRange,
  type SealRow,
} from "../ports.ts";
import { assertCommit, buildCommit, type CommitBatch } from "./commit.ts";
import { asIndexError, Connection, type LibsqlOptions, refusedStatement } from "./connection.ts";
import { readChunks, readEvents, tileReader } from "./read.ts";
import { seal } from "./schema.ts";

export { CHUNK_BYTES_MAX } from "./commit.ts";
export type { LibsqlOptions } from "./connection.ts";

/** Records forgotten in one transaction: some 20 ms, in which no commit can run. */
const FORGET_ROWS_MAX = 1_000;

/** Ids asked for at once: at most 64 + 64 + 256 characters each, far below sqld's 5 MB for a parameter. */
const EVENTS_MAX = 2_000;

export class LibsqlIndex implements Index {
  /** For `health.ts` and tests; flows use the methods. */
  readonly connection: Connection;

  constructor(options: LibsqlOptions) {
    this.connection = new Connection(options);
  }

  async heads(): Promise<Map<string, IndexHead>> {
    // A write transaction waits for every write that sqld has begun, also one whose caller is dead.
    const [answer] = await this.#write([
      { sql: "SELECT log, size, leaf, frontier, time FROM head ORDER BY log", args: [] },
    ]);
    const heads = new Map<string, IndexHead>();
    for (const row of answer!.rows) {
      heads.set(String(row["log"]), {
        ...{ size: Number(row["size"]), leaf: String(row["leaf"]) },
        ...{ frontier: String(row["frontier"]), time: String(row["time"]) },
      });
    }
    return heads;
  }

  async commit(chunks: readonly ChunkCommit[]): Promise<CommitResult> {
    assertCommit(chunks);
    const batch = buildCommit(chunks);
    try {
      // ★ Commit 1. A crash before it: nothing happened. After: all of it did, and the same again says so.
      await this.#write(batch.statements);
      return { kind: "committed" };
    } catch (error) {
      const refused = refusedStatement(error);
      if (refused === null) throw error;
      return await this.#explain(chunks, batch, refused, error);
    }
  }

  /** Why a commit was refused: it had happened before, heads moved, or ids were taken. */
  async #explain(
    chunks: readonly ChunkCommit[],
    batch: CommitBatch,
    refused: number,
    error: unknown,
  ): Promise<CommitResult> {
    const found = await this.#look(chunks);
    if (found.committed) return { kind: "committed" };
    if (found.moved.length > 0) return { kind: "moved", logs: found.moved };
    if (refused >= batch.rowsFrom) {
      const records = await this.events(chunks.flatMap((chunk) => chunk.ids));
      const logs = new Set(records.flatMap((record) => (record ? [record.log] : [])));
      if (logs.size > 0) return { kind: "moved", logs: [...logs] };
    }
    throw asIndexError(error, "nothing");
  }

  /**
   * A commit happened if its chunks are there: they are never changed, and a leaf covers its entry's
   * random salt. That also holds when others have appended since. Otherwise: whose head is elsewhere.
   */
  async #look(chunks: readonly ChunkCommit[]): Promise<{ committed: boolean; moved: string[] }> {
    const sql = `SELECT c.first AS first, lower(hex(substr(c.leaves, -32))) AS leaf, h.size AS size, h.leaf AS head
      FROM json_each(?) k LEFT JOIN head h ON h.log = k.value ->> 0
      LEFT JOIN chunk c ON c.log = k.value ->> 0 AND c.first = k.value ->> 1 ORDER BY k.key`;
    const args = [JSON.stringify(chunks.map(({ log, first }) => [log, first]))];
    const { rows } = await this.connection.read(() =>
      this.connection.client.execute({ sql, args }),
    );
    const committed = chunks.every(({ after }, at) => rows[at]?.["leaf"] === after.leaf);
    const seen = new Set<string>();
    const moved = chunks.flatMap(({ log, before }, at) => {
      if (seen.has(log)) return [];
      seen.add(log);
      const size = Number(rows[at]?.["size"] ?? 0);
      const leaf = rows[at]?.["head"] ?? before.leaf;
      return size === before.size && leaf === before.leaf ? [] : [log];
    });
    return { committed, moved };
  }

  chunks(log: string, range: ChunkRange): Promise<Chunk[]> {
    return readChunks(this.connection, log, range);
  }

  tiles(log: string): TileReader {
    return tileReader(this.connection, log);
  }

  async events(keys: readonly EventKey[]): Promise<(EventRecord | null)[]> {
    const records: (EventRecord | null)[] = [];
    for (let at = 0; at < keys.length; at += EVENTS_MAX) {
      records.push(...(await readEvents(this.connection, keys.slice(at, at + EVENTS_MAX))));
    }
    return records;
  }

  async forgetEvents(time: string): Promise<void> {
    const sql = `DELETE FROM event_id WHERE rowid IN
      (SELECT rowid FROM event_id WHERE time < ? ORDER BY time LIMIT ${FORGET_ROWS_MAX})`;
    for (;;) {
      const [answer] = await this.#write([{ sql, args: [time] }]);
      if (answer!.rowsAffected < FORGET_ROWS_MAX) return;
    }
  }

  async seals(log: string, { from, limit, order }: SealRange): Promise<SealRow[]> {
    const bound = order === "asc" ? gte(seal.first, from) : lte(seal.first, from);
    const query = this.connection.db
      .select()
      .from(seal)
      .where(and(eq(seal.log, log), bound))
      .orderBy(order === "asc" ? asc(seal.first) : desc(seal.first))
      .limit(limit);
    return await this.connection.read(async () => await query);
  }

  async addSeal(row: SealRow): Promise<void> {
    const insert = this.connection.db.insert(seal).values(row);
    try {
      // ★ Commit 2. A crash before it: the next start finds the object and adds the same row.
      await this.connection.write(() => this.connection.db.batch([insert]));
    } catch (error) {
      if (refusedStatement(error) === null) throw error;
      const [there] = await this.seals(row.log, { from: row.first, limit: 1, order: "asc" });
      if (there && sameSeal(there, row)) return;
      throw new IndexError(`another seal of ${row.log} begins at ${row.first}`, "nothing", {
        cause: error,
      });
    }
  }

  #write(statements: Parameters<Connection["client"]["batch"]>[0]) {
    return this.connection.write(() => this.connection.client.batch(statements, "write"));
  }
}

function sameSeal(one: SealRow, other: SealRow): boolean {
  return (Object.keys(other) as (keyof SealRow)[]).every((name) => one[name] === other[name]);
}
