/**
 * The entry `log.recovered` at the end of a log that was brought up from the vault without a memo that could say what
 * was promised beyond (PROTOCOL §4): how it is written, and how it is found again after a crash.
 */
import { decodeLine } from "../log/entry.ts";
import type { Head } from "../log/hash.ts";
import { logRecovered, type LogRecovered } from "../log/system.ts";
import type { ChunkCommit, IndexHead } from "../ports.ts";
import { planAppend, type NewEvent } from "./append.ts";
import { sameHead } from "./chunk.ts";
import { readLines } from "./read-lines.ts";
import { Refusal } from "./refusal.ts";
import type { Parts } from "./state.ts";

export interface Planned {
  readonly commits: readonly ChunkCommit[];
  readonly head: IndexHead;
}

/** The commit of events of the instance's own on top of `head`. Throws `clock_backwards`. */
export function planEvents(
  parts: Parts,
  log: string,
  head: IndexHead,
  events: readonly NewEvent[],
): Planned {
  const { commits, heads, outcomes } = planAppend([{ log, by: "system", events }], {
    nowMs: parts.clock.nowMs(),
    sha256: parts.sha256,
    randomBytes: (length) => parts.randomBytes(length),
    head: () => head,
    known: new Map(),
  });
  const [outcome] = outcomes;
  if (outcome instanceof Refusal) throw outcome;
  return { commits, head: heads.get(log) ?? head };
}

/** The commit of `log.recovered` on top of `head`, which is where the vault ends. Throws `clock_backwards`. */
export function planRecovery(
  parts: Parts,
  log: string,
  head: IndexHead,
  memo: Head | null,
): Planned & { readonly recovery: LogRecovered } {
  const recovery: LogRecovered = {
    log,
    reason: "unproven",
    kept: head.size,
    missing_from: head.size,
    missing_to: null,
    memo: memo === null ? null : { size: memo.size, leaf: memo.leaf },
  };
  return { ...planEvents(parts, log, head, [logRecovered(recovery)]), recovery };
}

/** The fields of `log.recovered` where that is the log's last entry. */
export async function lastRecovery(
  parts: Parts,
  log: string,
  { size }: Head,
): Promise<LogRecovered | null> {
  for await (const line of readLines(parts.index, log, Math.max(0, size - 1), size, parts.sha256)) {
    if (!line.holds || !line.text.includes('"log.recovered"')) return null;
    const { action, by, eventJson } = decodeLine(line.text);
    const details = eventJson["details"] as unknown as LogRecovered;
    // In `_system` most of these entries tell of another log.
    if (action === "log.recovered" && by === "system" && details.log === log) return details;
  }
  return null;
}

export function sameMemo(a: Head | null, b: Head | null): boolean {
  return a === null || b === null ? a === b : sameHead(a, b);
}
