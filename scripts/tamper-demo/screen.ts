/** What the tamper demo shows: on a terminal with colours and a clock that runs, elsewhere the same words without. */
import { styleText } from "node:util";
import type { Act } from "./acts.ts";
import type { Finding } from "../../storage/log/findings.ts";

const WIDTH = 96;
const INDENT = "   ";

export interface Outcome {
  readonly act: Act;
  /** Null: the guard did not find it in time, or did not say where. */
  readonly found: Finding | null;
  readonly seconds: number;
}

const isTerminal = process.stdout.isTTY && process.env["NO_COLOR"] === undefined;

type Style = Parameters<typeof styleText>[0];
const styled = (style: Style, text: string): string => (isTerminal ? styleText(style, text) : text);

export function say(text = ""): void {
  process.stdout.write(`${text}\n`);
}

export function sayTitle(text: string): void {
  say(`\n${styled("bold", text)}\n`);
}

export function sayAct(number: number, act: Act): void {
  say(styled("bold", `${number}  ${act.title}`));
  for (const line of wrap(act.story, WIDTH - INDENT.length)) say(styled("dim", INDENT + line));
}

/** A line that is written again and again while something is waited for; nothing where nobody looks. */
export function sayWaiting(seconds: number): void {
  if (isTerminal) {
    process.stdout.write(
      `\r${INDENT}${styled("dim", `the guard looks … ${seconds.toFixed(1)} s`)}`,
    );
  }
}

export function sayOutcome({ found, seconds }: Outcome): void {
  if (isTerminal) process.stdout.write(`\r${" ".repeat(WIDTH)}\r`);
  if (found === null) {
    say(`${INDENT}${styled("red", "not found")} within ${seconds.toFixed(0)} s\n`);
    return;
  }
  const after = `after ${seconds.toFixed(1)} s`;
  say(
    `${INDENT}${styled("green", "found")} ${after}: ${styled("bold", found.code)}, ${placeOf(found)}`,
  );
  for (const [what, text] of [
    ["expected", found.expected],
    ["found", found.found],
  ] as const) {
    say(`${INDENT}${styled("dim", what.padEnd(9))}${cut(text, WIDTH - INDENT.length - 9)}`);
  }
  say();
}

export function saySummary(outcomes: readonly Outcome[]): void {
  const rows = outcomes.map(({ act, found, seconds }) => [
    act.short,
    found?.code ?? "not found",
    found === null ? "" : placeOf({ ...found, version: null }),
    found === null ? "" : `${seconds.toFixed(1)} s`,
  ]);
  const head = ["what was done", "finding", "where", "after"];
  const widths = head.map((text, at) =>
    Math.max(text.length, ...rows.map((row) => row[at]!.length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((text, at) => text.padEnd(widths[at]!))
      .join("  ")
      .trimEnd();
  say(styled("bold", line(head)));
  for (const [at, row] of rows.entries()) {
    say(outcomes[at]!.found === null ? styled("red", line(row)) : line(row));
  }
}

/** "payments, entry 1"; "votes/0000000000000003.jsonl.gz, version 0b5c4f1e…". */
export function placeOf({ log, first, last, object, version }: Finding): string {
  if (object !== null)
    return version === null ? object : `${object}, version ${version.slice(0, 8)}…`;
  if (first === null) return log ?? "the instance";
  const entries =
    last === null || last === first ? `entry ${first}` : `entries ${first} to ${last}`;
  return log === null ? entries : `${log}, ${entries}`;
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line !== "" && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}
