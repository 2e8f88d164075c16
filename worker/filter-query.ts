/** The filter that a query asks for (`storage/log/filter.ts`). */
import { FILTER_NAMES, FilterError, parseFilter, type Filter } from "../storage/log/filter.ts";
import { wrong, type Query } from "./query.ts";

/** Throws `invalid_request` with the parameter's name. */
export function filterOf(query: Query): Filter {
  try {
    return parseFilter((name) => query.text(name));
  } catch (error) {
    if (error instanceof FilterError) throw wrong(error.parameter, error.detail);
    throw error;
  }
}

/** The conditions as they were given, by name. */
export function givenFilter(query: Query): Record<string, string> {
  const given: Record<string, string> = {};
  for (const name of FILTER_NAMES) {
    const text = query.text(name);
    if (text !== null) given[name] = text;
  }
  return given;
}

/** True where the query names a condition. */
export function hasFilter(query: Query): boolean {
  return FILTER_NAMES.some((name) => query.has(name));
}
