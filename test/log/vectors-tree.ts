/** Vectors of the tree, its proofs and its tiles. */
import { concatBytes, fromHex, toHex } from "../../storage/log/bytes.ts";
import { sha256 } from "../../storage/log/hash.ts";
import {
  checkConsistency,
  checkInclusion,
  frontierAt,
  proveConsistency,
  proveInclusion,
  rootAt,
} from "../../storage/log/proof.ts";
import { decodeBatch } from "../../storage/log/batch.ts";
import {
  decodeEntryBundle,
  encodeEntryBundle,
  parseTilePath,
  tilePath,
} from "../../storage/log/tiles.ts";
import { CompactTree } from "../../storage/log/tree.ts";
import { holds, same } from "./expect.ts";
import { TileStore } from "./tile-store.ts";
import type { VectorMaterial } from "./vectors-material.ts";
import type { VectorCase } from "./vectors-suite.ts";

export function treeCases(material: VectorMaterial): VectorCase[] {
  const { merkle } = material;
  const leaves = merkle.leaves.map(fromHex);
  const store = new TileStore();
  for (const leaf of leaves) store.append(leaf);
  const rootOf = (size: number) => rootAt(size, store.read);
  return [
    ...Object.entries(merkle.roots).map(([size, root]) => ({
      name: `root of ${size} leaves`,
      run: async () => {
        same(toHex(await rootOf(Number(size))), root, "from tiles");
        const tree = new CompactTree();
        for (const leaf of leaves.slice(0, Number(size))) tree.append(leaf);
        same(toHex(tree.root()), root, "appended");
      },
    })),
    ...Object.entries(merkle.frontiers).map(([size, frontier]) => ({
      name: `frontier of ${size} leaves`,
      run: async () => {
        const found = await frontierAt(Number(size), store.read);
        same(found.map(toHex), frontier, "from tiles");
        const tree = new CompactTree(Number(size), found);
        for (const leaf of leaves.slice(Number(size))) tree.append(leaf);
        same(toHex(tree.root()), merkle.roots["300"], "continued to 300");
      },
    })),
    ...merkle.inclusion.map(({ seq, size, proof }) => ({
      name: `inclusion of ${seq} in ${size}`,
      run: async () => {
        same((await proveInclusion(seq, size, store.read)).map(toHex), proof);
        const root = await rootOf(size);
        holds(checkInclusion(seq, size, leaves[seq]!, proof.map(fromHex), root), "the proof");
      },
    })),
    ...merkle.consistency.map(({ from, to, proof }) => ({
      name: `consistency of ${from} and ${to}`,
      run: async () => {
        same((await proveConsistency(from, to, store.read)).map(toHex), proof);
        const [a, b] = [await rootOf(from), await rootOf(to)];
        holds(checkConsistency(from, to, a, b, proof.map(fromHex)), "the proof");
      },
    })),
    ...tileCases(material, store),
  ];
}

function tileCases({ tiles, demo, inflate }: VectorMaterial, store: TileStore): VectorCase[] {
  const bundleOf = async (first: number, width: number) => {
    const lines: Uint8Array[] = [];
    for (const { bytes } of demo) lines.push(...decodeBatch(await inflate(bytes)).lines);
    return encodeEntryBundle(lines.slice(first, first + width));
  };
  return [
    ...Object.entries(tiles.sha256).map(([path, hash]) => ({
      name: path,
      run: async () => {
        const tile = parseTilePath(path)!;
        same(tilePath(tile.level, tile.index, tile.width), path);
        const bytes =
          tile.level === "entries"
            ? await bundleOf(tile.index * 256, tile.width)
            : concatBytes(...(await store.read(tile.level, tile.index, tile.width)));
        same(toHex(sha256(bytes)), hash, "SHA-256");
        if (tile.level === "entries") same(decodeEntryBundle(bytes).length, tile.width, "lines");
      },
    })),
    ...Object.entries(tiles.paths).map(([index, path]) => ({
      name: `tile path of index ${index}`,
      run: () => {
        same(tilePath(0, Number(index)), `tile/0/${path}`);
        same(parseTilePath(`tile/0/${path}`), { level: 0, index: Number(index), width: 256 });
      },
    })),
  ];
}
