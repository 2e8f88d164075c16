/**
 * One slot of the vault (FORMAT §6, PROTOCOL §3.3): of all versions of one key, which one counts. Sealing
 * adopts by this, opening a log, verifying and restoring read by it: there is no second opinion.
 */
import {
  BATCH_INFLATED_BYTES_MAX,
  checkBatch,
  decodeBatch,
  parseSlotName,
  type BatchLines,
  type CheckedBatch,
} from "../log/batch.ts";
import { equalBytes, toHex } from "../log/bytes.ts";
import { LogError } from "../log/errors.ts";
import {
  findingOf,
  newFinding,
  type Finding,
  type FindingCode,
  type FindingPlace,
} from "../log/findings.ts";
import type { Head, Sha256 } from "../log/hash.ts";
import type { Verify, VerifierKey } from "../log/note.ts";
import {
  VaultError,
  type Gzip,
  type ObjectLock,
  type ObjectVersion,
  type SealRow,
  type TreeNode,
  type Vault,
} from "../ports.ts";
import { formatTime } from "./append.ts";
import { formatFrontier } from "./chunk.ts";
import type { KeyOrder } from "./key-order.ts";
import type { SealedHead } from "./state.ts";

const DAY_MS = 86_400_000;

/** What checking the bytes of one object needs: no store, and nothing of what came before it. */
export interface CheckContext {
  readonly gzip: Gzip;
  readonly sha256: Sha256;
  readonly verify: Verify;
  readonly log: string;
  /** Keys that may have signed; the one named like the batch's origin is used. */
  readonly keys: readonly VerifierKey[];
  /** `<instance origin>/<log>`. */
  readonly origin: string;
  /** Waited for between parts of long work: lets others have the thread. */
  readonly breathe?: () => Promise<void>;
}

/** What reading a slot needs. */
export interface SlotContext extends CheckContext {
  readonly vault: Pick<Vault, "get" | "lock">;
  /** False where no lock can be seen: a folder of downloaded objects. */
  readonly locks: boolean;
  /** A batch whose lock is missing or short counts all the same, beside its finding: for a verifier, who goes on. */
  readonly tolerant?: true;
  /** Where objects are checked; `checkObject` unless given: other threads can do it. */
  readonly check?: (
    context: CheckContext,
    version: ObjectVersion,
    object: Uint8Array,
  ) => Promise<CheckedObject | Finding>;
}

/** Where a batch has to begin; null: what its own header says (its root is signed all the same). */
export type Before = Pick<SealedHead, "size" | "leaf" | "frontier"> | null;

/** An object that holds by itself. */
export interface CheckedObject {
  /** Of the object, hex, and its length. */
  readonly sha256: string;
  readonly bytes: number;
  readonly batch: CheckedBatch;
  /** Empty where they were left in the thread that checked them. */
  readonly lines: BatchLines;
  readonly inflatedBytes: number;
  /** Subtrees that became whole in this batch. */
  readonly nodes: readonly TreeNode[];
}

/** A version that holds in every respect. */
export interface SlotBatch extends CheckedObject {
  readonly version: ObjectVersion;
  readonly lock: ObjectLock;
  /** What is wrong with the lock, where a tolerant reader went on. */
  readonly lockFinding: Finding | null;
}

export interface SlotReading {
  readonly valid: SlotBatch | null;
  /** Everything that is not as it should be, also where a valid version was found. */
  readonly findings: readonly Finding[];
}

/** A version as its own bytes and lock show it. */
export type VersionReading = SlotBatch | Finding;

/** `versions`: all versions and markers of this one key. Throws VaultError where the store does not answer. */
export async function readSlot(
  context: SlotContext,
  versions: readonly ObjectVersion[],
  before: Before,
): Promise<SlotReading> {
  return judgeSlot(context, await readVersions(context, versions), before);
}

/** The first half of `readSlot`: all that can be said without knowing what came before. */
export async function readVersions(
  context: SlotContext,
  versions: readonly ObjectVersion[],
): Promise<VersionReading[]> {
  const readings: VersionReading[] = [];
  for (const version of versions) {
    const marker = version.deleteMarker;
    readings.push(marker ? markerFinding(context, version) : await readVersion(context, version));
  }
  return readings;
}

/** The second half: which version counts, given what came before, and whose keys signed that. */
export function judgeSlot(
  context: Pick<SlotContext, "log">,
  readings: readonly VersionReading[],
  before: Before,
  order?: KeyOrder,
): SlotReading {
  const findings: Finding[] = [];
  const valid: SlotBatch[] = [];
  for (const reading of readings) {
    const wrong =
      "code" in reading
        ? reading
        : (misplaced(context, reading, before) ?? outOfOrder(context, reading, order));
    if (wrong !== null) findings.push(wrong);
    else valid.push(reading as SlotBatch);
  }
  // Newest first: among equals the oldest counts, the one that was sealed.
  const longest = valid.reduce<SlotBatch | null>(
    (best, other) =>
      best === null || other.batch.header.count >= best.batch.header.count ? other : best,
    null,
  );
  if (longest === null) return { valid: null, findings };
  const forked = valid.find((other) => !beginsWith(longest.batch, other.batch));
  if (forked !== undefined) {
    const found = `versions ${longest.version.versionId} and ${forked.version.versionId} differ`;
    findings.push(about(context, forked.version, "fork", "one history", found));
    return { valid: null, findings };
  }
  const { lockFinding } = longest;
  const others = [...asExtras(findings), ...extras(context, valid, longest)];
  return { valid: longest, findings: lockFinding === null ? others : [lockFinding, ...others] };
}

/** Beside a valid version, one that does not hold is an extra, whatever is wrong with it. */
function asExtras(findings: readonly Finding[]): Finding[] {
  return findings.map((one) =>
    one.code === "delete_marker"
      ? one
      : newFinding("extra_version", one, "one version", `another one: ${one.code}: ${one.found}`),
  );
}

/** More than one valid version is no fork, but nobody should have put the second. */
function extras(
  context: Pick<SlotContext, "log">,
  valid: readonly SlotBatch[],
  counts: SlotBatch,
): Finding[] {
  return valid
    .filter((other) => other !== counts)
    .map(({ version }) => about(context, version, "extra_version", "one version", "another one"));
}

function beginsWith(longer: CheckedBatch, shorter: CheckedBatch): boolean {
  return equalBytes(longer.leaves.subarray(0, shorter.leaves.length), shorter.leaves);
}

async function readVersion(
  context: SlotContext,
  version: ObjectVersion,
): Promise<SlotBatch | Finding> {
  const { key, versionId } = version;
  let object: Uint8Array;
  try {
    object = await context.vault.get(key, versionId);
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    if (error.code !== "batch_unreadable" && error.code !== "batch_missing") throw error;
    return about(context, version, "batch_unreadable", "a readable batch", error.message);
  }
  const [checked, lock] = await Promise.all([
    (context.check ?? checkObject)(context, version, object),
    context.locks ? readLock(context, version) : UNSEEN_LOCK,
  ]);
  if ("code" in checked) return checked;
  if ("code" in lock) return lock;
  const { times, header } = checked.batch;
  const wantedMs = retainAtLeastMs(times.at(-1) as number, header.retention_days);
  const wrong = context.locks ? lockFindingOf(context, version, wantedMs, lock) : null;
  if (wrong !== null && context.tolerant !== true) return wrong;
  return { ...checked, version, lock, lockFinding: wrong };
}

/** A store that gives the object and not its lock has lost one of the two, or the version went meanwhile. */
async function readLock(
  context: SlotContext,
  version: ObjectVersion,
): Promise<ObjectLock | Finding> {
  try {
    return await context.vault.lock(version.key, version.versionId);
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    if (error.code !== "batch_unreadable" && error.code !== "batch_missing") throw error;
    return about(context, version, "batch_unreadable", "a lock that can be read", error.message);
  }
}

const UNSEEN_LOCK: ObjectLock = { mode: "none", retainUntilMs: 0 };

/** Whether the bytes of one version are a true batch of this log, in the slot that its name says. */
export async function checkObject(
  context: CheckContext,
  version: ObjectVersion,
  object: Uint8Array,
): Promise<CheckedObject | Finding> {
  let inflated: Uint8Array;
  try {
    inflated = await context.gzip.gunzip(object, BATCH_INFLATED_BYTES_MAX);
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return about(context, version, "batch_unreadable", "a readable batch", found);
  }
  const nodes: TreeNode[] = [];
  const onNode = (level: number, index: number, hash: Uint8Array): void => {
    nodes.push({ level, index, hash });
  };
  try {
    const decoded = decodeBatch(inflated);
    assertInSlot(context, version.key, decoded.header);
    const { verify, sha256, breathe } = context;
    const breathing = breathe === undefined ? {} : { breathe };
    const batch = await checkBatch(decoded, context.keys, {
      ...{ verify, sha256, onNode },
      ...breathing,
    });
    return {
      sha256: toHex(context.sha256(object)),
      bytes: object.length,
      batch,
      lines: decoded.lines,
      inflatedBytes: inflated.length,
      nodes,
    };
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return findingOf(error, placeOf(context, version));
  }
}

function assertInSlot(context: CheckContext, key: string, header: CheckedBatch["header"]): void {
  const slot = parseSlotName(key);
  if (
    header.log !== context.log ||
    header.origin !== context.origin ||
    slot?.first !== header.first
  ) {
    const found = `${header.origin} from ${header.first}`;
    throw new LogError(
      "invalid_batch",
      `the object holds ${found}, which does not belong in ${key}`,
    );
  }
}

/** What is wrong with a batch that holds by itself, if it has to continue `before`. */
function misplaced(
  context: Pick<SlotContext, "log">,
  { batch: { header }, version }: SlotBatch,
  before: Before,
): Finding | null {
  if (before === null) return null;
  if (header.first !== before.size || header.prev !== before.leaf) {
    const found = `prev is ${header.prev}, but the leaf of entry ${before.size - 1} is ${before.leaf}`;
    return about(context, version, "chain_broken", "the leaf of the entry before", found);
  }
  if (header.frontier.join("") === before.frontier) return null;
  const found = "the frontier is not that of the batches before";
  return about(context, version, "root_mismatch", "the frontier after the batch before", found);
}

/** A true batch, but by a log key that another one has followed. */
function outOfOrder(
  context: Pick<SlotContext, "log">,
  { batch, version }: SlotBatch,
  order: KeyOrder | undefined,
): Finding | null {
  if (order === undefined || order.allows(batch.checkpoint.signers)) return null;
  const expected = "the log key of the batch before";
  const found = "one that had been replaced by then";
  return about(context, version, "signature_invalid", expected, found);
}

/** `wantedMs`: the date up to which the version has to be locked at least. */
export function lockFindingOf(
  context: Pick<SlotContext, "log">,
  version: ObjectVersion,
  wantedMs: number,
  lock: ObjectLock,
): Finding | null {
  if (lock.mode !== "COMPLIANCE") {
    return about(context, version, "lock_missing", "COMPLIANCE", `mode ${lock.mode}`);
  }
  if (lock.retainUntilMs >= wantedMs) return null;
  const found = formatTime(lock.retainUntilMs);
  return about(context, version, "lock_too_short", formatTime(wantedMs), found);
}

/** The earliest date to which a batch must be locked, whole seconds, rounded up. */
export function retainAtLeastMs(timeMs: number, retentionDays: number): number {
  return Math.ceil((timeMs + retentionDays * DAY_MS) / 1000) * 1000;
}

function about(
  context: Pick<SlotContext, "log">,
  version: ObjectVersion,
  code: FindingCode,
  expected: string,
  found: string,
): Finding {
  return newFinding(code, placeOf(context, version), expected, found);
}

export function markerFinding(context: Pick<SlotContext, "log">, version: ObjectVersion): Finding {
  return about(context, version, "delete_marker", "no marker", "a delete marker");
}

function placeOf(
  { log }: Pick<SlotContext, "log">,
  { key, versionId }: ObjectVersion,
): FindingPlace {
  return { log, first: parseSlotName(key)?.first ?? null, object: key, version: versionId };
}

/** The seal's row of a batch that was read back. */
export function sealRowOf(read: SlotBatch, sealedAt: string): SealRow {
  const { header, head, frontier, note } = read.batch;
  return {
    log: header.log,
    first: header.first,
    count: header.count,
    key: read.version.key,
    versionId: read.version.versionId,
    sha256: read.sha256,
    bytes: read.bytes,
    sealedAt,
    retainUntil: formatTime(read.lock.retainUntilMs),
    checkpoint: note,
    leaf: head.leaf,
    frontier: formatFrontier(frontier),
  };
}

export function headAfter(read: SlotBatch): Head & { readonly frontier: string } {
  return { ...read.batch.head, frontier: formatFrontier(read.batch.frontier) };
}
