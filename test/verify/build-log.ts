/**
 * Sealed logs for tests of the verifier, made quickly and all true: damage is the tests' own work. Objects go to a
 * folder, or to whatever puts them.
 */
import { hash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { nodeGzip } from "../../storage/gzip.ts";
import { seedSigner } from "../../storage/keys.ts";
import { encodeBatch, slotName } from "../../storage/log/batch.ts";
import { encodeUtf8, toBase64Url, toHex } from "../../storage/log/bytes.ts";
import { logOrigin, signCheckpoint } from "../../storage/log/checkpoint.ts";
import { encodeLine } from "../../storage/log/entry.ts";
import { leafHash, ZERO_HASH } from "../../storage/log/hash.ts";
import { CompactTree } from "../../storage/log/tree.ts";

export const ORIGIN = "verify.example";
export const START_MS = Date.parse("2026-01-01T00:00:00.000Z");
export const sha256 = (data: Uint8Array): Uint8Array => hash("sha256", data, "buffer");

/** The signers of one instance: all logs have the same key pair. */
export const logSigner = await seedSigner(new Uint8Array(32).fill(7));

export type PutObject = (key: string, object: Uint8Array, lastMs: number) => Promise<unknown>;

export interface BuildOptions {
  readonly log?: string;
  readonly origin?: string;
  readonly signer?: typeof logSigner;
  /** Another signer for a batch, by its number from 0: where a log key was replaced. */
  readonly signerOf?: (batch: number) => typeof logSigner;
  /** Sizes of the batches, in order. */
  readonly batches: readonly number[];
  readonly retentionDays?: number;
  /** The canonical event of an entry. */
  readonly event?: (seq: number) => string;
  /** Milliseconds since 1970 of an entry. */
  readonly timeMs?: (seq: number) => number;
  readonly put: PutObject;
}

export interface BuiltLog {
  readonly vkey: string;
  readonly lines: readonly string[];
  /** The checkpoint after each batch. */
  readonly notes: readonly string[];
}

/** Some 440 bytes a line, as an application would send it. */
export function usualEvent(seq: number): string {
  const user = `user-${(seq * 7919) % 1000}`;
  return (
    `{"action":"document.opened","actor":{"id":"${user}","name":"User ${user}","type":"user"},` +
    `"context":{"ip":"192.0.2.${seq % 250}","request_id":"req-${seq.toString(16).padStart(12, "0")}"},` +
    `"targets":[{"id":"document-${seq % 5000}","type":"document"}]}`
  );
}

export async function buildLog(options: BuildOptions): Promise<BuiltLog> {
  const { log = "demo", origin: instance = ORIGIN, signer: keys = logSigner } = options;
  const { event = usualEvent, timeMs = (seq: number) => START_MS + seq } = options;
  const origin = logOrigin(instance, log);
  const signer = await keys.signer(origin);
  const tree = new CompactTree(0, [], sha256);
  const lines: string[] = [];
  const notes: string[] = [];
  const keep = options.batches.reduce((sum, count) => sum + count, 0) <= LINES_KEPT_MAX;
  let prev = ZERO_HASH;
  for (const [number, count] of options.batches.entries()) {
    const header = {
      first: tree.size,
      frontier: tree.frontier().map(toHex),
      ...{ log, origin, prev },
      retention_days: options.retentionDays ?? 1,
    };
    const batch: string[] = [];
    for (let i = 0; i < count; i++) {
      const seq = tree.size;
      const salt = toBase64Url(sha256(encodeUtf8(`${log} ${seq}`)).subarray(0, 16));
      const time = new Date(timeMs(seq)).toISOString();
      const text = encodeLine({ by: "token:test", event: event(seq), log, prev, salt, seq, time });
      const leaf = leafHash(encodeUtf8(text), sha256);
      tree.append(leaf);
      prev = toHex(leaf);
      batch.push(text);
    }
    const signing = (await options.signerOf?.(number).signer(origin)) ?? signer;
    const signed = { origin, size: tree.size, root: tree.root() };
    const checkpoint = await signCheckpoint(signed, signing);
    const object = await nodeGzip.gzip(encodeBatch({ header, lines: batch, checkpoint }));
    await options.put(slotName(log, header.first), object, timeMs(tree.size - 1));
    notes.push(checkpoint);
    if (keep) lines.push(...batch);
  }
  return { vkey: signer.vkey, lines, notes };
}

/** Of larger logs no lines are kept. */
const LINES_KEPT_MAX = 50_000;

export function putInFolder(folder: string): PutObject {
  return async (key, object) => {
    const path = join(folder, key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, object);
  };
}
