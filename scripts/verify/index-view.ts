/**
 * The index as a verifier sees it: with a token that may only read, so nothing here can change what it looks at. The
 * heads are read as they stand, without waiting for a write under way.
 */
import type { IndexView } from "../../storage/flow/verify-index.ts";
import { asIndexError } from "../../storage/index/connection.ts";
import { LibsqlIndex } from "../../storage/index/index.ts";
import { dropped } from "./garbage.ts";
import { IndexError, type IndexHead } from "../../storage/ports.ts";

export interface IndexAddress {
  readonly url: string;
  readonly readToken: string;
}

/** An answer's bytes, its text, the lines in it, and their bytes again. */
const PAGE_COPIES = 4;

export function openIndexView({ url, readToken }: IndexAddress): IndexView {
  const index = new LibsqlIndex({ url, authToken: readToken });
  return {
    chunks: async (log, range) => {
      const chunks = await unlessEmpty(() => index.chunks(log, range), []);
      dropped(chunks.reduce((bytes, { lines }) => bytes + PAGE_COPIES * lines.length, 0));
      return chunks;
    },
    tiles: (log) => index.tiles(log),
    seals: (log, range) => unlessEmpty(() => index.seals(log, range), []),
    heads: () => unlessEmpty(() => readHeads(index), new Map()),
  };
}

/** A database that was wiped, or never filled, knows nothing: that is for the comparison to say. */
async function unlessEmpty<T>(read: () => Promise<T>, nothing: T): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof IndexError && NO_TABLE.test(error.message)) return nothing;
    throw error;
  }
}

const NO_TABLE = /no such table/;

async function readHeads({ connection }: LibsqlIndex): Promise<Map<string, IndexHead>> {
  const sql = "SELECT log, size, leaf, frontier, time FROM head";
  const heads = new Map<string, IndexHead>();
  try {
    const { rows } = await connection.client.execute(sql);
    for (const row of rows) {
      const [size, leaf] = [Number(row["size"]), String(row["leaf"])];
      const [frontier, time] = [String(row["frontier"]), String(row["time"])];
      heads.set(String(row["log"]), { size, leaf, frontier, time });
    }
  } catch (error) {
    throw asIndexError(error, "nothing");
  }
  return heads;
}
