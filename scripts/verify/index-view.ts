/**
 * The index as a verifier sees it: with a token that may only read, so nothing here can change what it looks at. The
 * heads are read as they stand, without waiting for a write under way.
 */
import type { IndexView } from "../../storage/flow/verify-index.ts";
import { readHeads } from "../../storage/index/heads.ts";
import { LibsqlIndex } from "../../storage/index/index.ts";
import { countChunks } from "../../storage/index/read.ts";
import { dropped } from "./garbage.ts";
import { IndexError } from "../../storage/ports.ts";

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
    chunkCount: (log, from, to) =>
      unlessEmpty(() => countChunks(index.connection, log, from, to), 0),
    heads: () => unlessEmpty(() => readHeads(index.connection), new Map()),
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
