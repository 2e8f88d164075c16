/**
 * `GET /v1/logs/{log}/export`: what a filter asks for, to be taken home, as evidence (jsonl) or for other programs (csv, ocsf). It is
 * of the sealed part of a log: receipts lead to a checkpoint of the log key, which is that of the first seal that
 * reaches `to`. So the same request gives the same bytes, and one that broke off goes on with `from` and the same `to`.
 */
import { csvBegin, csvEnd, csvRow } from "../../storage/export/csv.ts";
import { exportedEntry } from "../../storage/export/entry.ts";
import { ocsfEndLine, ocsfLine } from "../../storage/export/ocsf.ts";
import { toHex } from "../../storage/log/bytes.ts";
import { LogError } from "../../storage/log/errors.ts";
import { formatExportLine } from "../../storage/log/export-jsonl.ts";
import { FILTER_NAMES, isEverything, type Filter } from "../../storage/log/filter.ts";
import { InclusionProver } from "../../storage/log/prover.ts";
import { formatReceiptOf } from "../../storage/log/receipt.ts";
import { codingFor, NDJSON_TYPE } from "../answer.ts";
import { logOf, principalOf, type Ask } from "../ask.ts";
import { exportPieces, type ExportProgress, type ExportWriter } from "../exporting.ts";
import { filterOf, givenFilter } from "../filter-query.ts";
import type { LogStatus } from "../ledger-api.ts";
import { ProblemError } from "../problem.ts";
import { wrong, type Query } from "../query.ts";
import { altered, type ProvenLine } from "../reading.ts";
import { answerStream } from "../streaming.ts";
import { sourceOf } from "./entries.ts";
import { bodyOf, sealedCheckpoint } from "./proofs.ts";

export const EXPORT_FORMATS = ["jsonl", "csv", "ocsf"] as const;
type Format = (typeof EXPORT_FORMATS)[number];

const RANGE_NAMES = ["from", "to"];

/** What a client has to send again, with another `from`, to go on where an export broke off. */
export const EXPORT_QUERY: readonly string[] = ["format", ...RANGE_NAMES, ...FILTER_NAMES];

const TYPES: Readonly<Record<Format, string>> = {
  jsonl: NDJSON_TYPE,
  csv: "text/csv; charset=utf-8; header=present",
  ocsf: NDJSON_TYPE,
};
const ENDINGS: Readonly<Record<Format, string>> = {
  jsonl: "export.jsonl",
  csv: "csv",
  ocsf: "ocsf.jsonl",
};

/** What is exported. */
interface Scope {
  readonly log: LogStatus;
  readonly filter: Filter;
  /** The conditions as they were given. */
  readonly given: Readonly<Record<string, string>>;
  readonly from: number;
  readonly to: number;
}

export async function getExport(ask: Ask): Promise<Response> {
  const log = logOf(ask);
  const format = ask.query.oneOf("format", EXPORT_FORMATS) ?? "jsonl";
  const { query } = ask;
  const filter = filterOf(query);
  const scope: Scope = { log, filter, given: givenFilter(query), ...rangeOf(query, log) };
  const { from, to } = scope;
  const progress: ExportProgress = { count: 0, last: from - 1 };
  const writer = await writerOf(format, ask, scope);
  const pieces = exportPieces(sourceOf(ask), scope, writer, progress);
  // How many a filter asks for is not known before they are sent: what was looked through is on record.
  const count = isEverything(filter) || from === to ? { count: to - from } : {};
  ask.read.shown(from === to ? count : { first: from, last: to - 1, ...count }, true);
  const headers = {
    "content-type": TYPES[format],
    "content-disposition": `attachment; filename="${log.name}-${from}-${to}.${ENDINGS[format]}"`,
    "indelible-from": String(from),
    "indelible-to": String(to),
    ...codingFor(ask.request),
  };
  return answerStream(ask, pieces, headers, () => {
    const { count, last } = progress;
    return count === 0 ? { count } : { first: from, last, count };
  });
}

function rangeOf(query: Query, { sealedSize }: LogStatus): { from: number; to: number } {
  if (sealedSize === 0) {
    throw new ProblemError("seal_unknown", "nothing of this log is sealed yet: seal it first");
  }
  const from = query.integer("from", 0, Number.MAX_SAFE_INTEGER) ?? 0;
  const to = query.integer("to", 0, Number.MAX_SAFE_INTEGER) ?? sealedSize;
  if (to > sealedSize) {
    throw wrong("to", `is at most ${sealedSize}: so many entries are sealed. Seal the log first`);
  }
  if (from > to) throw wrong("from", `is at most ${to}`);
  return { from, to };
}

async function writerOf(format: Format, ask: Ask, scope: Scope): Promise<ExportWriter> {
  switch (format) {
    case "jsonl":
      return jsonlWriter(ask, scope, await checkpointOf(ask, scope));
    case "csv":
      return csvWriter(scope);
    case "ocsf":
      return ocsfWriter(ask, scope);
    default:
      return format satisfies never;
  }
}

/** The checkpoint of the first seal that reaches `to`. */
async function checkpointOf(ask: Ask, { log, to }: Scope): Promise<string> {
  if (to === log.sealedSize) return sealedCheckpoint(log);
  const range = { from: Math.max(to - 1, 0), limit: 1, order: "desc" } as const;
  const [row] = await ask.services.index().seals(log.name, range);
  if (row !== undefined && row.first + row.count >= to) return row.checkpoint;
  throw altered(log.name, to - 1);
}

function jsonlWriter(ask: Ask, scope: Scope, checkpoint: string): ExportWriter {
  const { log, given: filter, from, to } = scope;
  const { origin, vkey, name } = log;
  const tiles = ask.services.index().tiles(name);
  const prover = new InclusionProver(bodyOf(checkpoint), tiles, ask.services.sha256);
  const lineOf = (line: Parameters<typeof formatExportLine>[0]) => `${formatExportLine(line)}\n`;
  return {
    begin: () => lineOf({ kind: "header", log: name, origin, vkey, filter, from, to, checkpoint }),
    record: async ({ seq, text: line, leaf }, after) => {
      const receipt = formatReceiptOf(seq, await proven(name, prover, seq, leaf), checkpoint);
      return lineOf({ kind: "record", seq, after, hash: toHex(leaf), line, receipt });
    },
    mark: (after) => lineOf({ kind: "mark", after }),
    end: (count, sha256) => lineOf({ kind: "end", after: to - 1, count, sha256 }),
  };
}

async function proven(
  log: string,
  prover: InclusionProver,
  seq: number,
  leaf: Uint8Array,
): Promise<string[]> {
  try {
    return await prover.prove(seq, leaf);
  } catch (error) {
    if (error instanceof LogError) throw altered(log, seq, error);
    throw error;
  }
}

function csvWriter({ log, from, to }: Scope): ExportWriter {
  return {
    begin: () => csvBegin(log.name, from, to),
    record: (line) => csvRow(entryOf(line)),
    mark: () => "",
    end: csvEnd,
  };
}

function ocsfWriter(ask: Ask, { log, given: filter, from, to }: Scope): ExportWriter {
  const source = { log: log.name, origin: log.origin };
  const { by } = principalOf(ask);
  return {
    begin: () => "",
    record: (line) => `${ocsfLine(source, entryOf(line))}\n`,
    mark: () => "",
    end: (count, sha256) => {
      const timeMs = ask.services.nowMs();
      return `${ocsfEndLine({ source, filter, from, to, count, sha256, by, timeMs })}\n`;
    },
  };
}

function entryOf({ seq, leaf, text }: ProvenLine) {
  return exportedEntry(seq, toHex(leaf), text);
}
