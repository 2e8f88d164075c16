/**
 * One batch into its write-once slot (PROTOCOL §3.2–4): signed with the log key, put under lock, read back by version
 * id, then ★ commit 2. A slot that is taken, or of which nobody knows, is adopted where what lies there is ours.
 */
import { encodeBatch, slotName } from "../log/batch.ts";
import { equalBytes, toHex } from "../log/bytes.ts";
import { logOrigin, signCheckpoint } from "../log/checkpoint.ts";
import { parseVkey } from "../log/note.ts";
import { IndexError, VaultError, type PutResult, type SealRow } from "../ports.ts";
import { formatTime } from "./append.ts";
import { leafAt } from "./commit.ts";
import type { Cut } from "./seal-cut.ts";
import { readSlot, retainAtLeastMs, sealRowOf, type SlotBatch, type SlotContext } from "./slot.ts";
import type { Parts, SealedHead, Settings } from "./state.ts";
import { versionsOf } from "./walk.ts";

/** The row that was written; "taken": the slot holds other lines, or lines beyond ours. */
export async function sealBatch(
  parts: Parts,
  settings: Settings,
  log: string,
  before: SealedHead,
  cut: Cut,
  lines: readonly string[],
  options: { retentionDays(): number },
): Promise<SealRow | "taken"> {
  const origin = logOrigin(settings.origin, log);
  const signer = await parts.logKey.signer(origin);
  const context: SlotContext = {
    ...parts,
    log,
    origin,
    keys: [parseVkey(signer.vkey)],
    locks: true,
  };
  const checkpoint = await signCheckpoint({ origin, size: cut.after.size, root: cut.root }, signer);
  const retentionDays = options.retentionDays();
  const header = {
    first: cut.first,
    frontier: before.frontier.match(/.{64}/g) ?? [],
    log,
    origin,
    prev: before.leaf,
    retention_days: retentionDays,
  };
  const object = await parts.gzip.gzip(encodeBatch({ header, lines, checkpoint }));
  const nowMs = parts.clock.nowMs();
  const fromMs = Math.max(Date.parse(cut.timeLast), nowMs);
  const prepared: Prepared = {
    context,
    before,
    cut,
    checkpoint,
    object,
    key: slotName(log, cut.first),
    retainUntilMs: retainAtLeastMs(fromMs, retentionDays),
    sealedAt: formatTime(nowMs),
  };
  const row = (await putAndRead(parts, prepared)) ?? (await adopt(parts, prepared));
  return row === "taken" ? row : ((await addRow(parts, row)) ?? "taken");
}

/** One batch on its way into its slot. */
interface Prepared {
  readonly context: SlotContext;
  readonly before: SealedHead;
  readonly cut: Cut;
  readonly checkpoint: string;
  readonly object: Uint8Array;
  readonly key: string;
  readonly retainUntilMs: number;
  readonly sealedAt: string;
}

/**
 * The row as it now stands in the index. It may have been written before, by a call whose answer was lost: then with
 * that time. Null if the row there is of another version: somebody else sealed this slot.
 */
async function addRow(parts: Parts, row: SealRow): Promise<SealRow | null> {
  try {
    // ★ Commit 2. A crash before: the next start finds the object in its slot and writes this row. After: sealed.
    await parts.index.addSeal(row);
    return row;
  } catch (error) {
    if (!(error instanceof IndexError)) throw error;
    const range = { from: row.first, limit: 1, order: "asc" } as const;
    const [there] = await parts.index.seals(row.log, range);
    if (there?.first !== row.first) throw error;
    return there.versionId === row.versionId && there.sha256 === row.sha256 ? there : null;
  }
}

/** Puts into the empty slot and reads that very version back; null where the slot is taken or the outcome is unknown. */
async function putAndRead(parts: Parts, prepared: Prepared): Promise<SealRow | null> {
  const put = await putNew(parts, prepared);
  return put.kind === "taken" ? null : await readBack(parts, prepared, put.versionId);
}

async function putNew(parts: Parts, { key, object, retainUntilMs }: Prepared): Promise<PutResult> {
  try {
    return await parts.vault.put(key, object, { retainUntilMs, ifAbsent: true });
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    if (error.outcome === "unknown") return { kind: "taken" };
    // A store that cannot read what lies there (MinIO: forged metadata) cannot say that the slot is taken.
    if (error.code !== "vault_refused") throw error;
    if ((await versionsOf(parts.vault, key)).length === 0) throw error;
    return { kind: "taken" };
  }
}

/**
 * What lies under lock must be what was put, byte for byte: that was made of lines hashed and signed here a moment ago,
 * so it needs no second check. Mode and date are asked of that very version.
 */
async function readBack(
  { vault, sha256 }: Parts,
  { cut, key, object, retainUntilMs, checkpoint, sealedAt, context }: Prepared,
  versionId: string,
): Promise<SealRow> {
  const notBack = (why: string) =>
    new VaultError("vault_refused", `what was put into ${key} did not come back: ${why}`);
  const [found, lock] = await Promise.all([
    vault.get(key, versionId),
    vault.lock(key, versionId),
  ]).catch((error: unknown) => {
    if (!(error instanceof VaultError) || error.code === "vault_unreachable") throw error;
    throw notBack(error.message);
  });
  if (!equalBytes(found, object)) throw notBack("other bytes");
  if (lock.mode !== "COMPLIANCE" || lock.retainUntilMs < retainUntilMs) {
    throw notBack(`its lock is ${lock.mode} until ${formatTime(lock.retainUntilMs)}`);
  }
  return {
    log: context.log,
    first: cut.first,
    count: cut.after.size - cut.first,
    key,
    versionId,
    sha256: toHex(sha256(object)),
    bytes: object.length,
    sealedAt,
    retainUntil: formatTime(lock.retainUntilMs),
    checkpoint,
    leaf: cut.after.leaf,
    frontier: cut.after.frontier,
  };
}

/**
 * The slot was taken, or nobody knows: the valid version in it is adopted, whoever put it. A slot without versions is put
 * again later; one with versions of which none is valid gets the batch on top.
 */
async function adopt(parts: Parts, prepared: Prepared): Promise<SealRow | "taken"> {
  const { context, before, cut, key, object, retainUntilMs } = prepared;
  const versions = await versionsOf(parts.vault, key);
  if (versions.length === 0) {
    throw new VaultError("vault_unreachable", `the outcome of putting ${key} is unknown`);
  }
  const { valid, findings } = await readSlot(context, versions, before);
  for (const one of findings) parts.report("error", "a slot is not as it should be", { ...one });
  if (valid !== null) {
    const ours = await isOurs(parts, context.log, cut, valid);
    // Under lock since it was put, and not since it was found.
    return ours ? sealRowOf(valid, formatTime(valid.version.lastModifiedMs)) : "taken";
  }
  if (findings.some(({ code }) => code === "fork")) {
    throw new VaultError("vault_refused", `${key} holds two signed histories`);
  }
  const put = await parts.vault.put(key, object, { retainUntilMs, ifAbsent: false });
  if (put.kind === "taken") throw new VaultError("vault_refused", `${key} cannot be written`);
  return readBack(parts, prepared, put.versionId);
}

/** Whether an adopted batch holds our lines: its last leaf stands in our chain. */
async function isOurs(parts: Parts, log: string, cut: Cut, read: SlotBatch): Promise<boolean> {
  const { size, leaf } = read.batch.head;
  if (size === cut.after.size) return leaf === cut.after.leaf;
  if (size > cut.after.size) return false;
  return (await leafAt(parts.index, log, size - 1)) === leaf;
}
