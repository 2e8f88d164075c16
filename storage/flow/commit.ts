/**
 * ★ Commit 1, until its outcome is known (PROTOCOL §2). A commit whose answer was lost is sent again,
 * the very same one, until its lines stand in the index (it happened) or the heads stand elsewhere
 * without them (it did not). The caller builds nothing new on these logs meanwhile.
 */
import { toHex } from "../log/bytes.ts";
import { HASH_BYTES } from "../log/hash.ts";
import { IndexError, type ChunkCommit, type CommitResult, type Index } from "../ports.ts";

/** First pause before sending again, doubled each time up to the second: sqld restarts in tens of ms. */
const RESEND_PAUSE_MS = 10;
const RESEND_PAUSE_MS_MAX = 1_000;

/** The leaf (hex) that the index keeps of an entry; empty where it has none. */
export async function leafAt(
  index: Pick<Index, "chunks">,
  log: string,
  seq: number,
): Promise<string> {
  const range = { from: seq, to: seq + 1, bytesMax: 1 };
  const [chunk] = await index.chunks(log, range);
  if (chunk === undefined) return "";
  const at = (seq - chunk.first) * HASH_BYTES;
  return toHex(chunk.leaves.subarray(at, at + HASH_BYTES));
}

export async function commitSurely(
  index: Index,
  chunks: readonly ChunkCommit[],
  onDoubt: (error: IndexError) => void = () => {},
): Promise<CommitResult> {
  let inDoubt = false;
  for (let pauseMs = RESEND_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, RESEND_PAUSE_MS_MAX)) {
    try {
      const result = await index.commit(chunks);
      if (result.kind === "committed" || !inDoubt) return result;
      // It moved: by our own commit, if our lines are there now; else by somebody else's.
      return (await holds(index, chunks)) ? { kind: "committed" } : result;
    } catch (error) {
      if (!(error instanceof IndexError)) throw error;
      if (!inDoubt && error.outcome === "nothing") throw error;
      inDoubt = true;
      onDoubt(error);
      await sleep(pauseMs);
    }
  }
}

/** Whether the index holds the last line of one of the chunks: a commit is all or nothing, so one is enough. */
async function holds(index: Index, chunks: readonly ChunkCommit[]): Promise<boolean> {
  const heads = await index.heads();
  const last = chunks.at(-1);
  if (last === undefined) return true;
  const size = heads.get(last.log)?.size ?? 0;
  if (size < last.after.size) return false;
  return (await leafAt(index, last.log, last.after.size - 1)) === last.after.leaf;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits for the work, or until the time is up. */
export async function sleepAtMost(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeIsUp = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, ms));
  });
  await Promise.race([work, timeIsUp]).finally(() => clearTimeout(timer));
}
