/** Small reads of the index for who works behind the commits: where each log ends, and the leaves of single entries. */
import type { Head } from "../log/hash.ts";
import { HASH_BYTES } from "../log/hash.ts";
import type { Connection } from "./connection.ts";
import { bytesOf, integerOf, textOf } from "./row.ts";

/** Size and last leaf of every log, as this moment's readers see them: a commit under way is not in it. */
export async function readHeads(connection: Connection): Promise<Map<string, Head>> {
  const sql = "SELECT log, size, leaf FROM head";
  const { rows } = await connection.read(() => connection.client.execute(sql));
  return new Map(
    rows.map((row) => [
      textOf(row, "log"),
      { size: integerOf(row, "size"), leaf: textOf(row, "leaf") },
    ]),
  );
}

/** The leaf of an entry, and that of the one before it where they lie in one chunk. */
export interface LeafAt {
  readonly leaf: Uint8Array;
  readonly prev: Uint8Array | null;
}

/** `leaves` stand before `lines` in their row, so that no line is read for them. */
const LEAVES = `
SELECT s.value AS seq, min(2, s.value - c.first + 1) AS count,
    substr(c.leaves, ${HASH_BYTES} * max(0, s.value - c.first - 1) + 1, ${HASH_BYTES} * min(2, s.value - c.first + 1)) AS hashes
  FROM json_each(?2) s JOIN chunk c
    ON c.log = ?1 AND c.first = (SELECT max(first) FROM chunk WHERE log = ?1 AND first <= s.value)
  WHERE s.value < c.first + c.count`;

/** The leaves of these entries as committed; one that is missing is not there. */
export async function readLeaves(
  connection: Connection,
  log: string,
  seqs: readonly number[],
): Promise<Map<number, LeafAt>> {
  const args = [log, JSON.stringify(seqs)];
  const { rows } = await connection.read(() => connection.client.execute({ sql: LEAVES, args }));
  const leaves = new Map<number, LeafAt>();
  for (const row of rows) {
    const hashes = bytesOf(row, "hashes");
    const count = integerOf(row, "count");
    if (hashes.length !== count * HASH_BYTES) continue;
    leaves.set(integerOf(row, "seq"), {
      leaf: hashes.subarray(-HASH_BYTES),
      prev: count === 2 ? hashes.subarray(0, HASH_BYTES) : null,
    });
  }
  return leaves;
}
