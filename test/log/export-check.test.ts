/** An export is checked from its own bytes: what is whole holds, also in parts, and every kind of damage is named with its place. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { encodeUtf8, fromHex } from "../../storage/log/bytes.ts";
import {
  ExportCheck,
  FINDINGS_KEPT_MAX,
  type ExportReport,
} from "../../storage/log/export-check.ts";
import {
  formatExportLine,
  parseExportLine,
  type ExportRecord,
} from "../../storage/log/export-jsonl.ts";
import { matchesLine, parseFilter } from "../../storage/log/filter.ts";
import type { VerifierKey } from "../../storage/log/note.ts";
import { InclusionProver } from "../../storage/log/prover.ts";
import { formatReceiptOf } from "../../storage/log/receipt.ts";
import {
  DemoLog,
  logKey,
  logSigner,
  ORIGIN,
  otherSigner,
  receiptKey,
  receiptSigner,
} from "./demo-log.ts";

const SIZE = 600;
const demo = new DemoLog();
demo.append(SIZE);
/** The same events, other salts: another history. */
const other = new DemoLog(1);
other.append(SIZE);

interface Wanted {
  readonly log?: DemoLog;
  readonly from?: number;
  readonly to?: number;
  readonly filter?: Readonly<Record<string, string>>;
  readonly signer?: typeof logSigner;
}

/** The lines of an export, as the server writes them. */
async function exported(wanted: Wanted = {}): Promise<string[]> {
  const { log = demo, from = 0, to = SIZE, filter = {}, signer = logSigner } = wanted;
  const checkpoint = await log.checkpoint(signer);
  const { tree } = log.store;
  const prover = new InclusionProver({ size: tree.size, root: tree.root() }, log.store.read);
  const asked = parseFilter((name) => filter[name] ?? null);
  const head = { log: "demo", origin: ORIGIN, vkey: logSigner.vkey, filter, from, to, checkpoint };
  const lines = [formatExportLine({ kind: "header", ...head })];
  let after = from - 1;
  for (let seq = from; seq < to; seq++) {
    const [line, hash] = [log.lines[seq]!, log.leaves[seq]!];
    if (!matchesLine(asked, line)) continue;
    const receipt = formatReceiptOf(seq, await prover.prove(seq, fromHex(hash)), checkpoint);
    lines.push(formatExportLine({ kind: "record", seq, after, hash, line, receipt }));
    after = seq;
  }
  return [...lines, endOf(lines, to)];
}

function endOf(lines: readonly string[], to: number): string {
  const sha256 = createHash("sha256")
    .update(lines.map((line) => `${line}\n`).join(""))
    .digest("hex");
  return formatExportLine({ kind: "end", after: to - 1, count: lines.length - 1, sha256 });
}

async function check(
  lines: readonly string[],
  rest = "",
  keys: readonly VerifierKey[] = [logKey, receiptKey],
): Promise<ExportReport> {
  const checking = new ExportCheck({ keysFor: () => keys });
  for (const line of lines) await checking.line(encodeUtf8(line));
  return checking.finish(encodeUtf8(rest));
}

const codes = ({ findings }: ExportReport) =>
  findings.map(({ code, first, last }) => [code, first, last]);

test("a whole export holds, of everything and of a filter, from any place", async () => {
  for (const wanted of [{}, { from: 100, to: 301 }, { from: 599 }, { from: 600 }, { to: 0 }]) {
    const report = await check(await exported(wanted));
    const { from = 0, to = SIZE } = wanted;
    assert.deepEqual(report.findings, []);
    assert.deepEqual([report.from, report.to, report.count], [from, to, to - from]);
    assert.deepEqual([report.log, report.origin, report.checkpointSize], ["demo", ORIGIN, SIZE]);
  }
  const filtered = await check(
    await exported({ filter: { action: "a.1*", since: "2026-10-24T00:00:00Z" } }),
  );
  assert.deepEqual([filtered.findings, filtered.count], [[], 111]);
});

test("parts that go on where one broke off hold together; a gap between them is named", async () => {
  const filter = { action: "a.5*" };
  const whole = await exported({ filter });
  for (const cut of [1, 2, 5, whole.length - 1]) {
    const before = whole.slice(0, cut);
    const last = cut === 1 ? -1 : (parseExportLine(before.at(-1)!) as unknown as ExportRecord).seq;
    const after = await exported({ filter, from: last + 1 });
    const report = await check([...before, ...after]);
    assert.deepEqual([report.findings, report.count, report.parts], [[], 111, 2]);
    if (last + 2 > SIZE) continue;
    const later = await exported({ filter, from: last + 2 });
    assert.deepEqual(codes(await check([...before, ...later])), [["entry_missing", null, null]]);
  }
  const another = await exported({ filter: { action: "a.6*" }, from: 600 });
  assert.deepEqual(codes(await check([...whole, ...another])), [["entry_altered", null, null]]);
});

test("a file that was cut, after any line or inside of one, is not whole", async () => {
  const whole = await exported({ to: 20 });
  for (let lines = 0; lines < whole.length; lines++) {
    assert.equal((await check(whole.slice(0, lines))).findings.at(-1)?.code, "entry_missing");
    const rest = whole[lines]!.slice(0, 30);
    assert.equal((await check(whole.slice(0, lines), rest)).findings.at(-1)?.code, "entry_missing");
  }
  const report = await check(whole, "{");
  assert.deepEqual(codes(report), [["entry_missing", null, null]]);
});

test("a record that was left out is named, also where the end was made to fit", async () => {
  const whole = (await exported()).slice(0, -1);
  for (const seq of [0, 1, 255, 256, 599]) {
    const lines = whole.toSpliced(seq + 1, 1);
    const report = await check([...lines, endOf(lines, SIZE)]);
    assert.deepEqual(codes(report), [["entry_missing", seq, seq]], String(seq));
  }
  const filtered = (await exported({ filter: { action: "a.1*" } })).slice(0, -1);
  const lines = filtered.toSpliced(3, 1);
  const report = await check([...lines, endOf(lines, SIZE)]);
  assert.deepEqual(codes(report), [["entry_missing", 11, 11]]);
});

test("records that were swapped or repeated are named", async () => {
  const whole = (await exported({ to: 30 })).slice(0, -1);
  const swapped = whole.with(5, whole[6]!).with(6, whole[5]!);
  const report = await check([...swapped, endOf(swapped, 30)]);
  assert.deepEqual(codes(report)[0], ["entry_missing", 4, 4]);
  assert.deepEqual(codes(report)[1], ["entry_altered", 4, 4]);
  const twice = whole.toSpliced(9, 0, whole[8]!);
  assert.deepEqual(codes(await check([...twice, endOf(twice, 30)])), [["entry_altered", 7, 7]]);
});

test("whatever is changed in a record is found, wherever it stands", async () => {
  const whole = await exported({ to: 300 });
  const at = 270;
  const record = parseExportLine(whole[at + 1]!);
  assert.ok(record.kind === "record");
  const strange = { line: other.lines[at]!, hash: other.leaves[at]! };
  const [, neighbour] = [whole[at]!, parseExportLine(whole[at + 2]!)];
  assert.ok(neighbour.kind === "record");
  const mutants: readonly (readonly [string, Partial<ExportRecord>])[] = [
    ["entry_altered", { line: record.line.replace("é", "e") }],
    ["entry_altered", { hash: "0".repeat(64) }],
    ["entry_altered", { line: strange.line }],
    ["chain_broken", strange],
    ["root_mismatch", { receipt: neighbour.receipt }],
    ["root_mismatch", { receipt: record.receipt.replace("index 270", "index 271") }],
    ["root_mismatch", { receipt: record.receipt.replace(/\n[A-Za-z0-9+/]{43}=/, "") }],
    ["root_mismatch", { receipt: record.receipt.replace(`\n${SIZE}\n`, `\n${SIZE + 1}\n`) }],
    ["root_mismatch", { receipt: record.receipt.replace("— ", "— x") }],
    ["root_mismatch", { receipt: "" }],
    ["entry_missing", { after: 268 }],
    ["entry_altered", { after: 270 }],
  ];
  for (const [code, change] of mutants) {
    const lines = whole.slice(0, -1).with(at + 1, formatExportLine({ ...record, ...change }));
    const [first, ...more] = (await check([...lines, endOf(lines, 300)])).findings;
    assert.equal(first?.code, code, JSON.stringify(change));
    for (const finding of [first, ...more]) {
      assert.ok(Math.abs((finding.first ?? at) - at) <= 1, JSON.stringify(finding));
    }
  }
  for (let i = 0; i < record.receipt.length; i += 7) {
    const other = record.receipt[i] === "A" ? "B" : "A";
    const receipt = record.receipt.slice(0, i) + other + record.receipt.slice(i + 1);
    const lines = whole.slice(0, -1).with(at + 1, formatExportLine({ ...record, receipt }));
    const found = codes(await check([...lines, endOf(lines, 300)]));
    assert.deepEqual(found, [["root_mismatch", at, at]], `${i} of the receipt`);
  }
});

test("a whole history that was made anew is not under the key; neither is one of another log", async () => {
  const forged = await check(await exported({ log: other, signer: otherSigner }));
  assert.equal(forged.findings[0]!.code, "signature_invalid");
  assert.equal(forged.count, 0);
  const promised = await check(await exported({ signer: receiptSigner }));
  assert.equal(promised.findings[0]!.code, "signature_invalid", "a receipt key is no log key");
  assert.equal((await check(await exported(), "", [])).findings[0]!.code, "signature_invalid");
  const whole = await exported({ to: 3 });
  const renamed = whole.with(0, whole[0]!.replace('"log":"demo"', '"log":"acme"'));
  assert.equal((await check(renamed)).findings[0]!.code, "signature_invalid");
});

test("another filter in the header than the one that was asked is found by the lines", async () => {
  const whole = await exported({ filter: { action: "a.1*" } });
  const narrowed = whole.with(0, whole[0]!.replace('"a.1*"', '"a.1"'));
  const { findings } = await check(narrowed);
  assert.deepEqual([findings[0]!.code, findings[0]!.first], ["entry_altered", 10]);
  const widened = whole.with(0, whole[0]!.replace('{"action":"a.1*"}', "{}"));
  assert.deepEqual(codes(await check(widened))[0], ["entry_missing", 0, 0]);
  const unknown = whole.with(0, whole[0]!.replace('"a.1*"', '"*"'));
  assert.equal((await check(unknown)).findings[0]!.code, "entry_altered");
});

test("an end with another count or hash, and bytes that changed under it", async () => {
  const whole = await exported({ to: 3 });
  const end = parseExportLine(whole.at(-1)!);
  assert.ok(end.kind === "end");
  const ends = [
    { ...end, count: 4 },
    { ...end, sha256: "0".repeat(64) },
    { ...end, after: 1 },
  ];
  for (const changed of ends) {
    const report = await check([...whole.slice(0, -1), formatExportLine(changed)]);
    assert.equal(report.findings.length, 1, JSON.stringify(report.findings));
  }
  const more = whole.with(0, whole[0]!.replace(logSigner.vkey, otherSigner.vkey));
  assert.deepEqual(codes(await check(more)), [["entry_altered", null, null]]);
});

test("marks carry on, and cannot hide an entry that everything asks for", async () => {
  const filter = { action: "a.599" };
  const [header, record, end] = await exported({ filter });
  const mark = formatExportLine({ kind: "mark", after: 299 });
  const behind = record!.replace('"after":-1', '"after":299');
  const lines = [header!, mark, behind];
  const sha256 = createHash("sha256")
    .update(lines.map((line) => `${line}\n`).join(""))
    .digest("hex");
  const ended = formatExportLine({
    ...(parseExportLine(end!) as { kind: "end"; after: number; count: number }),
    sha256,
  });
  assert.deepEqual((await check([...lines, ended])).findings, []);
  assert.equal((await check([header!, mark, record!])).findings[0]!.code, "entry_missing");
  const whole = await exported({ to: 5 });
  const hiding = [whole[0]!, formatExportLine({ kind: "mark", after: 4 }), whole.at(-1)!];
  assert.equal(
    (await check(hiding)).findings.some(({ code }) => code === "entry_missing"),
    true,
  );
});

test("what is no export, and garbage without end, is told in bounded words", async () => {
  assert.deepEqual(codes(await check([])), [["entry_missing", null, null]]);
  for (const text of ["", "x", "[]", "null", '{"format":"indelible.export/2"}', '{"seq":1}']) {
    assert.equal((await check([text])).findings.length, 1, text);
  }
  const report = await check(Array.from({ length: 500 }, () => "{}"));
  assert.equal(report.findings.length, FINDINGS_KEPT_MAX);
  assert.equal(report.findings.length + report.moreFindings, 500);
  const invalid = new ExportCheck({ keysFor: () => [] });
  await invalid.line(Uint8Array.of(0xff));
  assert.equal(invalid.finish().findings[0]!.code, "entry_altered");
});
