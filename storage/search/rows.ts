/** Lines as rows of the search tables, and the rows as statements. */
import type { InStatement } from "@libsql/client/web";
import { targetIds } from "../log/filter.ts";
import { isJsonObject, type Json, type JsonObject } from "../log/json.ts";
import { parseTimeMs } from "../log/time.ts";
import { WORD_CHARS_MAX, wordsOfEvent } from "../log/words.ts";
import { BlockBuilder } from "./blocks.ts";
import type { RunBuilder } from "./run.ts";
import { LOG_SPAN, MARK_EVERY } from "./schema.ts";
import { FIELDS, formatTerm, type Field } from "./terms.ts";

/** Characters of a JSON array of rows: each at most 3 bytes of UTF-8, and sqld takes parameters up to 5,000,000 bytes. */
const JSON_CHARS_MAX = 1_500_000;
/** Blocks of one statement, two parameters each. */
const BLOCKS_MAX = 100;

const NEW_DOCS =
  "INSERT INTO doc (id, time, action, actor, outcome, target, more) SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6 FROM json_each(?)";
const NEW_TERMS =
  "INSERT INTO word (rowid, terms) SELECT value ->> 0, value ->> 1 FROM json_each(?)";
const NEW_MARKS =
  "INSERT INTO mark (log, time, id) SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)";
const COUNT =
  "INSERT INTO tally (log, field, value, n) SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?) WHERE true ON CONFLICT DO UPDATE SET n = n + excluded.n";

export class RowBuilder {
  readonly #log: number;
  readonly #isTallied: (field: Field) => boolean;
  readonly #run: Pick<RunBuilder, "add"> | null;
  readonly #docs: Json[] = [];
  readonly #terms: Json[] = [];
  readonly #marks: Json[] = [];
  readonly #counts = new Map<Field, Map<string, number>>();
  readonly #blocks = new BlockBuilder();

  /** `log` is its number here; `isTallied`: whether the values of a field are still counted one by one; `run` gets each entry too. */
  constructor(
    log: number,
    isTallied: (field: Field) => boolean,
    run: Pick<RunBuilder, "add"> | null,
  ) {
    this.#log = log;
    this.#run = run;
    this.#isTallied = isTallied;
  }

  /** One line, in order. What is no line is passed over: whoever reads it will be told. */
  add(seq: number, line: string): void {
    const entry = parsed(line);
    const event = entry?.["event"];
    const actor = isJsonObject(event) ? event["actor"] : undefined;
    if (!isJsonObject(event) || !isJsonObject(actor)) return;
    const timeMs = parseTimeMs(String(entry?.["time"]));
    const { action } = event;
    const outcome = typeof event["outcome"] === "string" ? event["outcome"] : null;
    const { id: actorId } = actor;
    if (typeof action !== "string" || typeof actorId !== "string" || Number.isNaN(timeMs)) return;
    const id = this.#log * LOG_SPAN + seq;
    const targets = [...new Set(targetIds(event))];
    const [target = null, ...more] = targets;
    const rest = more.length === 0 ? null : JSON.stringify(more);
    this.#docs.push([id, timeMs, action, actorId, outcome, target, rest]);
    if (seq % MARK_EVERY === 0) this.#marks.push([this.#log, timeMs, id]);
    this.#terms.push([id, this.#termsOf(event, action, actorId, targets)]);
    this.#blocks.add(seq, line);
    this.#run?.add(seq, { action, actor: actorId, outcome, targets });
  }

  #termsOf(event: JsonObject, action: string, actor: string, targets: readonly string[]): string {
    const terms = new Set<string>();
    const term = (field: Field, value: string): void => {
      const formatted = formatTerm(field, this.#log, value);
      if (terms.has(formatted)) return;
      terms.add(formatted);
      if (this.#isTallied(field)) this.#count(field, value);
    };
    term("action", action);
    term("actor", actor);
    for (const target of targets) term("target", target);
    const { outcome } = event;
    if (typeof outcome === "string") term("outcome", outcome);
    for (const word of wordsOfEvent(event)) {
      if (word.length <= WORD_CHARS_MAX) terms.add(formatTerm("word", this.#log, word));
    }
    return [...terms].join(" ");
  }

  #count(field: Field, value: string): void {
    let counts = this.#counts.get(field);
    if (counts === undefined) this.#counts.set(field, (counts = new Map()));
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }

  /** To be called once, after the last line. */
  statements(): InStatement[] {
    this.#blocks.end();
    const counts: Json[] = [...this.#counts].flatMap(([field, values]) =>
      [...values].map(([value, n]): Json => [this.#log, FIELDS.indexOf(field), value, n]),
    );
    return [
      ...inserts(NEW_DOCS, this.#docs),
      ...inserts(NEW_MARKS, this.#marks),
      ...inserts(NEW_TERMS, this.#terms),
      ...inserts(COUNT, counts),
      ...this.#newBlocks(),
    ];
  }

  *#newBlocks(): Generator<InStatement> {
    const { blocks } = this.#blocks;
    for (let at = 0; at < blocks.length; at += BLOCKS_MAX) {
      const some = blocks.slice(at, at + BLOCKS_MAX);
      const sql = `INSERT INTO block (id, data) VALUES ${some.map(() => "(?, ?)").join()}`;
      yield { sql, args: some.flatMap(({ first, data }) => [this.#log * LOG_SPAN + first, data]) };
    }
  }
}

function parsed(line: string): JsonObject | null {
  try {
    const value = JSON.parse(line) as Json;
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** The rows as JSON arrays that a parameter may hold. */
function* inserts(sql: string, rows: readonly Json[]): Generator<InStatement> {
  let texts: string[] = [];
  let chars = 0;
  for (const row of rows) {
    const text = JSON.stringify(row);
    if (texts.length > 0 && chars + text.length > JSON_CHARS_MAX) {
      yield { sql, args: [`[${texts.join()}]`] };
      texts = [];
      chars = 0;
    }
    texts.push(text);
    chars += text.length + 1;
  }
  if (texts.length > 0) yield { sql, args: [`[${texts.join()}]`] };
}
