/** A test that fails or is interrupted leaves no part behind: what still runs is killed with it. */
import type { Part } from "../../scripts/parts/part.ts";

const running = new Set<Part>();

export function killAtExit(part: Part): void {
  if (running.size === 0) process.once("exit", killAll);
  running.add(part);
}

function killAll(): void {
  for (const part of running) {
    if (!part.exit()) process.kill(part.pid, "SIGKILL");
  }
}
