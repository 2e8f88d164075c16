/**
 * `npm run check`: format, lint, types, structure and dead code. All of them run, so that one look
 * shows everything that is wrong; the exit code is 1 if anything is.
 */
import { spawn } from "node:child_process";
import { checkStructure } from "./parts/structure.ts";

const BIN = "node_modules/.bin";

const CHECKS: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ["format", `${BIN}/prettier`, "--check", "--log-level", "warn", "."],
  ["lint", `${BIN}/oxlint`, "--type-aware", "--deny-warnings", "--quiet"],
  ["types", `${BIN}/tsc`, "--project", "."],
  ["types of the log", `${BIN}/tsc`, "--noEmit", "--project", "storage/log"],
  ["types of the worker", `${BIN}/tsc`, "--project", "worker"],
  ["types of the page", `${BIN}/tsc`, "--project", "worker/page"],
  ["dead code", `${BIN}/knip`],
];

let failed = 0;
for (const [name, command, ...args] of CHECKS) report(name, await succeeds(command, args));
const complaints = await checkStructure(".");
for (const complaint of complaints) console.log(complaint);
report("structure", complaints.length === 0);
process.exitCode = failed === 0 ? 0 : 1;

function report(name: string, ok: boolean): void {
  console.log(`${ok ? "ok     " : "NOT OK "} ${name}`);
  if (!ok) failed += 1;
}

function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  const child = spawn(command, [...args], { stdio: ["ignore", "inherit", "inherit"] });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code === 0));
  });
}
