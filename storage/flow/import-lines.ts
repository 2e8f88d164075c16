/**
 * Brings lines that exist already (from the vault, or from an index that is being replaced) into an index, through
 * the same commit as new ones: ids that are still alive come back with them.
 */
import { decodeUtf8, encodeUtf8, toHex } from "../log/bytes.ts";
import { decodeLine } from "../log/entry.ts";
import type { Sha256 } from "../log/hash.ts";
import { IndexError, type ChunkCommit, type Index, type IndexHead } from "../ports.ts";
import { formatTime, ID_LIFE_MS } from "./append.ts";
import { ChunkBuilder, timeOfLine } from "./chunk.ts";
import { commitSurely } from "./commit.ts";

/** Reading one entry means reading its chunk: what is brought in at once is cut as if it had come in large requests. */
const IMPORTED_BYTES_MAX = 256 * 1024;

/** 8 MB of lines at most, far under what sqld takes in a request. */
const CHUNKS_PER_COMMIT = 24;

/** In a canonical event `id` follows on an object: actor (which is always there), context or details. Spares most lines a reading. */
const BEFORE_ID = '},"id":"';

export interface ImportParts {
  readonly index: Index;
  readonly sha256: Sha256;
  readonly nowMs: number;
}

/** Further entries behind the last line, to become durable with it or not at all. */
export type More = (after: IndexHead) => {
  readonly commits: readonly ChunkCommit[];
  readonly head: IndexHead;
};

/** Lines that were verified by the caller, in order from `head.size` on; returns the new head, durable. */
export async function importLines(
  parts: ImportParts,
  log: string,
  head: IndexHead,
  lines: Iterable<Uint8Array>,
  more: More = (after) => ({ commits: [], head: after }),
): Promise<IndexHead> {
  const builder = new ChunkBuilder(log, head, parts.sha256, IMPORTED_BYTES_MAX);
  const texts = Array.from(lines, decodeUtf8);
  // An id that came again after its life did so by the clock of its line, which may be ahead of ours.
  const lastMs = Date.parse(timeOfLine(texts.at(-1) ?? ""));
  const oldest = formatTime(Math.max(parts.nowMs, lastMs || 0) - ID_LIFE_MS);
  let ids = 0;
  for (const text of texts) {
    const seq = builder.size;
    const time = timeOfLine(text);
    const hash = builder.add(text, encodeUtf8(text), time);
    if (time < oldest || !text.includes(BEFORE_ID)) continue;
    const { by, id, event } = decodeLine(text);
    if (id === null) continue;
    const digest = toHex(parts.sha256(encodeUtf8(event)));
    builder.addId({ log, by, id, seq, hash, time, digest });
    ids += 1;
  }
  // The same id may stand further back, from a life that has ended since.
  if (ids > 0) await parts.index.forgetEvents(oldest);
  const { commits, head: end } = more(builder.head());
  const chunks = builder.take();
  for (let at = 0; at < chunks.length || at === 0; at += CHUNKS_PER_COMMIT) {
    const last = at + CHUNKS_PER_COMMIT >= chunks.length;
    const step = [...chunks.slice(at, at + CHUNKS_PER_COMMIT), ...(last ? commits : [])];
    if (step.length === 0) break;
    const result = await commitSurely(parts.index, step);
    if (result.kind === "committed") continue;
    throw new IndexError(`${log} moved while lines were brought in`, "nothing");
  }
  return end;
}
