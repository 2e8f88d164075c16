/** A small log made for tests: entries chained, sealed in batches, signed with keys from fixed seeds. */
import { encodeUtf8, toBase64Url, toHex } from "../../storage/log/bytes.ts";
import { encodeBatch, type BatchParts } from "../../storage/log/batch.ts";
import { receiptKeyName, signCheckpoint } from "../../storage/log/checkpoint.ts";
import { encodeLine } from "../../storage/log/entry.ts";
import { leafHash, ZERO_HASH } from "../../storage/log/hash.ts";
import { parseVkey } from "../../storage/log/note.ts";
import { formatTimeMs } from "../../storage/log/time.ts";
import { signerOf } from "./keys.ts";
import { TileStore } from "./tile-store.ts";

export const ORIGIN = "test.example/demo";
export const logSigner = signerOf(ORIGIN, new Uint8Array(32).fill(1));
export const receiptSigner = signerOf(receiptKeyName(ORIGIN), new Uint8Array(32).fill(2));
export const otherSigner = signerOf(ORIGIN, new Uint8Array(32).fill(3));
export const logKey = parseVkey(logSigner.vkey);
export const receiptKey = parseVkey(receiptSigner.vkey);

const START_MS = Date.UTC(2026, 9, 24);

/** Appends entries and seals them; every step can be looked at. */
export class DemoLog {
  readonly store = new TileStore();
  readonly lines: string[] = [];
  readonly leaves: string[] = [];
  private readonly salt: number;

  /** Logs of different salts have the same events and different lines. */
  constructor(salt = 0) {
    this.salt = salt;
  }

  append(count: number, timeMs = START_MS): void {
    for (let i = 0; i < count; i++) {
      const seq = this.lines.length;
      const line = encodeLine({
        by: "token:test",
        event: `{"action":"a.${seq}","actor":{"id":"é"},"details":{"n":${seq},"€":1.5}}`,
        log: "demo",
        prev: this.leaves.at(-1) ?? ZERO_HASH,
        salt: toBase64Url(new Uint8Array(16).fill(this.salt)),
        seq,
        time: formatTimeMs(timeMs + seq),
      });
      const leaf = leafHash(encodeUtf8(line));
      this.lines.push(line);
      this.leaves.push(toHex(leaf));
      this.store.append(leaf);
    }
  }

  checkpoint(signer = logSigner): Promise<string> {
    const { size } = this.store.tree;
    return signCheckpoint({ origin: ORIGIN, size, root: this.store.tree.root() }, signer);
  }

  /** Appends `count` entries and gives the parts of the batch that holds them. */
  async seal(count: number, signer = logSigner, timeMs = START_MS): Promise<BatchParts> {
    const first = this.lines.length;
    const header = {
      first,
      frontier: this.store.tree.frontier().map(toHex),
      log: "demo",
      origin: ORIGIN,
      prev: this.leaves.at(-1) ?? ZERO_HASH,
      retention_days: 1,
    };
    this.append(count, timeMs);
    return { header, lines: this.lines.slice(first), checkpoint: await this.checkpoint(signer) };
  }

  async sealBytes(count: number): Promise<Uint8Array> {
    return encodeBatch(await this.seal(count));
  }
}
