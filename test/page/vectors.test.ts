/** The golden vectors through the page's own verifier: every case of the log's suite with the browser's gunzip, and its checks of entries and files. */
import assert from "node:assert/strict";
import test from "node:test";
import { BATCH_INFLATED_BYTES_MAX } from "../../storage/log/batch.ts";
import { encodeUtf8 } from "../../storage/log/bytes.ts";
import { checkEntry } from "../../worker/page/verify/entry-check.ts";
import { checkFiles } from "../../worker/page/verify/file-check.ts";
import { gunzip } from "../../worker/page/verify/gunzip.ts";
import { readVectors } from "../log/vectors-files.ts";
import { vectorCases } from "../log/vectors-suite.ts";

const material = {
  ...readVectors(),
  inflate: (bytes: Uint8Array) => gunzip(bytes, BATCH_INFLATED_BYTES_MAX),
};
const { receipt, demo, merkle } = material;
const demoVkey = material.demoVkey.trim();

test("every golden vector holds with the browser's gunzip", async () => {
  for (const { name, run } of vectorCases(material)) {
    await assert.doesNotReject(async () => run(), name);
  }
});

const question = (row: { line: string; proof: string }) => ({
  ...{ line: row.line, receipt: row.proof, said: null },
  ...{ vkeys: [receipt.vkey], receiptVkey: receipt.receipt_vkey },
});

test("receipts of sealed entries are verified, of unsealed ones only promised", async () => {
  for (const row of receipt.good) {
    const verdict = await checkEntry(question(row));
    assert.equal(verdict.badge, "Verified here", JSON.stringify(verdict.steps));
    assert.deepEqual(verdict.path.at(-1)?.node ?? verdict.leaf, verdict.root);
    assert.equal(verdict.leaf, merkle.leaves[verdict.seq]);
  }
  for (const row of receipt.good_unsealed) {
    const verdict = await checkEntry(question(row));
    assert.deepEqual([verdict.badge, verdict.by], ["Not checked", "receipt"]);
    assert.match(verdict.words, /not sealed/);
  }
});

test("receipts that do not hold are red, whatever is wrong with them", async () => {
  for (const row of receipt.refused) {
    assert.equal((await checkEntry(question(row))).badge, "Does not match", row.why);
  }
});

test("what the server said of an entry must be what was computed", async () => {
  const [row] = receipt.good;
  const said = { seq: 0, log: "demo", leaf: "0".repeat(64) };
  const verdict = await checkEntry({ ...question(row!), said });
  assert.equal(verdict.badge, "Does not match");
  assert.equal(verdict.steps.find(({ state }) => state === "fails")?.name, "leaf");
});

test("dropped batches hold with their key, are not checked without it, and a flipped character is red", async () => {
  const files = demo.map(({ name, bytes }) => ({ name, bytes }));
  for (const verdict of await checkFiles(files, [demoVkey])) {
    assert.equal(verdict.badge, "Verified here", verdict.words);
  }
  for (const keys of [[], ["other.example/demo+6f4e7ca3+AQ=="]] as const) {
    const verdicts = await checkFiles(files, keys).catch(() => []);
    assert.ok(verdicts.every(({ badge }) => badge === "Not checked"));
  }
  for (const [i, verdict] of (await checkFiles(files, [demoVkey], true)).entries()) {
    assert.equal(verdict.badge, "Does not match");
    if (i > 0) assert.notEqual(verdict.seq, null, "the entry is named");
  }
});

test("a dropped receipt finds its line among the files, and says what is missing", async () => {
  const { line, proof } = receipt.good[0]!;
  const file = (name: string, text: string) => ({ name, bytes: encodeUtf8(text) });
  const [whole] = await checkFiles([file("a.tlog-proof", proof), file("b.json", line)], [demoVkey]);
  assert.equal(whole!.badge, "Verified here");
  const [alone] = await checkFiles([file("a.tlog-proof", proof)], [demoVkey]);
  assert.deepEqual([alone!.badge, alone!.seq], ["Not checked", 0]);
  const [flipped] = await checkFiles(
    [file("a.tlog-proof", proof), file("b.json", line)],
    [demoVkey],
    true,
  );
  assert.equal(flipped!.badge, "Does not match");
  const [strange] = await checkFiles([file("x", "<script>pwn=1</script>")], [demoVkey]);
  assert.deepEqual([strange!.kind, strange!.badge], ["unknown", "Not checked"]);
});

test("gunzip gives no more than it may, one member, and nothing behind it", async () => {
  const { bytes } = demo[1]!;
  await assert.rejects(gunzip(bytes, 1_000), /more than 1000 bytes/);
  await assert.rejects(gunzip(bytes.subarray(0, bytes.length - 5), 1e6), /invalid_batch/);
  const more = new Uint8Array([...bytes, 0]);
  await assert.rejects(gunzip(more, 1e6), /invalid_batch/);
  await assert.rejects(gunzip(encodeUtf8("no gzip, but long enough"), 1e6), /invalid_batch/);
});
