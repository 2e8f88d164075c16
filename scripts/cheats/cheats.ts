/**
 * Ways to cheat, tried on an instance that is there to be tried: what is done, in the words of whoever would do it, and what came
 * back. The edits are those of `npm run tamper-demo`; the repair takes sealed lines out of the vault, and nothing else.
 */
import { createClient } from "@libsql/client/http";
import { Client } from "minio";
import { editLine, indexFileOf, openIndexFile } from "../tamper-demo/index-file.ts";
import type { Stores } from "../parts/stores.ts";
import { repair } from "./repair.ts";
import { rebuildFrom } from "./rebuild.ts";

export const CHEAT_WAYS = ["app", "dba", "chain", "store", "repair"] as const;
export type CheatWay = (typeof CHEAT_WAYS)[number];

export interface CheatReport {
  /** What was typed, line by line. */
  readonly did: readonly string[];
  readonly refused: boolean;
  /** What came back, in the words of whoever refused, or of what changed. */
  readonly said: string;
}

export interface CheatParts {
  readonly dataDir: string;
  readonly stores: Stores;
}

export interface Cheat {
  readonly way: CheatWay;
  readonly log: string;
  readonly seq: number;
}

/** Whom the edited entry accuses. */
const CULPRIT = "mallory";

export async function cheat({ way, log, seq }: Cheat, parts: CheatParts): Promise<CheatReport> {
  const file = indexFileOf(parts.dataDir);
  switch (way) {
    case "app":
      return asApp(parts.stores, log, seq);
    case "dba": {
      const { from, to } = wordsOf(file, log, seq);
      editLine(file, log, seq, from, to);
      return {
        did: [
          "DROP TRIGGER chunk_update; -- and the others",
          updateOf(from, to, seq),
          "CREATE TRIGGER chunk_update …",
        ],
        refused: false,
        said: `1 row changed: entry ${seq} now says ${to}`,
      };
    }
    case "chain": {
      const { from, to } = wordsOf(file, log, seq);
      const count = rebuildFrom(file, log, seq, from, to);
      return {
        did: [
          "DROP TRIGGER …",
          updateOf(from, to, seq),
          "-- every hash behind it is made again",
          "CREATE TRIGGER …",
        ],
        refused: false,
        said: `entry ${seq} now says ${to}, and the chain of ${count} entries behind it fits again`,
      };
    }
    case "store":
      return asStore(file, parts.stores, log, seq);
    case "repair":
      return repair(file, parts.stores, log);
    default:
      return way satisfies never;
  }
}

function wordsOf(
  file: string,
  log: string,
  seq: number,
): { readonly from: string; readonly to: string } {
  const database = openIndexFile(file);
  try {
    const row = database
      .prepare(
        "SELECT first, lines FROM chunk WHERE log = ? AND first <= ? ORDER BY first DESC LIMIT 1",
      )
      .get(log, seq) as { first: number; lines: string } | undefined;
    const line = row?.lines.split("\n")[seq - row.first];
    if (line === undefined) throw new Error(`the log has no entry ${seq}`);
    const from = /"actor":\{"id":"(?:[^"\\]|\\.)*"/.exec(line)?.[0];
    if (from === undefined) throw new Error(`entry ${seq} has no actor that could be changed`);
    const to = `"actor":{"id":"${CULPRIT}"`;
    return { from, to: from === to ? to.replace(CULPRIT, `${CULPRIT}2`) : to };
  } finally {
    database.close();
  }
}

const updateOf = (from: string, to: string, seq: number): string =>
  `UPDATE chunk SET lines = replace(lines, '${from}', '${to}') -- entry ${seq}`;

/** With the worker's own token: who has taken over the application has no more. */
async function asApp({ index }: Stores, log: string, seq: number): Promise<CheatReport> {
  const sql = "UPDATE chunk SET lines = replace(lines, 'a', 'b') WHERE log = ? AND first <= ?";
  const client = createClient({ url: index.url, authToken: index.authToken });
  const did = [sql];
  try {
    await client.execute({ sql, args: [log, seq] });
    return { did, refused: false, said: "the database let it happen" };
  } catch (error) {
    return { did, refused: true, said: (error as Error).message };
  } finally {
    client.close();
  }
}

/** With the key that writes to the store; the store's root account is switched off while it runs. */
async function asStore(
  file: string,
  { vault }: Stores,
  log: string,
  seq: number,
): Promise<CheatReport> {
  const database = openIndexFile(file);
  let seal: { key: string; version_id: string } | undefined;
  try {
    seal = database
      .prepare(
        "SELECT key, version_id FROM seal WHERE log = ? AND first <= ? AND first + count > ?",
      )
      .get(log, seq, seq) as typeof seal;
  } finally {
    database.close();
  }
  if (seal === undefined) throw new Error(`entry ${seq} is not sealed yet`);
  const { key, version_id: versionId } = seal;
  const { hostname, port } = new URL(vault.endpoint);
  const client = new Client({
    ...{ endPoint: hostname, port: Number(port), useSSL: false, region: vault.region },
    ...{ accessKey: vault.accessKey, secretKey: vault.secretKey },
  });
  const did = [
    `DELETE /${vault.bucket}/${key}?versionId=${versionId}`,
    "x-amz-bypass-governance-retention: true",
  ];
  try {
    await client.removeObject(vault.bucket, key, { versionId, governanceBypass: true });
    return { did, refused: false, said: "the store deleted it" };
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return { did, refused: true, said: code === undefined ? message : `${code}: ${message}` };
  }
}
