/**
 * Whether the index still has what the ledger has seen committed: each log's head, and the entry that it ends with. An old copy
 * of the database that was put back under a running instance is noticed by the next look, without waiting for an append.
 */
import type { Finding } from "../log/findings.ts";
import type { Head } from "../log/hash.ts";
import type { Index } from "../ports.ts";
import { EMPTY_HEAD } from "./chunk.ts";
import { leafAt } from "./commit.ts";
import { frozenFinding } from "./load.ts";
import type { LogState } from "./state.ts";

/** A log that went back, and what to say of it. */
export interface WentBack {
  readonly state: LogState;
  readonly finding: Finding;
}

/**
 * Reads the heads behind every write under way, so that none is missing that was acknowledged; and the names of all that
 * there are. Throws IndexError.
 */
export async function lookAtHeads(
  index: Pick<Index, "heads" | "chunks">,
  states: readonly LogState[],
): Promise<{ readonly back: readonly WentBack[]; readonly names: readonly string[] }> {
  const seen = states.map((state) => ({ state, head: state.head }));
  const heads = await index.heads();
  const back: WentBack[] = [];
  for (const { state, head } of seen) {
    if (state.frozen !== null) continue;
    const found = heads.get(state.name) ?? EMPTY_HEAD;
    const finding = await whyBack(index, state, head, found);
    // Meanwhile a commit may have frozen it, with a finding of its own.
    if (finding !== null && state.frozen === null) back.push({ state, finding });
  }
  return { back, names: [...heads.keys()] };
}

async function whyBack(
  index: Pick<Index, "chunks">,
  state: LogState,
  head: Head,
  found: Head,
): Promise<Finding | null> {
  const { name, size, leaf } = { name: state.name, ...head };
  if (found.size < size) return frozenFinding(name, "index_behind", head, found);
  if (size === 0 || (found.size === size && found.leaf === leaf)) return null;
  // A head that moved since was moved by a commit, which compared it.
  if (state.head.size !== size) return null;
  const there = found.size === size ? found.leaf : await leafAt(index, name, size - 1);
  if (there === leaf) return null;
  const finding = frozenFinding(name, "entry_altered", head, { size, leaf: there });
  return { ...finding, first: size - 1 };
}
