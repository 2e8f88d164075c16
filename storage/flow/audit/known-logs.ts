/**
 * What an auditor remembers of each log: the last checkpoint it found to hold, which every later look has to extend, and the
 * place up to which new seals were checked.
 */
import type { GuardStore } from "../../guard-ports.ts";
import { logOrigin, openCheckpoint } from "../../log/checkpoint.ts";
import { LogError } from "../../log/errors.ts";
import type { Json } from "../../log/json-value.ts";
import type { Verify, VerifierKey } from "../../log/note.ts";
import type { KeptCheckpoint } from "../remembered.ts";
import { keysOf } from "../verify.ts";
import { positionOf, type LogPosition } from "../verify-progress.ts";

type LogRecord = {
  /** The signed checkpoint, and its size. */
  readonly kept: { readonly size: number; readonly note: string } | null;
  readonly position: LogPosition | null;
};

const PREFIX = "log/";
const PAGE = 1_000;

export class KnownLogs {
  readonly #store: GuardStore;
  readonly #logs: Map<string, LogRecord>;

  private constructor(store: GuardStore, logs: Map<string, LogRecord>) {
    this.#store = store;
    this.#logs = logs;
  }

  static async open(store: GuardStore): Promise<KnownLogs> {
    const logs = new Map<string, LogRecord>();
    for (let after: string | null = null; ;) {
      const from = after === null ? {} : { after };
      const page: Map<string, Json> = await store.list(PREFIX, { limit: PAGE, ...from });
      for (const [key, record] of page) {
        logs.set(key.slice(PREFIX.length), record as unknown as LogRecord);
        after = key;
      }
      if (page.size < PAGE) return new KnownLogs(store, logs);
    }
  }

  names(): string[] {
    return [...this.#logs.keys()];
  }

  position(log: string): LogPosition | null {
    return this.#logs.get(log)?.position ?? null;
  }

  /** The remembered checkpoint, opened again with the keys; none if it does not open: other keys were given than then. */
  async kept(
    log: string,
    by: {
      readonly origin: string;
      readonly keys: readonly VerifierKey[];
      readonly verify: Verify;
      readonly source: string;
    },
  ): Promise<KeptCheckpoint[]> {
    const note = this.#logs.get(log)?.kept?.note;
    if (note === undefined) return [];
    try {
      const keys = keysOf(by.keys, by.origin, logOrigin(by.origin, log));
      const checkpoint = await openCheckpoint(note, keys, by.verify);
      return [{ ...checkpoint, source: `the checkpoint that the ${by.source} remembers` }];
    } catch (error) {
      if (error instanceof LogError) return [];
      throw error;
    }
  }

  /** A log was seen to hold up to here. Durable on return. */
  async remember(log: string, position: LogPosition): Promise<void> {
    const { note, before } = position;
    const { kept = null, position: checked = null } = this.#logs.get(log) ?? {};
    const newer = note !== null && before.size > (kept?.size ?? 0);
    await this.#put(log, {
      kept: newer ? { size: before.size, note } : kept,
      // New seals may have been looked at while this look was under way.
      position:
        checked !== null && checked.before.size > before.size ? checked : positionOf(position),
    });
  }

  /** New seals were looked at up to here. Durable on return. */
  async move(log: string, position: LogPosition): Promise<void> {
    const { kept = null } = this.#logs.get(log) ?? {};
    await this.#put(log, { kept, position: positionOf(position) });
  }

  async #put(log: string, record: LogRecord): Promise<void> {
    const there = this.#logs.get(log);
    if (JSON.stringify(there) === JSON.stringify(record)) return;
    await this.#store.write(new Map([[PREFIX + log, record as unknown as Json]]));
    this.#logs.set(log, record);
  }
}
