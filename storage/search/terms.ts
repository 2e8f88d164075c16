/**
 * The terms of the inverted index: `<letter><log number>_<value>`, in which every character but a-z and 0-9 stands as its code point in
 * hex between underscores. So a term is one token to SQLite's tokenizer, whatever it stands for, no two values share one,
 * and the terms of one log and kind lie side by side.
 */
import type { Filter } from "../log/filter.ts";

/** What has a term, and the number under which its values are counted; words are only looked for. */
export const FIELDS = ["action", "actor", "target", "outcome"] as const;
export type Field = (typeof FIELDS)[number];

const LETTERS: Readonly<Record<Field | "word", string>> = {
  ...{ action: "a", actor: "u", target: "t", outcome: "o", word: "w" },
};

export function formatTerm(kind: Field | "word", logNumber: number, value: string): string {
  return prefixOf(kind, logNumber) + escapeValue(value);
}

/** What all terms of a log and kind begin with. */
export function prefixOf(kind: Field | "word", logNumber: number): string {
  return `${LETTERS[kind]}${logNumber}_`;
}

/** The value of a term that begins with `prefix`. */
export function valueOfTerm(term: string, prefix: string): string {
  return term
    .slice(prefix.length)
    .replace(/_([0-9a-f]{1,6})_/g, (_, hex: string) => String.fromCodePoint(parseInt(hex, 16)));
}

function escapeValue(value: string): string {
  return value.replace(/[^a-z0-9]/gu, (char) => `_${char.codePointAt(0)!.toString(16)}_`);
}

/**
 * The query (FTS5) for entries of a log that meet the filter but for its times; null where it asks for nothing else. `actions`: all
 * actions that begin as the filter says, where they are known to be few; merging their entries as they are read is
 * cheaper than gathering those of a prefix first.
 */
export function formatMatch(
  filter: Filter,
  logNumber: number,
  actions: readonly string[] = [],
): string | null {
  const { action, actor, target, outcome, words } = filter;
  const terms: string[] = [];
  if (actor !== null) terms.push(formatTerm("actor", logNumber, actor));
  if (target !== null) terms.push(formatTerm("target", logNumber, target));
  for (const word of words) terms.push(formatTerm("word", logNumber, word));
  if (outcome !== null) terms.push(formatTerm("outcome", logNumber, outcome));
  if (action !== null && actions.length > 0) {
    terms.push(`(${actions.map((known) => formatTerm("action", logNumber, known)).join(" OR ")})`);
  } else if (action !== null) {
    terms.push(formatTerm("action", logNumber, action.text) + (action.isPrefix ? "*" : ""));
  }
  return terms.length === 0 ? null : terms.join(" AND ");
}
