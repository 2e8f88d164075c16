/**
 * What a search for words finds. A **word** is a run of Unicode letters, marks and digits (general categories L, M, N), as long as it
 * goes, of a text in normal form NFKC, in lower case (a final sigma as any other): `inv_2026-07` has the words `inv`, `2026` and `07`, `Zoë's` has `zoë` and `s`.
 * Words are compared whole.
 *
 *   searched        `id`; `id` and `name` of the actor and of each target; `context.ip`, `.request_id`, `.session_id` and
 *                   `.trace_id`; of `details` the member names, strings and numbers at any depth
 *   not searched    `action`, `outcome` (which have filters of their own), `occurred_at`, types, `context.user_agent`, `.location`
 */
import { isJsonObject, type Json, type JsonObject } from "./json-value.ts";

/** Of UTF-16 units; who asks for a longer word is told that there is no such search. */
export const WORD_CHARS_MAX = 256;

const WORD = /[\p{L}\p{M}\p{N}]+/gu;
const BEYOND_ASCII = /[^\0-\x7f]/;
const CONTEXT_SEARCHED: readonly string[] = ["ip", "request_id", "session_id", "trace_id"];

/** The words of a text, in order, repeated where they are. */
export function wordsOf(text: string): string[] {
  const normal = BEYOND_ASCII.test(text) ? text.normalize("NFKC") : text;
  const words = normal.match(WORD) ?? [];
  // Word by word: the lower case of a letter may depend on what stands beside it, and a word is compared alone.
  return words.map((word) => word.toLowerCase().replaceAll("ς", "σ"));
}

/** Each word that a search can find an event by, once. */
export function wordsOfEvent(event: JsonObject): Set<string> {
  const words = new Set<string>();
  for (const text of searchedTexts(event)) for (const word of wordsOf(text)) words.add(word);
  return words;
}

function* searchedTexts(event: JsonObject): Generator<string> {
  yield* textsAt(event, ["id"]);
  yield* textsAt(event["actor"], ["id", "name"]);
  const targets = event["targets"];
  if (Array.isArray(targets)) for (const target of targets) yield* textsAt(target, ["id", "name"]);
  yield* textsAt(event["context"], CONTEXT_SEARCHED);
  yield* textsWithin(event["details"]);
}

function* textsAt(value: Json | undefined, names: readonly string[]): Generator<string> {
  if (!isJsonObject(value)) return;
  for (const name of names) {
    const text = value[name];
    if (typeof text === "string") yield text;
  }
}

/** Numbers as canonical JSON writes them. */
function* textsWithin(value: Json | undefined): Generator<string> {
  if (typeof value === "string") yield value;
  else if (typeof value === "number") yield "" + value;
  else if (Array.isArray(value)) for (const item of value) yield* textsWithin(item);
  else if (isJsonObject(value)) {
    for (const name of Object.keys(value)) {
      yield name;
      yield* textsWithin(value[name]);
    }
  }
}
