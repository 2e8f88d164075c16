/**
 * Commit 1 as statements of one transaction (PROTOCOL §2.3): per chunk a compare-and-set of its log's
 * head and the row of its entries, then all nodes and all ids. One row per commit and log keeps
 * it fast; the JSON arrays make one statement of any number of small rows.
 */
import type { InStatement } from "@libsql/client/web";
import { toHex, utf8Length } from "../log/bytes.ts";
import { HASH_BYTES } from "../log/hash.ts";
import type { ChunkCommit } from "../ports.ts";

/**
 * Lines of one chunk, UTF-8. sqld takes values and rows up to 5,000,000 bytes (measured; one more is
 * SQLITE_TOOBIG): 4,000,000 of lines + 32 for each of at most 20,000 leaves (a line has over 200
 * bytes) = 4,640,000. Whole requests of 46 MB were taken, so a commit may hold many chunks.
 */
export const CHUNK_BYTES_MAX = 4_000_000;

/** Characters of a JSON array of rows: each at most 3 bytes of UTF-8 here, so 1,600,000 · 3 < 5,000,000. */
const JSON_CHARS_MAX = 1_600_000;

const SET_HEAD =
  "UPDATE head SET size = CASE WHEN size = ?2 AND leaf = ?3 THEN ?4 END, leaf = ?5, frontier = ?6, time = ?7 WHERE log = ?1";
const NEW_HEAD = "INSERT INTO head (log, size, leaf, frontier, time) VALUES (?, ?, ?, ?, ?)";
const NEW_CHUNK = "INSERT INTO chunk (log, first, count, leaves, lines) VALUES (?, ?, ?, ?, ?)";
const NEW_NODES =
  "INSERT INTO node (log, level, n, hash) SELECT value ->> 0, value ->> 1, value ->> 2, unhex(value ->> 3) FROM json_each(?)";
const NEW_IDS =
  "INSERT INTO event_id (log, by, id, seq, time, hash, digest) SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, unhex(value ->> 5), unhex(value ->> 6) FROM json_each(?)";

/** The statements of a commit, in the order in which the triggers want them. */
export function buildCommit(chunks: readonly ChunkCommit[]): InStatement[] {
  const heads = chunks.flatMap((chunk) => [setHead(chunk), newChunk(chunk)]);
  const nodes = chunks.flatMap((chunk) =>
    chunk.nodes.map((node) => [chunk.log, node.level, node.index, toHex(node.hash)]),
  );
  const ids = chunks.flatMap((chunk) =>
    chunk.ids.map((id) => [id.log, id.by, id.id, id.seq, id.time, id.hash, id.digest]),
  );
  return [
    ...heads,
    ...jsonArrays(nodes).map((json) => ({ sql: NEW_NODES, args: [json] })),
    ...jsonArrays(ids).map((json) => ({ sql: NEW_IDS, args: [json] })),
  ];
}

/** A head that moved makes `size` NULL, which the column refuses; so does a second first commit. */
function setHead({ log, before, after }: ChunkCommit): InStatement {
  if (before.size === 0) {
    return { sql: NEW_HEAD, args: [log, after.size, after.leaf, after.frontier, after.time] };
  }
  return {
    sql: SET_HEAD,
    args: [log, before.size, before.leaf, after.size, after.leaf, after.frontier, after.time],
  };
}

function newChunk({ log, first, count, leaves, lines }: ChunkCommit): InStatement {
  return { sql: NEW_CHUNK, args: [log, first, count, leaves, lines] };
}

/** Rows as JSON arrays, each short enough to be a parameter. */
function jsonArrays(rows: readonly unknown[][]): string[] {
  const arrays: string[] = [];
  let parts: string[] = [];
  let chars = 0;
  for (const row of rows) {
    const json = JSON.stringify(row);
    if (chars + json.length > JSON_CHARS_MAX && parts.length > 0) {
      arrays.push(`[${parts.join(",")}]`);
      [parts, chars] = [[], 0];
    }
    parts.push(json);
    chars += json.length + 1;
  }
  if (parts.length > 0) arrays.push(`[${parts.join(",")}]`);
  return arrays;
}

/** Throws where a commit contradicts itself: a bug of the caller, found before it is durable. */
export function assertCommit(chunks: readonly ChunkCommit[]): void {
  const heads = new Map<string, { size: number; leaf: string }>();
  for (const chunk of chunks) {
    const { log, first, count, before, after, leaves, lines } = chunk;
    const known = heads.get(log) ?? before;
    assert(known.size === before.size && known.leaf === before.leaf, log, "chunks do not continue");
    assert(count > 0 && before.size === first && after.size === first + count, log, "sizes differ");
    assert(leaves.length === HASH_BYTES * count, log, "leaves and count differ");
    assert(toHex(leaves.subarray(-HASH_BYTES)) === after.leaf, log, "last leaf is not the head's");
    assert(fitsChunk(lines), log, "chunk too large");
    assert(countLines(lines) === count, log, "lines and count differ");
    heads.set(log, after);
  }
  assert(chunks.length > 0, "", "no chunks");
}

function assert(holds: boolean, log: string, what: string): asserts holds {
  if (!holds) throw new Error(`commit of log ${JSON.stringify(log)}: ${what}`);
}

/** Counting is only worth it near the limit: a UTF-16 unit has at most three bytes of UTF-8. */
function fitsChunk(lines: string): boolean {
  return 3 * lines.length <= CHUNK_BYTES_MAX || utf8Length(lines) <= CHUNK_BYTES_MAX;
}

function countLines(lines: string): number {
  let count = 1;
  for (let at = lines.indexOf("\n"); at >= 0; at = lines.indexOf("\n", at + 1)) count++;
  return count;
}
