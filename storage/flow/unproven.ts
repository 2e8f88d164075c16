/**
 * Logs of which a start could not show that they had lost nothing (PROTOCOL §4), until one `instance.unproven` in
 * `_system` names them.
 */
import { instanceUnproven } from "../log/system.ts";
import type { NewEvent } from "./append.ts";

export interface UnprovenHooks {
  /** Appends to `_system`, and nothing before it. */
  append(events: readonly NewEvent[]): Promise<unknown>;
  /** `_system` says so now. */
  noted(log: string): void;
}

export class Unproven {
  readonly #hooks: UnprovenHooks;
  readonly #logs = new Set<string>();
  #noting: Promise<void> | null = null;

  constructor(hooks: UnprovenHooks) {
    this.#hooks = hooks;
  }

  add(log: string): void {
    this.#logs.add(log);
  }

  has(log: string): boolean {
    return this.#logs.has(log);
  }

  get isEmpty(): boolean {
    return this.#logs.size === 0;
  }

  /** One entry for all logs known so far, before anything else is written. */
  note(): Promise<void> {
    this.#noting ??= this.#write().finally(() => {
      this.#noting = null;
    });
    return this.#noting;
  }

  async #write(): Promise<void> {
    const logs = [...this.#logs].sort();
    if (logs.length === 0) return;
    await this.#hooks.append([instanceUnproven({ logs })]);
    for (const log of logs) {
      this.#logs.delete(log);
      this.#hooks.noted(log);
    }
  }
}
