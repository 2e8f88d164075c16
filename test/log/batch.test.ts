/** Sealed batches: every changed byte refused, limits, names, and what a checked batch says. */
import assert from "node:assert/strict";
import { createHash, hash } from "node:crypto";
import test from "node:test";
import { gzipSync } from "node:zlib";
import { gunzipStrictly } from "../../storage/gzip.ts";
import { decodeUtf8, encodeUtf8, toHex } from "../../storage/log/bytes.ts";
import {
  BATCH_BYTES_MAX,
  BATCH_INFLATED_BYTES_MAX,
  BATCH_LINES_MAX,
  checkBatch,
  checkGzipHeader,
  decodeBatch,
  encodeBatch,
  parseSlotName,
  slotName,
  type BatchParts,
} from "../../storage/log/batch.ts";
import { LogError, type LogErrorCode } from "../../storage/log/errors.ts";
import { ZERO_HASH } from "../../storage/log/hash.ts";
import { DemoLog, logKey, logSigner, otherSigner, receiptKey, receiptSigner } from "./demo-log.ts";
import { nodeVerify } from "./node-verify.ts";

const code = (expected: LogErrorCode) => (error: unknown) =>
  error instanceof LogError && error.code === expected;
const refusal = (error: unknown) => error instanceof LogError;

/** Three entries after three others, so that header, frontier and prev all have something in them. */
async function smallBatch(): Promise<{ log: DemoLog; parts: BatchParts; bytes: Uint8Array }> {
  const log = new DemoLog();
  log.append(3);
  const parts = await log.seal(3);
  return { log, parts, bytes: encodeBatch(parts) };
}

const check = async (bytes: Uint8Array) =>
  checkBatch(decodeBatch(bytes), [logKey], { verify: nodeVerify });

test("a checked batch gives head, frontier, times and leaves", async () => {
  const { log, parts, bytes } = await smallBatch();
  const nodes: string[] = [];
  const checked = await checkBatch(decodeBatch(bytes), [receiptKey, logKey], {
    sha256: (data) => new Uint8Array(createHash("sha256").update(data).digest()),
    onNode: (level, index) => nodes.push(`${level}/${index}`),
  });
  assert.deepEqual(checked.head, { size: 6, leaf: log.leaves[5] });
  assert.deepEqual(checked.frontier, log.store.tree.frontier());
  assert.equal(toHex(checked.leaves), log.leaves.slice(3).join(""));
  assert.equal(checked.times.length, 3);
  assert.equal(checked.times[2], Date.UTC(2026, 9, 24) + 5);
  assert.equal(checked.note, parts.checkpoint);
  assert.deepEqual(nodes, []);
});

test("lines can be walked, viewed and read", async () => {
  const { parts, bytes } = await smallBatch();
  const { lines } = decodeBatch(bytes);
  assert.equal(lines.length, 3);
  assert.deepEqual([...lines].map(decodeUtf8), parts.lines);
  assert.equal(lines.text(1), parts.lines[1]);
  assert.equal(lines.at(2).buffer, bytes.buffer, "a view, not a copy");
});

test("every byte of a batch, changed in any bit, removed or doubled, is refused, but for one member", async () => {
  const { bytes } = await smallBatch();
  await check(bytes);
  const accepted: string[] = [];
  const look = async (mutant: Uint8Array, what: string) => {
    try {
      await check(mutant);
      accepted.push(what);
    } catch (error) {
      assert.ok(error instanceof LogError, `${what}: ${String(error)}`);
    }
  };
  for (let i = 0; i < bytes.length; i++) {
    for (let bit = 1; bit < 256; bit *= 2) {
      await look(bytes.with(i, bytes[i]! ^ bit), `${i} changed`);
    }
    await look(Uint8Array.from([...bytes].toSpliced(i, 1)), `${i} removed`);
    await look(Uint8Array.from([...bytes].toSpliced(i, 0, bytes[i]!)), `${i} doubled`);
  }
  for (let end = 0; end < bytes.length; end++) await look(bytes.subarray(0, end), `cut at ${end}`);
  // What a log promised when a batch was sealed is said nowhere else in it, so it may hold another number here: the gzip
  // checksum sees an accident, the lock and the entries of _system see intent.
  const retention = decodeUtf8(bytes).indexOf('"retention_days":1') + '"retention_days":'.length;
  assert.ok(accepted.length > 0);
  assert.deepEqual(
    accepted.filter((what) => !what.startsWith(`${retention} `)),
    [],
  );
});

test("every byte of the gzip member: refused, or the very same lines", async () => {
  const { bytes } = await smallBatch();
  const member = new Uint8Array(gzipSync(bytes, { level: 9 }));
  const read = (data: Uint8Array) => {
    checkGzipHeader(data);
    return gunzipStrictly(data, BATCH_INFLATED_BYTES_MAX);
  };
  assert.deepEqual(new Uint8Array(read(member)), bytes);
  const harmless: number[] = [];
  for (let i = 0; i < member.length; i++) {
    for (let bit = 1; bit < 256; bit *= 2) {
      let inflated: Uint8Array;
      try {
        inflated = read(member.with(i, member[i]! ^ bit));
      } catch {
        continue;
      }
      assert.deepEqual(new Uint8Array(inflated), bytes, `byte ${i} bit ${bit}`);
      if (harmless.at(-1) !== i) harmless.push(i);
    }
  }
  // XFL and OS (RFC 1952 §2.3.1) say nothing of the content; the last byte of the deflate stream may end in padding.
  const padded = harmless.filter((i) => i !== 8 && i !== 9);
  assert.deepEqual(harmless.slice(0, 2), [8, 9]);
  assert.ok(
    padded.every((i) => i === member.length - 9),
    `harmless: ${harmless.join()}`,
  );
  assert.throws(() => read(Uint8Array.of(...member, 0)));
  assert.throws(() => read(Uint8Array.of(...member, ...member)));
});

test("a gzip header has no flags and no time", () => {
  const member = new Uint8Array(gzipSync("x"));
  assert.doesNotThrow(() => checkGzipHeader(member));
  for (const [i, value] of [
    [0, 0],
    [1, 0],
    [2, 7],
    [3, 8],
    [4, 1],
    [7, 1],
  ] as const) {
    assert.throws(() => checkGzipHeader(member.with(i, value)), code("invalid_batch"), `byte ${i}`);
  }
  assert.throws(() => checkGzipHeader(member.subarray(0, 9)), code("invalid_batch"));
});

test("a batch whose parts do not belong together is refused with its reason", async () => {
  const { parts } = await smallBatch();
  const cases: [LogErrorCode, Partial<BatchParts>, number?][] = [
    ["chain_broken", { header: { ...parts.header, prev: "1".repeat(64) } }, 3],
    [
      "root_mismatch",
      { header: { ...parts.header, frontier: ["1", "2"].map((d) => d.repeat(64)) } },
    ],
    ["invalid_entry", { lines: [...parts.lines.slice(0, 2), parts.lines[1]!] }, 5],
    ["invalid_entry", { lines: [parts.lines[1]!, parts.lines[0]!, parts.lines[2]!] }, 3],
    ["chain_broken", { lines: parts.lines.with(1, parts.lines[1]!.replace('"n":4', '"n":5')) }, 5],
    [
      "invalid_entry",
      { lines: parts.lines.with(1, parts.lines[1]!.replace('"n":4', '"n":4.0')) },
      4,
    ],
    ["root_mismatch", { lines: parts.lines.with(2, parts.lines[2]!.replace('"n":5', '"n":6')) }],
    ["invalid_checkpoint", { lines: parts.lines.slice(0, 2) }],
    ["signature_invalid", { checkpoint: await withSigner(receiptSigner) }],
    ["signature_invalid", { checkpoint: await withSigner(otherSigner) }],
    ["invalid_note", { checkpoint: "" }],
  ];
  for (const [expected, change, seq] of cases) {
    await assert.rejects(check(encodeBatch({ ...parts, ...change })), (error) => {
      assert.ok(error instanceof LogError);
      assert.equal(error.code, expected, error.message);
      if (seq !== undefined) assert.equal(error.seq, seq);
      return true;
    });
  }
  const checkpoint = await withSigner(logSigner);
  assert.equal((await check(encodeBatch({ ...parts, checkpoint }))).head.size, 6);
});

async function withSigner(signer: typeof logSigner): Promise<string> {
  const log = new DemoLog();
  log.append(6);
  return log.checkpoint(signer);
}

test("time may stand still in a batch, but not go back", async () => {
  const log = new DemoLog();
  log.append(1);
  const back = await log.seal(2, logSigner, Date.UTC(2026, 9, 23));
  assert.equal(
    (await check(encodeBatch(back))).head.size,
    3,
    "the entry before is not in this batch",
  );
  const still = new DemoLog();
  const parts = await still.seal(2);
  const [a, b] = parts.lines as [string, string];
  const time = (line: string) => line.slice(-32, -8);
  const swapped = [a.replace(time(a), time(b)), b.replace(time(b), time(a))];
  await assert.rejects(check(encodeBatch({ ...parts, lines: swapped })), code("chain_broken"));
});

test("a header that is not what it must be is neither written nor read", async () => {
  const { parts, bytes } = await smallBatch();
  const text = decodeUtf8(bytes);
  const { header } = parts;
  for (const wrong of [
    { first: -1 },
    { first: 2 ** 53 - 3 },
    { first: 2 },
    { first: 0, frontier: [] },
    { frontier: header.frontier.slice(1) },
    { frontier: header.frontier.map((hash) => hash.toUpperCase()) },
    { log: "Demo" },
    { log: "other" },
    { origin: "demo" },
    { origin: "a b/demo" },
    { prev: ZERO_HASH.slice(1) },
    { retention_days: 0 },
    { retention_days: 1.5 },
    { retention_days: 36_501 },
  ]) {
    const bad = { ...parts, header: { ...header, ...wrong } };
    assert.throws(() => encodeBatch(bad), code("invalid_batch"), JSON.stringify(wrong));
  }
  for (const [from, to] of [
    ['"count":3', '"count":2'],
    ['"count":3', '"count":4'],
    ['"count":3', '"count":0'],
    ['"count":3', '"count":"3"'],
    ['"count":3', '"count":3,"extra":1'],
    ['"count":3,', ""],
    ['"format":"indelible.batch/1"', '"format":"indelible.batch/2"'],
    ['"format":"indelible.batch/1",', ""],
    ['{"checkpoint"', '{"a":1,"checkpoint"'],
    ['{"checkpoint"', '{ "checkpoint"'],
    ['{"count"', '{"count" '],
    ["\n", "\r\n"],
    ["\n", "\n\n"],
  ] as const) {
    assert.ok(text.includes(from), from);
    assert.throws(() => decodeBatch(encodeUtf8(text.replace(from, to))), refusal, to);
  }
  assert.throws(() => decodeBatch(encodeUtf8(`${text}\n`)), code("invalid_batch"));
  assert.throws(() => decodeBatch(encodeUtf8(`${text}{}\n`)), code("invalid_batch"));
  assert.throws(() => decodeBatch(encodeUtf8(`\ufeff${text}`)), code("invalid_batch"));
  assert.throws(() => decodeBatch(new Uint8Array(100_000).fill(0x20)), code("invalid_batch"));
});

test("as many lines and bytes as allowed, and not one more", async () => {
  const { parts } = await smallBatch();
  const header = { ...parts.header, first: 0, frontier: [], prev: ZERO_HASH };
  const many = Array<string>(BATCH_LINES_MAX).fill("x");
  const whole = encodeBatch({ ...parts, header, lines: many });
  assert.equal(decodeBatch(whole).lines.length, BATCH_LINES_MAX);
  assert.throws(
    () => encodeBatch({ ...parts, header, lines: [...many, "x"] }),
    code("invalid_batch"),
  );
  assert.throws(() => encodeBatch({ ...parts, header, lines: [] }), code("invalid_batch"));
  const long = Array<string>(BATCH_BYTES_MAX / 32_768).fill("y".repeat(32_768));
  const full = encodeBatch({ ...parts, header, lines: long });
  assert.equal(decodeBatch(full).lines.length, 1_024);
  assert.ok(full.length < BATCH_INFLATED_BYTES_MAX);
  assert.throws(
    () => encodeBatch({ ...parts, header, lines: [...long, "z"] }),
    code("invalid_batch"),
  );
  for (const line of ["x".repeat(65_536), "a\nb", "a\n"]) {
    assert.throws(() => encodeBatch({ ...parts, header, lines: [line] }), code("invalid_batch"));
  }
  const origin = `${"o".repeat(9_000)}/demo`;
  const checkpoint = "\n".repeat(70_000);
  assert.throws(
    () => encodeBatch({ ...parts, header: { ...header, origin } }),
    code("invalid_batch"),
  );
  assert.throws(() => encodeBatch({ ...parts, checkpoint }), code("invalid_batch"));
  const longest = decodeUtf8(encodeBatch({ ...parts, header, lines: ["x".repeat(65_535)] }));
  assert.throws(
    () => decodeBatch(encodeUtf8(longest.replace("xx\n", "xxx\n"))),
    code("invalid_batch"),
  );
});

test("slot names sort in log order and are read only as they are written", () => {
  assert.equal(slotName("demo", 0), "demo/0000000000000000.jsonl.gz");
  assert.equal(slotName("a.b", 2 ** 53 - 1), "a.b/9007199254740991.jsonl.gz");
  const seqs = [0, 9, 10, 99, 100, 65_536, 2 ** 40, 2 ** 53 - 1];
  const names = seqs.map((seq) => slotName("demo", seq));
  assert.deepEqual([...names].sort(), names);
  assert.deepEqual(
    names.map((name) => parseSlotName(name)?.first),
    seqs,
  );
  for (const name of [
    "",
    "demo",
    "demo/",
    "demo/0.jsonl.gz",
    "demo/0000000000000000.jsonl",
    "demo/0000000000000000.note",
    "demo/0000000000000000.jsonl.gz.note",
    "demo/00000000000000000.jsonl.gz",
    "demo/000000000000000a.jsonl.gz",
    "demo/+000000000000001.jsonl.gz",
    "demo/-000000000000001.jsonl.gz",
    "demo/9007199254740992.jsonl.gz",
    "Demo/0000000000000000.jsonl.gz",
    "a/demo/0000000000000000.jsonl.gz",
    "/0000000000000000.jsonl.gz",
    "_indelible/0000000000000000.jsonl.gz",
  ]) {
    assert.equal(parseSlotName(name), null, name);
  }
});

test("Node's one-shot hash gives the same leaves", async () => {
  const { bytes } = await smallBatch();
  const sha256 = (data: Uint8Array) => hash("sha256", data, "buffer");
  const quick = await checkBatch(decodeBatch(bytes), [logKey], { sha256 });
  assert.deepEqual(quick.leaves, (await check(bytes)).leaves);
});
