/**
 * Looks at a whole instance from outside, with nothing that the ledger has in memory: every line, leaf and root of the index,
 * every batch of the vault, every entry that was acknowledged, every checkpoint that was ever signed.
 */
import assert from "node:assert/strict";
import { gunzipStrictly } from "../../storage/gzip.ts";
import {
  BATCH_INFLATED_BYTES_MAX,
  checkBatch,
  decodeBatch,
  parseSlotName,
} from "../../storage/log/batch.ts";
import { decodeUtf8, encodeUtf8, toHex } from "../../storage/log/bytes.ts";
import { logOrigin } from "../../storage/log/checkpoint.ts";
import { decodeLine, type Entry } from "../../storage/log/entry.ts";
import { leafHash, ZERO_HASH } from "../../storage/log/hash.ts";
import { parseVkey, type Verify } from "../../storage/log/note.ts";
import { proveInclusion } from "../../storage/log/proof.ts";
import { checkReceipt, formatReceipt } from "../../storage/log/receipt.ts";
import { CompactTree } from "../../storage/log/tree.ts";
import type { Index, Vault } from "../../storage/ports.ts";

/** An entry that somebody was told of, with what they can show for it. */
export interface Promised {
  readonly log: string;
  readonly seq: number;
  readonly hash: string;
  readonly event: string;
  readonly size: number;
  readonly checkpoint: string;
  readonly vkey: string;
}

/** A root that a key signed. */
export interface Signed {
  readonly vkey: string;
  readonly log: string;
  readonly size: number;
  readonly root: string;
}

export interface Evidence {
  readonly index: Index;
  readonly vault: Vault;
  readonly origin: string;
  readonly promised: readonly Promised[];
  readonly signed: readonly Signed[];
  readonly verify: Verify;
  logVkey(log: string): Promise<string>;
}

interface Line extends Entry {
  readonly leaf: string;
}

const lines = new Map<string, Line>();
/** Trees by their last leaf: a leaf speaks for everything before it. */
const trees = new Map<string, CompactTree>([[ZERO_HASH, new CompactTree()]]);
const batches = new WeakMap<object, Map<string, Batch>>();
const receipts = new WeakSet<Promised>();

/** Throws an AssertionError that says what does not hold. */
export async function checkAll(evidence: Evidence): Promise<void> {
  const logs = new Map<string, Line[]>();
  for (const log of (await evidence.index.heads()).keys()) {
    logs.set(log, await checkIndexLog(evidence.index, log));
  }
  checkPromises(evidence.promised, logs);
  checkSigned(evidence.signed, logs);
  await checkVault(evidence, logs);
  for (const promise of evidence.promised) {
    if (receipts.has(promise)) continue;
    await checkPromiseReceipt(evidence, promise, logs.get(promise.log) ?? []);
    receipts.add(promise);
  }
}

/** The entries of a log in the index: contiguous, chained, hashed, with the head and the tree that belong to them. */
export async function checkIndexLog(index: Index, log: string): Promise<Line[]> {
  const entries: Line[] = [];
  let prev = ZERO_HASH;
  let time = "";
  for (const chunk of await index.chunks(log, { from: 0, to: 2 ** 53 - 1, bytesMax: 2 ** 40 })) {
    assert.equal(chunk.first, entries.length, `${log}: a chunk begins where the last one ended`);
    const texts = chunk.lines.split("\n");
    assert.equal(texts.length, chunk.count, `${log}: chunk at ${chunk.first} has its lines`);
    for (const [at, text] of texts.entries()) {
      const line = lineOf(text);
      assert.equal(line.log, log);
      assert.equal(line.seq, entries.length, `${log}: no gap`);
      assert.equal(line.prev, prev, `${log}: entry ${line.seq} follows on the one before`);
      assert.ok(line.time >= time, `${log}: time does not run backwards at ${line.seq}`);
      assert.equal(toHex(chunk.leaves.subarray(32 * at, 32 * at + 32)), line.leaf);
      grow(prev, line.leaf);
      entries.push(line);
      ({ leaf: prev, time } = line);
    }
  }
  const head = (await index.heads()).get(log);
  assert.equal(head?.size, entries.length, `${log}: the head counts the entries`);
  assert.equal(head?.leaf, prev);
  assert.equal(head?.time, time);
  assert.equal(head?.frontier, frontierText(treeOf(prev)));
  return entries;
}

function lineOf(text: string): Line {
  const known = lines.get(text);
  if (known !== undefined) return known;
  const line = { ...decodeLine(text), leaf: toHex(leafHash(encodeUtf8(text))) };
  lines.set(text, line);
  return line;
}

function treeOf(leaf: string): CompactTree {
  const tree = trees.get(leaf);
  assert.ok(tree);
  return tree;
}

function grow(prev: string, leaf: string): void {
  if (trees.has(leaf)) return;
  const tree = treeOf(prev).clone();
  tree.append(Buffer.from(leaf, "hex"));
  trees.set(leaf, tree);
}

function frontierText(tree: CompactTree): string {
  return tree.frontier().map(toHex).join("");
}

function checkPromises(promised: readonly Promised[], logs: ReadonlyMap<string, Line[]>): void {
  for (const { log, seq, hash, event } of promised) {
    const entry = logs.get(log)?.[seq];
    assert.equal(entry?.leaf, hash, `${log}: the acknowledged entry ${seq} is there`);
    assert.equal(entry?.event, event);
  }
  for (const [log, entries] of logs) {
    const seen = new Set<string>();
    for (const { eventJson, seq } of entries) {
      const once = JSON.stringify((eventJson["details"] as { once?: unknown } | undefined)?.once);
      if (once === undefined) continue;
      assert.ok(!seen.has(once), `${log}: event ${once} is there once, not again at ${seq}`);
      seen.add(once);
    }
  }
}

function checkSigned(signed: readonly Signed[], logs: ReadonlyMap<string, Line[]>): void {
  const roots = new Map<string, string>();
  for (const { vkey, log, size, root } of signed) {
    const key = `${vkey} ${size}`;
    assert.equal(roots.get(key) ?? root, root, `${vkey} signs one root for size ${size}`);
    roots.set(key, root);
    const leaf = size === 0 ? ZERO_HASH : logs.get(log)?.[size - 1]?.leaf;
    assert.ok(leaf, `${log} still reaches the signed size ${size}`);
    assert.equal(toHex(treeOf(leaf).root()), root, `${log}: signed root of ${size} still holds`);
  }
}

interface Batch {
  readonly first: number;
  readonly texts: string[];
  readonly note: string;
}

/** Batches follow each other, one valid version a slot, holding the index's lines; each seal row names such a version. */
async function checkVault(evidence: Evidence, logs: ReadonlyMap<string, Line[]>): Promise<void> {
  const known = batches.get(evidence.vault) ?? new Map<string, Batch>();
  batches.set(evidence.vault, known);
  const ends = new Map<string, number>();
  for await (const { key, versionId, deleteMarker } of evidence.vault.versions("")) {
    const slot = parseSlotName(key);
    if (slot === null || deleteMarker) continue;
    const name = `${key} ${versionId}`;
    const batch = known.get(name) ?? (await readBatch(evidence, slot.log, key, versionId));
    if (batch === null) continue;
    known.set(name, batch);
    const end = ends.get(slot.log) ?? 0;
    assert.equal(batch.first, end, `${key}: one valid batch a slot, none missing`);
    ends.set(slot.log, end + batch.texts.length);
    const entries = logs.get(slot.log) ?? [];
    batch.texts.forEach((text, at) => {
      assert.equal(entries[end + at]?.line, text, `${key}: line ${end + at} is the index's`);
    });
  }
  for (const log of logs.keys()) {
    let end = 0;
    const rows = await evidence.index.seals(log, { from: 0, limit: 1e6, order: "asc" });
    for (const { first, count, key, versionId, checkpoint, leaf } of rows) {
      assert.equal(first, end, `${log}: seal rows follow each other`);
      end += count;
      const batch = known.get(`${key} ${versionId}`);
      assert.ok(batch, `${key}: the version of the row is a valid batch`);
      assert.equal(batch.note, checkpoint);
      assert.equal(lineOf(batch.texts.at(-1) as string).leaf, leaf);
    }
  }
}

async function readBatch(
  evidence: Evidence,
  log: string,
  key: string,
  versionId: string,
): Promise<Batch | null> {
  const { vault, origin, verify } = evidence;
  try {
    const object = await vault.get(key, versionId);
    const decoded = decodeBatch(gunzipStrictly(object, BATCH_INFLATED_BYTES_MAX));
    const checked = await checkBatch(decoded, [parseVkey(await evidence.logVkey(log))], { verify });
    assert.equal(checked.header.origin, logOrigin(origin, log));
    const texts = Array.from({ length: decoded.lines.length }, (_, at) =>
      decodeUtf8(decoded.lines.at(at)),
    );
    return { first: checked.header.first, texts, note: decoded.checkpoint };
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return null;
  }
}

async function checkPromiseReceipt(
  { index, verify }: Evidence,
  { log, seq, size, checkpoint, vkey }: Promised,
  entries: readonly Line[],
): Promise<void> {
  const proof = await proveInclusion(seq, size, index.tiles(log));
  const text = formatReceipt({ seq, proof, checkpoint });
  const line = entries[seq]?.line as string;
  const checked = await checkReceipt(text, line, [parseVkey(vkey)], verify);
  assert.equal(checked.checkpoint.size, size);
  assert.equal(checked.checkpoint.signers.length, 1);
}
