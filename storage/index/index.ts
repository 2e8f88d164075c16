/**
 * The Index on libSQL (sqld): what `ports.ts` promises, by one transaction per write. sqld must run
 * the database with strong durability and refuse DDL to this token; `health.ts` checks both.
 */
import type { InValue } from "@libsql/client/web";
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
import { assertCommit, buildCommit } from "./commit.ts";
import { Connection, type LibsqlOptions, refusedStatement } from "./connection.ts";
import { headsInPages } from "./heads.ts";
import { readChunks, readEvents, tileReader } from "./read.ts";
import { explainRefusal } from "./refusal.ts";
import { seal } from "./schema.ts";

export type { LibsqlOptions } from "./connection.ts";

/** Records forgotten in one transaction: some 20 ms, in which no commit can run. */
const FORGET_ROWS_MAX = 1_000;

export class LibsqlIndex implements Index {
  /** For `health.ts` and tests; flows use the methods. */
  readonly connection: Connection;

  constructor(options: LibsqlOptions) {
    this.connection = new Connection(options);
  }

  heads(): Promise<Map<string, IndexHead>> {
    // A write transaction waits for every write that sqld has begun, also one whose caller is dead.
    return headsInPages(async (statement) => {
      const [answer] = await this.#write([statement]);
      return answer!;
    });
  }

  async commit(chunks: readonly ChunkCommit[]): Promise<CommitResult> {
    assertCommit(chunks);
    try {
      // ★ Commit 1. A crash before it: nothing happened. After: all of it did, and the same again says so.
      await this.connection.transaction(buildCommit(chunks));
      return { kind: "committed" };
    } catch (error) {
      if (refusedStatement(error) === null) throw error;
      return await explainRefusal(this.connection, chunks, error);
    }
  }

  chunks(log: string, range: ChunkRange): Promise<Chunk[]> {
    return readChunks(this.connection, log, range);
  }

  tiles(log: string): TileReader {
    return tileReader(this.connection, log);
  }

  events(keys: readonly EventKey[]): Promise<(EventRecord | null)[]> {
    return readEvents(this.connection, keys);
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
    const { sql, params } = this.connection.db.insert(seal).values(row).toSQL();
    const insert = { sql, args: params as InValue[] };
    try {
      // ★ Commit 2. A crash before it: the next start finds the object and adds the same row.
      await this.connection.transaction([insert]);
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
