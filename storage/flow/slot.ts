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
  type Vault,
} from "../ports.ts";
import { formatTime } from "./append.ts";
import { formatFrontier } from "./chunk.ts";
import type { SealedHead } from "./state.ts";

const DAY_MS = 86_400_000;

/** What reading a slot needs. */
export interface SlotContext {
  readonly vault: Pick<Vault, "get" | "lock">;
  readonly gzip: Gzip;
  readonly sha256: Sha256;
  readonly verify: Verify;
  readonly log: string;
  /** Keys that may have signed; the one named like the batch's origin is used. */
  readonly keys: readonly VerifierKey[];
  /** `<instance origin>/<log>`. */
  readonly origin: string;
  /** False where no lock can be seen: a folder of downloaded objects. */
  readonly locks: boolean;
}

/** Where a batch has to begin; null: what its own header says (its root is signed all the same). */
export type Before = Pick<SealedHead, "size" | "leaf" | "frontier"> | null;

/** A version that holds in every respect. */
export interface SlotBatch {
  readonly version: ObjectVersion;
  readonly sha256: string;
  readonly bytes: number;
  readonly lock: ObjectLock;
  readonly batch: CheckedBatch;
  readonly lines: BatchLines;
  readonly inflatedBytes: number;
}

export interface SlotReading {
  readonly valid: SlotBatch | null;
  /** Everything that is not as it should be, also where a valid version was found. */
  readonly findings: readonly Finding[];
}

/** `versions`: all versions and markers of this one key. Throws VaultError where the store does not answer. */
export async function readSlot(
  context: SlotContext,
  versions: readonly ObjectVersion[],
  before: Before,
): Promise<SlotReading> {
  const findings: Finding[] = [];
  const valid: SlotBatch[] = [];
  for (const version of versions) {
    if (version.deleteMarker) {
      findings.push(markerFinding(context, version));
      continue;
    }
    const read = await readVersion(context, version, before);
    if ("code" in read) findings.push(read);
    else valid.push(read);
  }
  const longest = valid.reduce<SlotBatch | null>(
    (best, other) => (best === null || other.lines.length > best.lines.length ? other : best),
    null,
  );
  if (longest === null) return { valid: null, findings };
  const forked = valid.find((other) => !beginsWith(longest.batch, other.batch));
  if (forked !== undefined) {
    const found = `versions ${longest.version.versionId} and ${forked.version.versionId} differ`;
    findings.push(about(context, forked.version, "fork", "one history", found));
    return { valid: null, findings };
  }
  return { valid: longest, findings: [...asExtras(findings), ...extras(context, valid, longest)] };
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
function extras(context: SlotContext, valid: readonly SlotBatch[], counts: SlotBatch): Finding[] {
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
  before: Before,
): Promise<SlotBatch | Finding> {
  const { key, versionId } = version;
  const unreadable = (found: string) =>
    about(context, version, "batch_unreadable", "a readable batch", found);
  let object: Uint8Array;
  try {
    object = await context.vault.get(key, versionId);
  } catch (error) {
    if (error instanceof VaultError && error.code === "batch_unreadable")
      return unreadable(error.message);
    if (error instanceof VaultError && error.code === "batch_missing")
      return unreadable(error.message);
    throw error;
  }
  let inflated: Uint8Array;
  try {
    inflated = await context.gzip.gunzip(object, BATCH_INFLATED_BYTES_MAX);
  } catch (error) {
    return unreadable(error instanceof Error ? error.message : String(error));
  }
  try {
    const decoded = decodeBatch(inflated);
    assertInPlace(context, key, decoded.header, before);
    const { verify, sha256 } = context;
    const batch = await checkBatch(decoded, context.keys, { verify, sha256 });
    const lock = context.locks ? await context.vault.lock(key, versionId) : UNSEEN_LOCK;
    const wrong = context.locks ? lockFinding(context, version, batch, lock) : null;
    if (wrong !== null) return wrong;
    return {
      version,
      sha256: toHex(context.sha256(object)),
      bytes: object.length,
      lock,
      batch,
      lines: decoded.lines,
      inflatedBytes: inflated.length,
    };
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return findingOf(error, placeOf(context, version));
  }
}

const UNSEEN_LOCK: ObjectLock = { mode: "none", retainUntilMs: 0 };

function assertInPlace(
  context: SlotContext,
  key: string,
  header: CheckedBatch["header"],
  before: Before,
): void {
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
  if (before === null) return;
  if (header.first !== before.size || header.prev !== before.leaf) {
    const detail = `prev is ${header.prev}, but the leaf of entry ${before.size - 1} is ${before.leaf}`;
    throw new LogError("chain_broken", detail, { seq: header.first });
  }
  if (header.frontier.join("") !== before.frontier) {
    throw new LogError("root_mismatch", "the frontier is not that of the batches before");
  }
}

function lockFinding(
  context: SlotContext,
  version: ObjectVersion,
  batch: CheckedBatch,
  lock: ObjectLock,
): Finding | null {
  if (lock.mode !== "COMPLIANCE") {
    return about(context, version, "lock_missing", "COMPLIANCE", `mode ${lock.mode}`);
  }
  const wantedMs = retainAtLeastMs(batch.times.at(-1) as number, batch.header.retention_days);
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
