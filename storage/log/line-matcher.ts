/** Whether a line is asked for, for many lines: most that are not show it without being taken apart. */
import { isEverything, matchesLine, type Filter } from "./filter.ts";
import { encodeString } from "./json.ts";

/** For lines in canonical form, in which each condition stands as it is written here; the same answer as `matchesLine`. */
export function lineMatcher(filter: Filter): (line: string) => boolean {
  if (isEverything(filter)) return () => true;
  const { action, actor, target, outcome } = filter;
  const needles: string[] = [];
  if (action !== null) {
    const text = encodeString(action.text);
    needles.push(`"action":${action.isPrefix ? text.slice(0, -1) : text}`);
  }
  for (const id of [actor, target]) if (id !== null) needles.push(`"id":${encodeString(id)}`);
  if (outcome !== null) needles.push(`"outcome":"${outcome}"`);
  return (line) => needles.every((needle) => line.includes(needle)) && matchesLine(filter, line);
}
