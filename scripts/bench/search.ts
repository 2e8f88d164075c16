/** How fast the search is: how long the tables take to come up, and pages and counts of filters, beside a plain ping of the same run. */
import type { BenchInstance } from "./instance.ts";

/** Each question is asked so often, one after the other. */
const ASKED = 40;
/** Counts take longer and vary less. */
const COUNTED = 10;
const LOOK_MS = 100;

/** The load's events: a thousand actors in turn, a target for each, one action. */
const QUESTIONS: readonly (readonly [name: string, path: string])[] = [
  ["search: one entry by its target", "entries?target=inv-4321"],
  ["search: a page of an actor", "entries?actor=u-321&limit=100"],
  ["search: a page of a word, oldest first", "entries?q=321&order=asc&limit=100"],
  ["search: a page of what all are", "entries?action=invoice.*&outcome=success&limit=100"],
  ["counts of everything", "stats"],
  ["counts of an actor", "stats?actor=u-321"],
  ["counts of what all are", "stats?action=invoice.paid"],
];

export interface Asked {
  readonly name: string;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

/** Waits until the tables have looked at everything that was committed; the seconds that this took. */
export async function untilSearched(instance: BenchInstance, log: string): Promise<number> {
  const startMs = performance.now();
  const path = `/v1/logs/${log}`;
  const { size } = (await get(instance, path)) as { size: number };
  for (;;) {
    const page = await get(instance, `${path}/entries?actor=none`);
    if ((page as { searched_to: number }).searched_to >= size) break;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return (performance.now() - startMs) / 1000;
}

/** The ping first; to be compared with the others. */
export async function measureSearch(instance: BenchInstance, log: string): Promise<Asked[]> {
  const asked = [await ask(instance, "ping, 1 connection", "/healthz", ASKED)];
  for (const [name, path] of QUESTIONS) {
    const times = path.startsWith("stats") ? COUNTED : ASKED;
    asked.push(await ask(instance, name, `/v1/logs/${log}/${path}`, times));
  }
  return asked;
}

async function ask(
  instance: BenchInstance,
  name: string,
  path: string,
  times: number,
): Promise<Asked> {
  const latenciesMs: number[] = [];
  for (let n = 0; n < times; n++) {
    const startMs = performance.now();
    await get(instance, path);
    latenciesMs.push(performance.now() - startMs);
  }
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number) => latenciesMs[Math.floor((times - 1) * share)]!;
  return { name, p50Ms: at(0.5), p95Ms: at(0.95) };
}

async function get({ url, token }: BenchInstance, path: string): Promise<unknown> {
  const answer = await fetch(url + path, { headers: { authorization: `Bearer ${token}` } });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}: ${text}`);
  return path === "/healthz" ? text : JSON.parse(text);
}
