/**
 * What attackers of the threat list do to a running instance whose store's administrator they are (an open MinIO with root's
 * key), whose disk and whose log key they have. Each act is one function; none of them goes through the API.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  chunkRows,
  forgeFrom,
  indexFileOf,
  openIndexFile,
  tamper,
} from "../../scripts/tamper-demo/index-file.ts";
import { nodeGzip } from "../../storage/gzip.ts";
import { seedSigner } from "../../storage/keys.ts";
import { encodeBatch, slotName } from "../../storage/log/batch.ts";
import { fromBase64, toHex } from "../../storage/log/bytes.ts";
import { logOrigin, signCheckpoint } from "../../storage/log/checkpoint.ts";
import { leafHash, ZERO_HASH } from "../../storage/log/hash.ts";
import { CompactTree } from "../../storage/log/tree.ts";
import { S3Client, type S3Request } from "../../storage/vault/client.ts";
import { putRequest } from "../../storage/vault/vault.ts";
import { sha256 } from "../e2e/sha256.ts";
import type { ClockProxy } from "../parts/clock-proxy.ts";
import type { OpenMinio } from "../vault/open-minio.ts";

const DAY_MS = 24 * 3_600_000;
const GARBAGE = Buffer.from("no batch at all");
const REPLICA = { "x-amz-replication-status": "REPLICA" };

export class Attacker {
  readonly #s3: S3Client;
  readonly #minio: OpenMinio;
  readonly #way: ClockProxy;
  readonly #dataDir: string;

  constructor(minio: OpenMinio, way: ClockProxy, dataDir: string) {
    this.#way = way;
    this.#s3 = new S3Client(minio.root);
    this.#minio = minio;
    this.#dataDir = dataDir;
  }

  get file(): string {
    return indexFileOf(this.#dataDir);
  }

  /** The drive's folder of an object, or of what lies under a prefix. */
  folder(key: string): string {
    return join(this.#minio.drive, this.#minio.root.bucket, key);
  }

  /** One statement on the file, which must change something; as `sqlite3` would. */
  sql(statement: string): void {
    tamper(this.file, (database) => {
      assert.ok(database.prepare(statement).run().changes > 0, statement);
    });
  }

  /** The sealed version of the batch that begins at `first`, as the index has it. */
  sealed(log: string, first: number): { key: string; versionId: string } {
    const database = openIndexFile(this.file);
    try {
      const row = database
        .prepare("SELECT key, version_id FROM seal WHERE log = ? AND first = ?")
        .get(log, first) as { key: string; version_id: string } | undefined;
      assert.ok(row, `${log} has a seal at ${first}`);
      return { key: row.key, versionId: row.version_id };
    } finally {
      database.close();
    }
  }

  /** Puts a version on top of what is there, if anything. */
  async cover(key: string): Promise<void> {
    const options = { retainUntilMs: Date.now() + DAY_MS, ifAbsent: false };
    await this.#send(putRequest(key, GARBAGE, options));
  }

  async mark(key: string): Promise<void> {
    await this.#send({ method: "DELETE", key }, 204);
  }

  /** Puts a row with another line of an entry beside the one that has it; triggers do not see it, nor does who reads from row to row. */
  putAcross(log: string, seq: number): void {
    tamper(this.file, (database) => {
      const row = chunkRows(database, log).find(
        ({ first, count }) => seq > first && seq < first + count,
      );
      assert.ok(row, `${log} has a row with entry ${seq} behind its first`);
      const line = row.lines.split("\n")[seq - row.first]!.replace("alice", "mallo");
      const leaf = leafHash(Buffer.from(line), sha256);
      database
        .prepare("INSERT INTO chunk (log, first, count, leaves, lines) VALUES (?, ?, 1, ?, ?)")
        .run(log, seq, Buffer.from(leaf), line);
    });
  }

  /** Puts an object whose metadata MinIO believes and cannot read (T20). */
  async poison(key: string): Promise<void> {
    const header = "x-minio-replication-server-side-encryption-sealed-key";
    await this.#send({ method: "PUT", key, headers: { [header]: "AAAA" }, body: GARBAGE });
  }

  /** Each gets the other's metadata, sealed with the other's key. */
  exchange(one: string, other: string): void {
    const files = [one, other].map((key) => join(this.folder(key), "xl.meta")) as [string, string];
    const [first, second] = files.map((file) => readFileSync(file)) as [Buffer, Buffer];
    writeFileSync(files[0], second);
    writeFileSync(files[1], first);
  }

  /** Overwrites a locked version as if it came from another site (T17). */
  async overwrite(log: string, first: number): Promise<void> {
    const { key, versionId } = this.sealed(log, first);
    const body = Buffer.from("other bytes");
    await this.#send({ method: "PUT", key, query: { versionId }, headers: REPLICA, body });
  }

  /** Copies a locked version onto itself, by which it loses its lock (T15, T17). */
  async unlock(log: string, first: number): Promise<void> {
    const { key, versionId } = this.sealed(log, first);
    const headers = {
      ...REPLICA,
      "x-amz-copy-source": `/${this.#minio.root.bucket}/${key}?versionId=${versionId}`,
      "x-amz-metadata-directive": "REPLACE",
    };
    await this.#send({ method: "PUT", key, query: { versionId }, headers });
  }

  /** Deletes a locked version as if another site had (T18). */
  async destroy(log: string, first: number): Promise<void> {
    const { key, versionId } = this.sealed(log, first);
    await this.#send({ method: "DELETE", key, query: { versionId }, headers: REPLICA }, 204);
  }

  /** Locks end by the store's clock, so it is moved ahead (T13). */
  moveClock(ms: number): void {
    this.#way.shiftMs = ms;
  }

  /** From now on the worker may what a plain writer may, and so may who has its key. */
  widenRights(): Promise<void> {
    return this.#minio.setPolicy("worker", "a plain one");
  }

  /**
   * Has the log key too (T9): makes another history from an entry of the last batch on, signs it, puts it in place of what was
   * sealed, and brings the whole index in line with it.
   */
  async rewrite(log: string, seq: number, from: string, to: string): Promise<void> {
    forgeFrom(this.file, log, seq, from, to);
    const old = this.#lastSeal(log);
    const lines = this.#lines(log);
    const tree = new CompactTree(0, [], sha256);
    let prev = ZERO_HASH;
    for (const line of lines.slice(0, old.first)) prev = add(tree, line);
    const header = {
      ...{ first: old.first, frontier: tree.frontier().map(toHex), log, prev },
      ...{ origin: logOrigin(this.#origin(), log), retention_days: 1 },
    };
    let leaf = prev;
    for (const line of lines.slice(old.first)) leaf = add(tree, line);
    const signed = { origin: header.origin, size: tree.size, root: tree.root() };
    const signer = await (await this.#logKey()).signer(header.origin);
    const checkpoint = await signCheckpoint(signed, signer);
    const batch = { header, lines: lines.slice(old.first), checkpoint };
    const object = await nodeGzip.gzip(encodeBatch(batch));
    await this.destroy(log, old.first);
    const key = slotName(log, old.first);
    const options = { retainUntilMs: Date.parse(old.retain_until), ifAbsent: true };
    const { headers } = await this.#send(putRequest(key, object, options));
    tamper(this.file, (database) => {
      const digest = createHash("sha256").update(object).digest("hex");
      const values = [headers.get("x-amz-version-id"), digest, object.length, checkpoint, leaf];
      const frontier = tree.frontier().map(toHex).join("");
      database
        .prepare(
          "UPDATE seal SET version_id = ?, sha256 = ?, bytes = ?, checkpoint = ?, leaf = ?, frontier = ? WHERE log = ? AND first = ?",
        )
        .run(...values, frontier, log, old.first);
    });
  }

  #lastSeal(log: string): { first: number; retain_until: string } {
    const database = openIndexFile(this.file);
    try {
      return database
        .prepare("SELECT first, retain_until FROM seal WHERE log = ? ORDER BY first DESC LIMIT 1")
        .get(log) as { first: number; retain_until: string };
    } finally {
      database.close();
    }
  }

  #lines(log: string): string[] {
    const database = openIndexFile(this.file);
    try {
      return chunkRows(database, log).flatMap(({ lines }) => lines.split("\n"));
    } finally {
      database.close();
    }
  }

  #origin(): string {
    const text = readFileSync(join(this.#dataDir, "instance.json"), "utf8");
    return (JSON.parse(text) as { origin: string }).origin;
  }

  #logKey(): ReturnType<typeof seedSigner> {
    const text = readFileSync(join(this.#dataDir, "keys", "log.key"), "utf8");
    return seedSigner(fromBase64(text.trim()));
  }

  async #send(request: S3Request, status = 200) {
    const answer = await this.#s3.send(request);
    assert.equal(answer.status, status, `${request.method} ${request.key}: ${answer.errorCode}`);
    return answer;
  }
}

/** The leaf, hex. */
function add(tree: CompactTree, line: string): string {
  const leaf = leafHash(Buffer.from(line), sha256);
  tree.append(leaf);
  return toHex(leaf);
}
