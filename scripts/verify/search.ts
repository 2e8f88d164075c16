/**
 * `npm run verify -- search URL`, or `search FILE…`: whether a search, asked for here or kept as its pages came with `prove=true`, has every hit
 * that the sealed batches hold. The batches are read from the vault or from the instance, each is verified, and every line of them is held
 * against the filter here.
 */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { Remembered, type KeptCheckpoint } from "../../storage/flow/remembered.ts";
import { keysOf } from "../../storage/flow/verify.ts";
import { webCryptoVerify } from "../../storage/keys.ts";
import { AnswerCheck, type AnswerReport, type Asked } from "../../storage/log/answer-check.ts";
import { readAnswer, type ProvenAnswer } from "../../storage/log/answer-proof.ts";
import type { BatchesFrom } from "../../storage/log/batch-scan.ts";
import { decodeUtf8 } from "../../storage/log/bytes.ts";
import { receiptKeyName } from "../../storage/log/checkpoint.ts";
import { LogError } from "../../storage/log/errors.ts";
import { formatFilter } from "../../storage/log/filter.ts";
import { readJson } from "../../storage/log/json.ts";
import type { VerifierKey } from "../../storage/log/note.ts";
import { sealedBatches } from "./batches.ts";
import { InputError } from "./keys.ts";
import { findingLines, grouped } from "./report.ts";
import { fastSha256 } from "./sha256.ts";
import type { Source } from "./source.ts";

export interface SearchAsked {
  /** For people: the files, or the address. */
  readonly what: string;
  readonly pages: AsyncIterable<ProvenAnswer>;
  /** Null: pages that somebody kept, of which nobody knows here what was asked for. */
  readonly asked: Asked | null;
  readonly keys: readonly VerifierKey[];
  readonly instanceOrigin: string;
  /** Checkpoints that somebody kept. */
  readonly kept: readonly KeptCheckpoint[];
  readonly json: boolean;
}

/** Gives the exit code: 0 nothing is left out, 1 there are findings. Throws `InputError` for what cannot be looked at. */
export async function verifySearch(given: SearchAsked, source: Source): Promise<number> {
  const { keys, instanceOrigin, json, what } = given;
  const startMs = Date.now();
  const keysFor = (origin: string) => [
    ...keysOf(keys, instanceOrigin, origin),
    ...keys.filter(({ name }) => name === receiptKeyName(origin)),
  ];
  let batches: BatchesFrom | null = null;
  let remembered: Remembered | null = null;
  const check = new AnswerCheck({
    keysFor,
    batches: (log, origin) => {
      const { vault } = source;
      return (batches ??= sealedBatches({ vault, log, origin, keys: keysFor(origin) }));
    },
    verify: webCryptoVerify(),
    sha256: fastSha256,
    onBatch: (batch) => {
      const { log, origin } = batch.header;
      const own = given.kept.filter((kept) => kept.origin === origin);
      return (remembered ??= new Remembered(log, own)).inBatch(batch, fastSha256);
    },
    ...(given.asked === null ? {} : { asked: given.asked }),
  });
  const report = await checked(async () => {
    for await (const page of given.pages) await check.page(page);
    return check.finish();
  });
  const seconds = Math.max(0.001, (Date.now() - startMs) / 1000);
  const shown = { what, where: source.what, seconds };
  process.stdout.write(`${json ? formatJson(report, shown) : formatText(report, shown)}\n`);
  return report.findings.length === 0 ? 0 : 1;
}

/** Entries, which nest to 33 levels, are some levels down in an answer. */
const ANSWER_DEPTH_MAX = 64;

/** Throws `InputError` naming where it came from. */
export function parseAnswer(text: Uint8Array, from: string): ProvenAnswer {
  try {
    return readAnswer(readJson(decodeUtf8(text), ANSWER_DEPTH_MAX));
  } catch (error) {
    throw new InputError(`${from}: ${(error as Error).message}`);
  }
}

/** Kept pages, one file in memory at a time, in the order of the entries that they speak of. */
export async function* pagesIn(files: readonly string[]): AsyncGenerator<ProvenAnswer> {
  if (files.length === 0) throw new InputError("Which file? npm run verify -- search URL | FILE…");
  const begins: { readonly file: string; readonly from: number }[] = [];
  for (const file of files) {
    const { proof } = await readPage(file);
    begins.push({ file, from: proof.from });
  }
  for (const { file } of begins.sort((a, b) => a.from - b.from)) yield await readPage(file);
}

export const namesOf = (files: readonly string[]): string =>
  files.map((file) => basename(file)).join(", ");

async function readPage(file: string): Promise<ProvenAnswer> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new InputError(`${file} cannot be read (${error.code}).`);
  });
  return parseAnswer(bytes, file);
}

async function checked(check: () => Promise<AnswerReport>): Promise<AnswerReport> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof LogError) throw new InputError(error.message);
    throw error;
  }
}

interface Shown {
  readonly what: string;
  readonly where: string;
  readonly seconds: number;
}

/** What follows where there are no findings. */
function meaningOf({ log, from, to, sealedTo, provenTo }: AnswerReport): string[] {
  const sentences: string[] = [];
  const sealed = Math.min(sealedTo, provenTo);
  if (sealed > from) {
    const entries = `entries ${from} to ${sealed - 1} of ${log}`;
    sentences.push(`Complete: no hit among ${entries}, which are sealed, is left out.`);
  }
  if (provenTo > sealedTo) {
    const entries = `entries ${Math.max(from, sealedTo)} to ${provenTo - 1}`;
    sentences.push(
      `The same of ${entries}, which were not sealed, as far as the receipt key's promise goes.`,
    );
  }
  if (provenTo < to) {
    sentences.push(
      `Not proven: entries ${provenTo} to ${to - 1}. Search again once they are sealed.`,
    );
  }
  sentences.push(`Not spoken of: entries before ${from} and from ${to} on.`);
  return sentences;
}

function formatText(report: AnswerReport, { what, where, seconds }: Shown): string {
  const { log, filter, order, pages, hits, batches, lines: looked, findings } = report;
  const lines = [
    `Verified: ${what}, with ${where}`,
    `  log        ${log}`,
    `  asked for  ${formatFilter(filter)}, ${order}, ${grouped(pages)} page(s)`,
    `  hits       ${grouped(hits)} are right`,
    `  looked at  ${grouped(looked)} entries in ${grouped(batches)} sealed batches and behind them`,
    "",
  ];
  for (const finding of findings) lines.push(...findingLines(finding), "");
  const took = `${seconds.toFixed(1)} s, ${grouped(Math.round(looked / seconds))} entries/s`;
  if (findings.length > 0) {
    const count = findings.length + report.moreFindings;
    return [...lines, `${grouped(count)} finding(s). (${took})`].join("\n");
  }
  return [...lines, ...meaningOf(report), `It holds. (${took})`].join("\n");
}

function formatJson(report: AnswerReport, { what, where, seconds }: Shown): string {
  const { filter, sealedTo, provenTo, checkpointSize, findings, moreFindings, ...rest } = report;
  const holds = findings.length === 0;
  const summary = {
    ...rest,
    filter: formatFilter(filter),
    sealed_to: sealedTo,
    proven_to: provenTo,
    checkpoint_size: checkpointSize,
  };
  const meaning = holds ? { meaning: meaningOf(report) } : {};
  const memory_max_bytes = process.resourceUsage().maxRSS * 1024;
  const found = { findings, more_findings: moreFindings, seconds, memory_max_bytes };
  return JSON.stringify({ holds, what, where, ...summary, ...meaning, ...found }, null, 2);
}
