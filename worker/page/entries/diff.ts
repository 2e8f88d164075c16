/** What changed between two values of JSON, member by member: for events whose details say `before` and `after`. */

export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export interface Change {
  /** Where, as names and numbers from the outside in. */
  readonly path: readonly string[];
  readonly kind: "added" | "removed" | "changed" | "same";
  /** `undefined`: not there. */
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** More than this nobody reads; the exact bytes hold the rest. */
const CHANGES_MAX = 500;

/** Members that are alike are told once, at the highest place where everything is. */
export function compareJson(before: Json | undefined, after: Json | undefined): Change[] {
  const changes: Change[] = [];
  walk([], before, after, changes);
  return changes;
}

function walk(
  path: readonly string[],
  a: Json | undefined,
  b: Json | undefined,
  out: Change[],
): void {
  if (out.length >= CHANGES_MAX) return;
  const [own, other] = [membersOf(a), membersOf(b)];
  if (own === null || other === null || Array.isArray(a) !== Array.isArray(b)) {
    const kind =
      a === undefined ? "added" : b === undefined ? "removed" : a === b ? "same" : "changed";
    out.push({ path, kind, before: a, after: b });
    return;
  }
  const names = new Set([...own.keys(), ...other.keys()]);
  if (names.size === 0) out.push({ path, kind: "same", before: a, after: b });
  for (const name of names) walk([...path, name], own.get(name), other.get(name), out);
}

/** By name, in order; null for what has none. */
function membersOf(value: Json | undefined): Map<string, Json> | null {
  if (typeof value !== "object" || value === null) return null;
  return new Map(Object.entries(value));
}

/** The pairs of an event that say what was and what is: `details.before` and `details.after`, at any one place in the details. */
export function pairsIn(
  details: Json | undefined,
): { readonly at: string; readonly changes: Change[] }[] {
  const found: { at: string; changes: Change[] }[] = [];
  const look = (at: string, value: Json | undefined, depth: number): void => {
    const members = Array.isArray(value) ? null : membersOf(value);
    if (members === null || depth > 4 || found.length > 20) return;
    if (members.has("before") && members.has("after")) {
      found.push({ at, changes: compareJson(members.get("before"), members.get("after")) });
      return;
    }
    for (const [name, inner] of members) look(at === "" ? name : `${at}.${name}`, inner, depth + 1);
  };
  look("", details, 0);
  return found;
}
