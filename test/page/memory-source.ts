/** A log in memory that answers the page's verifier as an instance does, and in whose answers an attacker may do as he likes. */
import { gzipSync } from "node:zlib";
import type { NoteSigner } from "../../storage/log/note.ts";
import { encodeBatch } from "../../storage/log/batch.ts";
import { encodeUtf8 } from "../../storage/log/bytes.ts";
import { formatReceipt } from "../../storage/log/receipt.ts";
import { proveConsistency, proveInclusion } from "../../storage/log/proof.ts";
import { leafHash } from "../../storage/log/hash.ts";
import { SourceError, type LogFacts, type LogSource } from "../../worker/page/verify/source.ts";
import { DemoLog, logSigner, ORIGIN, receiptSigner } from "../log/demo-log.ts";
import { TileStore } from "../log/tile-store.ts";

interface MemorySeal {
  readonly first: number;
  readonly count: number;
  checkpoint: string;
  object: Uint8Array;
}

export class MemorySource implements LogSource {
  facts: LogFacts;
  /** What the index holds. */
  rows: string[];
  readonly sealed: MemorySeal[];
  committed: string;
  /** What the instance notices by itself: it refuses these lines. */
  readonly refused = new Set<number>();
  /** A sign-in that may not read batches. */
  isAuditor = true;

  constructor(facts: LogFacts, lines: string[], seals: MemorySeal[], committed: string) {
    this.facts = facts;
    this.rows = lines;
    this.sealed = seals;
    this.committed = committed;
  }

  async log(): Promise<LogFacts> {
    return this.facts;
  }

  async *seals(from: number) {
    if (!this.isAuditor) throw new SourceError("forbidden", "this token does not allow it");
    for (const seal of this.sealed) if (seal.first + seal.count > from) yield seal;
  }

  async object(first: number): Promise<Uint8Array> {
    const found = this.sealed.find((seal) => seal.first === first);
    if (found === undefined) throw new SourceError("seal_unknown", `no batch begins at ${first}`);
    return found.object;
  }

  async lines(from: number, count: number): Promise<Uint8Array> {
    const to = Math.min(from + count, this.rows.length);
    const wanted = this.rows.slice(from, to);
    const refused = [...this.refused].find((seq) => seq >= from && seq < to);
    if (refused !== undefined) {
      throw new SourceError("entry_altered", `entry ${refused} of demo is not what was committed`);
    }
    return encodeUtf8(wanted.map((line) => `${line}\n`).join(""));
  }

  async checkpoint(committed: boolean): Promise<string> {
    if (committed) return this.committed;
    const last = this.sealed.at(-1);
    if (last === undefined) throw new SourceError("seal_unknown", "nothing is sealed yet");
    return last.checkpoint;
  }

  async consistency(from: number, to: number): Promise<Uint8Array[]> {
    return proveConsistency(from, to, storeOf(this.rows).read);
  }

  async receipt(seq: number): Promise<string> {
    const checkpoint = await this.checkpoint(false);
    const size = Number(checkpoint.split("\n")[1]);
    const proof = await proveInclusion(seq, size, storeOf(this.rows).read);
    return formatReceipt({ seq, proof, checkpoint });
  }
}

function storeOf(lines: readonly string[]): TileStore {
  const store = new TileStore();
  for (const line of lines) store.append(leafHash(encodeUtf8(line)));
  return store;
}

/** A log of `salt`, sealed in these batches, with `tail` entries behind them. */
export async function makeSource(
  counts: readonly number[],
  {
    tail = 0,
    salt = 0,
    signer = logSigner,
  }: { tail?: number; salt?: number; signer?: NoteSigner } = {},
): Promise<MemorySource> {
  const log = new DemoLog(salt);
  const seals: MemorySeal[] = [];
  for (const count of counts) {
    const parts = await log.seal(count, signer);
    const object = new Uint8Array(gzipSync(encodeBatch(parts)));
    seals.push({ first: parts.header.first, count, checkpoint: parts.checkpoint, object });
  }
  const sealedSize = log.lines.length;
  log.append(tail);
  const facts = {
    ...{ name: "demo", origin: ORIGIN, vkey: signer.vkey, receiptVkey: receiptSigner.vkey },
    ...{ size: log.lines.length, sealedSize },
  };
  return new MemorySource(facts, [...log.lines], seals, await log.checkpoint(receiptSigner));
}
