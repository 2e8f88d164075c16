/**
 * The contracts between the verbs of `flow/` and the parts that keep things: the Index (libSQL),
 * the Vault (an object store with COMPLIANCE lock), the Memo (the ledger's own storage), keys, clock
 * and alarm. Each method says what is durable when it returns. Adapters implement them; tests run one
 * contract suite against each adapter.
 */
import type { Head } from "./log/hash.ts";
import type { NoteSigner } from "./log/note.ts";
import type { TileReader } from "./log/proof.ts";

/** A head as the index keeps it: enough to go on appending without reading any line. */
export interface IndexHead extends Head {
  /** Roots of the perfect subtrees covering entries 0 … size−1, largest first, hex, concatenated. */
  readonly frontier: string;
  /** `time` of the entry `size − 1`; the empty string at size 0. */
  readonly time: string;
}

/** A run of a log's entries as one commit wrote them. */
export interface Chunk {
  readonly log: string;
  /** `seq` of the first line. */
  readonly first: number;
  readonly count: number;
  /** The entry lines joined by newlines, no newline at the end. */
  readonly lines: string;
  /** The leaves of the lines, 32 bytes each, in order. */
  readonly leaves: Uint8Array;
}

/** The root of the perfect subtree of height 8·level (level ≥ 1) that begins at entry index·256^level. */
export interface TreeNode {
  readonly level: number;
  readonly index: number;
  readonly hash: Uint8Array;
}

/** Names an event by its sender's own id: unique per log and `by`. */
export interface EventKey {
  readonly log: string;
  readonly by: string;
  readonly id: string;
}

/** Where an event with an id went, and which event it was. */
export interface EventRecord extends EventKey {
  readonly seq: number;
  /** The entry's leaf, hex. */
  readonly hash: string;
  /** The entry's time. */
  readonly time: string;
  /** SHA-256 of the canonical event, hex: tells the same event from another one under its id. */
  readonly digest: string;
}

/** One step of a commit: the log moves from `before` to `after` by exactly this chunk. */
export interface ChunkCommit extends Chunk {
  readonly before: Head;
  readonly after: IndexHead;
  readonly nodes: readonly TreeNode[];
  readonly ids: readonly EventRecord[];
}

/**
 * What became of a commit. `moved`: nothing was written, because these logs' heads were not where the
 * commit expected them (or one of its ids was taken meanwhile). An unknown outcome is no result: `commit` throws
 * `IndexError` with `outcome: "unknown"`, or `"nothing"` where certainly nothing was written.
 */
export type CommitResult =
  { readonly kind: "committed" } | { readonly kind: "moved"; readonly logs: readonly string[] };

/** The index could not answer. `outcome` tells whether a write may have happened. */
export class IndexError extends Error {
  readonly code = "index_unavailable";
  readonly outcome: "nothing" | "unknown";
  constructor(message: string, outcome: "nothing" | "unknown", options?: ErrorOptions) {
    super(message, options);
    this.name = "IndexError";
    this.outcome = outcome;
  }
}

/** A sealed batch as the index remembers it (commit 2). Times are `YYYY-MM-DDTHH:MM:SS.mmmZ`. */
export interface SealRow {
  readonly log: string;
  readonly first: number;
  readonly count: number;
  /** Object key `<log>/<first, 16 digits>.jsonl.gz` and the version that was read back. */
  readonly key: string;
  readonly versionId: string;
  /** SHA-256 of the object's bytes, hex, and their number. */
  readonly sha256: string;
  readonly bytes: number;
  readonly sealedAt: string;
  readonly retainUntil: string;
  /** The signed checkpoint of size first + count, as it stands in the batch. */
  readonly checkpoint: string;
  /** The leaf of the last entry and the frontier at first + count: where the next batch begins. */
  readonly leaf: string;
  readonly frontier: string;
}

/** Which chunks to read: those with an entry in [from, to), in `order`, at least one, then at most `bytesMax` of lines. */
export interface ChunkRange {
  readonly from: number;
  readonly to: number;
  readonly order?: "asc" | "desc";
  readonly bytesMax?: number;
}

/** Which seals to read: with `order` "asc" those with first ≥ from, with "desc" those with first ≤ from. */
export interface SealRange {
  readonly from: number;
  readonly limit: number;
  readonly order: "asc" | "desc";
}

/** The database that answers questions and in which an entry becomes durable. One writer at a time. */
export interface Index {
  /** All heads, read behind every write still under way (a write transaction that is rolled back). */
  heads(): Promise<Map<string, IndexHead>>;
  /** ★ Commit 1. All chunks or none, in order; on `committed` they are fsynced. Sending the same again is harmless. */
  commit(chunks: readonly ChunkCommit[]): Promise<CommitResult>;
  /** Chunks exactly as committed. */
  chunks(log: string, range: ChunkRange): Promise<Chunk[]>;
  /** Tile hashes for proofs: level 0 from the chunks' leaves, above from the nodes. */
  tiles(log: string): TileReader;
  /** The records of these ids, `null` where there is none; same order and length as `keys`. */
  events(keys: readonly EventKey[]): Promise<(EventRecord | null)[]>;
  /** Forgets the records of entries older than `time`. Durable some time later. */
  forgetEvents(time: string): Promise<void>;
  seals(log: string, range: SealRange): Promise<SealRow[]>;
  /** ★ Commit 2. The row is fsynced on return; the same row again is harmless, another one under its (log, first) is refused. */
  addSeal(row: SealRow): Promise<void>;
}

/** When each token was last used, by id, in the server's form of time. A note for people: it may be lost at any time. */
export interface TokenUses {
  load(): Promise<Map<string, string>>;
  /** Durable on return. A time that is earlier than the one that is there changes nothing. */
  store(uses: ReadonlyMap<string, string>): Promise<void>;
}

/** The kind of lock on one object version; times are whole seconds. */
export interface ObjectLock {
  readonly mode: "COMPLIANCE" | "GOVERNANCE" | "none";
  /** Date in milliseconds since the epoch; 0 without a lock. */
  readonly retainUntilMs: number;
}

/** One version, or one delete marker, of one key. */
export interface ObjectVersion {
  readonly key: string;
  readonly versionId: string;
  readonly deleteMarker: boolean;
  readonly latest: boolean;
  readonly bytes: number;
  readonly lastModifiedMs: number;
}

export type PutResult =
  | { readonly kind: "put"; readonly versionId: string }
  /** The key has a version already, and `ifAbsent` was asked for. */
  | { readonly kind: "taken" };

/** The store could not answer, or said no. `outcome` is as in IndexError; `code` is a finding's or a problem's word. */
export class VaultError extends Error {
  readonly code: "vault_unreachable" | "batch_unreadable" | "batch_missing" | "vault_refused";
  readonly outcome: "nothing" | "unknown";
  /** The object that is to blame, where it is another one than what was asked for. */
  readonly key: string | null;
  constructor(
    code: VaultError["code"],
    message: string,
    outcome: "nothing" | "unknown" = "nothing",
    options?: ErrorOptions & { readonly key?: string },
  ) {
    super(message, options);
    this.name = "VaultError";
    this.code = code;
    this.outcome = outcome;
    this.key = options?.key ?? null;
  }
}

export interface PutOptions {
  readonly retainUntilMs: number;
  readonly ifAbsent: boolean;
  readonly contentType?: string;
}

/** The object store. Everything is read by version id; a key without one proves nothing. */
export interface Vault {
  /** PUTs one object under a COMPLIANCE lock, with its SHA-256. Durable as the store is; read it back. */
  put(key: string, body: Uint8Array, options: PutOptions): Promise<PutResult>;
  /** The exact bytes of one version. `batch_unreadable` where the store has it and cannot give it, `batch_missing` where it is not there. */
  get(key: string, versionId: string): Promise<Uint8Array>;
  /** The lock of one version, from GET ?retention alone. */
  lock(key: string, versionId: string): Promise<ObjectLock>;
  /** Makes the COMPLIANCE lock of one version longer. A lock that is as long already stays; shorter is refused by the store. */
  extendLock(key: string, versionId: string, retainUntilMs: number): Promise<void>;
  /** All versions and markers whose key begins with `prefix`, in key order, newest first within a key; `after`: only keys beyond it. */
  versions(prefix: string, after?: string): AsyncIterable<ObjectVersion>;
  /** First-level prefixes that end in `/`: the logs that have something in the vault, and `_indelible`. */
  prefixes(): Promise<string[]>;
  /** The store's own clock, milliseconds since the epoch. */
  nowMs(): Promise<number>;
}

/** The memo: per log the last head the ledger has seen committed (PROTOCOL §1, M). */
export interface Memo {
  /** What was last stored; a log that is not named has size 0. `null`: there is no memo at all. */
  load(): Promise<Map<string, Head> | null>;
  /** Durable on return. Replaces the whole record. */
  store(heads: ReadonlyMap<string, Head>): Promise<void>;
}

/** Makes signers by the key's name in the note. The private key never leaves it. */
export interface Signer {
  signer(name: string): Promise<NoteSigner>;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
}

/** Wakes the owner once at or after a time, also after a crash; the earliest of several wins. */
export interface Alarm {
  at(timeMs: number): Promise<void>;
}

/** Compression of batches: RFC 1952, one member, no name, time 0. */
export interface Gzip {
  gzip(data: Uint8Array): Promise<Uint8Array>;
  /** Throws where the result would be longer than `bytesMax`, or where bytes follow the member. */
  gunzip(data: Uint8Array, bytesMax: number): Promise<Uint8Array>;
}
