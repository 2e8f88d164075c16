/**
 * Makes commits for tests of an Index, and knows what a log must hold afterwards: lines of any text,
 * real leaves, a real tree. `check` reads the whole log back and compares it.
 */
import assert from "node:assert/strict";
import { concatBytes, toHex } from "../../storage/log/bytes.ts";
import { leafHash, type Head, ZERO_HASH } from "../../storage/log/hash.ts";
import { rootAt } from "../../storage/log/proof.ts";
import { CompactTree } from "../../storage/log/tree.ts";
import type {
  Chunk,
  ChunkCommit,
  EventRecord,
  Index,
  IndexHead,
  SealRow,
  TreeNode,
} from "../../storage/ports.ts";

const encoder = new TextEncoder();

export class LogWriter {
  readonly log: string;
  readonly lines: string[] = [];
  #tree = new CompactTree(0, []);
  #leaf = ZERO_HASH;

  constructor(log: string) {
    this.log = log;
  }

  get head(): Head {
    return { size: this.lines.length, leaf: this.#leaf };
  }

  /** A writer in the same place, to try something that may come to nothing. */
  fork(): LogWriter {
    const fork = new LogWriter(this.log);
    fork.lines.push(...this.lines);
    fork.#tree = this.#tree.clone();
    fork.#leaf = this.#leaf;
    return fork;
  }

  /** The next lines as a commit; the writer goes on as if it had happened. */
  chunk(lines: readonly string[], ids: readonly EventRecord[] = []): ChunkCommit {
    const before = this.head;
    const nodes: TreeNode[] = [];
    const leaves = lines.map((line) => leafHash(encoder.encode(line)));
    for (const leaf of leaves) {
      this.#tree.append(leaf, (level, index, hash) => nodes.push({ level, index, hash }));
    }
    this.#leaf = toHex(leaves.at(-1)!);
    this.lines.push(...lines);
    const after: IndexHead = {
      ...{ size: this.lines.length, leaf: this.#leaf, time: time(this.lines.length) },
      frontier: this.#tree.frontier().map(toHex).join(""),
    };
    return {
      ...{ log: this.log, first: before.size, count: lines.length, lines: lines.join("\n") },
      ...{ leaves: concatBytes(...leaves), before, after, nodes, ids },
    };
  }

  /** `count` lines that nobody else writes. */
  random(count: number, ids: readonly EventRecord[] = []): ChunkCommit {
    return this.chunk(
      Array.from({ length: count }, () => `{"salt":"${crypto.randomUUID()}"}`),
      ids,
    );
  }

  /** The index holds exactly these lines: once, in order, with this head and this root. */
  async check(index: Index): Promise<void> {
    const chunks = await readAll(index, this.log);
    assert.deepEqual(
      chunks.flatMap((chunk) => chunk.lines.split("\n")),
      this.lines,
    );
    let next = 0;
    for (const chunk of chunks) {
      assert.equal(chunk.first, next);
      next += chunk.count;
    }
    const head = (await index.heads()).get(this.log);
    assert.deepEqual({ size: head?.size ?? 0, leaf: head?.leaf ?? ZERO_HASH }, this.head);
    if (next > 0) {
      assert.equal(toHex(await rootAt(next, index.tiles(this.log))), toHex(this.#tree.root()));
      assert.equal(head?.frontier, this.#tree.frontier().map(toHex).join(""));
    }
  }
}

/** All chunks of a log, page by page. */
export async function readAll(index: Index, log: string): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for (let from = 0; ;) {
    const page = await index.chunks(log, { from, to: Number.MAX_SAFE_INTEGER });
    if (page.length === 0) return chunks;
    chunks.push(...page);
    const last = page.at(-1)!;
    from = last.first + last.count;
  }
}

/** A time that grows with `n`. */
export function time(n: number): string {
  return new Date(Date.UTC(2026, 0, 1) + n).toISOString();
}

export function record(log: string, id: string, seq: number): EventRecord {
  const hash = toHex(leafHash(encoder.encode(id)));
  return { log, by: "writer", id, seq, hash, time: time(seq), digest: hash };
}

export function sealRow(log: string, first: number): SealRow {
  return {
    ...{ log, first, count: 4, key: `${log}/${first}.jsonl.gz`, versionId: "v", bytes: 3 },
    ...{ sha256: "ab".repeat(32), sealedAt: time(first), retainUntil: time(first + 9) },
    ...{ checkpoint: "o\n4\nAA==\n\n— é\n", leaf: "cd".repeat(32), frontier: "ef".repeat(64) },
  };
}
