/**
 * The Index in memory, for tests of flows, with a hook at each of its two commit points: a hook that
 * throws at "before" leaves nothing written, one that throws at "after" leaves everything written
 * and the caller in doubt. It passes the contract suite that the libSQL adapter passes.
 */
import { toHex } from "../../storage/log/bytes.ts";
import type { TileReader } from "../../storage/log/proof.ts";
import { assertCommit } from "../../storage/index/commit.ts";
import {
  type Chunk,
  type ChunkCommit,
  type ChunkRange,
  type CommitResult,
  type EventKey,
  type EventRecord,
  type Index,
  IndexError,
  type IndexHead,
  type SealRange,
  type SealRow,
} from "../../storage/ports.ts";

/** Whether what the hook is about has been written already. */
export type FaultPoint = "before" | "after";

export interface MemoryIndexHooks {
  onCommit?: (point: FaultPoint, chunks: readonly ChunkCommit[]) => void | Promise<void>;
  onAddSeal?: (point: FaultPoint, row: SealRow) => void | Promise<void>;
}

/** What is durable: shared by all indexes that are opened on it, as one database by its clients. */
export class MemoryStore {
  heads = new Map<string, IndexHead>();
  readonly chunks = new Map<string, ChunkCommit[]>();
  readonly events = new Map<string, EventRecord>();
  readonly seals = new Map<string, SealRow[]>();

  /** As it stands, for tests that put an old state back. */
  copy(): MemoryStore {
    const copy = new MemoryStore();
    copy.heads = new Map(this.heads);
    for (const [log, chunks] of this.chunks) copy.chunks.set(log, [...chunks]);
    for (const [key, record] of this.events) copy.events.set(key, record);
    for (const [log, rows] of this.seals) copy.seals.set(log, [...rows]);
    return copy;
  }
}

const PAGE_BYTES = 4_000_000;
const EMPTY = { size: 0, leaf: "0".repeat(64) };

export class MemoryIndex implements Index {
  readonly store: MemoryStore;
  /** May be set at any time. */
  hooks: MemoryIndexHooks;

  constructor(store = new MemoryStore(), hooks: MemoryIndexHooks = {}) {
    this.store = store;
    this.hooks = hooks;
  }

  async heads(): Promise<Map<string, IndexHead>> {
    return new Map(this.store.heads);
  }

  async commit(chunks: readonly ChunkCommit[]): Promise<CommitResult> {
    assertCommit(chunks);
    await this.hooks.onCommit?.("before", chunks);
    const result = this.#write(chunks);
    if (result.kind === "committed") await this.hooks.onCommit?.("after", chunks);
    return result;
  }

  #write(chunks: readonly ChunkCommit[]): CommitResult {
    const { heads, events } = this.store;
    const committed = chunks.every((chunk) =>
      this.#of(chunk.log).some(
        ({ first, after }) => first === chunk.first && after.leaf === chunk.after.leaf,
      ),
    );
    if (committed) return { kind: "committed" };
    const seen = new Set<string>();
    const moved = chunks.filter(({ log, before }) => {
      const head = heads.get(log) ?? EMPTY;
      const first = !seen.has(log);
      seen.add(log);
      return first && (head.size !== before.size || head.leaf !== before.leaf);
    });
    if (moved.length > 0) return { kind: "moved", logs: moved.map(({ log }) => log) };
    const taken = chunks.flatMap(({ ids }) => ids).filter((id) => events.has(eventKey(id)));
    if (taken.length > 0) return { kind: "moved", logs: [...new Set(taken.map(({ log }) => log))] };
    const ids = chunks.flatMap((chunk) => chunk.ids);
    if (new Set(ids.map(eventKey)).size < ids.length) {
      throw new IndexError("an id is twice in one commit", "nothing");
    }
    for (const chunk of chunks) {
      this.store.chunks.set(chunk.log, [...this.#of(chunk.log), structuredClone(chunk)]);
      heads.set(chunk.log, { ...chunk.after });
      for (const id of chunk.ids) events.set(eventKey(id), { ...id });
    }
    return { kind: "committed" };
  }

  async chunks(log: string, range: ChunkRange): Promise<Chunk[]> {
    const { from, to, order = "asc", bytesMax = PAGE_BYTES } = range;
    const inRange = this.#of(log).filter(
      ({ first, count }) => from < to && first < to && first + count > from,
    );
    if (order === "desc") inRange.reverse();
    let bytes = 0;
    const end = inRange.findIndex(({ lines }, at) => {
      bytes += Buffer.byteLength(lines);
      return at > 0 && bytes > bytesMax;
    });
    return inRange
      .slice(0, end < 0 ? inRange.length : end)
      .map(({ log, first, count, lines, leaves }) => {
        return { log, first, count, lines, leaves: leaves.slice() };
      });
  }

  tiles(log: string): TileReader {
    return async (level, index, width) => {
      const chunks = this.#of(log);
      const hashes = chunks.flatMap((chunk) =>
        level === 0
          ? Array.from({ length: chunk.count }, (_, at) =>
              chunk.leaves.slice(32 * at, 32 * at + 32),
            )
          : chunk.nodes.filter((node) => node.level === level).map((node) => node.hash.slice()),
      );
      const tile = hashes.slice(256 * index, 256 * index + width);
      if (tile.length !== width) {
        throw new IndexError(`tile ${level}/${index} of ${log} is not whole`, "nothing");
      }
      return tile;
    };
  }

  async events(keys: readonly EventKey[]): Promise<(EventRecord | null)[]> {
    return keys.map((key) => this.store.events.get(eventKey(key)) ?? null);
  }

  async forgetEvents(time: string): Promise<void> {
    for (const [key, record] of this.store.events) {
      if (record.time < time) this.store.events.delete(key);
    }
  }

  async seals(log: string, { from, limit, order }: SealRange): Promise<SealRow[]> {
    const rows = (this.store.seals.get(log) ?? []).toSorted((a, b) => a.first - b.first);
    if (order === "desc") rows.reverse();
    return rows
      .filter(({ first }) => (order === "asc" ? first >= from : first <= from))
      .slice(0, limit);
  }

  async addSeal(row: SealRow): Promise<void> {
    await this.hooks.onAddSeal?.("before", row);
    const rows = this.store.seals.get(row.log) ?? [];
    const there = rows.find(({ first }) => first === row.first);
    if (
      there &&
      !Object.entries(row).every(([name, value]) => there[name as keyof SealRow] === value)
    ) {
      throw new IndexError(`another seal of ${row.log} begins at ${row.first}`, "nothing");
    }
    if (!there) this.store.seals.set(row.log, [...rows, { ...row }]);
    await this.hooks.onAddSeal?.("after", row);
  }

  /** Leaves of a log in hex, for assertions. */
  leaves(log: string): string[] {
    return this.#of(log).flatMap(({ leaves, count }) =>
      Array.from({ length: count }, (_, at) => toHex(leaves.subarray(32 * at, 32 * at + 32))),
    );
  }

  #of(log: string): ChunkCommit[] {
    return this.store.chunks.get(log) ?? [];
  }
}

function eventKey({ log, by, id }: EventKey): string {
  return JSON.stringify([log, by, id]);
}
