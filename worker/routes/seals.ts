/** Seals: the list of a log's batches, their download by version id, how they are locked, and sealing now. */
import { toBase64, toHex } from "../../storage/log/bytes.ts";
import { formatTimeMs } from "../../storage/log/time.ts";
import type { SealRow, Vault } from "../../storage/ports.ts";
import { answer, answerJson } from "../answer.ts";
import { logOf, type Ask } from "../ask.ts";
import { assertNoBody } from "../body.ts";
import { formatCursor, placeOf } from "../cursor.ts";
import { invalidRequest, ProblemError, valueOf } from "../problem.ts";
import { parseInteger } from "../query.ts";
import { LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX } from "./entries.ts";

/** A seal as the contract shows it (API §4). */
export function sealItem(row: SealRow) {
  return {
    first: row.first,
    count: row.count,
    key: row.key,
    version_id: row.versionId,
    sha256: row.sha256,
    bytes: row.bytes,
    sealed_at: row.sealedAt,
    retain_until: row.retainUntil,
    checkpoint: row.checkpoint,
  };
}

/** The newest first unless asked otherwise. */
export async function listSeals(ask: Ask): Promise<Response> {
  const log = logOf(ask);
  const limit = ask.query.integer("limit", 1, LIST_LIMIT_MAX) ?? LIST_LIMIT_DEFAULT;
  const { order, from } = placeOf(ask.query, "seals", log.name);
  const rows = await ask.services.index().seals(log.name, {
    from: from ?? (order === "asc" ? 0 : Number.MAX_SAFE_INTEGER),
    limit: limit + 1,
    order,
  });
  const next = rows[limit];
  ask.read.shown({ count: Math.min(rows.length, limit) });
  return answerJson(ask.requestId, 200, {
    seals: rows.slice(0, limit).map(sealItem),
    next_cursor:
      next === undefined
        ? null
        : formatCursor({ list: "seals", order, from: next.first, log: log.name }),
  });
}

/** The sealed object's own bytes, read by version id and compared with what was sealed. */
export async function getSeal(ask: Ask): Promise<Response> {
  const row = await rowOf(ask);
  const bytes = await ask.services.vault().get(row.key, row.versionId);
  const digest = ask.services.sha256(bytes);
  if (toHex(digest) !== row.sha256) {
    const detail = `version ${row.versionId} of ${row.key} is not what was sealed`;
    throw new ProblemError("batch_altered", detail);
  }
  const { first, count } = row;
  ask.read.shown({ first, last: first + count - 1, count });
  return answer(ask.requestId, 200, bytes, {
    "content-type": "application/gzip",
    "content-disposition": `attachment; filename="${row.key.replaceAll("/", "-")}"`,
    "repr-digest": `sha-256=:${toBase64(digest)}:`,
  });
}

/**
 * How the sealed version is locked, and what else lies under its name: asked of the store now, never of the index. Throws
 * `batch_missing` where the store has no such version.
 */
export async function getSealLock(ask: Ask): Promise<Response> {
  const { first, count, key, versionId } = await rowOf(ask);
  const vault = ask.services.vault();
  const lock = await vault.lock(key, versionId);
  const lying = await countVersions(vault, key);
  ask.read.shown({ first, last: first + count - 1, count });
  return answerJson(ask.requestId, 200, {
    first,
    key,
    version_id: versionId,
    mode: lock.mode,
    retain_until: lock.retainUntilMs === 0 ? null : formatTimeMs(lock.retainUntilMs),
    ...lying,
    read_at: formatTimeMs(ask.services.nowMs()),
  });
}

/** One version is right and two are wrong; how many more there are, nobody needs to know exactly. */
const VERSIONS_COUNTED_MAX = 1_000;

/** Versions and delete markers under one key. */
async function countVersions(
  vault: Vault,
  key: string,
): Promise<{ versions: number; markers: number }> {
  let [versions, markers] = [0, 0];
  for await (const version of vault.versions(key)) {
    if (version.key !== key) continue;
    if (version.deleteMarker) markers++;
    else versions++;
    if (versions + markers === VERSIONS_COUNTED_MAX) break;
  }
  return { versions, markers };
}

async function rowOf(ask: Ask): Promise<SealRow> {
  const first = parseInteger(ask.param("first"));
  if (first === null) throw invalidRequest("the seal in the path is the seq of its first entry");
  const [row] = await ask.services
    .index()
    .seals(logOf(ask).name, { from: first, limit: 1, order: "asc" });
  if (row !== undefined && row.first === first) return row;
  throw new ProblemError("seal_unknown", `no batch of this log begins at ${first}`);
}

/** Seals what waits: the last batch written, or 204 where nothing waits. */
export async function sealNow(ask: Ask): Promise<Response> {
  await assertNoBody(ask.request);
  const row = valueOf(await ask.services.ledger.seal(logOf(ask).name));
  return row === null
    ? answer(ask.requestId, 204, null, {})
    : answerJson(ask.requestId, 200, sealItem(row));
}
