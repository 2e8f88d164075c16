/** Tiles of a list of leaves, kept in memory: what a log would serve, for proofs to read. */
import { CompactTree } from "../../storage/log/tree.ts";
import type { TileReader } from "../../storage/log/proof.ts";

export class TileStore {
  readonly tree = new CompactTree();
  private readonly levels: Uint8Array[][] = [[]];

  append(leaf: Uint8Array): void {
    this.levels[0]!.push(leaf);
    this.tree.append(leaf, (level, index, hash) => {
      const row = (this.levels[level] ??= []);
      if (row.length !== index) throw new Error(`node ${level}/${index} came out of order`);
      row.push(hash);
    });
  }

  readonly read: TileReader = async (level, index, width) =>
    this.levels[level]?.slice(index * 256, index * 256 + width) ?? [];
}
