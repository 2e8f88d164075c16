/**
 * Brings lines that exist already (from the vault, or from an index that is being replaced) into an index, through
 * the same commit as new ones: ids that are still alive come back with them.
 */
import { decodeUtf8, encodeUtf8, toHex } from "../log/bytes.ts";
import { decodeLine } from "../log/entry.ts";
import type { Sha256 } from "../log/hash.ts";
import { IndexError, type Index, type IndexHead } from "../ports.ts";
import { ID_LIFE_MS } from "./append.ts";
import { ChunkBuilder } from "./chunk.ts";
import { commitSurely } from "./commit.ts";

/** Of at most 3.5 MB of lines each: together under what sqld takes in a request. */
const CHUNKS_PER_COMMIT = 2;

export interface ImportParts {
  readonly index: Index;
  readonly sha256: Sha256;
  readonly nowMs: number;
}

/** Lines that were verified by the caller, in order from `head.size` on; returns the new head, durable. */
export async function importLines(
  parts: ImportParts,
  log: string,
  head: IndexHead,
  lines: Iterable<Uint8Array>,
): Promise<IndexHead> {
  const builder = new ChunkBuilder(log, head, parts.sha256);
  for (const bytes of lines) {
    const text = decodeUtf8(bytes);
    const seq = builder.size;
    const time = text.slice(-32, -8);
    const hash = builder.add(text, bytes, time);
    if (Date.parse(time) + ID_LIFE_MS < parts.nowMs) continue;
    const { by, id, event } = decodeLine(text);
    if (id === null) continue;
    const digest = toHex(parts.sha256(encodeUtf8(event)));
    builder.addId({ log, by, id, seq, hash, time, digest });
  }
  const after = builder.head();
  const chunks = builder.take();
  for (let at = 0; at < chunks.length; at += CHUNKS_PER_COMMIT) {
    const result = await commitSurely(parts.index, chunks.slice(at, at + CHUNKS_PER_COMMIT));
    if (result.kind === "committed") continue;
    throw new IndexError(`${log} moved while lines were brought in`, "nothing");
  }
  return after;
}
