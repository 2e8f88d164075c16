/**
 * What comes with the answer of a search (`prove=true`) so that whoever asked can see for himself that nothing was left out: which entries
 * were searched, the sealed batches that hold them, and, for what is not sealed yet, the lines and the promise of the receipt key.
 *
 *   log, origin, filter, order
 *   from, to       of entries `from` … `to` − 1 the answer has every hit
 *   sealed_to      those before it are in `batches`, the others in `tail`
 *   batches        in log order, without a hole: first, count, key, version_id, sha256, bytes, checkpoint. With `since` they begin at the
 *                  last entry that is older, with `until` they end at the first that is not: a log's times never go back
 *   tail           lines from the end of the last batch on, and the checkpoint of their end; null where there are too many or none is needed
 */
import { isHashHex } from "./bytes.ts";
import { LogError } from "./errors.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";

/** A batch as seals show it. */
export interface ProofBatch {
  readonly first: number;
  readonly count: number;
  readonly key: string;
  readonly version_id: string;
  readonly sha256: string;
}

export interface ProofTail {
  readonly lines: readonly string[];
  /** A note of the receipt key. */
  readonly checkpoint: string;
}

export interface AnswerProof {
  readonly log: string;
  readonly origin: string;
  /** The conditions as they were given, by name. */
  readonly filter: Readonly<Record<string, string>>;
  readonly order: "asc" | "desc";
  readonly from: number;
  readonly to: number;
  readonly sealed_to: number;
  readonly batches: readonly ProofBatch[];
  readonly tail: ProofTail | null;
}

export interface ProvenAnswer {
  readonly entries: readonly {
    readonly seq: number;
    readonly hash: string;
    readonly entry: JsonObject;
  }[];
  readonly proof: AnswerProof;
}

/** So many batches one answer can name; a filter with since and until needs fewer. */
export const PROOF_BATCHES_MAX = 1_000;

/** The parts of an answer that are wanted here, of JSON that was parsed; throws `invalid_answer`. Nothing is verified. */
export function readAnswer(value: Json): ProvenAnswer {
  check(
    isJsonObject(value) && isJsonObject(value["proof"]),
    "an answer with a proof: ask with prove=true",
  );
  const { entries, proof } = value as { entries?: Json; proof: JsonObject };
  check(Array.isArray(entries), "entries");
  const { log, origin, filter, order, from, to, sealed_to, batches, tail } = proof;
  check(typeof log === "string" && typeof origin === "string", "log and origin");
  check(isJsonObject(filter) && Object.values(filter).every(isText), "filter");
  check(order === "asc" || order === "desc", "order");
  check(isSize(from) && isSize(to) && isSize(sealed_to), "from, to and sealed_to");
  check((from as number) <= (to as number) && (sealed_to as number) <= (to as number), "its range");
  check(Array.isArray(batches) && batches.length <= PROOF_BATCHES_MAX, "batches");
  check((batches as Json[]).every(isBatch), "batches");
  check(tail === null || isTail(tail), "tail");
  check((entries as Json[]).every(isItem), "entries");
  return { entries, proof } as unknown as ProvenAnswer;
}

function isItem(value: Json): boolean {
  return (
    isJsonObject(value) &&
    isSize(value["seq"]) &&
    isHash(value["hash"]) &&
    isJsonObject(value["entry"])
  );
}

function isBatch(value: Json): boolean {
  if (!isJsonObject(value)) return false;
  const { first, count, key, version_id, sha256 } = value;
  return isSize(first) && isSize(count) && isText(key) && isText(version_id) && isHash(sha256);
}

function isTail(value: Json | undefined): boolean {
  if (!isJsonObject(value)) return false;
  const { lines, checkpoint } = value;
  return Array.isArray(lines) && lines.every(isText) && isText(checkpoint);
}

function isSize(value: Json | undefined): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isHash(value: Json | undefined): boolean {
  return typeof value === "string" && isHashHex(value);
}

function isText(value: Json | undefined): boolean {
  return typeof value === "string";
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new LogError("invalid_answer", `not as an answer has it: ${what}`);
}
