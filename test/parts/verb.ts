/** A command that goes on by itself, started as its user starts it; a test process that dies leaves none. */
import { spawn } from "node:child_process";
import { atExit } from "./kill-at-exit.ts";

export function startVerb(
  verb: string,
  words: readonly string[],
  env: Readonly<Record<string, string>>,
) {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("INDELIBLE_"));
  const child = spawn(process.execPath, ["scripts/run.mjs", verb, ...words], {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const forget = atExit(() => child.kill("SIGKILL"));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const ended = new Promise<number | null>((resolve) => {
    child.once("close", (code) => {
      forget();
      resolve(code);
    });
  });
  return { output: () => output, ended, stop: () => void child.kill("SIGTERM") };
}
