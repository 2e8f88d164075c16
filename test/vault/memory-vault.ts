/**
 * A vault in memory, for tests of the flows: it keeps the contract of `Vault` (the same suite runs on it
 * and on MinIO), and it can be told to fail, to be late, to lose an answer, or to have been tampered with.
 */
import { VaultError } from "../../storage/ports.ts";
import type {
  ObjectLock,
  ObjectVersion,
  PutOptions,
  PutResult,
  Vault,
} from "../../storage/ports.ts";

/**
 * What becomes of a PUT. `refused`: no connection, nothing kept. `lost`: nothing kept, outcome unknown.
 * `kept`: persisted, but the answer is lost. `late`: outcome unknown, and persisted only by `arrive()`.
 */
export type PutFault = "refused" | "lost" | "kept" | "late";

export interface VaultHooks {
  /** Asked for each PUT before it happens; may wait, and may choose a fault. */
  put?: (key: string, body: Uint8Array) => PutFault | undefined | Promise<PutFault | undefined>;
  /** Called before any call but PUT; may wait or throw. */
  read?: (method: Exclude<keyof Vault, "put">, key: string) => void | Promise<void>;
}

interface Stored {
  readonly version: Omit<ObjectVersion, "latest">;
  body: Uint8Array;
  lock: ObjectLock;
  damaged: boolean;
}

export class MemoryVault implements Vault {
  hooks: VaultHooks = {};
  /** Nothing can be reached while it is set. */
  down = false;
  /** The store's clock. */
  clock: () => number = Date.now;
  /** Newest first. */
  #objects = new Map<string, Stored[]>();
  #late: (() => void)[] = [];
  #count = 0;

  async put(key: string, body: Uint8Array, options: PutOptions): Promise<PutResult> {
    const kept = body.slice();
    const fault = this.down ? "refused" : await this.hooks.put?.(key, kept);
    if (fault === "refused") throw unreachable("nothing");
    if (fault === "lost") throw unreachable("unknown");
    if (fault === "late") {
      this.#late.push(() => void this.#write(key, kept, options));
      throw unreachable("unknown");
    }
    const result = this.#write(key, kept, options);
    if (fault === "kept") throw unreachable("unknown");
    return result;
  }

  async get(key: string, versionId: string): Promise<Uint8Array> {
    await this.#reading("get", key);
    const stored = this.#find(key, versionId);
    if (stored.damaged) throw new VaultError("batch_unreadable", `${key} is damaged`);
    return stored.body.slice();
  }

  async lock(key: string, versionId: string): Promise<ObjectLock> {
    await this.#reading("lock", key);
    return this.#find(key, versionId).lock;
  }

  async extendLock(key: string, versionId: string, retainUntilMs: number): Promise<void> {
    await this.#reading("extendLock", key);
    const stored = this.#find(key, versionId);
    const wholeMs = Math.ceil(retainUntilMs / 1000) * 1000;
    if (stored.lock.mode === "COMPLIANCE" && stored.lock.retainUntilMs >= wholeMs) return;
    stored.lock = { mode: "COMPLIANCE", retainUntilMs: wholeMs };
  }

  async *versions(prefix: string, after = ""): AsyncGenerator<ObjectVersion> {
    await this.#reading("versions", prefix);
    for (const key of this.keys()) {
      if (!key.startsWith(prefix) || compareKeys(key, after) <= 0) continue;
      const stored = this.#objects.get(key) ?? [];
      for (const [index, { version, body }] of stored.entries()) {
        yield { ...version, bytes: body.length, latest: index === 0 };
      }
    }
  }

  async prefixes(): Promise<string[]> {
    await this.#reading("prefixes", "");
    const found = this.keys().filter((key) => key.includes("/"));
    return [...new Set(found.map((key) => key.slice(0, key.indexOf("/") + 1)))];
  }

  async nowMs(): Promise<number> {
    await this.#reading("nowMs", "");
    return Math.floor(this.clock() / 1000) * 1000;
  }

  // What the world does to it.

  /** PUTs that were under way reach the store, in order; their conditions are judged now. */
  arrive(): void {
    const late = this.#late;
    this.#late = [];
    for (const write of late) write();
  }

  /** Puts another version on top, as anyone with a key may. */
  addVersion(
    key: string,
    body: Uint8Array,
    lock: ObjectLock = { mode: "none", retainUntilMs: 0 },
  ): string {
    return this.#add(key, body.slice(), lock, false);
  }

  /** What a DELETE without a version id leaves. */
  addMarker(key: string): string {
    return this.#add(key, new Uint8Array(), { mode: "none", retainUntilMs: 0 }, true);
  }

  /** Changes a version in place: what no lock allows and a disk does. */
  alter(key: string, versionId: string, change: (body: Uint8Array) => Uint8Array): void {
    const stored = this.#find(key, versionId);
    stored.body = change(stored.body.slice());
  }

  setLock(key: string, versionId: string, lock: ObjectLock): void {
    this.#find(key, versionId).lock = lock;
  }

  /** The version stays listed and cannot be read any more. */
  damage(key: string, versionId: string): void {
    this.#find(key, versionId).damaged = true;
  }

  remove(key: string, versionId: string): void {
    const stored = this.#find(key, versionId);
    const left = (this.#objects.get(key) ?? []).filter((one) => one !== stored);
    if (left.length === 0) this.#objects.delete(key);
    else this.#objects.set(key, left);
  }

  /** A copy as it is now, without hooks: for bringing a vault back old. */
  copy(): MemoryVault {
    const other = new MemoryVault();
    other.#count = this.#count;
    other.clock = this.clock;
    for (const [key, stored] of this.#objects) {
      other.#objects.set(
        key,
        stored.map((one) => ({ ...one, body: one.body.slice() })),
      );
    }
    return other;
  }

  /** All keys that have a version or a marker, in order. */
  keys(): string[] {
    return [...this.#objects.keys()].sort(compareKeys);
  }

  #write(key: string, body: Uint8Array, options: PutOptions): PutResult {
    const top = this.#objects.get(key)?.[0];
    // MinIO takes a key whose newest version is a delete marker for a free one.
    if (options.ifAbsent && top && !top.version.deleteMarker) return { kind: "taken" };
    const retainUntilMs = Math.ceil(options.retainUntilMs / 1000) * 1000;
    const lock: ObjectLock = { mode: "COMPLIANCE", retainUntilMs };
    return { kind: "put", versionId: this.#add(key, body, lock, false) };
  }

  #add(key: string, body: Uint8Array, lock: ObjectLock, deleteMarker: boolean): string {
    this.#count += 1;
    const versionId = `v${String(this.#count).padStart(8, "0")}`;
    const lastModifiedMs = this.clock();
    const version = { key, versionId, deleteMarker, bytes: body.length, lastModifiedMs };
    const stored = this.#objects.get(key) ?? [];
    this.#objects.set(key, [{ version, body, lock, damaged: false }, ...stored]);
    return versionId;
  }

  #find(key: string, versionId: string): Stored {
    const stored = this.#objects.get(key)?.find((one) => one.version.versionId === versionId);
    if (stored && !stored.version.deleteMarker) return stored;
    throw new VaultError("batch_missing", `there is no version ${versionId} of ${key}`);
  }

  async #reading(method: Exclude<keyof Vault, "put">, key: string): Promise<void> {
    if (this.down) throw unreachable("nothing");
    await this.hooks.read?.(method, key);
  }
}

function unreachable(outcome: VaultError["outcome"]): VaultError {
  return new VaultError("vault_unreachable", "the vault does not answer", outcome);
}

/** S3 lists keys by their UTF-8 bytes. */
function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
