/** Where in a log a time stands: its entries' times never go back. */
import { parseTimeMs, TIME_LENGTH } from "../storage/log/time.ts";
import { lineAt, type LineSource } from "./reading.ts";

/** The first entry of `from` … `to` − 1 whose time is not before; `to` where none is. Some twenty reads of one line. */
export async function firstNotBefore(
  source: LineSource,
  timeMs: number,
  from: number,
  to: number,
): Promise<number> {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const { text } = await lineAt(source, middle);
    if (timeOf(text) < timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A proven line ends in `…,"time":"YYYY-MM-DDTHH:MM:SS.mmmZ","v":1}`. */
function timeOf(line: string): number {
  const end = line.length - `","v":1}`.length;
  return parseTimeMs(line.slice(end - TIME_LENGTH, end));
}
