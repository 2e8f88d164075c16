/** All heads, some thousand at a time, by whichever way of asking. */
import type { ResultSet } from "@libsql/client/web";
import type { IndexHead } from "../ports.ts";
import type { Connection } from "./connection.ts";
import { integerOf, textOf } from "./row.ts";

/** Heads in one answer: a name of 64, a leaf of 64, a time of 24 and at most 53 roots of 64 bytes, 7.1 MB of sqld's 10. */
const HEADS_MAX = 2_000;
const HEADS = `SELECT log, size, leaf, frontier, time FROM head WHERE log > ? ORDER BY log LIMIT ${HEADS_MAX}`;

type Ask = (statement: { sql: string; args: string[] }) => Promise<ResultSet>;

export async function headsInPages(ask: Ask): Promise<Map<string, IndexHead>> {
  const heads = new Map<string, IndexHead>();
  for (let last = ""; ;) {
    const { rows } = await ask({ sql: HEADS, args: [last] });
    for (const row of rows) {
      last = textOf(row, "log");
      heads.set(last, {
        ...{ size: integerOf(row, "size"), leaf: textOf(row, "leaf") },
        ...{ frontier: textOf(row, "frontier"), time: textOf(row, "time") },
      });
    }
    if (rows.length < HEADS_MAX) return heads;
  }
}

/** As they stand, without waiting for a write under way: for whoever only looks. Throws IndexError. */
export function readHeads(connection: Connection): Promise<Map<string, IndexHead>> {
  return headsInPages((statement) => connection.read(() => connection.client.execute(statement)));
}
