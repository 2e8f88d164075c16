/**
 * Puts a batch again that the vault has lost: the very lines that were sealed, from the index, under the checkpoint that was
 * signed then. Where the seal's row has none that holds, the log key signs the same size and root again, which makes
 * no second root for one size.
 */
import { encodeBatch } from "../log/batch.ts";
import { logOrigin, openCheckpoint, signCheckpoint, type Checkpoint } from "../log/checkpoint.ts";
import { LogError } from "../log/errors.ts";
import type { SealRow } from "../ports.ts";
import { VaultError } from "../ports.ts";
import { formatFrontier, parseFrontier, timeOfLine, treeAt } from "./chunk.ts";
import { equalBytes, toHex } from "../log/bytes.ts";
import { walkContext } from "./load.ts";
import { readLines } from "./read-lines.ts";
import { readSlot, retainAtLeastMs } from "./slot.ts";
import type { Parts, SealedHead, Settings } from "./state.ts";
import { versionsOf, type WalkContext } from "./walk.ts";

/** Throws VaultError; on return the batch was read back under its lock. `before`: what it continues. */
export async function refill(
  parts: Parts,
  settings: Settings,
  row: SealRow,
  before: Pick<SealedHead, "size" | "leaf" | "frontier">,
  retentionDays: number,
): Promise<void> {
  const { log, first, count, key } = row;
  const tree = treeAt(before, parts.sha256);
  const lines: string[] = [];
  for await (const line of readLines(parts.index, log, first, first + count, parts.sha256)) {
    tree.append(line.leaf);
    lines.push(line.text);
  }
  if (tree.size !== first + count || formatFrontier(tree.frontier()) !== row.frontier) {
    throw new VaultError("batch_missing", `the index no longer has the lines of ${key}`);
  }
  const origin = logOrigin(settings.origin, log);
  const signer = await parts.logKey.signer(origin);
  const context = await walkContext(parts, settings, log);
  const signed = { origin, size: tree.size, root: tree.root() };
  const checkpoint =
    (await noteThatHolds(row, signed, context)) ?? (await signCheckpoint(signed, signer));
  const header = {
    ...{ first, log, origin, prev: before.leaf },
    frontier: parseFrontier(before.frontier).map(toHex),
    retention_days: retentionDays,
  };
  const object = await parts.gzip.gzip(encodeBatch({ header, lines, checkpoint }));
  const lastMs = Date.parse(timeOfLine(lines.at(-1) as string));
  const retainUntilMs = retainAtLeastMs(Math.max(lastMs, parts.clock.nowMs()), retentionDays);
  const ifAbsent = (await versionsOf(parts.vault, key)).length === 0;
  const put = await parts.vault.put(key, object, { retainUntilMs, ifAbsent });
  if (put.kind === "taken") throw new VaultError("vault_refused", `${key} was written meanwhile`);
  const { valid, findings } = await readSlot(context, await versionsOf(parts.vault, key), before);
  if (valid?.batch.head.leaf === row.leaf) return;
  const why = findings.map(({ code, found }) => `${code}: ${found}`).join("; ");
  throw new VaultError("vault_refused", `what was put into ${key} did not come back (${why})`);
}

/** The row's own note, which may be of a log key that was replaced since; null unless it says just this. */
async function noteThatHolds(
  { checkpoint: note }: SealRow,
  { origin, size, root }: Checkpoint,
  { keys, verify }: Pick<WalkContext, "keys" | "verify">,
): Promise<string | null> {
  try {
    const opened = await openCheckpoint(note, keys, verify);
    const same = opened.origin === origin && opened.size === size && equalBytes(opened.root, root);
    return same ? note : null;
  } catch (error) {
    if (error instanceof LogError) return null;
    throw error;
  }
}
