/** A log in six sealed batches with a tail behind them, for tests of answers that are held against it. */
import { nodeGzip } from "../../storage/gzip.ts";
import { encodeBatch } from "../../storage/log/batch.ts";
import { DemoLog, receiptSigner, type otherSigner } from "./demo-log.ts";

const SIZES = [50, 1, 100, 30, 60, 20];
export const SEALED = 261;
export const SIZE = 276;

export interface Built {
  readonly log: DemoLog;
  /** Where batches begin, and what follows the last one. */
  readonly firsts: readonly number[];
  readonly objects: ReadonlyMap<number, Uint8Array>;
  readonly checkpoint: string;
  readonly tail: { readonly lines: readonly string[]; readonly checkpoint: string };
}

/** `salt`: another past of the same size, signed by the same key. */
export async function build(signer?: typeof otherSigner, salt = 0): Promise<Built> {
  const log = new DemoLog(salt);
  const firsts = [0];
  const objects = new Map<number, Uint8Array>();
  let checkpoint = "";
  for (const count of SIZES) {
    const first = log.lines.length;
    const parts = await log.seal(count, signer);
    ({ checkpoint } = parts);
    objects.set(first, await nodeGzip.gzip(encodeBatch(parts)));
    firsts.push(first + count);
  }
  log.append(SIZE - SEALED);
  const tail = { lines: log.lines.slice(SEALED), checkpoint: await log.checkpoint(receiptSigner) };
  return { log, firsts, objects, checkpoint, tail };
}
