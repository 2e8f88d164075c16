/**
 * Holds every checkpoint that was ever handed out against all others and against the log: no key signs two roots
 * for one size, and every promise is a prefix of what the log is now.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { webCryptoVerify } from "../../storage/keys.ts";
import { toHex } from "../../storage/log/bytes.ts";
import { openCheckpoint } from "../../storage/log/checkpoint.ts";
import { parseVkey, type VerifierKey } from "../../storage/log/note.ts";
import type { WholeLog } from "./client.ts";

/** The log key and every receipt key of a log, from the operator's folder. */
export async function keysOf(dataDir: string, log: string): Promise<VerifierKey[]> {
  const files = [`${log}.vkey`, `${log}.receipt.vkey`];
  const texts = await Promise.all(
    files.map((file) => readFile(join(dataDir, "vkeys", file), "utf8")),
  );
  return texts.flatMap((text) => text.trim().split("\n")).map(parseVkey);
}

/** Throws at the first checkpoint that no key signed, or that another one or the log contradicts. Returns how many there were. */
export async function holdTogether(
  notes: Iterable<string>,
  keys: readonly VerifierKey[],
  log: WholeLog,
): Promise<number> {
  const verify = webCryptoVerify();
  const distinct = new Set(notes);
  const bySignerAndSize = new Map<string, string>();
  for (const note of distinct) {
    const { size, root, signers } = await openCheckpoint(note, keys, verify);
    const hex = toHex(root);
    for (const { name, keyId } of signers) {
      const place = `${name} ${toHex(keyId)} ${size}`;
      const other = bySignerAndSize.get(place) ?? hex;
      if (other !== hex) throw new Error(`${place}: two roots, ${other} and ${hex}`);
      bySignerAndSize.set(place, hex);
    }
    if (log.roots[size] !== hex) {
      throw new Error(
        `a checkpoint says ${hex} at ${size}, the log ${log.roots[size] ?? "is shorter"}`,
      );
    }
  }
  return distinct.size;
}
