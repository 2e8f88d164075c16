/**
 * Walks a log through the vault, slot by slot in log order, and says of each batch that it continues the
 * one before, or what is wrong where. One batch is in memory at a time.
 */
import { parseSlotName, slotName } from "../log/batch.ts";
import { newFinding, type Finding } from "../log/findings.ts";
import { ZERO_HASH } from "../log/hash.ts";
import type { ObjectVersion, Vault } from "../ports.ts";
import { KeyOrder } from "./key-order.ts";
import {
  headAfter,
  judgeSlot,
  markerFinding,
  readVersions,
  type Before,
  type SlotBatch,
  type SlotContext,
  type VersionReading,
} from "./slot.ts";

export type Step = StepKind & {
  /** Where a walk goes on that ended behind this step; null behind a gap, which is no place to end. */
  readonly place: WalkPlace | null;
};

/** Where a walk stands. */
export interface WalkPlace {
  /** Of the log up to here; behind a slot that does not hold, at least so much. */
  readonly size: number;
  /** What the next batch continues; null: as its own header says. */
  readonly before: Before;
  /** The slot before this place has nothing valid. */
  readonly afterInvalid: boolean;
  /** The last key that was dealt with; null where none was. */
  readonly key: string | null;
}

type StepKind =
  | { readonly kind: "batch"; readonly read: SlotBatch; readonly findings: readonly Finding[] }
  /** The slot has nothing valid. The walk ends here unless it was asked to go on. */
  | { readonly kind: "invalid"; readonly key: string; readonly findings: readonly Finding[] }
  /** The batch that begins at `first` is not there; the next one found begins at `last + 1`. */
  | { readonly kind: "gap"; readonly findings: readonly Finding[] }
  /** Objects that are no batch (nothing is said of them here), or whose place is taken: passed over. */
  | {
      readonly kind: "passed";
      readonly versions: readonly ObjectVersion[];
      readonly findings: readonly Finding[];
    };

export interface WalkContext extends Omit<SlotContext, "vault"> {
  readonly vault: Pick<Vault, "get" | "lock" | "versions">;
}

export interface WalkOptions {
  /** The first slot to read: a batch begins there. */
  readonly from: number;
  /** What that batch continues; null: as its own header says. */
  readonly before: Before;
  /** Go on behind a gap or an invalid slot, trusting the next header for what it continues. */
  readonly goOn: boolean;
  /** How many slots may be read and checked ahead of the one that is given out; 0 unless given. */
  readonly ahead?: number;
  /**
   * Where the log as a whole cannot be listed: these objects, in log order, or, with `next`, the one batch after the
   * other while they go on without a hole.
   */
  readonly keys?: readonly string[] | "next";
  /** For a walk that goes on where another one ended, instead of `from` and `before`; and which keys signed what came before. */
  readonly place?: WalkPlace;
  readonly order?: KeyOrder;
}

export const AT_START: Before = { size: 0, leaf: ZERO_HASH, frontier: "" };

/** Objects read ahead hold at most this much together, one at least: what bounds the memory of a walk. */
const AHEAD_BYTES_MAX = 16 * 1024 * 1024;

export async function* walkLog(context: WalkContext, options: WalkOptions): AsyncGenerator<Step> {
  const { order = new KeyOrder() } = options;
  let { before, from: size } = options;
  let afterInvalid = false;
  if (options.place !== undefined) ({ before, size, afterInvalid } = options.place);
  const slots = slotsOf(context, options, () => size);
  for await (const { versions, reading } of readAhead(context, options, slots)) {
    const key = (versions[0] as ObjectVersion).key;
    const place = (): WalkPlace => ({ size, before, afterInvalid, key });
    const slot = parseSlotName(key);
    if (slot === null || slot.log !== context.log) {
      yield { kind: "passed", versions, findings: [], place: place() };
      continue;
    }
    if (slot.first < size) {
      const findings = [overlap(context, versions, size)];
      yield { kind: "passed", versions, findings, place: place() };
      continue;
    }
    if (versions.every(({ deleteMarker }) => deleteMarker)) {
      // Nothing but markers: the batch is not there, and the next slot or the last seal row will miss it.
      const findings = versions.map((version) => markerFinding(context, version));
      yield { kind: "passed", versions, findings, place: place() };
      continue;
    }
    if (slot.first > size && !afterInvalid) {
      yield { kind: "gap", findings: [gap(context, size, slot.first)], place: null };
      if (!options.goOn) return;
      before = null;
    }
    afterInvalid = false;
    const { valid, findings } = judgeSlot(context, await reading, before, order);
    if (valid === null) {
      // Where the damaged batch would have ended is for the next slot's name to say.
      before = null;
      size = slot.first + 1;
      afterInvalid = true;
      yield { kind: "invalid", key, findings, place: place() };
      if (!options.goOn) return;
      continue;
    }
    order.take(valid.batch.checkpoint.signers);
    before = headAfter(valid);
    size = before.size;
    yield { kind: "batch", read: valid, findings, place: place() };
  }
}

interface Slot {
  readonly versions: readonly ObjectVersion[];
  readonly reading: Promise<readonly VersionReading[]>;
}

/** The slots in order, of which some more are being read already. */
async function* readAhead(
  context: WalkContext,
  { ahead = 0 }: WalkOptions,
  slots: AsyncGenerator<ObjectVersion[]>,
): AsyncGenerator<Slot> {
  const queue: (Slot & { readonly bytes: number })[] = [];
  let aheadBytes = 0;
  let ended = false;
  const mayRead = (): boolean =>
    queue.length === 0 || (queue.length <= ahead && aheadBytes < AHEAD_BYTES_MAX);
  try {
    for (;;) {
      while (!ended && mayRead()) {
        const next = await slots.next();
        if (next.done === true) {
          ended = true;
          break;
        }
        const bytes = next.value.reduce((sum, version) => sum + version.bytes, 0);
        queue.push({ versions: next.value, reading: read(context, next.value), bytes });
        aheadBytes += bytes;
      }
      const slot = queue.shift();
      if (slot === undefined) return;
      aheadBytes -= slot.bytes;
      yield slot;
    }
  } finally {
    await slots.return(undefined);
  }
}

/** Nothing but batches is read. A failure is for whoever comes to this slot; a walk that ended before never sees it. */
function read(
  context: WalkContext,
  versions: readonly ObjectVersion[],
): Promise<readonly VersionReading[]> {
  const slot = parseSlotName((versions[0] as ObjectVersion).key);
  if (slot?.log !== context.log) return Promise.resolve([]);
  const reading = readVersions(context, versions);
  reading.catch(() => {});
  return reading;
}

/** `size`: of the log up to where the walk has come. */
function slotsOf(
  context: WalkContext,
  { from, keys, place }: WalkOptions,
  size: () => number,
): AsyncGenerator<ObjectVersion[]> {
  if (keys === undefined) return slotsFrom(context, from, place?.key ?? null);
  return slotsNamed(context, keys === "next" ? nextNames(context.log, size) : keys);
}

function* nextNames(log: string, size: () => number): Generator<string> {
  for (let asked = -1; size() !== asked;) {
    asked = size();
    yield slotName(log, asked);
  }
}

/** Versions from the slot `from` on, or behind a key, grouped by key. */
async function* slotsFrom(
  context: WalkContext,
  from: number,
  key: string | null,
): AsyncGenerator<ObjectVersion[]> {
  const prefix = `${context.log}/`;
  // The name just before this slot's: names sort in log order.
  const after = key ?? (from === 0 ? undefined : slotName(context.log, from - 1));
  let group: ObjectVersion[] = [];
  for await (const version of context.vault.versions(prefix, after)) {
    if (group.length > 0 && group[0]?.key !== version.key) {
      yield group;
      group = [];
    }
    group.push(version);
  }
  if (group.length > 0) yield group;
}

async function* slotsNamed(
  context: WalkContext,
  keys: Iterable<string>,
): AsyncGenerator<ObjectVersion[]> {
  for (const key of keys) {
    const versions = await versionsOf(context.vault, key);
    if (versions.length > 0) yield versions;
  }
}

/** All versions and markers of one key. */
export async function versionsOf(
  vault: Pick<Vault, "versions">,
  key: string,
): Promise<ObjectVersion[]> {
  const found: ObjectVersion[] = [];
  for await (const version of vault.versions(key)) if (version.key === key) found.push(version);
  return found;
}

function overlap(context: WalkContext, versions: readonly ObjectVersion[], size: number): Finding {
  const { key, versionId } = versions[0] as ObjectVersion;
  const place = { log: context.log, object: key, version: versionId };
  const found = "an object whose entries another batch holds";
  return newFinding("extra_version", place, `the next batch at ${size}`, found);
}

function gap(context: WalkContext, first: number, next: number): Finding {
  const place = { log: context.log, first, last: next - 1, object: slotName(context.log, first) };
  const found = `the next one begins at ${next}`;
  return newFinding("batch_missing", place, `a batch that begins at ${first}`, found);
}
