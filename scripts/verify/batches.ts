/** The sealed batches of a vault as `BatchScan` wants them: slot by slot, each version judged as everywhere (`walk.ts`), without their locks. */
import { walkLog, type WalkContext } from "../../storage/flow/walk.ts";
import { checkObject, type CheckedObject } from "../../storage/flow/slot.ts";
import { nodeGzip } from "../../storage/gzip.ts";
import { webCryptoVerify } from "../../storage/keys.ts";
import { parseSlotName } from "../../storage/log/batch.ts";
import type { BatchesFrom } from "../../storage/log/batch-scan.ts";
import { toHex } from "../../storage/log/bytes.ts";
import type { Finding } from "../../storage/log/findings.ts";
import type { LogFinding } from "../../storage/log/log-findings.ts";
import type { VerifierKey } from "../../storage/log/note.ts";
import type { Vault } from "../../storage/ports.ts";
import { dropped } from "./garbage.ts";
import { fastSha256 } from "./sha256.ts";

export interface SealedLog {
  readonly vault: Pick<Vault, "get" | "versions">;
  readonly log: string;
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
}

/** Slots read ahead: one under way while another is looked through. */
const AHEAD = 1;

export function sealedBatches({ vault, log, origin, keys }: SealedLog): BatchesFrom {
  const context: WalkContext = {
    ...{ gzip: nodeGzip, sha256: fastSha256, verify: webCryptoVerify(), log, origin, keys },
    vault: {
      ...{ get: vault.get.bind(vault), versions: vault.versions.bind(vault) },
      lock: () => Promise.reject(new Error("locks are not looked at here")),
    },
    locks: false,
    tolerant: true,
    check: keepingLast(),
  };
  return async function* (first) {
    const options = { from: first, before: null, goOn: false, ahead: AHEAD };
    for await (const step of walkLog(context, options)) {
      // What else lies there changes nothing of what this log holds.
      if (step.kind === "passed") continue;
      if (step.kind !== "batch") {
        // Without locks these are of the log alone.
        yield* step.findings as LogFinding[];
        return;
      }
      const forks = step.findings.filter(({ code }) => code === "fork");
      yield* forks as LogFinding[];
      if (forks.length > 0) return;
      const { batch, lines, version, inflatedBytes } = step.read;
      yield { batch, lines, place: { object: version.key, version: version.versionId } };
      dropped(inflatedBytes);
    }
  };
}

/** Checks objects; of the last one the result is kept: pages of a search share the batch at their border. */
function keepingLast(): NonNullable<WalkContext["check"]> {
  let last: { readonly id: string; readonly result: CheckedObject | Finding } | null = null;
  return async (context, version, object) => {
    const id = `${version.key} ${toHex(fastSha256(object))}`;
    if (last?.id === id) return last.result;
    const result = await checkObject(context, version, object);
    last = { id, result };
    return result;
  };
}

/** Where the batches of a log begin, in log order, as they are listed. What a listing leaves out shows as a hole when they are read. */
export async function slotsOf(vault: SealedLog["vault"], log: string): Promise<number[]> {
  const firsts: number[] = [];
  for await (const { key, deleteMarker } of vault.versions(`${log}/`)) {
    const slot = parseSlotName(key);
    if (slot?.log === log && !deleteMarker && firsts.at(-1) !== slot.first) firsts.push(slot.first);
  }
  return firsts;
}
