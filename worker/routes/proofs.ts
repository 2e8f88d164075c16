/**
 * What an entry and a log can prove: receipts, checkpoints, consistency. Each proof is checked here before
 * it is given: one that fails says that the index is not what was signed.
 */
import { toBase64 } from "../../storage/log/bytes.ts";
import { parseCheckpoint } from "../../storage/log/checkpoint.ts";
import { LogError } from "../../storage/log/errors.ts";
import { encodeString } from "../../storage/log/json.ts";
import {
  checkConsistency,
  checkInclusion,
  proveConsistency,
  proveInclusion,
  rootAt,
} from "../../storage/log/proof.ts";
import { formatReceipt } from "../../storage/log/receipt.ts";
import { may, READERS } from "../access.ts";
import { answerJson, answerText } from "../answer.ts";
import { logOf, principalOf, type Ask } from "../ask.ts";
import type { LogStatus } from "../ledger-api.ts";
import { invalidRequest, ProblemError, valueOf } from "../problem.ts";
import { altered, lineAt, type ProvenLine } from "../reading.ts";
import { seqOf, sourceOf } from "./entries.ts";

/** The receipt of an entry: against the latest sealed checkpoint where the entry is sealed, else against the committed one. */
export async function getReceipt(ask: Ask): Promise<Response> {
  const log = logOf(ask);
  const seq = seqOf(ask);
  const source = sourceOf(ask);
  const line = await lineAt(source, seq);
  assertMayProve(ask, log, line);
  const checkpoint = await checkpointFor(ask, log, seq);
  const { size, root } = bodyOf(checkpoint);
  const { sha256 } = ask.services;
  const proof = await provenOr(log, () => {
    return proveInclusion(seq, size, source.index.tiles(log.name), sha256);
  });
  if (!checkInclusion(seq, size, line.leaf, proof, root, sha256)) throw altered(log.name, seq);
  ask.read.shown({ first: seq, last: seq, count: 1 });
  const text = formatReceipt({ seq, proof, checkpoint });
  return answerText(ask.requestId, text, {
    "content-disposition": `inline; filename="${log.name}-${seq}.tlog-proof"`,
  });
}

/** A writer gets receipts of what it wrote itself, by the same token or the same sign-in, and no other. */
function assertMayProve(ask: Ask, log: LogStatus, line: ProvenLine): void {
  const principal = principalOf(ask);
  if (may(principal, READERS, log.name)) return;
  // `by` is the first member of every line.
  if (line.text.startsWith(`{"by":${encodeString(principal.by)},`)) return;
  throw new ProblemError("forbidden", "a writer gets receipts of its own entries only");
}

async function checkpointFor(ask: Ask, log: LogStatus, seq: number): Promise<string> {
  if (seq < log.sealedSize && log.lastSeal !== null) return log.lastSeal.checkpoint;
  return valueOf(await ask.services.ledger.committedCheckpoint(log.name)).note;
}

/** Size and root of a note that we signed ourselves: the text before the signatures. */
export function bodyOf(note: string) {
  return parseCheckpoint(note.slice(0, note.indexOf("\n\n") + 1));
}

/** The latest sealed checkpoint; `?committed` the latest committed one. */
export async function getCheckpoint(ask: Ask): Promise<Response> {
  const log = logOf(ask);
  if (ask.query.flag("committed")) {
    const committed = valueOf(await ask.services.ledger.committedCheckpoint(log.name));
    return answerText(ask.requestId, committed.note);
  }
  return answerText(ask.requestId, sealedCheckpoint(log));
}

export function sealedCheckpoint(log: LogStatus): string {
  if (log.lastSeal !== null) return log.lastSeal.checkpoint;
  throw new ProblemError("seal_unknown", "nothing of this log is sealed yet");
}

/** The proof that the tree of `from` entries is the beginning of that of `to`, with both roots. */
export async function getConsistency(ask: Ask): Promise<Response> {
  const log = logOf(ask);
  const { from, to } = sizesOf(ask, log);
  const { sha256 } = ask.services;
  const tiles = ask.services.index().tiles(log.name);
  const [fromRoot, toRoot, hashes] = await provenOr(log, async () => [
    await rootAt(from, tiles, sha256),
    await rootAt(to, tiles, sha256),
    await proveConsistency(from, to, tiles, sha256),
  ]);
  if (!checkConsistency(from, to, fromRoot, toRoot, hashes, sha256))
    throw altered(log.name, to - 1);
  return answerJson(ask.requestId, 200, {
    from,
    to,
    hashes: hashes.map(toBase64),
    from_root: toBase64(fromRoot),
    to_root: toBase64(toRoot),
  });
}

function sizesOf({ query }: Ask, log: LogStatus): { from: number; to: number } {
  const from = query.integer("from", 0, log.size);
  const to = query.integer("to", 0, log.size);
  if (from === null || to === null) {
    throw invalidRequest("from and to are both needed: two sizes of the log");
  }
  if (from > to) throw invalidRequest("from is at most to", "?from");
  return { from, to };
}

/** What the index cannot even read as a tree is altered too. */
async function provenOr<T>(log: LogStatus, prove: () => Promise<T>): Promise<T> {
  try {
    return await prove();
  } catch (error) {
    if (error instanceof LogError) throw altered(log.name, log.size - 1, error);
    throw error;
  }
}
