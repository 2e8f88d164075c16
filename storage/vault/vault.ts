/**
 * The vault on MinIO, or on any store with S3 object lock: one locked PUT an object, everything read by
 * version id. Reads are tried a few times; a PUT is sent once, because the sealer finds out by listing
 * what became of one that has no answer (PROTOCOL §3). Digests of what is read are the caller's to check.
 */
import { createHash } from "node:crypto";
import { VaultError } from "../ports.ts";
import type { ObjectLock, ObjectVersion, PutOptions, PutResult, Vault } from "../ports.ts";
import {
  busy,
  isSpoiled,
  outcomeOf,
  parseAnswer,
  refused,
  spoiled,
  unreadable,
} from "./answers.ts";
import { S3Client, isBusy } from "./client.ts";
import type { S3Answer, S3Request, VaultConfig } from "./client.ts";
import { BrokenOff, isWorthAgain } from "./transport.ts";
import { formatRetainUntil, putRetention } from "./retention-request.ts";
import { parseRetention, parseVersions } from "./xml.ts";
import type { VersionsPage } from "./xml.ts";

export type { VaultConfig } from "./client.ts";

/** A read is sent at most this often: MinIO answers damage on its disk with 503, for ever. */
const READ_TRIES = 3;
/** Pause before the second try; four times as long before the third: 0.5 s in all. */
const READ_PAUSE_MS = 100;
/** What S3 gives a page at most. */
const PAGE_KEYS = 1000;
/** The slot of a log's entry 0 (FORMAT §6). */
const FIRST_SLOT = `${"0".repeat(16)}.jsonl.gz`;
export class MinioVault implements Vault {
  readonly #s3: S3Client;
  #sse: boolean;

  constructor(config: VaultConfig) {
    this.#s3 = new S3Client(config);
    this.#sse = true;
  }

  async put(key: string, body: Uint8Array, options: PutOptions): Promise<PutResult> {
    const request = putRequest(key, body, options);
    const answer = await this.#putEncrypted(request);
    if (answer.status === 412) return { kind: "taken" };
    // Two conditional PUTs at once, on AWS: this one was not done.
    if (answer.status === 409) throw busy(request, answer, "nothing");
    if (isBusy(answer.status)) throw busy(request, answer, outcomeOf(answer));
    if (answer.status !== 200) throw refused(request, answer);
    const versionId = answer.headers.get("x-amz-version-id");
    if (versionId === null || versionId === "" || versionId === "null") {
      const message = `the bucket keeps no versions: PUT ${key} was answered without a version id`;
      throw new VaultError("vault_refused", message, "unknown");
    }
    return { kind: "put", versionId };
  }

  async get(key: string, versionId: string): Promise<Uint8Array> {
    const request = { method: "GET", key, query: byVersion(versionId) } as const;
    const answer = await this.#readObject(request);
    if (answer.status !== 200) throw unreadable(request, answer);
    const given = answer.headers.get("x-amz-version-id");
    if (given !== null && given !== versionId) {
      throw new VaultError("batch_unreadable", `asked for ${key} ${versionId}, got ${given}`);
    }
    return answer.body;
  }

  async lock(key: string, versionId: string): Promise<ObjectLock> {
    const request = {
      method: "GET",
      key,
      query: { retention: "", ...byVersion(versionId) },
    } as const;
    const answer = await this.#readObject(request);
    if (answer.status === 200) return parseAnswer(request, answer, parseRetention);
    if (answer.errorCode === "NoSuchObjectLockConfiguration")
      return { mode: "none", retainUntilMs: 0 };
    throw unreadable(request, answer);
  }

  async extendLock(key: string, versionId: string, retainUntilMs: number): Promise<void> {
    const found = await this.lock(key, versionId);
    if (found.mode === "COMPLIANCE" && found.retainUntilMs >= retainUntilMs) return;
    const request = putRetention({ key, ...byVersion(versionId) }, "COMPLIANCE", retainUntilMs);
    const answer = await this.#s3.send(request);
    if (isBusy(answer.status)) throw busy(request, answer, outcomeOf(answer));
    if (answer.status !== 200) throw refused(request, answer);
  }

  /** Throws `batch_unreadable` where an object hides what was asked for from the listing, or spoils it. */
  async *versions(prefix: string, after?: string): AsyncGenerator<ObjectVersion> {
    let listed = 0;
    for await (const page of this.#pages({ prefix, ...(after ? { "key-marker": after } : {}) })) {
      listed += page.versions.length;
      for (const version of page.versions) {
        if (version.key !== after) yield version;
      }
    }
    if (listed === 0) await this.#assertNotHidden(prefix);
  }

  /** With the trailing slash: `demo/`, `_indelible/`. Also those that an object hides from the listing. */
  async prefixes(): Promise<string[]> {
    const found: string[] = [];
    const objects = new Set<string>();
    for await (const page of this.#pages({ prefix: "", delimiter: "/" })) {
      found.push(...page.prefixes);
      for (const { key } of page.versions) objects.add(`${key}/`);
    }
    for (const prefix of objects) {
      if (!found.includes(prefix) && (await this.#holdsFirstSlot(prefix))) found.push(prefix);
    }
    return found;
  }

  /** From the `Date` header (RFC 9110 §6.6.1: whole seconds) of a small answer. */
  async nowMs(): Promise<number> {
    const request = { method: "GET", query: { "object-lock": "" } } as const;
    const answer = await this.#read(request);
    if (isBusy(answer.status)) throw busy(request, answer, "nothing");
    const time = Date.parse(answer.headers.get("date") ?? "");
    if (Number.isNaN(time)) throw refused(request, answer);
    return time;
  }

  /** Asks for encryption, unless the store has said that it has none and the configuration lets it. */
  async #putEncrypted(request: S3Request): Promise<S3Answer> {
    if (!this.#sse) return await this.#s3.send(request);
    const headers = { ...request.headers, "x-amz-server-side-encryption": "AES256" };
    const answer = await this.#s3.send({ ...request, headers });
    if (answer.status !== 501 || this.#s3.config.sse === "AES256") return answer;
    this.#sse = false;
    return await this.#s3.send(request);
  }

  /**
   * While a key `demo` has any version, or a marker, MinIO lists nothing under `demo/`, with status 200: an empty
   * listing is believed only if no such key stands above it. (By key and version id all can be read.)
   */
  async #assertNotHidden(prefix: string): Promise<void> {
    const parts = prefix.split("/").slice(0, -1);
    for (const [index] of parts.entries()) {
      const above = parts.slice(0, index + 1).join("/");
      if (above === "" || !(await this.#mayHide(above))) continue;
      const message = `an object named ${above} may hide ${above}/ from the vault's listings`;
      throw new VaultError("batch_unreadable", message, "nothing", { key: above });
    }
  }

  /** Where even its own listing is spoiled, by itself or by what comes first below it, nothing speaks against it. */
  async #mayHide(key: string): Promise<boolean> {
    try {
      return await this.#isListed(key);
    } catch (error) {
      if (error instanceof VaultError && error.code === "batch_unreadable") return true;
      throw error;
    }
  }

  /** A key sorts before all that it begins. */
  async #isListed(key: string): Promise<boolean> {
    for await (const page of this.#pages({ prefix: key, "max-keys": "1" })) {
      return page.versions[0]?.key === key;
    }
    return false;
  }

  /** Whether the first batch of a log, or a delete marker over it, can be read by its key. */
  async #holdsFirstSlot(prefix: string): Promise<boolean> {
    const answer = await this.#read({ method: "GET", key: `${prefix}${FIRST_SLOT}` });
    return answer.status === 200 || answer.headers.get("x-amz-delete-marker") === "true";
  }

  async *#pages(query: Readonly<Record<string, string>>): AsyncGenerator<VersionsPage> {
    const first = {
      versions: "",
      "encoding-type": "url",
      "max-keys": String(PAGE_KEYS),
      ...query,
    };
    let marker: VersionsPage["next"] = undefined;
    for (;;) {
      const request: S3Request = {
        method: "GET",
        query: marker === undefined ? first : { ...first, ...markers(marker) },
      };
      const answer = await this.#read(request);
      if (isBusy(answer.status)) throw busy(request, answer, "nothing");
      // One object whose metadata were swapped on MinIO's disk stops the listing that it would be in.
      if (isSpoiled(answer)) throw spoiled(request, answer);
      // Also 206: MinIO's answer when an object's forged header stops its listing.
      if (answer.status !== 200) throw refused(request, answer);
      const page: VersionsPage = parseAnswer(request, answer, parseVersions);
      yield page;
      if (page.next === undefined) return;
      if (page.next.key === marker?.key && page.next.versionId === marker.versionId) {
        throw new VaultError(
          "vault_refused",
          `the listing of versions stands still at ${marker.key}`,
        );
      }
      marker = page.next;
    }
  }

  async #readObject(request: S3Request): Promise<S3Answer> {
    try {
      return await this.#read(request);
    } catch (error) {
      if (!(error instanceof BrokenOff)) throw error;
      throw new VaultError("batch_unreadable", error.message, "nothing", { cause: error });
    }
  }

  /** Sends a read again after a dropped connection or a 5xx, not after silence or a closed port. */
  async #read(request: S3Request): Promise<S3Answer> {
    for (let attempt = 1; ; attempt += 1) {
      const last = attempt === READ_TRIES;
      try {
        const answer = await this.#s3.send(request);
        if (last || !isBusy(answer.status) || answer.status === 501) return answer;
      } catch (error) {
        if (last || !isWorthAgain(error)) throw error;
      }
      await pause(READ_PAUSE_MS * 4 ** (attempt - 1));
    }
  }
}

/** The one PUT of a batch: S3's own lock, condition and checksum headers in one signed request. */
export function putRequest(key: string, body: Uint8Array, options: PutOptions): S3Request {
  return {
    method: "PUT",
    key,
    body,
    headers: {
      "content-type": options.contentType ?? "application/octet-stream",
      "x-amz-checksum-sha256": createHash("sha256").update(body).digest("base64"),
      "x-amz-object-lock-mode": "COMPLIANCE",
      "x-amz-object-lock-retain-until-date": formatRetainUntil(options.retainUntilMs),
      ...(options.ifAbsent ? { "if-none-match": "*" } : {}),
    },
  };
}

function byVersion(versionId: string): { versionId: string } {
  // An empty one would read whatever is on top.
  if (versionId === "") throw new RangeError("a version id is needed");
  return { versionId };
}

function markers(next: NonNullable<VersionsPage["next"]>): Record<string, string> {
  if (next.versionId === "") return { "key-marker": next.key };
  return { "key-marker": next.key, "version-id-marker": next.versionId };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
