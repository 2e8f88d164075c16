/**
 * Why the database refused a commit by a constraint: it had happened before, heads moved, or ids were
 * taken. The same question again after a lost answer ends here, so this decides what was committed.
 */
import type { Row } from "@libsql/client/web";
import { type ChunkCommit, type CommitResult } from "../ports.ts";
import type { Head } from "../log/hash.ts";
import { asIndexError, type Connection } from "./connection.ts";
import { readEvents } from "./read.ts";
import { integerOf, textOf } from "./row.ts";

/**
 * A commit happened if its chunks are there: they are never changed, and a leaf covers its entry's
 * random salt. That also holds when others have appended since. Throws IndexError: "unknown" if the
 * answer cannot be read, "nothing" if the database refuses for a reason of its own (a bug, an edit).
 */
export async function explainRefusal(
  connection: Connection,
  chunks: readonly ChunkCommit[],
  refusal: unknown,
): Promise<CommitResult> {
  let logs: string[];
  try {
    const rows = await readPlaces(connection, chunks);
    if (chunks.every(({ after }, at) => rows[at]?.["leaf"] === after.leaf)) {
      return { kind: "committed" };
    }
    const moved = movedLogs(chunks, rows);
    logs = moved.length > 0 ? moved : await logsOfTakenIds(connection, chunks);
  } catch (error) {
    throw asIndexError(error, "unknown");
  }
  if (logs.length > 0) return { kind: "moved", logs };
  throw asIndexError(refusal, "nothing");
}

/** For each chunk the leaf that ends the chunk in its place, if any, and its log's head, if any. */
const PLACES = `
SELECT lower(hex(substr(c.leaves, -32))) AS leaf, h.size AS head_size, h.leaf AS head_leaf
  FROM json_each(?) k LEFT JOIN head h ON h.log = k.value ->> 0
    LEFT JOIN chunk c ON c.log = k.value ->> 0 AND c.first = k.value ->> 1
  ORDER BY k.key`;

async function readPlaces(
  connection: Connection,
  chunks: readonly ChunkCommit[],
): Promise<readonly Row[]> {
  const args = [JSON.stringify(chunks.map(({ log, first }) => [log, first]))];
  const statement = { sql: PLACES, args };
  return (await connection.read(() => connection.client.execute(statement))).rows;
}

/** Logs whose head is not where their first chunk begins. */
function movedLogs(chunks: readonly ChunkCommit[], rows: readonly Row[]): string[] {
  const seen = new Set<string>();
  return chunks.flatMap(({ log, before }, at) => {
    if (seen.has(log)) return [];
    seen.add(log);
    const head = headOf(rows[at]);
    const there = head ? head.size === before.size && head.leaf === before.leaf : before.size === 0;
    return there ? [] : [log];
  });
}

function headOf(row: Row | undefined): Head | null {
  if (row?.["head_size"] === null) return null;
  return { size: integerOf(row, "head_size"), leaf: textOf(row, "head_leaf") };
}

async function logsOfTakenIds(
  connection: Connection,
  chunks: readonly ChunkCommit[],
): Promise<string[]> {
  const ids = chunks.flatMap((chunk) => chunk.ids);
  const records = await readEvents(connection, ids);
  return [...new Set(records.flatMap((record) => (record ? [record.log] : [])))];
}
