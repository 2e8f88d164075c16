/**
 * Lines from the index, each proven before anybody sees it: its leaf is computed anew and compared with
 * the stored one, it must say its own log and seq, and its `prev` must be the leaf before it. Anything
 * else is `entry_altered`, never the altered bytes. Read in short pages bounded by bytes, because an open
 * cursor would keep the database from its checkpoints.
 */
import { encodeUtf8, equalBytes, toHex } from "../storage/log/bytes.ts";
import { HASH_BYTES, leafHash, ZERO_HASH, type Sha256 } from "../storage/log/hash.ts";
import type { Chunk, Index } from "../storage/ports.ts";
import type { Order } from "./cursor.ts";
import { ProblemError } from "./problem.ts";

/** Lines of one read of the index: small beside its answer limit of 10 MB, large enough for 150,000 lines a second. */
export const PAGE_BYTES_MAX = 1024 * 1024;

/** A line that was compared with its leaf. */
export interface ProvenLine {
  readonly seq: number;
  /** The exact line, without a newline. */
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly leaf: Uint8Array;
}

export interface LineSource {
  readonly index: Index;
  readonly log: string;
  readonly sha256: Sha256;
}

/**
 * The lines of `from` … `to` − 1 in `order`, one read of the index at a time. Throws `entry_altered` where one is missing or not
 * what was committed, `IndexError` where the index does not answer.
 */
export async function* linePages(
  source: LineSource,
  range: { readonly from: number; readonly to: number; readonly order: Order },
): AsyncGenerator<ProvenLine[], void, undefined> {
  let { from, to } = range;
  const { order } = range;
  while (from < to) {
    const wanted = { from, to, order, bytesMax: PAGE_BYTES_MAX };
    const page: ProvenLine[] = [];
    for (const chunk of await source.index.chunks(source.log, wanted)) {
      const end = chunk.first + chunk.count;
      // Each chunk must hold the next line that is wanted, or some are missing in between.
      const next = order === "asc" ? from : to - 1;
      if (next < chunk.first || next >= end) throw missing(source.log, next);
      const lines = provenLines(source, chunk, Math.max(from, chunk.first), Math.min(to, end));
      if (order === "desc") lines.reverse();
      for (const line of lines) page.push(line);
      if (order === "asc") from = end;
      else to = chunk.first;
    }
    if (page.length === 0) throw missing(source.log, order === "asc" ? from : to - 1);
    yield page;
  }
}

/** One line. Throws as `linePages`. */
export async function lineAt(source: LineSource, seq: number): Promise<ProvenLine> {
  for await (const page of linePages(source, { from: seq, to: seq + 1, order: "asc" })) {
    return page[0]!;
  }
  throw missing(source.log, seq);
}

/** The lines `from` … `to` − 1 of one chunk. */
function provenLines(source: LineSource, chunk: Chunk, from: number, to: number): ProvenLine[] {
  const { log } = source;
  const texts = chunk.lines.split("\n");
  if (texts.length !== chunk.count || chunk.leaves.length !== chunk.count * HASH_BYTES) {
    throw altered(log, chunk.first);
  }
  const lines: ProvenLine[] = [];
  for (let seq = from; seq < to; seq++) {
    const at = seq - chunk.first;
    const text = texts[at]!;
    const committed = { leaf: leafOf(chunk, at), prev: at > 0 ? leafOf(chunk, at - 1) : null };
    const line = provenLine(source, seq, text, encodeUtf8(text), committed);
    if (line === null) throw altered(log, seq);
    lines.push(line);
  }
  return lines;
}

/** The line, if it has the leaf that was committed and stands where it says; `prev`: the leaf before it, null where it is not known. */
export function provenLine(
  { log, sha256 }: LineSource,
  seq: number,
  text: string,
  bytes: Uint8Array,
  committed: { readonly leaf: Uint8Array; readonly prev: Uint8Array | null },
): ProvenLine | null {
  const leaf = leafHash(bytes, sha256);
  const prev = committed.prev === null ? null : toHex(committed.prev);
  const holds = standsAt(text, log, seq, seq === 0 ? ZERO_HASH : prev);
  return holds && equalBytes(leaf, committed.leaf) ? { seq, text, bytes, leaf } : null;
}

function leafOf(chunk: Chunk, at: number): Uint8Array {
  return chunk.leaves.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES);
}

const PREV_LENGTH = 64;
const SALT_LENGTH = 22;
const TIME_LENGTH = 24;

/**
 * Whether the line ends as one of this log and seq must (FORMAT §3): the members after `event` have fixed
 * lengths and, in canonical form, a fixed order. `prev` null: not known here.
 */
function standsAt(text: string, log: string, seq: number, prev: string | null): boolean {
  const beforePrev = `,"log":"${log}","prev":"`;
  const beforeSalt = `","salt":"`;
  const beforeTime = `","seq":${seq},"time":"`;
  const ending = `","v":1}`;
  let at = text.length - ending.length;
  if (!text.startsWith(ending, at)) return false;
  at -= TIME_LENGTH + beforeTime.length;
  if (!text.startsWith(beforeTime, at)) return false;
  at -= SALT_LENGTH + beforeSalt.length;
  if (!text.startsWith(beforeSalt, at)) return false;
  at -= PREV_LENGTH;
  if (prev !== null && !text.startsWith(prev, at)) return false;
  return text.startsWith(beforePrev, at - beforePrev.length);
}

export function altered(log: string, seq: number, cause?: unknown): ProblemError {
  const detail = `entry ${seq} of ${log} in the index is not the one that was committed`;
  return new ProblemError("entry_altered", detail, { cause });
}

function missing(log: string, seq: number): ProblemError {
  return new ProblemError("entry_altered", `entry ${seq} of ${log} is missing from the index`);
}
