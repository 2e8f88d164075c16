/**
 * Loads the state of the instance: folds the entries of `_system`, which is its source of truth. A line that is
 * not what its leaf says is not folded: nobody gets rights from an edited row.
 */
import { decodeLine, SYSTEM_LOG } from "../log/entry.ts";
import { Directory } from "../log/system.ts";
import { readLines } from "./read-lines.ts";
import { Refusal } from "./refusal.ts";
import type { Parts } from "./state.ts";

export async function loadDirectory(
  parts: Pick<Parts, "index" | "sha256">,
  size: number,
): Promise<Directory> {
  const directory = new Directory();
  let next = 0;
  for await (const line of readLines(parts.index, SYSTEM_LOG, 0, size, parts.sha256)) {
    if (!line.holds || line.seq !== next) {
      throw new Refusal("frozen", `_system was altered in the index at entry ${next}`);
    }
    directory.apply(decodeLine(line.text));
    next += 1;
  }
  if (next !== size) throw new Refusal("frozen", `_system has ${next} of its ${size} entries`);
  return directory;
}
