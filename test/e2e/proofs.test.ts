/**
 * What a log of some hundred entries proves: consistency between its sizes, receipts of every kind of place, and the tiles that
 * transparency-log tools fetch, each byte of them compared with a tree that the test builds itself.
 */
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { webCryptoVerify } from "../../storage/keys.ts";
import { fromBase64, fromHex, toHex } from "../../storage/log/bytes.ts";
import { openCheckpoint } from "../../storage/log/checkpoint.ts";
import { nodeHash } from "../../storage/log/hash.ts";
import type { VerifierKey } from "../../storage/log/note.ts";
import { checkConsistency } from "../../storage/log/proof.ts";
import { checkReceipt } from "../../storage/log/receipt.ts";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { holdTogether, keysOf } from "./checkpoints.ts";
import { call, readWholeLog, type Reply, type WholeLog } from "./client.ts";
import { assertProblem } from "./problems.ts";
import { sealNow } from "./sealing.ts";
import { sha256 } from "./sha256.ts";

const LOG = "demo";
/** Two whole tiles of the lowest level and a part of a third; the seal leaves some entries out. */
const SEALED = 600;
const SIZE = 620;
const TILE_WIDTH = 256;

let instance: TestInstance;
let log: WholeLog;
let keys: VerifierKey[];

before(async () => {
  instance = await startInstance({ env: { INDELIBLE_SEAL_SECONDS: "600" } });
  await append(1);
  await append(TILE_WIDTH - 1);
  await append(SEALED - TILE_WIDTH);
  await sealNow(instance.url, LOG, instance.tokens.demo);
  await append(SIZE - SEALED);
  log = await readWholeLog(instance.url, LOG, instance.tokens.demo);
  keys = await keysOf(instance.dataDir, LOG);
});
after(() => instance.stop());

const get = (path: string): Promise<Reply> =>
  call(instance.url, path, { token: instance.tokens.demo });

async function append(count: number): Promise<void> {
  const event = (n: number) => ({ action: "proven", actor: { id: `actor-${n}` } });
  const reply = await call(instance.url, `/v1/logs/${LOG}/entries`, {
    token: instance.tokens.demo,
    body: JSON.stringify(Array.from({ length: count }, (_, n) => event(n))),
  });
  assert.equal(reply.status, 201, reply.text);
}

/** Sizes at which a tree changes its shape, and their neighbours. */
const SIZES = [0, 1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 513, 599, 600, 601, 619, 620];

interface Consistency {
  readonly from: number;
  readonly to: number;
  readonly hashes: readonly string[];
  readonly from_root: string;
  readonly to_root: string;
}

test("consistency proofs hold between all kinds of sizes, with the roots that the entries have", async () => {
  for (const from of SIZES) {
    for (const to of SIZES.filter((size) => size >= from)) {
      const reply = await get(`/v1/logs/${LOG}/consistency?from=${from}&to=${to}`);
      assert.equal(reply.status, 200, reply.text);
      const proof = JSON.parse(reply.text) as Consistency;
      assert.deepEqual([proof.from, proof.to], [from, to]);
      const [fromRoot, toRoot] = [fromBase64(proof.from_root), fromBase64(proof.to_root)];
      assert.equal(toHex(fromRoot), log.roots[from]);
      assert.equal(toHex(toRoot), log.roots[to]);
      const hashes = proof.hashes.map(fromBase64);
      assert.ok(checkConsistency(from, to, fromRoot, toRoot, hashes, sha256), `${from} ${to}`);
      if (from > 0 && from < to) {
        const other = fromHex(log.roots[from - 1]!);
        assert.ok(!checkConsistency(from, to, other, toRoot, hashes, sha256));
      }
    }
  }
});

test("receipts hold at all kinds of places: sealed ones under the log key, others under the receipt key", async () => {
  for (const seq of SIZES.filter((each) => each < SIZE)) {
    const line = log.lines[seq]!;
    const receipt = await get(`/v1/logs/${LOG}/entries/${seq}/proof`);
    const { checkpoint } = await checkReceipt(receipt.text, line, keys, webCryptoVerify());
    const byLogKey = checkpoint.signers.some(({ name }) => name === checkpoint.origin);
    assert.equal(byLogKey, seq < SEALED);
    assert.equal(checkpoint.size, seq < SEALED ? SEALED : SIZE);
    assert.equal(toHex(checkpoint.root), log.roots[checkpoint.size]);
    const altered = line.replace("proven", "proved");
    await assert.rejects(() => checkReceipt(receipt.text, altered, keys, webCryptoVerify()));
    const neighbour = log.lines[seq === 0 ? 1 : seq - 1]!;
    await assert.rejects(() => checkReceipt(receipt.text, neighbour, keys, webCryptoVerify()));
  }
});

test("checkpoints: the sealed one, and with ?committed what is acknowledged", async () => {
  const sealed = (await get(`/v1/logs/${LOG}/checkpoint`)).text;
  const committed = (await get(`/v1/logs/${LOG}/checkpoint?committed`)).text;
  const opened = await Promise.all(
    [sealed, committed].map((note) => openCheckpoint(note, keys, webCryptoVerify())),
  );
  assert.deepEqual(
    opened.map(({ size }) => size),
    [SEALED, SIZE],
  );
  assert.deepEqual(
    opened.map(({ origin, signers }) => signers.map(({ name }) => name.slice(origin.length))),
    [[""], ["/receipt"]],
  );
  assert.equal(await holdTogether([sealed, committed], keys, log), 2);
  assert.equal(
    (await get(`/tlog/${LOG}/checkpoint`)).text,
    sealed,
    "tiles speak of what is sealed",
  );
});

async function tile(path: string): Promise<Buffer> {
  const answer = await fetch(`${instance.url}/tlog/${LOG}/tile/${path}`, {
    headers: { authorization: `Bearer ${instance.tokens.demo}` },
  });
  assert.equal(answer.status, 200, path);
  assert.equal(answer.headers.get("cache-control"), "private, no-store");
  return Buffer.from(await answer.arrayBuffer());
}

/** The root of a whole subtree, by the definition of RFC 6962 §2.1. */
function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return leaves[0]!;
  const half = leaves.length / 2;
  return nodeHash(rootOf(leaves.slice(0, half)), rootOf(leaves.slice(half)), sha256);
}

test("tiles of hashes hold the leaves and the roots of whole tiles", async () => {
  const leaves = log.leaves.map(fromHex);
  const parts = [
    ["0/000", 0, 256],
    ["0/001", 256, 512],
    ["0/002.p/88", 512, 600],
    ["0/002.p/1", 512, 513],
    ["0/000.p/255", 0, 255],
  ] as const;
  for (const [path, from, to] of parts) {
    assert.ok((await tile(path)).equals(Buffer.concat(leaves.slice(from, to))), path);
  }
  const roots = [rootOf(leaves.slice(0, 256)), rootOf(leaves.slice(256, 512))];
  assert.ok((await tile("1/000.p/2")).equals(Buffer.concat(roots)));
});

test("tiles of entries hold the exact lines, each after its length", async () => {
  for (const [path, from, to] of [
    ["entries/000", 0, 256],
    ["entries/001", 256, 512],
    ["entries/002.p/88", 512, 600],
  ] as const) {
    const bundle = await tile(path);
    const lines: string[] = [];
    for (let at = 0; at < bundle.length;) {
      const length = bundle.readUInt16BE(at);
      lines.push(bundle.toString("utf8", at + 2, at + 2 + length));
      at += 2 + length;
    }
    assert.deepEqual(lines, log.lines.slice(from, to));
  }
});

test("tiles beyond what is sealed are not there, and what is no tile's path is none", async () => {
  for (const path of ["0/002", "0/002.p/89", "0/003", "1/000", "1/000.p/3", "2/000.p/1"]) {
    assertProblem(await get(`/tlog/${LOG}/tile/${path}`), 404, "entry_unknown");
  }
  assertProblem(await get(`/tlog/${LOG}/tile/entries/002.p/89`), 404, "entry_unknown");
  for (const path of ["0/2", "0/0002", "0/000.p/0", "0/000.p/256", "64/000", "-1/000", "x/000"]) {
    assertProblem(await get(`/tlog/${LOG}/tile/${path}`), 404, "route_unknown");
  }
});
