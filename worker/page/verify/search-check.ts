/**
 * Whether the answer of a search has every hit: its pages are asked for with their proof, the sealed batches are fetched, and every line of them
 * is held against the filter here. The same check as `npm run verify -- search`.
 */
import { checkAnswers, type AnswerReport } from "../../../storage/log/answer-check.ts";
import { readAnswer, type ProvenAnswer } from "../../../storage/log/answer-proof.ts";
import { decodeUtf8 } from "../../../storage/log/bytes.ts";
import { parseVkey } from "../../../storage/log/note.ts";
import type { Finding } from "../../../storage/log/findings.ts";
import { readJson } from "../../../storage/log/json.ts";
import { vkeysFor } from "./entry-check.ts";
import { gunzip } from "./gunzip.ts";
import { SourceError, type LogSource } from "./source.ts";
import type { Badge } from "./verdict.ts";

export interface SearchVerdict {
  readonly badge: Badge;
  readonly words: string;
  readonly findings: readonly Finding[];
}

export interface SearchQuestion {
  readonly log: string;
  /** The conditions as the API takes them. */
  readonly conditions: string;
  readonly vkeys: readonly string[];
}

export interface SearchSource extends Pick<LogSource, "log" | "object"> {
  /** A page of the search, as bytes of JSON. */
  search(query: string): Promise<Uint8Array>;
}

const PAGE_HITS = 1_000;
/** 100,000 hits are no longer looked at by a person: `npm run verify -- search` takes any number. */
const PAGES_MAX = 100;
/** Entries, which nest to 33 levels, are some levels down in an answer. */
const ANSWER_DEPTH_MAX = 64;

/** Throws SourceError where the server does not answer, LogError for pages that are no answer. */
export async function checkSearch(
  source: SearchSource,
  { conditions, vkeys }: SearchQuestion,
  onBatch: (done: number, of: number) => void,
): Promise<SearchVerdict> {
  const { receiptVkey, vkey } = await source.log();
  const trusted = vkeys.length > 0 ? vkeys : [vkey];
  const report = await checkAnswers(await pagesOf(source, conditions), {
    keysFor: (origin) => [...vkeysFor(origin, trusted).map(parseVkey), parseVkey(receiptVkey)],
    fetch: ({ first }) => source.object(first),
    gunzip,
    onBatch,
  });
  return verdictOf(report);
}

async function pagesOf(source: SearchSource, conditions: string): Promise<ProvenAnswer[]> {
  const pages: ProvenAnswer[] = [];
  const query = `${conditions}&fresh=true&prove=true&limit=${PAGE_HITS}`;
  let cursor = "";
  do {
    if (pages.length === PAGES_MAX) {
      throw new SourceError(
        "too_large",
        `more than ${PAGES_MAX * PAGE_HITS} hits: narrow the filter`,
      );
    }
    const answer = readJson(decodeUtf8(await source.search(query + cursor)), ANSWER_DEPTH_MAX);
    pages.push(readAnswer(answer));
    const { next_cursor: next } = answer as { readonly next_cursor: string | null };
    cursor = next === null ? "" : `&cursor=${encodeURIComponent(next)}`;
  } while (cursor !== "");
  return pages;
}

function verdictOf(report: AnswerReport): SearchVerdict {
  const { findings, hits, from, to, sealedTo, provenTo, lines } = report;
  const [finding] = findings;
  if (finding !== undefined) {
    const where = finding.first === null ? "" : ` at entry ${finding.first}`;
    const words = `${finding.code}${where}: expected ${finding.expected}, found ${finding.found}`;
    return { badge: "Does not match", words, findings };
  }
  const sealed = Math.min(sealedTo, provenTo);
  const words = [`${hits} hits, and no other among ${lines} lines that were looked at here`];
  if (sealed > from) words.push(`complete for the sealed entries ${from} to ${sealed - 1}`);
  if (provenTo > sealed) words.push(`promised, not sealed: up to ${provenTo - 1}`);
  if (provenTo < to) words.push(`not proven: ${provenTo} to ${to - 1}`);
  return {
    badge: sealed > from ? "Verified here" : "Not checked",
    words: words.join("; "),
    findings,
  };
}
