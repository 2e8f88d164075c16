/** The project's other commands, as a person would type them. */
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { atExit } from "../parts/kill-at-exit.ts";
import type { FoundPlace } from "../../storage/log/system-events.ts";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `npm run <verb> -- <words>` on a data folder and waits for its end. */
export function runCommand(
  verb: "verify" | "restore" | "recover" | "backup" | "token" | "reindex",
  dataDir: string,
  words: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("INDELIBLE_"));
  const child = spawn(process.execPath, [join(ROOT, "scripts", "run.mjs"), verb, ...words], {
    env: { ...Object.fromEntries(inherited), INDELIBLE_DATA: dataDir, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const forget = atExit(() => child.kill("SIGKILL"));
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      forget();
      resolve({ code, stdout, stderr });
    });
  });
}

/** What `npm run verify -- --json` prints, as far as tests look at it. */
export interface VerifyResult {
  readonly code: number | null;
  readonly holds: boolean;
  readonly findings: readonly FoundPlace[];
  readonly logs: readonly { readonly log: string; readonly entries: number }[];
}

export async function verify(
  dataDir: string,
  words: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<VerifyResult> {
  const { code, stdout, stderr } = await runCommand("verify", dataDir, ["--json", ...words], env);
  if (stdout === "") throw new Error(`verify ended with ${code} and said nothing: ${stderr}`);
  return { ...(JSON.parse(stdout) as Omit<VerifyResult, "code">), code };
}
