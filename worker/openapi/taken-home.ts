/** What is taken home, described: the proof of an answer, and the lines of an export in each form (FORMAT §10, `storage/export/`). */
import { CSV_COLUMNS } from "../../storage/export/csv.ts";
import { EXPORT_FORMAT } from "../../storage/log/export-jsonl.ts";
import { FILTER_NAMES } from "../../storage/log/filter.ts";

type Schema = Readonly<Record<string, unknown>>;

const STRING: Schema = { type: "string" };
const COUNT: Schema = { type: "integer", minimum: 0 };
const HASH: Schema = { type: "string", pattern: "^[0-9a-f]{64}$" };
/** The entry before the first one is −1. */
const BEFORE: Schema = { type: "integer", minimum: -1 };
const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: "null" }] });

/** These members and no others. */
function exactly(properties: Readonly<Record<string, Schema>>, description: string): Schema {
  const required = Object.keys(properties);
  return { type: "object", description, properties, required, additionalProperties: false };
}

const FILTER: Schema = {
  type: "object",
  description: "The conditions as they were given, by name",
  properties: Object.fromEntries(FILTER_NAMES.map((name) => [name, STRING])),
  additionalProperties: false,
};

export const ANSWER_PROOF: Schema = exactly(
  {
    ...{ log: STRING, origin: STRING, filter: FILTER, order: { enum: ["asc", "desc"] } },
    ...{ asked_from: orNull(COUNT), after: orNull(COUNT), from: COUNT, to: COUNT },
    checkpoint: orNull(STRING),
    ...{ sealed_to: COUNT, read_from: COUNT },
    tail: orNull(
      exactly(
        { lines: orNull({ type: "array", items: STRING }), checkpoint: STRING },
        "What is not sealed yet: its lines (null: too many), and the committed checkpoint",
      ),
    ),
  },
  "Of entries `from` to `to` − 1 the answer says that it has every hit. The sealed batches from `read_from` on show whether that is so; " +
    "it proves nothing by itself",
);

const EVENT: Schema = {
  type: "object",
  description:
    "ocsf: an event of class API Activity, OCSF 1.2.0; the last one is the export itself",
  properties: {
    class_uid: { const: 6003 },
    metadata: { type: "object", properties: { version: { const: "1.2.0" } } },
  },
  required: ["class_uid", "metadata"],
};

export const EXPORT_LINE: Schema = {
  description:
    "Each line is one of these. jsonl: a header, records and marks, an end; ocsf: events",
  anyOf: [
    exactly(
      {
        ...{ format: { const: EXPORT_FORMAT }, log: STRING, origin: STRING, vkey: STRING },
        ...{ filter: FILTER, from: COUNT, to: COUNT, checkpoint: STRING },
      },
      "jsonl: the header",
    ),
    exactly(
      { seq: COUNT, after: BEFORE, hash: HASH, line: STRING, receipt: STRING },
      "jsonl: an entry's exact line with its receipt",
    ),
    exactly({ after: BEFORE }, "jsonl: no entry was asked for up to this one"),
    exactly(
      { end: { const: true }, after: BEFORE, count: COUNT, sha256: HASH },
      "jsonl: the last line; without it the export is not whole",
    ),
    EVENT,
  ],
};

export const EXPORT_TABLE: Schema = {
  type: "string",
  description:
    "RFC 4180 with a byte order mark. The first row says that it is no evidence, the second has the columns, the last one the number of " +
    `entries and the SHA-256 of all before it. Columns: ${CSV_COLUMNS.join(", ")}`,
};
