/** A guard's store in memory, which keeps text as a real one does, and can fail. */
import type { GuardStore } from "../../storage/guard-ports.ts";
import type { Json } from "../../storage/log/json-value.ts";

export class MemoryGuardStore implements GuardStore {
  readonly records: Map<string, string>;
  /** Thrown by the next write. */
  failure: Error | null = null;

  constructor(records: Map<string, string> = new Map()) {
    this.records = records;
  }

  async get(key: string): Promise<Json | null> {
    const text = this.records.get(key);
    return text === undefined ? null : (JSON.parse(text) as Json);
  }

  async write(changes: ReadonlyMap<string, Json | null>): Promise<void> {
    const { failure } = this;
    this.failure = null;
    if (failure !== null) throw failure;
    for (const [key, value] of changes) {
      if (!/^[\x21-\x7e]+$/.test(key)) throw new Error(`not a key: ${key}`);
      if (value === null) this.records.delete(key);
      else this.records.set(key, JSON.stringify(value));
    }
  }

  async list(
    prefix: string,
    { limit, after, reverse = false }: { limit: number; after?: string; reverse?: boolean },
  ): Promise<Map<string, Json>> {
    const keys = [...this.records.keys()].filter((key) => key.startsWith(prefix)).sort();
    if (reverse) keys.reverse();
    const beyond = keys.filter(
      (key) => after === undefined || (reverse ? key < after : key > after),
    );
    return new Map(
      beyond.slice(0, limit).map((key) => [key, JSON.parse(this.records.get(key)!) as Json]),
    );
  }
}
