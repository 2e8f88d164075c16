/**
 * FORMAT.md's recipe on the golden log: its shell commands print what it says, its Python program accepts what
 * holds and names what does not, and a port of the same recipe, written from the text alone, agrees.
 */
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { blockOf, examplesOf, readDocument, ROOT } from "./blocks.ts";
import { leafOf, openNote, readKey, verifyFolder } from "./recipe.ts";
import { missingPrograms, runCommand, runShell, type Ran } from "./shell.ts";

const FORMAT = readDocument("FORMAT.md");
const VECTORS = join(ROOT, "test", "vectors");
/** What the recipe's commands are made of, beside bash. */
const PROGRAMS = ["base64", "cut", "grep", "head", "openssl", "sed", "sha256sum", "tail", "zcat"];
const PYTHON = "python3";

/** The golden log and its key, as somebody has them who downloaded a bucket, and the document's program. */
async function download(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "indelible-format-"));
  t.after(() => rm(folder, { recursive: true }));
  for (const name of ["demo", "demo.vkey"])
    await cp(join(VECTORS, name), join(folder, name), { recursive: true });
  await writeFile(join(folder, "verify.py"), blockOf(FORMAT, "python verify.py").text);
  return folder;
}

/** Runs the document's program; where there is no Python, the port, which knows logs only. */
async function verifyDemo(folder: string): Promise<Ran> {
  if (missingPrograms([PYTHON]).length === 0)
    return runCommand(PYTHON, ["verify.py", "demo.vkey", "demo"], { cwd: folder });
  try {
    const said = verifyFolder(
      join(folder, "demo"),
      await readFile(join(folder, "demo.vkey"), "utf8"),
    );
    return { code: 0, stdout: `${said}\n`, stderr: "" };
  } catch (error) {
    return { code: 1, stdout: "", stderr: `DOES NOT HOLD: ${String(error)}` };
  }
}

test("FORMAT.md: every command of the recipe prints what the document shows", async (t) => {
  const folder = await download(t);
  const missing = missingPrograms([...PROGRAMS, PYTHON]);
  t.diagnostic(missing.length === 0 ? "all programs are here" : `missing: ${missing.join(", ")}`);
  let ran = 0;
  for (const { command, output } of examplesOf(FORMAT, "recipe")) {
    if (missing.some((program) => command.text.includes(program))) continue;
    const { code, stdout, stderr } = await runShell(command.text, { cwd: folder });
    assert.equal(code, 0, `line ${command.line}: ${stderr}`);
    assert.equal(stdout, output?.text, `line ${command.line}`);
    ran += 1;
  }
  assert.ok(ran > 0 || missing.length > 0);
});

test("FORMAT.md: the port of the recipe finds what the document shows", async () => {
  const outputs = examplesOf(FORMAT, "recipe").map(({ output }) => output!.text);
  const vkey = await readFile(join(VECTORS, "demo.vkey"), "utf8");
  const said = verifyFolder(join(VECTORS, "demo"), vkey);
  assert.ok(outputs.at(-1)!.endsWith(`${said}\n`));

  const lines = await linesOf("0000000000000001.jsonl.gz");
  const leaf = leafOf(lines[1]!).toString("hex");
  assert.equal(outputs[0], `${leaf}  -\n"prev":"${leaf}"\n`);
  assert.ok(lines[2]!.includes(`"prev":"${leaf}"`));

  const footer = (await linesOf("0000000000000256.jsonl.gz")).at(-1)!;
  const { checkpoint } = JSON.parse(footer) as { checkpoint: string };
  assert.equal(openNote(checkpoint, readKey(vkey)).size, 300);
  assert.ok(FORMAT.includes(checkpoint), "the checkpoint of section 5 is that of the golden log");
});

async function linesOf(name: string): Promise<string[]> {
  const text = gunzipSync(await readFile(join(VECTORS, "demo", name))).toString("utf8");
  return text.trimEnd().split("\n");
}

/** Rewrites one object of the golden log, as somebody could who can write anywhere but has not the key. */
async function edit(path: string, change: (text: string) => string): Promise<void> {
  const text = gunzipSync(await readFile(path)).toString("utf8");
  const changed = change(text);
  assert.notEqual(changed, text);
  const object = gzipSync(changed);
  object.fill(0, 4, 8);
  await writeFile(path, object);
}

const TAMPERINGS: readonly (readonly [
  name: string,
  says: RegExp,
  tamper: (demo: string) => Promise<void>,
])[] = [
  [
    "a word in an event",
    /follow on the one before|entry \d+/,
    (demo) =>
      edit(join(demo, "0000000000000001.jsonl.gz"), (text) => text.replace("denied", "failed")),
  ],
  [
    "the last entry of a batch",
    /checkpoint/,
    (demo) =>
      edit(join(demo, "0000000000000256.jsonl.gz"), (text) => {
        const last = text.lastIndexOf('"actor"', text.lastIndexOf('\n{"checkpoint"'));
        return text.slice(0, last) + text.slice(last).replace('"id":"u-', '"id":"v-');
      }),
  ],
  [
    "an entry that is taken out",
    /number of lines|count/,
    (demo) =>
      edit(join(demo, "0000000000000001.jsonl.gz"), (text) =>
        text.replace(/\n.*"seq":50,.*\n/, "\n"),
      ),
  ],
  [
    "a size in a checkpoint",
    /signature|checkpoint/,
    (demo) =>
      edit(join(demo, "0000000000000256.jsonl.gz"), (text) =>
        text.replace("\\n300\\n", "\\n299\\n"),
      ),
  ],
  [
    "a batch that is not there",
    /continue|out of place/,
    (demo) => rm(join(demo, "0000000000000100.jsonl.gz")),
  ],
  [
    "a beginning that is not there",
    /continue|out of place/,
    (demo) => rm(join(demo, "0000000000000000.jsonl.gz")),
  ],
  [
    "a batch under another name",
    /name is that of another place|out of place/,
    (demo) =>
      rename(join(demo, "0000000000000256.jsonl.gz"), join(demo, "0000000000000257.jsonl.gz")),
  ],
];

for (const [name, says, tamper] of TAMPERINGS) {
  test(`FORMAT.md: its program and the port refuse ${name}`, async (t) => {
    const folder = await download(t);
    assert.equal((await verifyDemo(folder)).code, 0);
    await tamper(join(folder, "demo"));
    const { code, stderr } = await verifyDemo(folder);
    assert.equal(code, 1);
    assert.match(stderr, /DOES NOT HOLD/);
    assert.match(stderr, says);
    const vkey = await readFile(join(folder, "demo.vkey"), "utf8");
    assert.throws(() => verifyFolder(join(folder, "demo"), vkey), says);
  });
}

test("FORMAT.md: a log that ends early holds, as the document warns", async (t) => {
  const folder = await download(t);
  await rm(join(folder, "demo", "0000000000000256.jsonl.gz"));
  const { code, stdout } = await verifyDemo(folder);
  assert.equal(code, 0);
  assert.match(stdout, /256 entries in 3 batches hold/);
});

test("FORMAT.md: another key refuses the log", async (t) => {
  const folder = await download(t);
  const { receipt_vkey: other } = JSON.parse(
    await readFile(join(VECTORS, "receipt.json"), "utf8"),
  ) as { receipt_vkey: string };
  await writeFile(join(folder, "demo.vkey"), `${other}\n`);
  assert.equal((await verifyDemo(folder)).code, 1);
  assert.throws(() => verifyFolder(join(folder, "demo"), other), /key has not signed/);
});

interface ReceiptVectors {
  readonly vkey: string;
  readonly receipt_vkey: string;
  readonly good: readonly ReceiptVector[];
  readonly good_unsealed: readonly ReceiptVector[];
  readonly refused: readonly (ReceiptVector & { readonly why: string })[];
}
interface ReceiptVector {
  readonly line: string;
  readonly proof: string;
}

test("FORMAT.md: its program tells good receipts from others", async (t) => {
  const folder = await download(t);
  const vectors = JSON.parse(
    await readFile(join(VECTORS, "receipt.json"), "utf8"),
  ) as ReceiptVectors;
  if (missingPrograms([PYTHON]).length > 0) {
    // The port knows no receipts; that the keys of the vectors can be read is what is left to see.
    assert.equal(readKey(vectors.receipt_vkey).name, `${readKey(vectors.vkey).name}/receipt`);
    return t.diagnostic("no Python here: receipts were not checked");
  }
  await writeFile(join(folder, "keys"), `${vectors.vkey}\n${vectors.receipt_vkey}\n`);
  const check = async ({ line, proof }: ReceiptVector): Promise<Ran> => {
    await writeFile(join(folder, "a.tlog-proof"), proof);
    await writeFile(join(folder, "a.line"), `${line}\n`);
    return runCommand(PYTHON, ["verify.py", "keys", "a.tlog-proof", "a.line"], { cwd: folder });
  };
  for (const vector of [...vectors.good, ...vectors.good_unsealed]) {
    const { code, stdout, stderr } = await check(vector);
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /^entry \d+ of vectors\.example\/demo is under the checkpoint of size \d+\n$/,
    );
  }
  for (const vector of vectors.refused) {
    const { code, stderr } = await check(vector);
    assert.equal(code, 1, vector.why);
    assert.match(stderr, /^DOES NOT HOLD: /);
  }
  const [good] = vectors.good;
  const altered = { ...good!, line: good!.line.replace('"v":1', '"v":2') };
  assert.equal((await check(altered)).code, 1);
});

test("FORMAT.md: the program needs nothing but the standard library", () => {
  const text = blockOf(FORMAT, "python verify.py").text;
  const imports = [...text.matchAll(/^\s*(?:import|from) (.+)$/gm)].map(([, names]) => names);
  assert.deepEqual(imports, ["base64, datetime, hashlib, json, math, pathlib, re, sys, zlib"]);
});
