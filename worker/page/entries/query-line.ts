/**
 * A filter as people type it, on one line: `action:role.* actor:ada since:2026-11-01 paid twice`. Names that the API knows, a colon, a
 * value (in quotes where it holds blanks); all other words are looked for in the text.
 */

/** Names of the API's conditions, in the order in which they are written. */
export const NAMES = ["action", "actor", "target", "outcome", "since", "until"] as const;

export type Conditions = Readonly<Record<string, string | null>>;

/** One word: a name with a value, quoted or not, or a plain word, quoted or not. */
const TOKEN = /(?:([a-z]+):)?(?:"((?:[^"\\]|\\.)*)"?|(\S+))/gu;

/** The conditions of a line, by name; `q` holds the plain words. What is not said is null, so that the line is the whole filter. */
export function parseLine(line: string): Conditions {
  const found: Record<string, string | null> = Object.fromEntries(
    [...NAMES, "q"].map((name) => [name, null]),
  );
  const words: string[] = [];
  for (const [whole, name, quoted, plain] of line.matchAll(TOKEN)) {
    const value = quoted === undefined ? (plain ?? "") : quoted.replace(/\\(.)/gu, "$1");
    const known = NAMES.find((one) => one === name);
    if (known !== undefined && value !== "") found[known] = wholeTime(known, value);
    else words.push(name === undefined ? value : whole);
  }
  const q = words.join(" ").trim();
  return { ...found, q: q === "" ? null : q };
}

/** A day is its midnight in UTC, a minute its first second: RFC 3339 wants all of it. */
function wholeTime(name: string, value: string): string {
  if (name !== "since" && name !== "until") return value;
  if (/^\d{4}-\d\d-\d\d$/.test(value)) return `${value}T00:00:00Z`;
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(value)) return `${value}:00Z`;
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$/.test(value)) return `${value}Z`;
  return value;
}

/** The line of conditions; `parseLine` gives them back. */
export function formatLine(get: (name: string) => string | null): string {
  const parts = NAMES.flatMap((name) => {
    const value = get(name);
    return value === null || value === "" ? [] : [`${name}:${quote(value)}`];
  });
  return [...parts, get("q") ?? ""].filter((part) => part !== "").join(" ");
}

function quote(value: string): string {
  return /[\s"]/u.test(value) ? `"${value.replace(/["\\]/gu, "\\$&")}"` : value;
}
