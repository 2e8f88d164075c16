/**
 * The first step of every command, in plain JavaScript because nothing is installed yet in a fresh
 * clone: install if needed, then run `scripts/<verb>.ts` in this same process, so that a signal to
 * `npm start` reaches the code that stops the parts. What it runs is a bundle, made once for today's sources.
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** 20.19 is where `require` of ES modules came, which several of the packages use. */
const NODE_MIN = [20, 19];

/** They are about sources that may not even be complete, so they need only their own. */
const DEVELOPERS = ["check", "test"];

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// The folder in which a person typed the command, for paths given as arguments.
process.env.INIT_CWD ??= process.cwd();
process.chdir(root);

const verb = process.argv[2] ?? "";
process.argv.splice(1, 2, resolve("scripts", `${verb}.ts`));
if (!/^[a-z-]+$/.test(verb) || !existsSync(process.argv[1])) {
  fail(`There is no command "${verb}".`);
}
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1])) {
  fail(`Node ${process.versions.node} is too old; ${NODE_MIN.join(".")} or newer is needed.`);
}
if (process.argv.slice(2).some((word) => word === "--help" || word === "-h")) showHelp();
if (!isInstalled()) await install();

await import(pathToFileURL(await program()).href);

async function program() {
  try {
    if (!DEVELOPERS.includes(verb)) {
      const { bundledCommand } = await import("./parts/command-bundle.mjs");
      return await bundledCommand(verb);
    }
  } catch (error) {
    // Where nobody may write a command goes without, and takes a second more.
    if (!["EACCES", "EPERM", "EROFS"].includes(error.code)) throw error;
  }
  const { register } = await import("tsx/esm/api");
  register();
  return process.argv[1];
}

/** Each command's opening comment says what it does and takes. */
function showHelp() {
  const [, comment = ""] = /^\/\*\*([^]*?)\*\//.exec(readFileSync(process.argv[1], "utf8")) ?? [];
  const text = comment.replace(/^ \* ?/gm, "").trim();
  console.log(`${text}\n\nSettings, as INDELIBLE_… or as flags (--data DIR): OPERATIONS.md`);
  process.exit(0);
}

/** npm writes this file last, so one that is as new as the lock file means a finished install. */
function isInstalled() {
  const done = statSync("node_modules/.package-lock.json", { throwIfNoEntry: false });
  return done !== undefined && done.mtimeMs >= statSync("package-lock.json").mtimeMs;
}

/**
 * `npm ci` refuses a lock file in which bindings for other systems are missing, and registries do not
 * all offer them; `npm install` follows the same lock file. No package needs its install script.
 */
async function install() {
  console.error("Installing what package-lock.json names (once).");
  const args = ["install", "--no-save", "--ignore-scripts", "--include=dev", "--include=optional"];
  const npm = spawn("npm", [...args, "--loglevel=error"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const stop = (signal) => npm.kill(signal);
  for (const signal of SIGNALS) process.once(signal, stop);
  const code = await new Promise((done) => {
    npm.once("error", (error) => done(error.message));
    npm.once("exit", (exitCode, signal) => done(exitCode ?? signal));
  });
  for (const signal of SIGNALS) process.off(signal, stop);
  if (code !== 0) fail(`npm install failed (${code}).`);
}

function fail(message) {
  console.error(message);
  process.exit(2);
}
