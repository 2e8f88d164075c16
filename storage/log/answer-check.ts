/**
 * Whether the answer of a search has every hit (`answer-proof.ts`), seen by whoever asked: the sealed batches are read and verified, and every
 * line of them is held against the filter here. What the answer lacks, and what does not belong into it, is named. Of what is not
 * sealed yet the lines stand in the answer, under the promise of the receipt key. A page is in memory at a time, so a search may have any number.
 */
import type { AnswerProof, ProvenAnswer } from "./answer-proof.ts";
import { FINDINGS_KEPT_MAX, PageCheck, type PageOptions } from "./answer-page.ts";
import { LogError } from "./errors.ts";
import { formatFilter, readFilter, type Filter } from "./filter.ts";
import { logFinding, type LogFinding } from "./log-findings.ts";

export interface AnswerCheckOptions extends PageOptions {
  /** What was asked for, where that is known: an answer to anything else is a finding. */
  readonly asked?: Asked;
}

export interface Asked {
  readonly log: string;
  readonly filter: Filter;
  readonly order: "asc" | "desc";
  /** The `from` of the request. */
  readonly from: number | null;
  /** So many entries are known to be sealed: an answer that knows of fewer is an old one. */
  readonly sealedSize: number;
}

export interface AnswerReport {
  readonly log: string;
  readonly filter: Filter;
  readonly order: "asc" | "desc";
  /** What the pages together speak of. */
  readonly from: number;
  readonly to: number;
  /** Entries before this one were sealed when the answer was given. */
  readonly sealedTo: number;
  /** Those before this one were looked through: beyond `sealedTo` under the receipt key's promise. Behind it nothing is proven. */
  readonly provenTo: number;
  /** Size of the largest sealed checkpoint that came with the pages; 0 where none did. */
  readonly checkpointSize: number;
  readonly pages: number;
  /** Hits that are in the answer and right. */
  readonly hits: number;
  /** Batches read: those at the borders of pages more than once. */
  readonly batches: number;
  readonly lines: number;
  readonly findings: readonly LogFinding[];
  /** Findings beyond those that were kept. */
  readonly moreFindings: number;
}

interface Range {
  readonly from: number;
  readonly to: number;
}

export class AnswerCheck {
  readonly #options: AnswerCheckOptions;
  #first: { readonly proof: AnswerProof; readonly filter: Filter } | null = null;
  /** What the pages speak of, without those that join. */
  #ranges: Range[] = [];
  #sealedTo = 0;
  #unprovenFrom = Number.POSITIVE_INFINITY;
  #checkpointSize = 0;
  #pages = 0;
  #hits = 0;
  #batches = 0;
  #lines = 0;
  readonly #findings: LogFinding[] = [];
  #moreFindings = 0;
  /** Leaves at the ends of the page before, by seq: another page that reads these entries, too, has to find the same. */
  #seen = new Map<number, string>();

  constructor(options: AnswerCheckOptions) {
    this.#options = options;
  }

  /** Takes a page of the search, in any order. Throws `invalid_answer` for one of another search; what does not hold is a finding. */
  async page(answer: ProvenAnswer): Promise<void> {
    const { proof } = answer;
    const filter = readFilter(proof.filter, "invalid_answer");
    const first = (this.#first ??= { proof, filter });
    for (const name of ["log", "origin", "order"] as const) {
      if (proof[name] !== first.proof[name]) throw severalSearches();
    }
    if (formatFilter(filter) !== formatFilter(first.filter)) throw severalSearches();
    this.#keep(this.#otherThanAsked(answer, filter));
    const check = new PageCheck(answer, filter, this.#options, this.#seen);
    const { provenTo, hits, checkpointSize } = await check.run();
    const { batches, lines } = check.scan;
    this.#seen = check.ends;
    this.#pages++;
    this.#hits += hits;
    this.#batches += batches;
    this.#lines += lines;
    this.#sealedTo = Math.max(this.#sealedTo, proof.sealed_to);
    this.#checkpointSize = Math.max(this.#checkpointSize, checkpointSize);
    this.#keep(this.#olderThanKnown(checkpointSize));
    if (provenTo < proof.to) this.#unprovenFrom = Math.min(this.#unprovenFrom, provenTo);
    this.#keep(check.findings);
    this.#moreFindings += check.moreFindings;
    this.#join(proof);
  }

  /** Throws `invalid_answer` where there was no page. */
  finish(): AnswerReport {
    if (this.#first === null) throw bad("no answer");
    const { proof, filter } = this.#first;
    const ranges = this.#ranges;
    const { to } = ranges.at(-1)!;
    for (const [at, { to: end }] of ranges.slice(0, -1).entries()) {
      const place = { log: proof.log, first: end, last: ranges[at + 1]!.from - 1 };
      this.#keep([logFinding("entry_missing", place, "a page of these entries, too", "none")]);
    }
    return {
      ...{ log: proof.log, filter, order: proof.order, from: ranges[0]!.from, to },
      ...{ sealedTo: this.#sealedTo, provenTo: Math.min(to, this.#unprovenFrom) },
      ...{ checkpointSize: this.#checkpointSize, pages: this.#pages, hits: this.#hits },
      ...{ batches: this.#batches, lines: this.#lines },
      ...{ findings: this.#findings, moreFindings: this.#moreFindings },
    };
  }

  #otherThanAsked({ proof }: ProvenAnswer, filter: Filter): LogFinding[] {
    const { asked } = this.#options;
    if (asked === undefined) return [];
    const expected = questionOf(asked.log, asked.filter, asked.order, asked.from);
    // A later page is asked for by its cursor, which says where to go on.
    const from = this.#pages === 0 ? proof.asked_from : asked.from;
    const found = questionOf(proof.log, filter, proof.order, from);
    const isFirst = this.#pages > 0 || proof.after === null;
    if (found === expected && isFirst) return [];
    const place = { log: asked.log };
    return [logFinding("entry_altered", place, `the answer to: ${expected}`, `one to: ${found}`)];
  }

  #olderThanKnown(size: number): LogFinding[] {
    const known = this.#options.asked?.sealedSize ?? 0;
    if (size >= known) return [];
    const place = { log: this.#options.asked!.log, first: size, last: known - 1 };
    const expected = `an answer that knows of ${known} sealed entries`;
    return [logFinding("entry_missing", place, expected, `one that knows of ${size}`)];
  }

  #keep(findings: readonly LogFinding[]): void {
    const room = FINDINGS_KEPT_MAX - this.#findings.length;
    this.#findings.push(...findings.slice(0, room));
    this.#moreFindings += Math.max(0, findings.length - room);
  }

  #join({ from, to }: Range): void {
    const sorted = [...this.#ranges, { from, to }].sort((a, b) => a.from - b.from || a.to - b.to);
    const joined: Range[] = [];
    for (const range of sorted) {
      const last = joined.at(-1);
      if (last === undefined || range.from > last.to) joined.push(range);
      else joined[joined.length - 1] = { from: last.from, to: Math.max(last.to, range.to) };
    }
    this.#ranges = joined;
  }
}

function questionOf(log: string, filter: Filter, order: string, from: number | null): string {
  return `${formatFilter(filter)} in ${log}, ${order}${from === null ? "" : ` from ${from}`}`;
}

function severalSearches(): LogError {
  return bad("pages of several searches: check each by itself");
}

function bad(detail: string): LogError {
  return new LogError("invalid_answer", detail);
}
