/**
 * Objects of a log that are no batch: what comes beside one under the same lock, or what nobody here has put.
 */
import { parseSlotName, slotName } from "../log/batch.ts";
import { newFinding, type Finding } from "../log/findings.ts";
import type { ObjectVersion } from "../ports.ts";
import { lockFindingOf, markerFinding } from "./slot.ts";
import type { LogProgress } from "./verify-progress.ts";
import type { WalkContext } from "./walk.ts";

/** `beside`: the last batch that counted. */
export async function findingsBeside(
  context: WalkContext,
  versions: readonly ObjectVersion[],
  beside: LogProgress["beside"],
): Promise<Finding[]> {
  const { log } = context;
  const findings: Finding[] = [];
  for (const version of versions) {
    const { key, versionId } = version;
    const place = { log, object: key, version: versionId };
    if (version.deleteMarker) findings.push(markerFinding(context, version));
    else if (slotOf(log, key) === null) {
      findings.push(newFinding("extra_version", place, "batches", "an unknown object"));
    } else if (context.locks) {
      const wrong = await lockBeside(context, version, beside);
      if (wrong !== null) findings.push(wrong);
    }
  }
  return findings;
}

async function lockBeside(
  context: WalkContext,
  version: ObjectVersion,
  beside: LogProgress["beside"],
): Promise<Finding | null> {
  const lock = await context.vault.lock(version.key, version.versionId);
  const first = slotOf(context.log, version.key);
  const wantedMs = beside?.first === first ? beside.retainAtLeastMs : 0;
  return lockFindingOf(context, version, wantedMs, lock);
}

/** The slot beside which an object lies: a batch's name with another ending (FORMAT §6): `.note`, `.tsr`, and what later versions may add. */
function slotOf(log: string, key: string): number | null {
  const digits = /^(\d{16})(\.[a-z0-9]+)+$/.exec(key.slice(log.length + 1))?.[1];
  return digits === undefined
    ? null
    : (parseSlotName(slotName(log, Number(digits)))?.first ?? null);
}
