/** `npm run verify` as a person or a machine calls it: words, JSON, exit codes, and its size in memory. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { runVerb } from "../restore/data-folder.ts";
import { buildInstance } from "./build-instance.ts";
import { buildLog, putInFolder } from "./build-log.ts";
import { batchFiles, rewrite, temporaryFolder } from "./check.ts";

interface Report {
  readonly holds: boolean;
  readonly memory_max_bytes: number;
  readonly logs: readonly { log: string; entries: number; head: { size: number }; root: string }[];
  readonly findings: readonly { code: string; log: string; first: number; hint: string }[];
  readonly unchecked: readonly string[];
}

test("a folder that holds: exit code 0, a table, and what was not looked at", async (t) => {
  const folder = await temporaryFolder(t);
  const { vkeys } = await buildInstance({ put: putInFolder(folder), logs: { demo: [30, 20] } });
  const keys = join(folder, "keys.txt");
  await writeFile(keys, `# one key a line\n\n${vkeys}`);
  const ran = await runVerb("verify", [folder, "--vkey", keys]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /demo +50 +2 /);
  assert.match(ran.stdout, /It holds/);
  assert.match(ran.stdout, /Not looked at: a folder has no locks/);
  const one = await runVerb("verify", [join(folder, "demo"), "--vkey", keys, "--json"]);
  const report = JSON.parse(one.stdout) as Report;
  assert.equal(report.holds, true);
  assert.deepEqual(
    report.logs.map(({ log, entries, head }) => [log, entries, head.size]),
    [["demo", 50, 50]],
  );
});

test("a folder that does not: exit code 1, every finding with its place and a hint", async (t) => {
  const folder = await temporaryFolder(t);
  const { vkeys } = await buildInstance({ put: putInFolder(folder), logs: { demo: [3, 4, 5] } });
  const keys = join(folder, "keys.txt");
  await writeFile(keys, vkeys);
  await rewrite((await batchFiles(folder))[1]!, (bytes) =>
    Buffer.from(Buffer.from(bytes).toString().replace('"v":1}\n', '"v":2}\n')),
  );
  const ran = await runVerb("verify", [folder, "--vkey", keys, "--json"]);
  assert.equal(ran.code, 1, ran.stderr);
  const { holds, findings } = JSON.parse(ran.stdout) as Report;
  assert.equal(holds, false);
  assert.deepEqual(
    findings.map(({ code, log, first }) => [code, log, first]),
    [["entry_altered", "demo", 3]],
  );
  assert.ok(findings[0]!.hint.length > 0);
  const text = await runVerb("verify", [folder, "--vkey", keys]);
  assert.match(text.stdout, /entry_altered {2}demo entry 3, demo\/0{15}3\.jsonl\.gz/);
});

test("what cannot be looked at: exit code 2, and why", async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, "no.vkey"), "something+else\n");
  await writeFile(
    join(folder, "ok.vkey"),
    (await buildLog({ batches: [], put: putInFolder(folder) })).vkey,
  );
  const ok = ["--vkey", join(folder, "ok.vkey")];
  const cases: readonly (readonly [RegExp, readonly string[]])[] = [
    [/There is no folder/, [join(folder, "nowhere"), ...ok]],
    [/No verifier key/, [folder, "--data", folder]],
    [/no\.vkey: .*vkey/, [folder, "--vkey", join(folder, "no.vkey")]],
    [/missing\.vkey cannot be read/, [folder, "--vkey", join(folder, "missing.vkey")]],
    [/no vault in/, ["--data", folder, ...ok]],
    [/No credentials/, ["--s3", "--data", folder, ...ok]],
    [/Either a folder or --s3/, [folder, "--s3", ...ok]],
    [/not a log's name/, [folder, "--log", "A b", ...ok]],
    [/no\.vkey: /, [folder, "--checkpoint", join(folder, "no.vkey"), ...ok]],
  ];
  for (const [message, args] of cases) {
    const ran = await runVerb("verify", args);
    assert.equal(ran.code, 2, `${args.join(" ")}: ${ran.stdout}`);
    assert.match(ran.stderr, message);
  }
});

test("a large log is verified in under 300 MB", async (t) => {
  const folder = await temporaryFolder(t);
  const batches = [...Array.from({ length: 20 }, () => 10_000), 65_536];
  const { vkey } = await buildLog({ batches, put: putInFolder(folder) });
  await writeFile(join(folder, "k.vkey"), vkey);
  const ran = await runVerb("verify", [folder, "--vkey", join(folder, "k.vkey"), "--json"]);
  assert.equal(ran.code, 0, ran.stderr);
  const { logs, memory_max_bytes } = JSON.parse(ran.stdout) as Report;
  assert.equal(logs[0]!.entries, 265_536);
  assert.ok(memory_max_bytes < 300_000_000, `${memory_max_bytes} bytes`);
});
