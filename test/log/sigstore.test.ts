/**
 * Our proofs and checkpoints, judged by the verifier of sigstore-js: another implementation of RFC 6962 and of signed
 * notes, by other people.
 */
import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { createRequire } from "node:module";
import test from "node:test";
import { encodeUtf8, toHex } from "../../storage/log/bytes.ts";
import { proveInclusion, rootAt } from "../../storage/log/proof.ts";
import { DemoLog, logKey, ORIGIN } from "./demo-log.ts";

const require = createRequire(import.meta.url);
const { verifyMerkleInclusion } = require("@sigstore/verify/dist/tlog/merkle.js") as {
  verifyMerkleInclusion: (entry: object, checkpoint: { logSize: bigint; logHash: Buffer }) => void;
};
const { verifyCheckpoint } = require("@sigstore/verify/dist/tlog/checkpoint.js") as {
  verifyCheckpoint: (
    entry: object,
    tlogs: readonly object[],
  ) => { origin: string; logSize: bigint; logHash: Buffer };
};

const log = new DemoLog();
log.append(300);

test("inclusion proofs in trees of every size to 300 hold there too", async () => {
  for (let size = 1; size <= 300; size += size < 70 ? 1 : 23) {
    const logHash = Buffer.from(await rootAt(size, log.store.read));
    for (const seq of new Set([0, 1, size >> 1, size - 1].filter((place) => place < size))) {
      const proof = await proveInclusion(seq, size, log.store.read);
      const hashes = proof.map((hash) => Buffer.from(hash));
      const entry = {
        inclusionProof: { logIndex: String(seq), hashes },
        canonicalizedBody: Buffer.from(encodeUtf8(log.lines[seq]!)),
      };
      verifyMerkleInclusion(entry, { logSize: BigInt(size), logHash });
      if (hashes.length > 0) hashes[0]![0]! ^= 1;
      else logHash[0]! ^= 1;
      assert.throws(() => verifyMerkleInclusion(entry, { logSize: BigInt(size), logHash }));
      if (hashes.length === 0) logHash[0]! ^= 1;
    }
  }
});

test("a checkpoint's signature and fields are read the same", async () => {
  const note = await log.checkpoint();
  const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), logKey.publicKey]);
  const tlog = {
    logID: Buffer.from(logKey.keyId),
    baseURL: `https://${ORIGIN}`,
    publicKey: createPublicKey({ key: spki, format: "der", type: "spki" }),
  };
  const entry = (envelope: string) => ({ inclusionProof: { checkpoint: { envelope } } });
  const opened = verifyCheckpoint(entry(note), [tlog]);
  assert.deepEqual([opened.origin, opened.logSize], [ORIGIN, 300n]);
  assert.equal(toHex(opened.logHash), toHex(log.store.tree.root()));
  assert.throws(() => verifyCheckpoint(entry(note.replace("\n300\n", "\n301\n")), [tlog]));
});
