/**
 * FORMAT §9 once more, written from the document alone: nothing of `storage/` is used, so what it accepts
 * was described rightly. It stands in for the document's program where Python is missing.
 */
import { createHash, createPublicKey, verify } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

interface Key {
  readonly name: string;
  readonly id: string;
  readonly publicKey: Buffer;
}

/** Where a log has come to: what the next batch must continue. */
interface Place {
  readonly size: number;
  readonly leaf: string;
  readonly frontier: readonly string[];
  readonly time: string;
}

const sha256 = (...parts: (string | Uint8Array)[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};
export const leafOf = (line: string): Buffer => sha256("\0", line);
const nodeOf = (left: Uint8Array, right: Uint8Array): Buffer => sha256("\x01", left, right);

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

export function readKey(vkey: string): Key {
  const [, name, id, data] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey.trim())!;
  const typed = Buffer.from(data!, "base64");
  must(typed.length === 33 && typed[0] === 1, "not an Ed25519 key");
  must(sha256(`${name}\n`, typed).toString("hex", 0, 4) === id, "the key id");
  return { name: name!, id: id!, publicKey: typed.subarray(1) };
}

/** RFC 8410: the bytes in front of a raw Ed25519 public key. */
const SPKI = Buffer.from("302a300506032b6570032100", "hex");

/** Size and root (base64) of a checkpoint that the key has signed. */
export function openNote(note: string, key: Key): { origin: string; size: number; root: string } {
  const [, text, signatures] = /^([^]*?\n)\n((?:— \S+ \S+\n)+)$/.exec(note)!;
  const [, origin, size, root] = /^(\S+)\n(\d+)\n(\S+)\n$/.exec(text!)!;
  const mine = signatures!.split("\n").flatMap((line) => {
    const bytes = Buffer.from(line.split(" ")[2] ?? "", "base64");
    const isMine = line.startsWith(`— ${key.name} `) && bytes.toString("hex", 0, 4) === key.id;
    return isMine ? [bytes.subarray(4)] : [];
  });
  const publicKey = createPublicKey({
    key: Buffer.concat([SPKI, key.publicKey]),
    format: "der",
    type: "spki",
  });
  must(mine.length > 0, "the key has not signed");
  for (const one of mine) must(verify(null, Buffer.from(text!), publicKey, one), "the signature");
  return { origin: origin!, size: Number(size), root: root! };
}

function append(frontier: Buffer[], size: number, leaf: Buffer): void {
  let node = leaf;
  for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) node = nodeOf(frontier.pop()!, node);
  frontier.push(node);
}

function rootOf(frontier: readonly Buffer[]): Buffer {
  return frontier.reduceRight((right, left) => nodeOf(left, right));
}

function verifyBatch(path: string, key: Key, before: Place): Place {
  const lines = gunzipSync(readFileSync(path)).toString("utf8").split("\n");
  must(lines.pop() === "", "no newline at the end");
  const header = JSON.parse(lines.shift()!) as Record<string, unknown>;
  const { checkpoint } = JSON.parse(lines.pop()!) as { checkpoint: string };
  must(header["format"] === "indelible.batch/1", "the format");
  must(header["first"] === before.size && header["prev"] === before.leaf, "first or prev");
  must(String(header["frontier"]) === before.frontier.join(), "the frontier");
  must(header["count"] === lines.length, "the count");
  const frontier = before.frontier.map((hash) => Buffer.from(hash, "hex"));
  let { size, leaf, time } = before;
  for (const line of lines) {
    const entry = JSON.parse(line) as { seq: number; prev: string; log: string; time: string };
    must(entry.seq === size && entry.prev === leaf && entry.log === header["log"], `entry ${size}`);
    must(entry.time >= time, `the time of entry ${size}`);
    const hash = leafOf(line);
    append(frontier, size, hash);
    size += 1;
    leaf = hash.toString("hex");
    time = entry.time;
  }
  const root = rootOf(frontier).toString("base64");
  const signed = openNote(checkpoint, key);
  must(signed.origin === header["origin"], "the origin");
  must(signed.size === size && signed.root === root, "the checkpoint");
  return { size, leaf, time, frontier: frontier.map((hash) => hash.toString("hex")) };
}

/** Verifies the log in a folder; the last line of what the document's program prints. Throws where something does not hold. */
export function verifyFolder(folder: string, vkey: string): string {
  const key = readKey(vkey);
  const names = readdirSync(folder).sort();
  let place: Place = { size: 0, leaf: "0".repeat(64), frontier: [], time: "" };
  for (const name of names) {
    must(name === `${String(place.size).padStart(16, "0")}.jsonl.gz`, `${name} is out of place`);
    place = verifyBatch(join(folder, name), key, place);
  }
  const hashes = place.frontier.map((hash) => Buffer.from(hash, "hex"));
  const root = rootOf(hashes).toString("base64");
  return `${key.name}: ${place.size} entries in ${names.length} batches hold, root ${root}`;
}
