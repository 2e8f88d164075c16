/**
 * What comes with the answer of a search (`prove=true`) so that whoever asked can see for himself that nothing was left out: which entries
 * were searched, what was sealed by then, and, of what was not, the lines and the promise of the receipt key. Which batches there are is not
 * said: each says by itself where the next one begins, and the log key has signed where they end.
 *
 *   log, origin, filter, order
 *   asked_from     the `from` of the request, and `after`, the last entry of the page before (by the cursor); null where there was none
 *   from, to       of entries `from` … `to` − 1 the answer has every hit
 *   checkpoint     the newest sealed one: a note of the log key; null where nothing was sealed
 *   sealed_to      entries before it are sealed, the others in `tail`
 *   read_from      the batch that begins there is the first that has to be read. With `since` it is that of the last entry that is older, with
 *                  `until` those behind the first that is not need not be read: a log's times never go back
 *   tail           lines from `sealed_to` on (null: too many) and the committed checkpoint; null where none is needed
 */
import { isHashHex } from "./bytes.ts";
import { LogError } from "./errors.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";

export interface ProofTail {
  readonly lines: readonly string[] | null;
  /** A note of the receipt key. */
  readonly checkpoint: string;
}

export interface AnswerProof {
  readonly log: string;
  readonly origin: string;
  /** The conditions as they were given, by name. */
  readonly filter: Readonly<Record<string, string>>;
  readonly order: "asc" | "desc";
  readonly asked_from: number | null;
  readonly after: number | null;
  readonly from: number;
  readonly to: number;
  readonly checkpoint: string | null;
  readonly sealed_to: number;
  readonly read_from: number;
  readonly tail: ProofTail | null;
}

export interface ProvenAnswer {
  readonly entries: readonly {
    readonly seq: number;
    readonly hash: string;
    readonly entry: JsonObject;
  }[];
  /** Null: this is the last page. */
  readonly next_cursor: string | null;
  readonly searched_to: number;
  readonly proof: AnswerProof;
}

/** The parts of an answer that are wanted here, of JSON that was parsed; throws `invalid_answer`. Nothing is verified. */
export function readAnswer(value: Json): ProvenAnswer {
  check(
    isJsonObject(value) && isJsonObject(value["proof"]),
    "an answer with a proof: ask with prove=true",
  );
  const { entries, next_cursor, searched_to, proof } = value as {
    readonly [name: string]: Json;
    readonly proof: JsonObject;
  };
  check(Array.isArray(entries), "entries");
  const { log, origin, filter, order, from, to, sealed_to, read_from, tail } = proof;
  check(typeof log === "string" && typeof origin === "string", "log and origin");
  check(isJsonObject(filter) && Object.values(filter).every(isText), "filter");
  check(order === "asc" || order === "desc", "order");
  check([from, to, sealed_to, read_from, searched_to].every(isSize), "from, to and other sizes");
  check((from as number) <= (to as number) && (sealed_to as number) <= (to as number), "its range");
  for (const name of ["asked_from", "after"]) {
    check(proof[name] === null || isSize(proof[name]), name);
  }
  check(proof["checkpoint"] === null || isText(proof["checkpoint"]), "checkpoint");
  check(next_cursor === null || isText(next_cursor), "next_cursor");
  check(tail === null || isTail(tail), "tail");
  check((entries as Json[]).every(isItem), "entries");
  return { entries, next_cursor, searched_to, proof } as unknown as ProvenAnswer;
}

function isItem(value: Json): boolean {
  return (
    isJsonObject(value) &&
    isSize(value["seq"]) &&
    isHash(value["hash"]) &&
    isJsonObject(value["entry"])
  );
}

function isTail(value: Json | undefined): boolean {
  if (!isJsonObject(value)) return false;
  const { lines, checkpoint } = value;
  return (lines === null || (Array.isArray(lines) && lines.every(isText))) && isText(checkpoint);
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
