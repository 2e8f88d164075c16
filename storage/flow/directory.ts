/**
 * Loads the state of the instance: folds the entries of `_system`, which is its source of truth. Lines that are not what
 * their leaves say, or do not lead to the head that was compared with the vault, are not folded: nobody gets rights
 * from an edited row.
 */
import { toHex } from "../log/bytes.ts";
import { decodeLine, SYSTEM_LOG } from "../log/entry.ts";
import { ZERO_HASH, type Head } from "../log/hash.ts";
import { Directory } from "../log/system.ts";
import { readLines } from "./read-lines.ts";
import { Refusal } from "./refusal.ts";
import type { Parts } from "./state.ts";

export async function loadDirectory(
  parts: Pick<Parts, "index" | "sha256">,
  { size, leaf }: Head,
): Promise<Directory> {
  const directory = new Directory();
  let next = 0;
  let prev = ZERO_HASH;
  for await (const line of readLines(parts.index, SYSTEM_LOG, 0, size, parts.sha256)) {
    const entry = line.holds && line.seq === next ? decodeLine(line.text) : null;
    if (entry?.prev !== prev) throw altered(next);
    directory.apply(entry);
    prev = toHex(line.leaf);
    next += 1;
  }
  if (next !== size) throw new Refusal("frozen", `_system has ${next} of its ${size} entries`);
  if (prev !== leaf) throw altered(size - 1);
  return directory;
}

function altered(seq: number): Refusal {
  return new Refusal("frozen", `_system was altered in the index at entry ${seq}`);
}
