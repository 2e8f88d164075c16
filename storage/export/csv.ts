/**
 * Entries as a table for spreadsheets (RFC 4180: commas, CRLF, quotes doubled; UTF-8 with a byte order mark, without which Excel reads
 * another encoding). It is no evidence, and its first row says so; the last one says that it is whole.
 *
 * A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` as a formula, and may do so behind a tab, a line's end or a space, with the wide
 * forms of these characters, and, where it takes `;` or a tab for the separator (as in half of Europe), in the middle of
 * a cell. In texts each of these places gets an apostrophe before it, which spreadsheets show as text; in cells of JSON the character is
 * written `\u003d`, which is the same value. So a text may differ from the entry's by apostrophes: what it was exactly, the JSONL export says.
 */
import { encodeJson, isJsonObject, type Json } from "../log/json.ts";
import { textAt, type ExportedEntry } from "./entry.ts";

/** Columns with where they come from. `seq` comes first: no row can begin with anything but a digit. */
const COLUMNS: readonly (readonly [name: string, cell: (entry: ExportedEntry) => string])[] = [
  ["seq", ({ seq }) => String(seq)],
  ["time", ({ time }) => time],
  ["occurred_at", ({ event }) => safe(textAt(event, "occurred_at"))],
  ["action", ({ event }) => safe(textAt(event, "action"))],
  ["outcome", ({ event }) => safe(textAt(event, "outcome"))],
  ["actor_id", ({ event }) => safe(textAt(event["actor"], "id"))],
  ["actor_type", ({ event }) => safe(textAt(event["actor"], "type"))],
  ["actor_name", ({ event }) => safe(textAt(event["actor"], "name"))],
  ["target_id", ({ event }) => safe(textAt(targetsOf(event["targets"])[0], "id"))],
  ["target_type", ({ event }) => safe(textAt(targetsOf(event["targets"])[0], "type"))],
  ["target_name", ({ event }) => safe(textAt(targetsOf(event["targets"])[0], "name"))],
  ["more_targets", ({ event }) => json(targetsOf(event["targets"]).slice(1))],
  ...["ip", "user_agent", "location", "request_id", "session_id", "trace_id"].map(
    (name) => [name, ({ event }: ExportedEntry) => safe(textAt(event["context"], name))] as const,
  ),
  ["event_id", ({ event }) => safe(textAt(event, "id"))],
  ["details", ({ event }) => json(event["details"])],
  ["by", ({ by }) => safe(by)],
  ["hash", ({ hash }) => hash],
];

export const CSV_COLUMNS: readonly string[] = COLUMNS.map(([name]) => name);

const BYTE_ORDER_MARK = "\ufeff";
const ROW_END = "\r\n";

/** The first two rows: what this is, and the names of the columns. */
export function csvBegin(log: string, from: number, to: number): string {
  const what =
    `Not evidence: ${log} from entry ${from} to ${to - 1} for reading. ` +
    "What can be proven is the export as jsonl.";
  return BYTE_ORDER_MARK + sentenceRow(what) + row(CSV_COLUMNS);
}

export function csvRow(entry: ExportedEntry): string {
  return row(COLUMNS.map(([, cell]) => cell(entry)));
}

/** The last row. `sha256` (hex) is of all bytes before it. */
export function csvEnd(count: number, sha256: string): string {
  return sentenceRow(`End: ${count} entries. SHA-256 of all before this row: ${sha256}`);
}

/** A sentence in the first cell of a row that is as wide as all others: readers of RFC 4180 want that. */
function sentenceRow(text: string): string {
  return row([text, ...CSV_COLUMNS.slice(1).map(() => "")]);
}

function row(cells: readonly string[]): string {
  return cells.map(quoted).join(",") + ROW_END;
}

/** Quoted where anything in it could end a cell, here or where the separator is another one. */
function quoted(cell: string): string {
  return /[",;\t\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** What begins a formula, ASCII or wide. */
const TRIGGER = "[=+\\-@\uff1d\uff0b\uff0d\uff20]";
/** What a reader may pass over before it. */
const PASSED = "[\\s\\0-\\x1f\\x7f\"']*";
/** A formula at a place where a cell could begin. */
const FORMULA = new RegExp(
  `(^|[;\\t\\r\\n\\v\\f\\x85\\u2028\\u2029])(${PASSED})(?=${TRIGGER})`,
  "gu",
);
/** The same in JSON, whose texts show no other place: a cell of it begins with a bracket. */
const JSON_FORMULA = new RegExp(`([;\\x85\\u2028\\u2029][\\s']*)(${TRIGGER})`, "gu");

/** Some spreadsheets pass over these at the beginning. */
const LEADING_CONTROL = /^[\t\r\n]/;

function safe(text: string | null): string {
  if (text === null) return "";
  const withoutFormulas = text.replace(FORMULA, "$1$2'");
  return LEADING_CONTROL.test(withoutFormulas) ? `'${withoutFormulas}` : withoutFormulas;
}

/** Canonical JSON but for the escapes; nothing for what is not there or empty. */
function json(value: Json | undefined): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return "";
  return encodeJson(value).replace(
    JSON_FORMULA,
    (_, before: string, trigger: string) =>
      `${before}\\u${trigger.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function targetsOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
