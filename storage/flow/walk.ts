/**
 * Walks a log through the vault, slot by slot in log order, and says of each batch that it continues the
 * one before, or what is wrong where. One batch is in memory at a time.
 */
import { parseSlotName, slotName } from "../log/batch.ts";
import { newFinding, type Finding } from "../log/findings.ts";
import { ZERO_HASH } from "../log/hash.ts";
import type { ObjectVersion, Vault } from "../ports.ts";
import {
  headAfter,
  markerFinding,
  readSlot,
  type Before,
  type SlotBatch,
  type SlotContext,
} from "./slot.ts";

export type Step =
  | { readonly kind: "batch"; readonly read: SlotBatch; readonly findings: readonly Finding[] }
  /** The slot has nothing valid. The walk ends here unless it was asked to go on. */
  | { readonly kind: "invalid"; readonly key: string; readonly findings: readonly Finding[] }
  /** The batch that begins at `first` is not there; the next one found begins at `last + 1`. */
  | { readonly kind: "gap"; readonly findings: readonly Finding[] }
  /** An object that is not a batch, or one whose place is taken: passed over. */
  | { readonly kind: "passed"; readonly findings: readonly Finding[] };

export interface WalkContext extends Omit<SlotContext, "vault"> {
  readonly vault: Vault;
}

export interface WalkOptions {
  /** The first slot to read: a batch begins there. */
  readonly from: number;
  /** What that batch continues; null: as its own header says. */
  readonly before: Before;
  /** Go on behind a gap or an invalid slot, trusting the next header for what it continues. */
  readonly goOn: boolean;
}

export const AT_START: Before = { size: 0, leaf: ZERO_HASH, frontier: "" };

export async function* walkLog(context: WalkContext, options: WalkOptions): AsyncGenerator<Step> {
  let before = options.before;
  let size = options.from;
  let afterInvalid = false;
  for await (const versions of slotsFrom(context, options.from)) {
    const key = (versions[0] as ObjectVersion).key;
    const slot = parseSlotName(key);
    if (slot === null || slot.log !== context.log) continue;
    if (slot.first < size) {
      yield { kind: "passed", findings: [overlap(context, versions, size)] };
      continue;
    }
    if (versions.every(({ deleteMarker }) => deleteMarker)) {
      // Nothing but markers: the batch is not there, and the next slot or the last seal row will miss it.
      yield {
        kind: "passed",
        findings: versions.map((version) => markerFinding(context, version)),
      };
      continue;
    }
    if (slot.first > size && !afterInvalid) {
      yield { kind: "gap", findings: [gap(context, size, slot.first)] };
      if (!options.goOn) return;
      before = null;
    }
    afterInvalid = false;
    const { valid, findings } = await readSlot(context, versions, before);
    if (valid === null) {
      yield { kind: "invalid", key, findings };
      if (!options.goOn) return;
      // Where the damaged batch would have ended is for the next slot's name to say.
      before = null;
      size = slot.first + 1;
      afterInvalid = true;
      continue;
    }
    yield { kind: "batch", read: valid, findings };
    before = headAfter(valid);
    size = before.size;
  }
}

/** Versions from the slot `from` on, grouped by key. */
async function* slotsFrom(context: WalkContext, from: number): AsyncGenerator<ObjectVersion[]> {
  const prefix = `${context.log}/`;
  // The name just before this slot's: names sort in log order.
  const after = from === 0 ? undefined : slotName(context.log, from - 1);
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
