/** Which rows this browser has checked: what they show was hashed, and has the leaf that a whole check of this visit computed. */
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Verified } from "../parts/badge.tsx";
import type { EntryItem } from "../state/answers.ts";
import { proven, provenLeaves, verifyRows } from "../state/verifier.ts";
import type { Leaves } from "../verify/rows.ts";

export type RowBadges = Pick<ReadonlyMap<EntryItem, Verified | null>, "get">;

/** Nothing for a row that was not checked, or that is not among those whose check held. */
export function useRowBadges(log: string, items: readonly EntryItem[]): RowBadges {
  const known = provenLeaves.value.get(log);
  const holds = proven.value.get(log)?.badge === "Verified here";
  const badges = useMemo(() => new WeakMap<EntryItem, Verified | null>(), [known]);
  const [, setTurn] = useState(0);
  useEffect(() => {
    const open = items.flatMap((item) => {
      const leaf = known && !badges.has(item) ? leafAt(known, item.seq) : null;
      return leaf === null ? [] : [{ item, leaf }];
    });
    if (open.length === 0) return;
    for (const { item } of open) badges.set(item, null);
    const rows = open.map(({ item, leaf }) => ({ json: JSON.stringify(item.entry), leaf }));
    void verifyRows(rows).then((same) => {
      for (const [i, { item }] of open.entries()) {
        badges.set(item, same[i] !== true ? "wrong" : holds ? "here" : null);
      }
      setTurn((old) => old + 1);
    });
  });
  return badges;
}

function leafAt(known: readonly Leaves[], seq: number): Uint8Array | null {
  const part = known.find(({ first, count }) => seq >= first && seq < first + count);
  if (part === undefined) return null;
  const { first, count, leaves } = part;
  const size = leaves.length / count;
  return leaves.slice((seq - first) * size, (seq - first + 1) * size);
}
