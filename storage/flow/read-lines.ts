/**
 * The index's lines in order, chunk by chunk, each hashed again: what is sealed, exported or compared is
 * what the leaves say, or the place where it is not.
 */
import { encodeUtf8, equalBytes } from "../log/bytes.ts";
import { HASH_BYTES, leafHash, type Sha256 } from "../log/hash.ts";
import type { Chunk, Index } from "../ports.ts";

/** Of lines read at once; sqld's answer may have 10 MB, and JSON escapes quotes. */
const READ_BYTES_MAX = 4_000_000;

export interface IndexLine {
  readonly seq: number;
  readonly text: string;
  readonly bytes: Uint8Array;
  /** Computed here, from the bytes. */
  readonly leaf: Uint8Array;
  /** Whether the leaf stored beside the line is the same. */
  readonly holds: boolean;
}

/** Lines of [from, to). Ends early where the index has no more; throws IndexError. */
export async function* readLines(
  index: Index,
  log: string,
  from: number,
  to: number,
  sha256: Sha256,
): AsyncGenerator<IndexLine> {
  let next = from;
  while (next < to) {
    const chunks = await index.chunks(log, { from: next, to, bytesMax: READ_BYTES_MAX });
    if (chunks.length === 0) return;
    for (const chunk of chunks) {
      // A gap or an overlap is the caller's to find: by the seq it expects.
      for (const line of linesOf(chunk, sha256)) if (line.seq >= next && line.seq < to) yield line;
      next = Math.max(next, chunk.first + chunk.count);
    }
  }
}

function* linesOf(chunk: Chunk, sha256: Sha256): Generator<IndexLine> {
  const texts = chunk.lines.split("\n");
  const count = Math.min(texts.length, chunk.count);
  for (const [offset, text] of texts.slice(0, count).entries()) {
    const bytes = encodeUtf8(text);
    const leaf = leafHash(bytes, sha256);
    const stored = chunk.leaves.subarray(offset * HASH_BYTES, (offset + 1) * HASH_BYTES);
    // A chunk with more or fewer lines than it was committed with: its last one cannot be right.
    const whole = texts.length === chunk.count || offset + 1 < count;
    const holds = whole && equalBytes(leaf, stored);
    yield { seq: chunk.first + offset, text, bytes, leaf, holds };
  }
}
