/** The lines of a file of any size, as bytes without their newlines, a piece of it in memory at a time. */
import { createReadStream } from "node:fs";
import { InputError } from "./keys.ts";

const PIECE_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

/** Calls `take` for each line, in order, and gives what follows the last newline. Throws `InputError`. */
export async function eachLine(
  file: string,
  lineBytesMax: number,
  take: (line: Uint8Array) => Promise<void>,
): Promise<Uint8Array> {
  let rest: Buffer = Buffer.alloc(0);
  try {
    for await (const piece of createReadStream(file, { highWaterMark: PIECE_BYTES })) {
      const bytes = rest.length === 0 ? (piece as Buffer) : Buffer.concat([rest, piece as Buffer]);
      let start = 0;
      for (let end; (end = bytes.indexOf(NEWLINE, start)) >= 0; start = end + 1) {
        await take(bytes.subarray(start, end));
      }
      rest = bytes.subarray(start);
      if (rest.length > lineBytesMax) {
        throw new InputError(
          `${file}: a line of more than ${lineBytesMax} bytes is none of an export.`,
        );
      }
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
  return rest;
}
