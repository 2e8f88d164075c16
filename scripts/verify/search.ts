/**
 * `npm run verify -- search FILE…`: whether the pages of a search, kept as they came with `prove=true`, have every hit that the sealed batches
 * hold. The batches are read from the vault, each is verified, and every line of them is held against the filter here.
 */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { keysOf } from "../../storage/flow/verify.ts";
import { nodeGzip } from "../../storage/gzip.ts";
import { webCryptoVerify } from "../../storage/keys.ts";
import { checkAnswers, type AnswerReport } from "../../storage/log/answer-check.ts";
import { readAnswer, type ProvenAnswer } from "../../storage/log/answer-proof.ts";
import { receiptKeyName } from "../../storage/log/checkpoint.ts";
import { LogError } from "../../storage/log/errors.ts";
import { formatFilter } from "../../storage/log/filter.ts";
import type { Json } from "../../storage/log/json.ts";
import type { VerifierKey } from "../../storage/log/note.ts";
import { FOLDER_VERSION } from "../../storage/vault/folder.ts";
import { dropped } from "./garbage.ts";
import { InputError } from "./keys.ts";
import { findingLines, grouped } from "./report.ts";
import { fastSha256 } from "./sha256.ts";
import type { Source } from "./source.ts";

export interface SearchAsked {
  /** Pages of one search. */
  readonly files: readonly string[];
  readonly keys: readonly VerifierKey[];
  readonly instanceOrigin: string;
  readonly json: boolean;
}

/** Gives the exit code: 0 nothing is left out, 1 there are findings. Throws `InputError` for what cannot be looked at. */
export async function verifySearch(asked: SearchAsked, source: Source): Promise<number> {
  const { files, keys, instanceOrigin, json } = asked;
  if (files.length === 0) throw new InputError("Which file? npm run verify -- search FILE…");
  const startMs = Date.now();
  const pages = await Promise.all(files.map(readPage));
  const report = await checked(() =>
    checkAnswers(pages, {
      keysFor: (origin) => [
        ...keysOf(keys, instanceOrigin, origin),
        ...keys.filter(({ name }) => name === receiptKeyName(origin)),
      ],
      // A folder has lost the versions' ids: there the SHA-256 alone says which one it is.
      fetch: ({ key, version_id }) =>
        source.vault.get(key, source.locks ? version_id : FOLDER_VERSION),
      gunzip: async (object, bytesMax) => {
        const inflated = await nodeGzip.gunzip(object, bytesMax);
        dropped(object.length + inflated.length);
        return inflated;
      },
      verify: webCryptoVerify(),
      sha256: fastSha256,
    }),
  );
  const seconds = Math.max(0.001, (Date.now() - startMs) / 1000);
  const shown = {
    what: files.map((file) => basename(file)).join(", "),
    where: source.what,
    seconds,
  };
  process.stdout.write(`${json ? formatJson(report, shown) : formatText(report, shown)}\n`);
  return report.findings.length === 0 ? 0 : 1;
}

async function readPage(file: string): Promise<ProvenAnswer> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new InputError(`${file} cannot be read (${error.code}).`);
  });
  try {
    return readAnswer(JSON.parse(text) as Json);
  } catch (error) {
    throw new InputError(`${file}: ${(error as Error).message}`);
  }
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
  const { log, filter, hits, batches, lines: looked, findings } = report;
  const lines = [
    `Verified: ${what}, with ${where}`,
    `  log        ${log}`,
    `  asked for  ${formatFilter(filter)}`,
    `  hits       ${grouped(hits)} are right`,
    `  looked at  ${grouped(looked)} entries in ${grouped(batches)} sealed batches and behind them`,
    "",
  ];
  for (const finding of findings) lines.push(...findingLines(finding), "");
  const took = `${seconds.toFixed(1)} s, ${grouped(Math.round(looked / seconds))} entries/s`;
  if (findings.length > 0) return [...lines, `${findings.length} finding(s). (${took})`].join("\n");
  return [...lines, ...meaningOf(report), `It holds. (${took})`].join("\n");
}

function formatJson(report: AnswerReport, { what, where, seconds }: Shown): string {
  const { filter, sealedTo, provenTo, findings, ...rest } = report;
  const holds = findings.length === 0;
  const summary = {
    ...rest,
    filter: formatFilter(filter),
    sealed_to: sealedTo,
    proven_to: provenTo,
  };
  const meaning = holds ? { meaning: meaningOf(report) } : {};
  return JSON.stringify({ holds, what, where, ...summary, ...meaning, findings, seconds }, null, 2);
}
