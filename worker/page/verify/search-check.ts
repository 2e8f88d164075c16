/**
 * Whether the answer of a search has every hit: its pages are asked for with their proof, the sealed batches are fetched, and every line of them
 * is held against the filter here. The same check as `npm run verify -- search`.
 */
import { AnswerCheck, type AnswerReport } from "../../../storage/log/answer-check.ts";
import { readAnswer, type ProvenAnswer } from "../../../storage/log/answer-proof.ts";
import { batchesOf } from "../../../storage/log/batch-read.ts";
import { decodeUtf8 } from "../../../storage/log/bytes.ts";
import { parseFilter } from "../../../storage/log/filter.ts";
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
/** Entries, which nest to 33 levels, are some levels down in an answer. */
const ANSWER_DEPTH_MAX = 64;

/** What the server says where it cannot give a batch: then it is missing. */
const NOT_THERE = ["seal_unknown", "batch_missing", "batch_unreadable", "batch_altered"];

/** Throws SourceError where the server does not answer, LogError for pages that are no answer. */
export async function checkSearch(
  source: SearchSource,
  { log, conditions, vkeys }: SearchQuestion,
): Promise<SearchVerdict> {
  const { receiptVkey, vkey } = await source.log();
  const trusted = vkeys.length > 0 ? vkeys : [vkey];
  const keysFor = (origin: string) => [
    ...vkeysFor(origin, trusted).map(parseVkey),
    parseVkey(receiptVkey),
  ];
  const fetch = (first: number) =>
    source.object(first).catch((error: unknown) => {
      if (error instanceof SourceError && NOT_THERE.includes(error.code)) return null;
      throw error;
    });
  let batches: ReturnType<typeof batchesOf> | null = null;
  const given = new URLSearchParams(conditions);
  const filter = parseFilter((name) => given.get(name));
  const check = new AnswerCheck({
    asked: { log, filter, order: "asc", from: null, sealedSize: 0 },
    keysFor,
    batches: (name, origin) =>
      (batches ??= batchesOf({ log: name, origin, keys: keysFor(origin), fetch, gunzip })),
  });
  for await (const page of pagesOf(source, conditions)) await check.page(page);
  return verdictOf(check.finish());
}

/** Oldest first: so what was read for one page is where the next one begins. */
async function* pagesOf(source: SearchSource, conditions: string): AsyncGenerator<ProvenAnswer> {
  const query = `${conditions}&order=asc&prove=true&limit=${PAGE_HITS}`;
  let cursor = "";
  for (;;) {
    const bytes = await source.search(query + cursor);
    const page = readAnswer(readJson(decodeUtf8(bytes), ANSWER_DEPTH_MAX));
    yield page;
    if (page.next_cursor === null) return;
    cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`;
  }
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
