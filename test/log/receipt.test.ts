/** Receipts: made, checked, and every changed byte of receipt or line refused. */
import assert from "node:assert/strict";
import test from "node:test";
import { decodeUtf8, encodeUtf8 } from "../../storage/log/bytes.ts";
import { LogError } from "../../storage/log/errors.ts";
import { proveInclusion } from "../../storage/log/proof.ts";
import { checkReceipt, formatReceipt, parseReceipt } from "../../storage/log/receipt.ts";
import { DemoLog, logKey, receiptKey, receiptSigner } from "./demo-log.ts";
import { nodeVerify } from "./node-verify.ts";

const log = new DemoLog();
log.append(7);
const keys = [logKey, receiptKey];
const refusal = (error: unknown) => error instanceof LogError;

async function receiptOf(seq: number, checkpoint: string): Promise<string> {
  const proof = await proveInclusion(seq, log.store.tree.size, log.store.read);
  return formatReceipt({ seq, proof, checkpoint });
}

test("every entry's receipt holds, before the seal and after", async () => {
  for (const note of [await log.checkpoint(), await log.checkpoint(receiptSigner)]) {
    for (let seq = 0; seq < 7; seq++) {
      const text = await receiptOf(seq, note);
      assert.equal(formatReceipt(parseReceipt(text)), text);
      const { checkpoint, seq: found } = await checkReceipt(text, log.lines[seq]!, keys);
      assert.deepEqual([found, checkpoint.size], [seq, 7]);
      const line = encodeUtf8(log.lines[seq]!);
      assert.equal((await checkReceipt(text, line, keys)).seq, seq);
    }
  }
});

test("every byte of a receipt, changed in any bit, removed or doubled, is refused", async () => {
  const line = log.lines[4]!;
  const bytes = encodeUtf8(await receiptOf(4, await log.checkpoint()));
  const check = async (mutant: Uint8Array) =>
    checkReceipt(decodeUtf8(mutant), line, keys, nodeVerify);
  await check(bytes);
  for (let i = 0; i < bytes.length; i++) {
    for (let bit = 1; bit < 256; bit *= 2) {
      await assert.rejects(check(bytes.with(i, bytes[i]! ^ bit)), refusal, `byte ${i} bit ${bit}`);
    }
    const without = Uint8Array.from([...bytes].toSpliced(i, 1));
    await assert.rejects(check(without), refusal, `byte ${i} removed`);
    const doubled = Uint8Array.from([...bytes].toSpliced(i, 0, bytes[i]!));
    await assert.rejects(check(doubled), refusal, `byte ${i} doubled`);
  }
});

test("every byte of its line, changed in any bit, is refused", async () => {
  const text = await receiptOf(4, await log.checkpoint());
  const line = encodeUtf8(log.lines[4]!);
  for (let i = 0; i < line.length; i++) {
    for (let bit = 1; bit < 256; bit *= 2) {
      await assert.rejects(
        checkReceipt(text, line.with(i, line[i]! ^ bit), keys, nodeVerify),
        refusal,
      );
    }
  }
});

test("a receipt is of its own entry and log", async () => {
  const note = await log.checkpoint();
  const text = await receiptOf(4, note);
  await assert.rejects(checkReceipt(text, log.lines[5]!, keys), refusal);
  const foreign = log.lines[4]!.replace('"log":"demo"', '"log":"demo2"');
  await assert.rejects(checkReceipt(text, foreign, keys), refusal);
  await assert.rejects(checkReceipt(await receiptOf(5, note), log.lines[4]!, keys), refusal);
});

test("receipts are read only in their form", async () => {
  const good = await receiptOf(4, await log.checkpoint());
  const hashLine = good.split("\n")[2]!;
  for (const [from, to] of [
    ["index 4", "index 04"],
    ["index 4", "index -4"],
    ["index 4", "index 4.0"],
    ["index 4", "index 9007199254740992"],
    ["index 4", "extra AAAA\nindex 4"],
    ["index 4\n", ""],
    ["@v1", "@v2"],
    [hashLine, hashLine.slice(0, -4)],
    [hashLine, `${hashLine} `],
    [hashLine, `${hashLine}\n`.repeat(54).trimEnd()],
    ["\n\n", "\n"],
  ] as const) {
    assert.ok(good.includes(from));
    const bad = good.replace(from, to);
    assert.throws(
      () => parseReceipt(bad),
      (error) => error instanceof LogError && error.code === "invalid_receipt",
      to,
    );
  }
  assert.throws(() => parseReceipt(""), refusal);
});
