/**
 * `npm test [-- path…]`: every `test/**\/*.test.ts`, or those whose path contains one of the words given.
 * Node 20's runner takes neither globs nor folders of TypeScript, so the files are listed here; a run
 * that finds no file or runs no test fails.
 */
import { spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { haveChromium } from "./parts/chromium-install.ts";

/** A test that waits for something that never comes fails instead of hanging. */
const TEST_LIMIT_MS = 10 * 60_000;

const words = process.argv.slice(2);
const files = (await readdir("test", { recursive: true }))
  .filter((file) => file.endsWith(".test.ts"))
  .map((file) => join("test", file))
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort();
if (files.length === 0) {
  console.error(`No test file${words.length ? ` matches ${words.join(", ")}` : " was found"}.`);
  process.exit(1);
}

if (files.some((file) => file.startsWith(join("test", "page")))) {
  await haveChromium((message) => console.error(message)).catch((error: Error) => {
    console.error(error.message);
    process.exit(1);
  });
}

// End-to-end tests start several processes each, and half of the time wait for a timer: one file more than there are cores.
const concurrency = Math.min(4, availableParallelism()) + 1;
const child = spawn(
  process.execPath,
  [
    `--test-timeout=${TEST_LIMIT_MS}`,
    ...["--import", "tsx", "--test", `--test-concurrency=${concurrency}`],
    ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
    ...files,
  ],
  { stdio: ["ignore", "pipe", "inherit"] },
);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));

let tests = 0;
let line = "";
child.stdout.setEncoding("utf8").on("data", (text: string) => {
  process.stdout.write(text);
  const parts = (line + text).split("\n");
  line = parts.pop()!;
  for (const part of parts) tests = Number(/^ℹ tests (\d+)$/.exec(part)?.[1] ?? tests);
});
const code = await new Promise<number>((resolve, reject) => {
  child.once("error", reject);
  child.once("close", (exitCode) => resolve(exitCode ?? 1));
});
if (tests === 0) console.error("No test ran.");
process.exitCode = tests === 0 ? 1 : code;
