/**
 * How many files a part may have open. To workerd each connection is one, and when there are no more it ends (`accept: Too
 * many open files`). Node gives its children the hard limit, whatever the soft one was.
 */
import { readFile } from "node:fs/promises";

/** 8,192 connections at a time: more than one machine's honest clients, and 160 MB. */
const FEW_FILES = 8_192;

/** A sentence where they are few, `null` where they are enough or nobody can tell (only Linux does). */
export async function fewFiles(pid: number): Promise<string | null> {
  const limits = await readFile(`/proc/${pid}/limits`, "latin1").catch(() => "");
  const files = softLimitOf(limits);
  if (files === null || files >= FEW_FILES) return null;
  return `The worker may have ${files} files open, and ends where there are more connections: raise the hard limit (ulimit -Hn, LimitNOFILE=).`;
}

/** Of `/proc/<pid>/limits`. */
export function softLimitOf(limits: string): number | null {
  const [, soft] = /^Max open files +(\d+|unlimited) /m.exec(limits) ?? [];
  if (soft === undefined) return null;
  return soft === "unlimited" ? Infinity : Number(soft);
}
