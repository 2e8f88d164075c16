/** A plain client for end-to-end tests: what an application would write, and a reader that checks what it reads. */
import { sha256 as nodeSha256 } from "./sha256.ts";
import { encodeUtf8, toHex } from "../../storage/log/bytes.ts";
import { decodeLine } from "../../storage/log/entry.ts";
import { leafHash, ZERO_HASH } from "../../storage/log/hash.ts";
import { CompactTree } from "../../storage/log/tree.ts";

export interface Acknowledged {
  readonly log: string;
  readonly first: number | null;
  readonly count: number;
  readonly entries: readonly { seq: number; hash: string; time: string; duplicate: boolean }[];
  readonly checkpoint: string;
}

export interface Call {
  readonly method?: string;
  readonly token?: string;
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  json<T = Record<string, unknown>>(): T;
}

/**
 * One request on a connection of its own, so that none fails because the other side closed an idle one at that moment; the
 * answer read to its end. Throws what fetch throws.
 */
export async function call(url: string, path: string, options: Call = {}): Promise<Reply> {
  const { method = options.body === undefined ? "GET" : "POST", token, body, headers } = options;
  const answer = await fetch(url + path, {
    method,
    headers: {
      connection: "close",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(typeof body === "string" ? { "content-type": "application/json" } : {}),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.timeout(options.timeoutMs ?? 30_000),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, json: () => JSON.parse(text) };
}

export interface WholeLog {
  readonly lines: readonly string[];
  /** Leaves, hex, by seq. */
  readonly leaves: readonly string[];
  /** Root of the tree, hex, by size from 0. */
  readonly roots: readonly string[];
}

/** Reads every exact line of a log and throws unless they are one chain without a gap. */
export async function readWholeLog(url: string, log: string, token: string): Promise<WholeLog> {
  const lines: string[] = [];
  for (;;) {
    const path = `/v1/logs/${log}/entries?order=asc&limit=1000&from=${lines.length}`;
    const reply = await call(url, path, { token, headers: { accept: "application/x-ndjson" } });
    if (reply.status !== 200) throw new Error(`${path}: ${reply.status} ${reply.text}`);
    if (reply.text === "") break;
    lines.push(...reply.text.slice(0, -1).split("\n"));
  }
  return chainOf(log, lines);
}

/** Throws unless the lines are a whole log from entry 0 on. */
export function chainOf(log: string, lines: readonly string[]): WholeLog {
  const tree = new CompactTree(0, [], nodeSha256);
  const leaves: string[] = [];
  const roots = [toHex(tree.root())];
  lines.forEach((line, seq) => {
    const entry = decodeLine(line);
    if (entry.seq !== seq || entry.log !== log || entry.prev !== (leaves[seq - 1] ?? ZERO_HASH)) {
      throw new Error(`entry ${seq} of ${log} is not in its place: ${line}`);
    }
    const leaf = leafHash(encodeUtf8(line), nodeSha256);
    tree.append(leaf);
    leaves.push(toHex(leaf));
    roots.push(toHex(tree.root()));
  });
  return { lines, leaves, roots };
}
