/** The query for a filter, with what the tables know of the actions that it may mean. */
import type { Filter } from "../log/filter.ts";
import type { Connection } from "../index/connection.ts";
import { textOf } from "../index/row.ts";
import type { SearchLog } from "./tables.ts";
import { FIELDS, formatMatch } from "./terms.ts";

/** More actions than this are asked for by their prefix. */
const ACTIONS_MAX = 64;

const ACTIONS = `SELECT value FROM tally WHERE log = ?1 AND field = ${FIELDS.indexOf("action")}
  AND value >= ?2 AND substr(value, 1, length(?2)) = ?2 AND value < ?2 || char(1114111) LIMIT ${ACTIONS_MAX + 1}`;

/** As `formatMatch`. Throws IndexError. */
export async function matchOf(
  connection: Connection,
  log: SearchLog,
  filter: Filter,
): Promise<string | null> {
  const { action } = filter;
  if (action?.isPrefix !== true || log.untallied.includes("action")) {
    return formatMatch(filter, log.number);
  }
  const args = [log.number, action.text];
  const { rows } = await connection.read(() => connection.client.execute({ sql: ACTIONS, args }));
  const actions = rows.length > ACTIONS_MAX ? [] : rows.map((row) => textOf(row, "value"));
  return formatMatch(filter, log.number, actions);
}
