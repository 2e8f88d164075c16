/**
 * What lies in the index behind the last seal, looked at before a log is opened: its head must be what its lines lead
 * to, and nothing may lie behind its head. Whoever goes on from a head that was edited would sign it.
 */
import { newFinding, type Finding } from "../log/findings.ts";
import type { IndexHead } from "../ports.ts";
import { timeOfLine } from "./chunk.ts";
import { readLines } from "./read-lines.ts";
import { cutBatches } from "./seal-cut.ts";
import type { Parts, SealedHead, Settings } from "./state.ts";
import { entriesBehind } from "./verify-index.ts";

/** What is wrong, if anything. A second worker may have gone on meanwhile: `entriesBehind` then tells nothing. */
export async function checkTail(
  parts: Parts,
  settings: Settings,
  log: string,
  head: IndexHead,
  sealed: SealedHead,
): Promise<Finding | null> {
  const behind = await entriesBehind(parts.index, log, head.size);
  if (behind > head.size) return await leftBehind(parts, log, head, behind);
  if (head.size < sealed.size || head.size === 0) return null;
  if (head.size === sealed.size) {
    if (head.leaf !== sealed.leaf || head.frontier !== sealed.frontier) {
      const place = { log, first: head.size - 1 };
      return newFinding("root_mismatch", place, "the head of the last seal", "another head");
    }
  } else {
    const cuts = await cutBatches(parts, settings, log, sealed, head);
    if (!Array.isArray(cuts)) return cuts;
  }
  return await checkTime(parts, log, head);
}

async function leftBehind(
  parts: Parts,
  log: string,
  head: IndexHead,
  behind: number,
): Promise<Finding | null> {
  const now = (await parts.index.heads()).get(log);
  if (now !== undefined && now.size > head.size) return null;
  const place = { log, first: head.size, last: behind - 1 };
  const found = `entries up to ${behind - 1} behind it`;
  return newFinding("index_behind", place, `a head of ${head.size} with nothing behind it`, found);
}

/** No entry is earlier than the head says: one that was moved ahead would keep all others out. */
async function checkTime(parts: Parts, log: string, head: IndexHead): Promise<Finding | null> {
  const { size } = head;
  for await (const { text } of readLines(parts.index, log, size - 1, size, parts.sha256)) {
    const time = timeOfLine(text);
    if (time === head.time) continue;
    const found = `${head.time} in the head`;
    return newFinding("entry_altered", { log, first: size - 1 }, `${time}, as it says`, found);
  }
  return null;
}
