/**
 * Proposals from the rows that stand next to a place. To come to a place the inverted index passes over all that a term has before it,
 * 20 ns each: of a common term on a deep page more than the page costs. But then there are enough hits close by.
 */
import type { InStatement } from "@libsql/client/web";
import type { Filter } from "../log/filter.ts";
import type { Order, SeqRange } from "./find.ts";
import { LOG_SPAN } from "./schema.ts";
import { idOf, type SearchLog } from "./tables.ts";

/** Rows that are looked at, 1 ms. A term that has too few hits among them is passed over in a few milliseconds. */
const ROWS = 4_000;
/** Fewer entries before the place are passed over faster. */
export const FAR_ENTRIES = 100_000;

/** Null where the inverted index is as fast, or where the rows do not say. */
export function proposeNear(
  log: SearchLog,
  range: SeqRange,
  filter: Filter,
  order: Order,
  limit: number,
  farEntries: number,
): InStatement | null {
  const { action, actor, target, outcome, words } = filter;
  const to = Math.min(range.to, log.next);
  const passed = order === "asc" ? range.from : log.next - to;
  const isAsked = action !== null || actor !== null || target !== null || outcome !== null;
  if (passed < farEntries || !isAsked || words.length > 0) return null;
  const from = order === "asc" ? range.from : Math.max(range.from, to - ROWS);
  const end = order === "asc" ? Math.min(to, range.from + ROWS) : to;
  const args = [idOf(log, from), idOf(log, end), limit, action?.text ?? null];
  const conditions = ["id >= ?1", "id < ?2"];
  if (action !== null) {
    conditions.push(action.isPrefix ? "substr(action, 1, length(?4)) = ?4" : "action = ?4");
  }
  const equal = (text: string, condition: string): void => {
    args.push(text);
    conditions.push(condition.replaceAll("?", `?${args.length}`));
  };
  if (actor !== null) equal(actor, "actor = ?");
  if (outcome !== null) equal(outcome, "outcome = ?");
  if (target !== null) {
    equal(target, "(target = ? OR EXISTS (SELECT 1 FROM json_each(more) WHERE value = ?))");
  }
  const sql = `SELECT id % ${LOG_SPAN} AS seq, time FROM doc WHERE ${conditions.join(" AND ")} ORDER BY id ${order} LIMIT ?3`;
  return { sql, args };
}
