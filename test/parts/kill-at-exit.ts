/**
 * A test that fails, is interrupted or runs out of time leaves no process behind: what it started is
 * killed with it. The runner ends a test file with SIGTERM, which alone would not raise `exit`.
 */
import type { Part } from "../../scripts/parts/part.ts";

const cleanups = new Set<() => void>();
let registered = false;

/** Runs `cleanup` when this process ends, unless it was forgotten by then. It must not wait for anything. */
export function atExit(cleanup: () => void): () => void {
  if (!registered) {
    registered = true;
    process.once("exit", () => {
      for (const each of cleanups) each();
    });
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.once(signal, () => process.exit(1));
  }
  cleanups.add(cleanup);
  return () => cleanups.delete(cleanup);
}

export function killAtExit(part: Part): void {
  const forget = atExit(() => process.kill(part.pid, "SIGKILL"));
  void part.exited.then(forget);
}
