/**
 * The index put right from the vault: sealed lines as the locked objects have them, and behind them the chain as it must go on.
 * What the vault has never seen is not made up: of an unsealed entry only its link to the one before is set again.
 */
import { BATCH_INFLATED_BYTES_MAX, decodeBatch } from "../../storage/log/batch.ts";
import { encodeUtf8, toHex } from "../../storage/log/bytes.ts";
import { leafHash } from "../../storage/log/hash.ts";
import { nodeGzip } from "../../storage/gzip.ts";
import { MinioVault } from "../../storage/vault/vault.ts";
import type { Stores } from "../parts/stores.ts";
import { chunkRows, openIndexFile, tamper } from "../tamper-demo/index-file.ts";
import { fastSha256 as sha256 } from "../verify/sha256.ts";
import type { CheatReport } from "./cheats.ts";

interface SealRow {
  readonly first: number;
  readonly key: string;
  readonly version_id: string;
}

export async function repair(file: string, { vault }: Stores, log: string): Promise<CheatReport> {
  const sealed = await sealedLines(file, new MinioVault(vault), log);
  const repaired: number[] = [];
  tamper(file, (database) => {
    const update = database.prepare(
      "UPDATE chunk SET lines = ?, leaves = ? WHERE log = ? AND first = ?",
    );
    let prev: string | null = null;
    for (const row of chunkRows(database, log)) {
      const leaves: Uint8Array[] = [];
      const lines = row.lines.split("\n").map((text, at) => {
        const seq = row.first + at;
        const linked: string =
          prev === null ? text : text.replace(/"prev":"[0-9a-f]{64}"/, `"prev":"${prev}"`);
        const line = sealed[seq] ?? linked;
        if (line !== text) repaired.push(seq);
        const leaf = leafHash(encodeUtf8(line), sha256);
        leaves.push(leaf);
        prev = toHex(leaf);
        return line;
      });
      const text = lines.join("\n");
      if (text !== row.lines) update.run(text, Buffer.concat(leaves), log, row.first);
    }
  });
  const [first] = repaired;
  const said =
    first === undefined
      ? "nothing differed"
      : repaired.length === 1
        ? `entry ${first} is again as it was sealed`
        : `${repaired.length} entries, from ${first} on, are again as they were sealed`;
  return {
    did: [`GET ${sealed.length} sealed lines by version id, and put back what differs`],
    refused: false,
    said,
  };
}

async function sealedLines(file: string, vault: MinioVault, log: string): Promise<string[]> {
  const database = openIndexFile(file);
  let rows: SealRow[];
  try {
    rows = database
      .prepare("SELECT first, key, version_id FROM seal WHERE log = ? ORDER BY first")
      .all(log) as SealRow[];
  } finally {
    database.close();
  }
  const lines: string[] = [];
  for (const { key, version_id: versionId } of rows) {
    const object = await vault.get(key, versionId);
    const batch = decodeBatch(await nodeGzip.gunzip(object, BATCH_INFLATED_BYTES_MAX));
    for (let at = 0; at < batch.lines.length; at++) lines.push(batch.lines.text(at));
  }
  return lines;
}
