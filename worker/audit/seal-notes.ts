/**
 * Tells the guard which logs were sealed: in one call for those of a second, behind the seals, so that none waits for it
 * or fails by it.
 */
import { sleep } from "../../storage/flow/commit.ts";
import type { Env } from "../env.ts";
import { tellAuditor } from "./auditor-stub.ts";

const GATHER_MS = 1_000;

export class SealNotes {
  readonly #env: Env;
  #logs = new Set<string>();

  constructor(env: Env) {
    this.#env = env;
  }

  add(log: string): void {
    this.#logs.add(log);
    if (this.#logs.size === 1) void this.#tell();
  }

  async #tell(): Promise<void> {
    await sleep(GATHER_MS);
    const logs = [...this.#logs];
    this.#logs = new Set();
    await tellAuditor(this.#env, logs);
  }
}
