/**
 * Whether the page of a search speaks of all that it should: it begins where the request or the page before says, the last one ends where the search
 * does, and the search has looked at everything that was sealed. A page that is silent about entries is told of here, not only one that lies.
 */
import type { ProvenAnswer } from "./answer-proof.ts";
import { logFinding, type LogFinding } from "./log-findings.ts";

/** `sealedSize`: of the checkpoint that came with the page, 0 where there is none that holds. */
export function answerRange(
  { proof, next_cursor, searched_to: searchedTo }: ProvenAnswer,
  sealedSize: number,
): LogFinding[] {
  const { log, order, from, to, sealed_to: sealedTo } = proof;
  const findings: LogFinding[] = [];
  const missing = (first: number, end: number, expected: string, found: string): void => {
    if (first >= end) return;
    findings.push(logFinding("entry_missing", { log, first, last: end - 1 }, expected, found));
  };
  missing(searchedTo, sealedSize, "a search of all that was sealed", `one up to ${searchedTo}`);
  const counted = Math.min(to, sealedSize);
  missing(sealedTo, counted, "a proof by their sealed batches", `one up to ${sealedTo}`);
  const { begin, end } = wanted(proof, searchedTo);
  const isLast = next_cursor === null;
  if (order === "asc" || isLast) missing(begin, from, `a page from ${begin} on`, `from ${from}`);
  if (order === "desc" || isLast) missing(to, end, `a page up to ${end - 1}`, `up to ${to - 1}`);
  missing(end, to, `a search up to ${end - 1}`, `a page that says up to ${to - 1}`);
  return findings;
}

/** Where this page begins and the search ends, in the order of seqs. */
function wanted(
  { order, asked_from: askedFrom, after }: ProvenAnswer["proof"],
  searchedTo: number,
): { readonly begin: number; readonly end: number } {
  if (order === "asc") {
    const begin = after === null ? (askedFrom ?? 0) : after + 1;
    return { begin: Math.min(begin, searchedTo), end: searchedTo };
  }
  const top = askedFrom === null ? searchedTo : askedFrom + 1;
  return { begin: 0, end: Math.min(searchedTo, after ?? top) };
}
