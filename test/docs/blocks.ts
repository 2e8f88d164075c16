/**
 * The fenced blocks of a document. The words after the language say what a block is for: `sh tour` is run, and
 * what it prints is held against the `text tour output` that follows it.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface Block {
  /** All words after the backticks: `sh tour`. */
  readonly info: string;
  readonly text: string;
  /** Of its first backticks, from 1. */
  readonly line: number;
}

/** An example: what is typed and what is shown to come of it; `null` where the document shows nothing. */
export interface Example {
  readonly command: Block;
  readonly output: Block | null;
}

export function readDocument(name: string): string {
  return readFileSync(join(ROOT, name), "utf8");
}

export function blocksOf(document: string): Block[] {
  const blocks: Block[] = [];
  let open: { info: string; line: number; lines: string[] } | null = null;
  for (const [place, line] of document.split("\n").entries()) {
    if (open === null) {
      if (line.startsWith("```")) open = { info: line.slice(3).trim(), line: place + 1, lines: [] };
    } else if (line === "```") {
      blocks.push({ info: open.info, line: open.line, text: `${open.lines.join("\n")}\n` });
      open = null;
    } else open.lines.push(line);
  }
  if (open !== null) throw new Error(`the block of line ${open.line} does not end`);
  return blocks;
}

/** The text without its fenced blocks: what is prose, tables and links. */
export function proseOf(document: string): string {
  return document.replace(/^```[^]*?^```$/gm, "");
}

/** The one block with just this info. Throws if there is none, or more than one. */
export function blockOf(document: string, info: string): Block {
  const [block, ...more] = blocksOf(document).filter((candidate) => candidate.info === info);
  if (block === undefined || more.length > 0) throw new Error(`not one block "${info}"`);
  return block;
}

/** Blocks `sh <name>` in order, each with the `text <name> output` behind it, if there is one. Throws if there are none. */
export function examplesOf(document: string, name: string): Example[] {
  const blocks = blocksOf(document).filter(({ info }) => info.split(" ")[1] === name);
  const examples = blocks.flatMap((command, place): Example[] => {
    if (command.info !== `sh ${name}`) return [];
    const next = blocks[place + 1];
    return [{ command, output: next?.info === `text ${name} output` ? next : null }];
  });
  if (examples.length === 0) throw new Error(`no block "sh ${name}"`);
  return examples;
}
