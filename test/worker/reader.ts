/** A filled log and one who reads it, for tests of the reading routes. */
import assert from "node:assert/strict";
import { event, LOG, makeFake, problemIn, type Fake } from "./fake.ts";

export const NDJSON = { accept: "application/x-ndjson" };
export const ENTRIES = `/v1/logs/${LOG}/entries`;

export interface Item {
  readonly seq: number;
  readonly hash: string;
  readonly sealed: boolean;
  readonly entry: Record<string, unknown>;
}

export interface Page {
  readonly entries: Item[];
  readonly next_cursor: string | null;
}

/** A log of `count` entries, written in requests of `part` (so as many chunks), the first `sealed` of them sealed. */
export async function makeLog(count: number, part = 7, sealed = 0): Promise<Reader> {
  const fake = await makeFake();
  const writer = fake.token(["writer"]);
  const reader = fake.token(["reader", "auditor"]);
  for (let first = 0; first < count;) {
    const end = Math.min(first < sealed ? sealed : count, first + part);
    const body = Array.from({ length: end - first }, (_, i) => event(`number ${first + i} é`));
    const response = await fake.ask("POST", ENTRIES, { token: writer, body });
    assert.equal(response.status, 201);
    first = end;
    if (first === sealed) await fake.ledger.seal(LOG);
  }
  const get = (path: string, headers = {}) => fake.ask("GET", path, { token: reader, headers });
  const json = async <T>(path: string) => {
    const response = await get(path);
    assert.equal(response.status, 200, await response.clone().text());
    return (await response.json()) as T;
  };
  const problem = async (path: string, headers = {}) => problemIn(await get(path, headers));
  return { fake, writer, get, json, problem };
}

export interface Reader {
  readonly fake: Fake;
  readonly writer: string;
  readonly get: (path: string, headers?: Record<string, string>) => Promise<Response>;
  readonly json: <T>(path: string) => Promise<T>;
  readonly problem: (
    path: string,
    headers?: Record<string, string>,
  ) => ReturnType<typeof problemIn>;
}

export const seqs = ({ entries }: Page): number[] => entries.map(({ seq }) => seq);
export const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);

export async function linesOf({ get }: Reader): Promise<string[]> {
  return (await (await get(`${ENTRIES}?order=asc`, NDJSON)).text()).trimEnd().split("\n");
}
