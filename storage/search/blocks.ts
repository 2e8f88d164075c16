/** Runs of lines of one log as the search tables keep them: up to 16, joined by newlines, deflated (RFC 1951). */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { decodeUtf8, encodeUtf8 } from "../log/bytes.ts";

/** A hit costs the inflation of its whole block, some 30 µs; lines that are alike take a third of the room together. */
export const BLOCK_LINES = 16;
/** Characters after which no other line is added. */
const BLOCK_CHARS = 32_768;
/** The characters at three bytes each, and one line of the longest. */
const BLOCK_BYTES_MAX = BLOCK_CHARS * 3 + 65_536 + BLOCK_LINES;

export interface Block {
  /** `seq` of its first line. */
  readonly first: number;
  readonly data: Uint8Array;
}

/** Gathers lines in order into blocks, which begin anew at every multiple of `BLOCK_LINES`. */
export class BlockBuilder {
  readonly blocks: Block[] = [];
  #first = 0;
  #lines: string[] = [];
  #chars = 0;

  add(seq: number, line: string): void {
    const follows = seq === this.#first + this.#lines.length && seq % BLOCK_LINES !== 0;
    if (!follows || this.#chars >= BLOCK_CHARS) this.end();
    if (this.#lines.length === 0) this.#first = seq;
    this.#lines.push(line);
    this.#chars += line.length;
  }

  /** No other line follows. */
  end(): void {
    if (this.#lines.length === 0) return;
    const data = new Uint8Array(deflateRawSync(encodeUtf8(this.#lines.join("\n")), { level: 1 }));
    this.blocks.push({ first: this.#first, data });
    this.#lines = [];
    this.#chars = 0;
  }
}

/** The lines of a block; none where it cannot be read: it proves nothing, and the line is elsewhere too. */
export function linesOfBlock(data: Uint8Array): string[] {
  try {
    const bytes = inflateRawSync(data, { maxOutputLength: BLOCK_BYTES_MAX });
    return decodeUtf8(new Uint8Array(bytes)).split("\n");
  } catch {
    return [];
  }
}
