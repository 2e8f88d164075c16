/** An edit with every hash behind it made again, so that the chain in the index fits; the head row is left as it is. */
import { encodeUtf8, toHex } from "../../storage/log/bytes.ts";
import { leafHash } from "../../storage/log/hash.ts";
import { chunkRows, tamper } from "../tamper-demo/index-file.ts";
import { fastSha256 as sha256 } from "../verify/sha256.ts";

/** More would keep the database from others for too long. */
const ENTRIES_MAX = 20_000;

/** How many entries behind it were made again. */
export function rebuildFrom(
  file: string,
  log: string,
  seq: number,
  from: string,
  to: string,
): number {
  let count = 0;
  tamper(file, (database) => {
    const update = database.prepare(
      "UPDATE chunk SET lines = ?, leaves = ? WHERE log = ? AND first = ?",
    );
    let prev: string | null = null;
    for (const row of chunkRows(database, log)) {
      if (row.first + row.count <= seq) continue;
      if (row.first > seq + ENTRIES_MAX) throw new Error(`more than ${ENTRIES_MAX} entries follow`);
      const leaves: Uint8Array[] = [];
      const lines = row.lines.split("\n").map((text, at) => {
        let line = text;
        if (row.first + at === seq) line = line.replace(from, () => to);
        if (prev !== null) line = line.replace(/"prev":"[0-9a-f]{64}"/, `"prev":"${prev}"`);
        const leaf = leafHash(encodeUtf8(line), sha256);
        if (row.first + at >= seq) {
          prev = toHex(leaf);
          count += 1;
        }
        leaves.push(leaf);
        return line;
      });
      update.run(lines.join("\n"), Buffer.concat(leaves), log, row.first);
    }
  });
  return count - 1;
}
