/**
 * An export of the golden log, byte for byte (`golden.export.jsonl`): what is written today is what was written then, it holds, and the
 * commands of FORMAT §10, which know nothing of this project, take a record out of it and prove it.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { gunzipSync } from "node:zlib";
import { decodeBatch } from "../../storage/log/batch.ts";
import { encodeUtf8, toHex } from "../../storage/log/bytes.ts";
import { openCheckpoint } from "../../storage/log/checkpoint.ts";
import { ExportCheck } from "../../storage/log/export-check.ts";
import { formatExportLine } from "../../storage/log/export-jsonl.ts";
import { leafHash } from "../../storage/log/hash.ts";
import { parseVkey } from "../../storage/log/note.ts";
import { InclusionProver } from "../../storage/log/prover.ts";
import { formatReceiptOf } from "../../storage/log/receipt.ts";
import { blockOf, examplesOf, readDocument, ROOT } from "../docs/blocks.ts";
import { missingPrograms, runShell } from "../docs/shell.ts";
import { TileStore } from "../log/tile-store.ts";

const VECTORS = join(ROOT, "test", "vectors");
const GOLDEN = join(ROOT, "test", "export", "golden.export.jsonl");
const FORMAT = readDocument("FORMAT.md");
const vkey = readFileSync(join(VECTORS, "demo.vkey"), "utf8").trim();
/** Around the edge of a tile and of a batch. */
const [FROM, TO] = [250, 262];

async function written(): Promise<string> {
  const store = new TileStore();
  const lines: string[] = [];
  let checkpoint = "";
  for (const name of readdirSync(join(VECTORS, "demo")).sort()) {
    const batch = decodeBatch(gunzipSync(readFileSync(join(VECTORS, "demo", name))));
    for (let i = 0; i < batch.lines.length; i++) lines.push(batch.lines.text(i));
    checkpoint = batch.checkpoint;
  }
  for (const line of lines) store.append(leafHash(encodeUtf8(line)));
  const { origin, size, root } = await openCheckpoint(checkpoint, [parseVkey(vkey)]);
  const prover = new InclusionProver({ size, root }, store.read);
  const head = { log: "demo", origin, vkey, filter: {}, from: FROM, to: TO, checkpoint };
  let text = `${formatExportLine({ kind: "header", ...head })}\n`;
  for (let seq = FROM; seq < TO; seq++) {
    const line = lines[seq]!;
    const leaf = leafHash(encodeUtf8(line));
    const receipt = formatReceiptOf(seq, await prover.prove(seq, leaf), checkpoint);
    const record = { seq, after: seq - 1, hash: toHex(leaf), line, receipt };
    text += `${formatExportLine({ kind: "record", ...record })}\n`;
  }
  const sha256 = createHash("sha256").update(text).digest("hex");
  return `${text}${formatExportLine({ kind: "end", after: TO - 1, count: TO - FROM, sha256 })}\n`;
}

test("what is written is the golden export, and it holds", async () => {
  const golden = await readFile(GOLDEN, "utf8");
  assert.equal(await written(), golden);
  const check = new ExportCheck({ keysFor: () => [parseVkey(vkey)] });
  for (const line of golden.trimEnd().split("\n")) await check.line(encodeUtf8(line));
  const { findings, count, checkpointSize } = check.finish();
  assert.deepEqual([findings, count, checkpointSize], [[], TO - FROM, 300]);
});

test("FORMAT.md: the commands for exports print what the document shows", async (t) => {
  const missing = missingPrograms(["jq", "python3", "head", "tail", "sha256sum"]);
  t.diagnostic(missing.length === 0 ? "all programs are here" : `missing: ${missing.join(", ")}`);
  if (missing.length > 0) return;
  const folder = await mkdtemp(join(tmpdir(), "indelible-format-"));
  t.after(() => rm(folder, { recursive: true }));
  await cp(GOLDEN, join(folder, "export.jsonl"));
  await writeFile(join(folder, "demo.vkey"), `${vkey}\n`);
  await writeFile(join(folder, "verify.py"), blockOf(FORMAT, "python verify.py").text);
  const examples = examplesOf(FORMAT, "export");
  assert.equal(examples.length, 1);
  for (const { command, output } of examples) {
    const { code, stdout, stderr } = await runShell(command.text, { cwd: folder });
    assert.equal(code, 0, `line ${command.line}: ${stderr}`);
    assert.equal(stdout, output?.text, `line ${command.line}`);
  }
});
