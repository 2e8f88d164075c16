/** Programs that are run to their end: go, mc, wrangler. None of them outlives this process. */
import { spawn } from "node:child_process";

export interface ToolOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Standard input. */
  readonly input?: string;
}

export interface ToolResult {
  readonly ok: boolean;
  /** Exit code or signal, for messages. */
  readonly ended: string;
  /** Standard output and standard error as they came. */
  readonly said: string;
}

/** Rejects only if the program cannot be run at all. */
export async function runTool(
  command: string,
  args: readonly string[],
  options: ToolOptions,
): Promise<ToolResult> {
  const child = spawn(command, [...args], { env: options.env, stdio: ["pipe", "pipe", "pipe"] });
  const killWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", killWithUs);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  }
  child.stdin.on("error", () => {}); // A program that reads no input may have closed it.
  child.stdin.end(options.input ?? "");
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) =>
        resolve({ ok: code === 0, ended: signal ?? `exit code ${code}`, said }),
      );
    });
  } finally {
    process.off("exit", killWithUs);
  }
}
