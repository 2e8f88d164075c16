/**
 * What the index has beyond the last seal: committed, and waiting. Followed line by line from the sealed head to the head
 * that the index names, in stretches, so that it can be left and gone on with.
 */
import { fromHex, toHex } from "../log/bytes.ts";
import { newFinding, type Finding } from "../log/findings.ts";
import type { Sha256 } from "../log/hash.ts";
import { formatFrontier, treeAt } from "./chunk.ts";
import type { Remembered } from "./remembered.ts";
import { checkChain, checkHead, entriesBehind, type IndexContext } from "./verify-index.ts";
import type { LogProgress, TailProgress } from "./verify-progress.ts";

/** Entries of one stretch: a page or two of the index. */
const STRETCH_ENTRIES = 10_000;

/** What the index says of its end, and where to follow it from; `tail` is null where there is nothing to follow. */
export async function beginTail(
  { index }: IndexContext,
  log: string,
  { before, timeMs }: Pick<LogProgress, "before" | "timeMs">,
): Promise<{
  readonly report: NonNullable<LogProgress["index"]>;
  readonly tail: TailProgress | null;
  readonly findings: readonly Finding[];
}> {
  const { size, leaf, frontier } = before;
  // Read after the vault: an honest index then is never behind it.
  const behind = await entriesBehind(index, log, size);
  const head = (await index.heads()).get(log);
  const indexSize = head?.size ?? 0;
  const report = { size: indexSize, unsealed: Math.max(0, indexSize - size) };
  const place = { log, first: indexSize, last: behind - 1 };
  if (head === undefined || indexSize < size) {
    const [expected, found] = [`a head of at least ${size}`, `one of ${indexSize}`];
    const findings = behind === 0 ? [] : [newFinding("index_behind", place, expected, found)];
    return { report, tail: null, findings };
  }
  const findings: Finding[] = [];
  if (behind > indexSize) {
    const expected = `nothing behind its head of ${indexSize}`;
    findings.push(newFinding("index_behind", place, expected, "entries"));
  }
  return { report, tail: { head, at: size, leaf, timeMs, frontier }, findings };
}

export interface TailContext extends IndexContext {
  readonly log: string;
  readonly remembered: Remembered;
  readonly sha256: Sha256;
}

/** The next stretch; `tail` is null when the head was reached and compared. */
export async function followTail(
  context: TailContext,
  tail: TailProgress,
): Promise<{ readonly tail: TailProgress | null; readonly findings: readonly Finding[] }> {
  const { log, remembered, sha256 } = context;
  const { head, at } = tail;
  const tree = treeAt({ size: at, frontier: tail.frontier }, sha256);
  const state = {
    leaf: fromHex(tail.leaf),
    timeMs: tail.timeMs ?? Number.NEGATIVE_INFINITY,
    tree,
  };
  const findings: Finding[] = [];
  const onSize = (reached: number): void => {
    if (remembered.wants(reached)) findings.push(...remembered.at(reached, tree.root()));
  };
  const to = Math.min(head.size, at + STRETCH_ENTRIES);
  findings.push(...(await checkChain(context, log, at, to, state, onSize)));
  if (to < head.size && tree.size === to) {
    const timeMs = Number.isFinite(state.timeMs) ? state.timeMs : null;
    const frontier = formatFrontier(tree.frontier());
    return { tail: { head, at: to, leaf: toHex(state.leaf), timeMs, frontier }, findings };
  }
  // Behind a hole there is no tree to go on with: the rest in one go, as a chain.
  findings.push(...(await checkChain(context, log, to, head.size, state, onSize)));
  findings.push(...checkHead(log, head, state));
  remembered.reached(head.size);
  return { tail: null, findings };
}
