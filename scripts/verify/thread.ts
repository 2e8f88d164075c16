/**
 * One thread of a verification: inflates and checks objects, and compares runs with the index, as it is told. What it
 * runs are the same functions as everywhere; only the bytes come by message.
 */
import { parentPort, workerData } from "node:worker_threads";
import { checkObject, type CheckContext } from "../../storage/flow/slot.ts";
import { compareRun, type SealedRun } from "../../storage/flow/verify-index.ts";
import { nodeGzip } from "../../storage/gzip.ts";
import { webCryptoVerify } from "../../storage/keys.ts";
import { BatchLines } from "../../storage/log/batch.ts";
import type { ObjectVersion } from "../../storage/ports.ts";
import { dropped } from "./garbage.ts";
import { openIndexView, type IndexAddress } from "./index-view.ts";
import { fastSha256 } from "./sha256.ts";

export interface ThreadData {
  /** The index to compare with, if any. */
  readonly index: IndexAddress | null;
}

export type ThreadJob =
  | {
      readonly kind: "check";
      readonly context: Pick<CheckContext, "log" | "keys" | "origin">;
      readonly version: ObjectVersion;
      readonly object: Uint8Array;
    }
  | { readonly kind: "compare"; readonly run: SealedRun };

export interface ThreadMessage {
  readonly id: number;
  readonly job: ThreadJob;
}

export type ThreadAnswer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: unknown };

const verify = webCryptoVerify();
const { index: address } = workerData as ThreadData;
const index = address === null ? null : openIndexView(address);
const NO_LINES = new BatchLines(new Uint8Array(0), new Uint32Array(1));

/** One comparison at a time: its pages of the index are the largest thing here. */
let comparing: Promise<unknown> = Promise.resolve();

parentPort!.on("message", ({ id, job }: ThreadMessage) => {
  const running = job.kind === "compare" ? (comparing = after(comparing, job)) : run(job);
  running.then(
    (result) => parentPort!.postMessage({ id, result }, transfers(result)),
    (error: unknown) => parentPort!.postMessage({ id, error }),
  );
});

async function after(earlier: Promise<unknown>, job: ThreadJob): Promise<unknown> {
  await earlier.catch(() => {});
  return run(job);
}

async function run(job: ThreadJob): Promise<unknown> {
  if (job.kind === "compare") {
    if (index === null) throw new Error("no index was given to compare with");
    return compareRun({ index, sha256: fastSha256 }, job.run);
  }
  const context = { ...job.context, gzip: nodeGzip, sha256: fastSha256, verify };
  const checked = await checkObject(context, job.version, job.object);
  dropped(job.object.length + ("code" in checked ? 0 : checked.inflatedBytes));
  // The lines stay here: nobody asks for them, and moving them would only hold them longer.
  return "code" in checked ? checked : { ...checked, lines: NO_LINES };
}

function transfers(result: unknown): ArrayBuffer[] {
  const batch = (result as { batch?: { leaves: Uint8Array; times: Float64Array } }).batch;
  if (batch === undefined) return [];
  return [batch.leaves.buffer as ArrayBuffer, batch.times.buffer as ArrayBuffer];
}
