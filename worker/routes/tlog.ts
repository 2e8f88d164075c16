/**
 * What transparency-log tools fetch (c2sp.org/tlog-tiles), for the sealed part of a log: its checkpoint is
 * the sealed one, so no tile reaches beyond it. A public log's tiles never change and may be kept by
 * anybody; others by nobody.
 */
import { concatBytes } from "../../storage/log/bytes.ts";
import { encodeEntryBundle, parseTilePath, type Tile } from "../../storage/log/tiles.ts";
import { TILE_WIDTH } from "../../storage/log/tree.ts";
import { answer, answerText, CACHE_NEVER } from "../answer.ts";
import { logOf, type Ask } from "../ask.ts";
import type { LogStatus } from "../ledger-api.ts";
import { ProblemError } from "../problem.ts";
import { linePages } from "../reading.ts";
import { sourceOf } from "./entries.ts";
import { sealedCheckpoint } from "./proofs.ts";

const CACHE_FOREVER = "public, max-age=31536000, immutable";
/** A checkpoint grows with every seal: kept, but asked for again. */
const CACHE_ASK_AGAIN = "public, no-cache";

export function tlogCheckpoint(ask: Ask): Response {
  const log = logOf(ask);
  const cache = log.public ? CACHE_ASK_AGAIN : CACHE_NEVER;
  return answerText(ask.requestId, sealedCheckpoint(log), { "cache-control": cache });
}

export async function tlogTile(ask: Ask): Promise<Response> {
  const log = logOf(ask);
  const tile = parseTilePath(`tile/${ask.param("rest")}`);
  if (tile === null) throw new ProblemError("route_unknown", "this is no tile's path");
  if (!isThere(tile, log)) {
    throw new ProblemError("entry_unknown", "the sealed log does not reach this tile");
  }
  const bytes = tile.level === "entries" ? await bundle(ask, tile) : await hashes(ask, tile);
  ask.read.shown({ tile: `tile/${ask.param("rest")}`, count: tile.width });
  return answer(ask.requestId, 200, bytes, {
    "content-type": "application/octet-stream",
    "cache-control": log.public ? CACHE_FOREVER : CACHE_NEVER,
  });
}

/** Whether the sealed tree has that many hashes at this place. */
function isThere({ level, index, width }: Tile, { sealedSize }: LogStatus): boolean {
  const hashes = Math.floor(sealedSize / TILE_WIDTH ** (level === "entries" ? 0 : level));
  return index * TILE_WIDTH + width <= hashes;
}

async function bundle(ask: Ask, { index, width }: Tile): Promise<Uint8Array> {
  const from = index * TILE_WIDTH;
  const lines: Uint8Array[] = [];
  for await (const page of linePages(sourceOf(ask), { from, to: from + width, order: "asc" })) {
    for (const { bytes } of page) lines.push(bytes);
  }
  return encodeEntryBundle(lines);
}

async function hashes(ask: Ask, { level, index, width }: Tile): Promise<Uint8Array> {
  const tiles = ask.services.index().tiles(logOf(ask).name);
  return concatBytes(...(await tiles(level as number, index, width)));
}
