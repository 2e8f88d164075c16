/**
 * Checks every answer of a load against the log as it is afterwards: each acknowledged entry is there once, with its hash, and
 * each signed checkpoint has the root that the log has at its size.
 */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { webCryptoVerify } from "../../storage/keys.ts";
import { encodeUtf8, equalBytes, toHex } from "../../storage/log/bytes.ts";
import { openCheckpoint } from "../../storage/log/checkpoint.ts";
import { leafHash, type Sha256 } from "../../storage/log/hash.ts";
import { parseVkey } from "../../storage/log/note.ts";
import { CompactTree } from "../../storage/log/tree.ts";
import type { BenchInstance } from "./instance.ts";
import type { Answer } from "./load.ts";

const sha256: Sha256 = (data) => createHash("sha256").update(data).digest();

const PAGE_ENTRIES = 1000;

export interface Receipts {
  readonly entries: number;
  readonly lineBytes: number;
  readonly checkpoints: number;
}

interface Acknowledgement {
  readonly entries: readonly { readonly seq: number; readonly hash: string }[];
  readonly checkpoint: string;
}

/** Throws at the first acknowledgement that does not hold. Writes the log's lines to `linesFile`. */
export async function checkReceipts(
  instance: BenchInstance,
  log: string,
  answers: readonly Answer[],
  linesFile: string,
): Promise<Receipts> {
  const acknowledged = answers.map(({ body }) => JSON.parse(body.toString()) as Acknowledgement);
  const checkpoints = await openAll(
    instance,
    log,
    new Set(acknowledged.map(({ checkpoint }) => checkpoint)),
  );
  const { leaves, lineBytes } = await walk(instance, log, checkpoints, linesFile);
  const seen = new Set<number>();
  for (const { seq, hash } of acknowledged.flatMap(({ entries }) => entries)) {
    if (leaves[seq] !== hash)
      throw new Error(`entry ${seq} was acknowledged as ${hash}, is ${leaves[seq]}`);
    if (seen.has(seq)) throw new Error(`entry ${seq} was acknowledged twice`);
    seen.add(seq);
  }
  return { entries: seen.size, lineBytes, checkpoints: checkpoints.size };
}

async function openAll(
  instance: BenchInstance,
  log: string,
  notes: Set<string>,
): Promise<Map<number, Uint8Array>> {
  const status = (await (await get(instance, `/v1/logs/${log}`)).json()) as Record<string, string>;
  const keys = [status["vkey"], status["receipt_vkey"]].map((vkey) => parseVkey(vkey as string));
  const verify = webCryptoVerify();
  const roots = new Map<number, Uint8Array>();
  for (const note of notes) {
    const { size, root } = await openCheckpoint(note, keys, verify);
    const other = roots.get(size);
    if (other !== undefined && !equalBytes(other, root)) throw new Error(`two roots for ${size}`);
    roots.set(size, root);
  }
  return roots;
}

async function walk(
  instance: BenchInstance,
  log: string,
  checkpoints: ReadonlyMap<number, Uint8Array>,
  linesFile: string,
): Promise<{ leaves: string[]; lineBytes: number }> {
  const file = createWriteStream(linesFile);
  const tree = new CompactTree(0, [], sha256);
  const leaves: string[] = [];
  let lineBytes = 0;
  for (;;) {
    const path = `/v1/logs/${log}/entries?order=asc&from=${leaves.length}&limit=${PAGE_ENTRIES}`;
    const page = await (await get(instance, path, "application/x-ndjson")).text();
    if (page === "") break;
    if (!file.write(page)) await once(file, "drain");
    for (const line of page.split("\n").slice(0, -1)) {
      const bytes = encodeUtf8(line);
      const leaf = leafHash(bytes, sha256);
      tree.append(leaf);
      leaves.push(toHex(leaf));
      lineBytes += bytes.length + 1;
      const root = checkpoints.get(tree.size);
      if (root !== undefined && !equalBytes(root, tree.root())) {
        throw new Error(`the checkpoint of size ${tree.size} has another root than the log`);
      }
    }
  }
  file.end();
  await once(file, "close");
  return { leaves, lineBytes };
}

async function get(
  instance: BenchInstance,
  path: string,
  accept = "application/json",
): Promise<Response> {
  const headers = { authorization: `Bearer ${instance.token}`, accept };
  const answer = await fetch(instance.url + path, { headers });
  if (!answer.ok)
    throw new Error(`${path} was answered with ${answer.status}: ${await answer.text()}`);
  return answer;
}
