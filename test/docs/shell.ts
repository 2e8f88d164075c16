/** Runs what a document tells its reader to type. */
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Resolves when the command has ended, whatever its exit code. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<Ran> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(options.input ?? "");
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, stdout, stderr };
}

/** As a person's shell would: any failing command ends the block. */
export function runShell(script: string, options: RunOptions): Promise<Ran> {
  return runCommand("bash", ["-euo", "pipefail", "-c", script], options);
}

/** Those of the programs that are not on this machine. */
export function missingPrograms(names: readonly string[]): string[] {
  return names.filter((name) => !(process.env["PATH"] ?? "").split(delimiter).some(has(name)));
}

function has(name: string): (folder: string) => boolean {
  return (folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  };
}
