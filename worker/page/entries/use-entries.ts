/**
 * A page of entries for what the address asks for, and with Live what came after it: new rows wait until somebody wants them, so
 * a reader's place never moves.
 */
import { useEffect, useState } from "preact/hooks";
import type { EntriesPage, EntryItem, SealItem, SealsPage } from "../state/answers.ts";
import { getJson, logPath, type ApiProblem } from "../state/api.ts";
import { useJson, type Loaded } from "../state/load.ts";
import { query } from "../state/place.ts";
import { may } from "../state/session.ts";
import { filterQuery, hasFilter } from "./search-box.tsx";

export const PAGE_ROWS = 100;
/** Each look is a read that is put on record, so it is not a second's. */
const LIVE_MS = 2_000;

export interface Live {
  readonly isOn: boolean;
  readonly toggle: () => void;
  /** New entries that wait; `PAGE_ROWS` stands for that many or more. */
  readonly waiting: readonly EntryItem[];
  /** Shows them. */
  readonly take: () => void;
}

export interface EntriesShown {
  readonly page: Loaded<EntriesPage>;
  readonly items: readonly EntryItem[];
  readonly live: Live;
  /** The page does not begin with the first entry, because another one is or was open. */
  readonly isAnchored: boolean;
  readonly toTop: () => void;
}

/** `anchor`: the page begins at this entry, so that one that is open stands among its neighbours. */
export function pathOfPage(log: string, anchor: number | null = null): string {
  const wanted = filterQuery();
  wanted.set("limit", String(PAGE_ROWS));
  const order = query.value.get("order");
  if (order === "asc") wanted.set("order", order);
  const cursor = query.value.get("cursor");
  // A cursor knows the filter and the order that it belongs to, and some servers want to hear the filter again.
  if (cursor !== null) {
    wanted.set("cursor", cursor);
    wanted.delete("order");
  }
  if (anchor !== null && cursor === null && order !== "asc" && !hasFilter()) {
    wanted.set("from", String(anchor));
  }
  return `${logPath(log)}/entries?${wanted.toString()}`;
}

/** Rows above the open entry, where the page is begun around it. */
const ROWS_ABOVE = 10;

export function useEntries(log: string, open: number | null): EntriesShown {
  const [anchor, setAnchor] = useState<number | null>(open === null ? null : open + ROWS_ABOVE);
  const path = pathOfPage(log, anchor);
  const page = useJson<EntriesPage>(path);
  const [isOn, setOn] = useState(false);
  const [fresh, setFresh] = useState<{
    key: string;
    newer: readonly EntryItem[];
    taken: readonly EntryItem[];
  }>({
    ...{ key: path, newer: [], taken: [] },
  });
  const own = fresh.key === path ? fresh : { key: path, newer: [], taken: [] };
  const isTop = anchor === null && !query.value.has("cursor") && query.value.get("order") !== "asc";
  const items = [...own.taken, ...(page.value?.entries ?? [])];
  const newest = items[0]?.seq ?? -1;
  useEffect(() => {
    if (!isOn || !isTop || page.value === null) return;
    const aborting = new AbortController();
    const look = async (): Promise<void> => {
      if (document.hidden) return;
      const found = await getJson<EntriesPage>(path, aborting.signal);
      const newer = found.entries.filter(({ seq }) => seq > newest);
      setFresh((old) => ({ key: path, newer, taken: old.key === path ? old.taken : [] }));
    };
    const quietly = () => void look().catch(() => {});
    quietly();
    const timer = setInterval(quietly, LIVE_MS);
    return () => {
      clearInterval(timer);
      aborting.abort();
    };
  }, [isOn, isTop, path, newest, page.value === null]);
  const take = () => {
    // More than a page came meanwhile: there would be a hole between, so the page is loaded anew.
    if (own.newer.length >= PAGE_ROWS) {
      setFresh({ key: path, newer: [], taken: [] });
      page.reload();
    } else setFresh({ key: path, newer: [], taken: [...own.newer, ...own.taken] });
  };
  const live = { isOn: isOn && isTop, toggle: () => setOn(!isOn), waiting: own.newer, take };
  // j and k lead over the page's edge: then the page follows.
  const isOut = open !== null && page.value !== null && !items.some(({ seq }) => seq === open);
  useEffect(() => {
    if (isOut && !page.isLoading) setAnchor(open + ROWS_ABOVE);
  }, [isOut, open, page.isLoading]);
  return { page, items, live, isAnchored: anchor !== null, toTop: () => setAnchor(null) };
}

/** The seals around the entries that are shown; none where one may not see them. */
export function useSeals(log: string, items: readonly EntryItem[]): readonly SealItem[] {
  const sealed = items.filter((item) => item.sealed).map(({ seq }) => seq);
  const isAuditor = may(log, "auditor");
  const last = isAuditor && sealed.length > 0 ? Math.max(...sealed) : null;
  const path = `${logPath(log)}/seals?order=desc&from=${last}&limit=${PAGE_ROWS}`;
  const { value } = useJson<SealsPage>(last === null ? null : path);
  return value?.seals ?? [];
}

/** Whether the refusal is about the search itself. */
export function isBadSearch(problem: ApiProblem): boolean {
  return problem.code === "invalid_request";
}
