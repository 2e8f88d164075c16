/**
 * Reads of the index: chunks in pages bounded by bytes, leaves and nodes for proofs, records of ids.
 * Chunks follow each other without gaps, so each step of a page is one look-up by primary key.
 */
import { HASH_BYTES } from "../log/hash.ts";
import type { TileReader } from "../log/proof.ts";
import { TILE_WIDTH } from "../log/tree.ts";
import {
  type Chunk,
  type ChunkRange,
  type EventKey,
  type EventRecord,
  IndexError,
} from "../ports.ts";
import type { Connection } from "./connection.ts";
import { bytesOf, integerOf, textOf } from "./row.ts";

/** Bytes of lines in one page unless fewer are asked for: small enough to hold several in a worker. */
const PAGE_BYTES = 4_000_000;

/** sqld refuses answers over 10,000,000 bytes of values: 8,000,000 of lines + 32 a leaf (lines have over 200) = 9,280,000. */
const PAGE_BYTES_MAX = 8_000_000;

/** `pick` walks from the chunk that holds the first entry wanted until the range or the bytes end. */
const CHUNKS_ASC = `
WITH RECURSIVE pick (first, next, bytes) AS (
  SELECT * FROM (SELECT first, first + count, octet_length(lines) FROM chunk
    WHERE log = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1)
  UNION ALL
  SELECT c.first, c.first + c.count, pick.bytes + octet_length(c.lines)
    FROM pick JOIN chunk c ON c.log = ?1 AND c.first = pick.next
    WHERE pick.next < ?3 AND pick.bytes + octet_length(c.lines) <= ?4
)
SELECT c.first, c.count, c.leaves, c.lines FROM pick JOIN chunk c ON c.log = ?1 AND c.first = pick.first
  WHERE pick.next > ?2 ORDER BY c.first ASC`;

const CHUNKS_DESC = `
WITH RECURSIVE pick (first, next, bytes) AS (
  SELECT * FROM (SELECT first, first + count, octet_length(lines) FROM chunk
    WHERE log = ?1 AND first < ?3 ORDER BY first DESC LIMIT 1)
  UNION ALL
  SELECT c.first, c.first + c.count, pick.bytes + octet_length(c.lines)
    FROM pick JOIN chunk c ON c.log = ?1
      AND c.first = (SELECT max(first) FROM chunk WHERE log = ?1 AND first < pick.first)
    WHERE pick.first > ?2 AND pick.bytes + octet_length(c.lines) <= ?4
)
SELECT c.first, c.count, c.leaves, c.lines FROM pick JOIN chunk c ON c.log = ?1 AND c.first = pick.first
  WHERE pick.next > ?2 ORDER BY c.first DESC`;

/** Chunks with an entry in [from, to), at least one if there is one, then while they fit into the bytes. */
export async function readChunks(
  connection: Connection,
  log: string,
  { from, to, order = "asc", bytesMax = PAGE_BYTES }: ChunkRange,
): Promise<Chunk[]> {
  if (from >= to) return [];
  const sql = order === "asc" ? CHUNKS_ASC : CHUNKS_DESC;
  const args = [log, from, to, Math.min(bytesMax, PAGE_BYTES_MAX)];
  const { rows } = await connection.read(() => connection.client.execute({ sql, args }));
  return rows.map((row) => ({
    log,
    first: integerOf(row, "first"),
    count: integerOf(row, "count"),
    lines: textOf(row, "lines"),
    leaves: bytesOf(row, "leaves"),
  }));
}

/** How many chunks begin in [from, to): told from the key alone. */
export async function countChunks(
  connection: Connection,
  log: string,
  from: number,
  to: number,
): Promise<number> {
  const sql = "SELECT count(*) AS n FROM chunk WHERE log = ?1 AND first >= ?2 AND first < ?3";
  const args = [log, from, to];
  const { rows } = await connection.read(() => connection.client.execute({ sql, args }));
  return integerOf(rows[0], "n");
}

/** Only the part of the leaves that lies in the tile travels. */
const TILE_LEAVES = `
SELECT substr(leaves, ${HASH_BYTES} * (max(first, ?2) - first) + 1,
    ${HASH_BYTES} * (min(first + count, ?3) - max(first, ?2))) AS hashes
  FROM chunk WHERE log = ?1 AND first < ?3
    AND first >= (SELECT max(first) FROM chunk WHERE log = ?1 AND first <= ?2)
  ORDER BY first`;

const TILE_NODES =
  "SELECT hash AS hashes FROM node WHERE log = ?1 AND level = ?4 AND n >= ?2 AND n < ?3 ORDER BY n";

/** Throws IndexError where the index holds fewer hashes than a tile is asked for. */
export function tileReader(connection: Connection, log: string): TileReader {
  return async (level, index, width) => {
    const start = index * TILE_WIDTH;
    const statement =
      level === 0
        ? { sql: TILE_LEAVES, args: [log, start, start + width] }
        : { sql: TILE_NODES, args: [log, start, start + width, level] };
    const { rows } = await connection.read(() => connection.client.execute(statement));
    const hashes = rows.flatMap((row) => splitHashes(bytesOf(row, "hashes")));
    if (hashes.length !== width) {
      throw new IndexError(
        `tile ${level}/${index} of log ${log}: ${hashes.length} hashes instead of ${width}`,
        "nothing",
      );
    }
    return hashes;
  };
}

function splitHashes(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, at) =>
    bytes.subarray(HASH_BYTES * at, HASH_BYTES * (at + 1)),
  );
}

const EVENTS = `
SELECT k.key AS place, e.seq, e.time, lower(hex(e.hash)) AS hash, lower(hex(e.digest)) AS digest
  FROM json_each(?) k JOIN event_id e
    ON e.log = k.value ->> 0 AND e.by = k.value ->> 1 AND e.id = k.value ->> 2`;

/** Ids asked for at once: a JSON array of some 300 characters each, far below sqld's 5 MB for a parameter. */
const EVENTS_MAX = 2_000;

/** The records of these ids or `null`, in their order. */
export async function readEvents(
  connection: Connection,
  keys: readonly EventKey[],
): Promise<(EventRecord | null)[]> {
  const records: (EventRecord | null)[] = [];
  for (let at = 0; at < keys.length; at += EVENTS_MAX) {
    records.push(...(await readSomeEvents(connection, keys.slice(at, at + EVENTS_MAX))));
  }
  return records;
}

async function readSomeEvents(
  connection: Connection,
  keys: readonly EventKey[],
): Promise<(EventRecord | null)[]> {
  const records = keys.map((): EventRecord | null => null);
  const args = [JSON.stringify(keys.map(({ log, by, id }) => [log, by, id]))];
  const { rows } = await connection.read(() => connection.client.execute({ sql: EVENTS, args }));
  for (const row of rows) {
    const place = integerOf(row, "place");
    const { log, by, id } = keys[place]!;
    records[place] = {
      ...{ log, by, id, seq: integerOf(row, "seq"), time: textOf(row, "time") },
      ...{ hash: textOf(row, "hash"), digest: textOf(row, "digest") },
    };
  }
  return records;
}
