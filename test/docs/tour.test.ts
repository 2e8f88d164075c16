/**
 * README's tour on a real instance: what it tells its reader to type is typed, in one shell, and prints what it shows.
 * Blocks `sh tour` are for a running instance, `sh stopped` for one that was stopped, `sh again` for its next start.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { call } from "../e2e/client.ts";
import { until } from "../e2e/until.ts";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { examplesOf, readDocument, ROOT, type Example } from "./blocks.ts";
import { verifyFolder } from "./recipe.ts";
import { shapeOf } from "./shape.ts";
import { missingPrograms, runShell } from "./shell.ts";

const README = readDocument("README.md");
/** As the tour has it, who has set nothing. */
const ADDRESS = "http://127.0.0.1:8787";
/** Longer than the tour takes: what it sends lies in one batch, as the document shows it. */
const SEAL_SECONDS = "600";

test("README.md: the tour prints what the document shows", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "indelible-tour-"));
  const instance = await startInstance({ env: { INDELIBLE_SEAL_SECONDS: SEAL_SECONDS } });
  t.after(async () => {
    await instance.stop();
    await rm(folder, { recursive: true });
  });
  // The reader's folder is a clone with `data` in it.
  await symlink(instance.dataDir, join(folder, "data"));
  for (const name of ["FORMAT.md", "node_modules"])
    await symlink(join(ROOT, name), join(folder, name));
  await firstLook(instance);
  await runExamples(t, "tour", folder, instance);
  assert.equal(await instance.signal("SIGTERM"), 0);
  await runExamples(t, "stopped", folder, instance);
  await instance.restart();
  await runExamples(t, "again", folder, instance);
});

/** The guard's first look at everything is on record: whoever types the tour by hand is slower than that. */
async function firstLook({ url }: TestInstance): Promise<void> {
  const shown = Number(/^ {2}_system +(\d+)/m.exec(README)?.[1]);
  // Numbers, because asking for them is no read that is put on record.
  await until(`_system has ${shown} entries`, async () => {
    const { text } = await call(url, "/metrics");
    return Number(/^indelible_entries (\d+)/m.exec(text)?.[1]) >= shown;
  });
}

/** Runs the examples of one kind, one after the other, in one shell. */
async function runExamples(
  t: TestContext,
  name: string,
  folder: string,
  instance: TestInstance,
): Promise<void> {
  const examples = await withoutMissing(t, examplesOf(README, name), folder, instance);
  const script = examples.map(({ command }) => `${command.text}\nprintf '${END}'`).join("\n");
  const { code, stdout, stderr } = await runShell(
    `npm() { command npm --silent --prefix '${ROOT}' "$@"; }\n${script.replaceAll(ADDRESS, instance.url)}`,
    { cwd: folder, env: { INDELIBLE_DATA: instance.dataDir } },
  );
  const outputs = stdout.split(END);
  for (const [place, { command, output }] of examples.entries()) {
    const where = `README.md, line ${command.line}`;
    assert.ok(place < outputs.length - 1, `${where} did not end: ${outputs[place]}${stderr}`);
    assert.equal(shapeOf(outputs[place]!.trimEnd()), shapeOf(output?.text.trimEnd() ?? ""), where);
  }
  assert.equal(code, 0, stderr);
}

/** Between the outputs of two examples. */
const END = "\x1e";

/** Without Python the port of FORMAT.md's recipe says whether what was downloaded holds. */
async function withoutMissing(
  t: TestContext,
  examples: readonly Example[],
  folder: string,
  instance: TestInstance,
): Promise<readonly Example[]> {
  const missing = missingPrograms(["python3"]);
  const kept = examples.filter(({ command }) => !missing.some((one) => command.text.includes(one)));
  if (kept.length === examples.length) return examples;
  t.diagnostic("no Python here: the port verifies instead");
  t.after(async () => {
    const vkey = await readFile(join(instance.dataDir, "vkeys", "demo.vkey"), "utf8");
    assert.match(verifyFolder(join(folder, "demo"), vkey), /: 2 entries in 1 batches hold/);
  });
  return kept;
}
