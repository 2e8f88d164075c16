/**
 * Verifier keys and kept checkpoints from files. A vkey file has one key a line; empty lines and those that begin with
 * `#` are passed over.
 */
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { KeptCheckpoint } from "../../storage/flow/remembered.ts";
import { keysOf } from "../../storage/flow/verify.ts";
import { webCryptoVerify } from "../../storage/keys.ts";
import { openCheckpoint } from "../../storage/log/checkpoint.ts";
import { parseVkey, type VerifierKey } from "../../storage/log/note.ts";
import { parseReceipt } from "../../storage/log/receipt.ts";

/** What is wrong with a file that the verifier was given. */
export class InputError extends Error {}

const RECEIPT_START = "c2sp.org/tlog-proof@";
const RECEIPT_NAME = "/receipt";

export async function readKeys(files: readonly string[]): Promise<VerifierKey[]> {
  const keys: VerifierKey[] = [];
  for (const file of files) {
    for (const line of (await readText(file)).split("\n").map((text) => text.trim())) {
      if (line === "" || line.startsWith("#")) continue;
      try {
        keys.push(parseVkey(line));
      } catch (error) {
        throw new InputError(`${file}: ${(error as Error).message}`);
      }
    }
  }
  return keys;
}

/** The files that a worker publishes. */
export async function vkeyFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.endsWith(".vkey")).map((name) => join(folder, name));
}

/** The one instance that the keys are of; throws where they are of several, or of none. */
export function instanceOriginOf(keys: readonly VerifierKey[]): string {
  const names = new Set(keys.map(({ name }) => name));
  // A receipt key stands beside the log key of its log; alone, such a name is that of a log called "receipt".
  const isReceipt = (name: string): boolean =>
    name.endsWith(RECEIPT_NAME) && names.has(name.slice(0, -RECEIPT_NAME.length));
  const logKeys = [...names].filter((name) => !isReceipt(name) && name.includes("/"));
  const origins = new Set(logKeys.map((name) => name.slice(0, name.lastIndexOf("/"))));
  const [origin] = origins;
  if (origin === undefined) throw new InputError("No key of a log was given.");
  if (origins.size > 1) {
    throw new InputError(`The keys are of several instances: ${[...origins].join(", ")}.`);
  }
  return origin;
}

/** Checkpoints (notes), or those in receipts, whose signatures hold. A receipt key has to be among the keys itself. */
export async function readKept(
  files: readonly string[],
  keys: readonly VerifierKey[],
  instanceOrigin: string,
): Promise<KeptCheckpoint[]> {
  const verify = webCryptoVerify();
  const kept: KeptCheckpoint[] = [];
  for (const file of files) {
    const text = await readText(file);
    try {
      const note = text.startsWith(RECEIPT_START) ? parseReceipt(text).checkpoint : text;
      const [origin = ""] = note.split("\n", 1);
      const logKeys = keysOf(keys, instanceOrigin, origin);
      const others = keys.filter(({ name }) => name !== origin);
      const checkpoint = await openCheckpoint(note, [...others, ...logKeys], verify);
      kept.push({ ...checkpoint, source: basename(file) });
    } catch (error) {
      throw new InputError(`${file}: ${(error as Error).message}`);
    }
  }
  return kept;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new InputError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}
