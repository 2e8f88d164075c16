/**
 * `npm run bench [-- --seconds N]`: measures one throw-away instance from the outside, everything on this machine sharing its
 * cores with the load. What counts is each figure's ratio to the plain ping of the same run: machines drift, ratios stay.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { checkReceipts, type Receipts } from "./bench/receipts.ts";
import { LOGS, runVerb, startBenchInstance, type BenchInstance } from "./bench/instance.ts";
import { measureSearch, untilSearched } from "./bench/search.ts";
import { newDataDir, removeDataDir } from "./parts/throw-away.ts";
import { percentileMs, runLoad, type Answer, type LoadResult } from "./bench/load.ts";

const APPEND = `/v1/logs/${LOGS.plain}/entries`;
const APPEND_SEALED = `/v1/logs/${LOGS.sealed}/entries?ack=sealed`;

interface Case {
  readonly name: string;
  readonly connections: number;
  /** Events a request; 0 is the ping. */
  readonly events: number;
  readonly path: string;
}

const CASES: readonly Case[] = [
  { name: "ping, 32 connections", connections: 32, events: 0, path: "/healthz" },
  { name: "1 event a request, 1 connection", connections: 1, events: 1, path: APPEND },
  { name: "1 event a request, 8 connections", connections: 8, events: 1, path: APPEND },
  { name: "1 event a request, 32 connections", connections: 32, events: 1, path: APPEND },
  { name: "1 event a request, 256 connections", connections: 256, events: 1, path: APPEND },
  { name: "100 events a request, 16 connections", connections: 16, events: 100, path: APPEND },
  { name: "ack=sealed, 32 connections", connections: 32, events: 1, path: APPEND_SEALED },
];

/** Verifying and restoring take a second to start and to warm up; a log of this size takes some seconds. */
const VERIFIED_ENTRIES_MIN = 500_000;
const FILL: Case = { name: "filling", connections: 16, events: 100, path: APPEND };

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const { values } = parseArgs({ options: { seconds: { type: "string", default: "5" } } });
const seconds = Number(values.seconds);
if (!(seconds > 0 && seconds <= 60)) throw new Error("--seconds is a number of seconds up to 60");

const dataDir = await newDataDir("bench");
try {
  const instance = await startBenchInstance(dataDir);
  const linesFile = join(dataDir, "lines.jsonl");
  let receipts: Receipts;
  let hashSeconds: number;
  try {
    say(`ready after ${instance.secondsToReady.toFixed(1)} s; ${seconds} s each\n`);
    const answers = await measureAll(instance);
    await fill(instance, answers.get(APPEND) ?? []);
    await measureSearches(instance);
    await checkReceipts(instance, LOGS.sealed, answers.get(APPEND_SEALED) ?? [], linesFile);
    receipts = await checkReceipts(instance, LOGS.plain, answers.get(APPEND) ?? [], linesFile);
    say(
      "\nevery receipt holds: each entry is there once with its hash, each checkpoint has the log's root",
    );
    hashSeconds = await hashLines(receipts, linesFile);
    await untilSealed(instance);
    await measureVerify(instance, receipts, hashSeconds);
  } finally {
    await instance.stop();
  }
  await measureRestore(hashSeconds);
} finally {
  await removeDataDir(dataDir);
}

/** The answers of each path. */
async function measureAll(instance: BenchInstance): Promise<Map<string, Answer[]>> {
  const kept = new Map<string, Answer[]>();
  let pingPerSecond = 0;
  say(row("", "per second", "of ping", "p50 ms", "p99 ms"));
  for (const one of CASES) {
    const result = await load(instance, one, seconds);
    const perSecond = (result.answers.length * Math.max(1, one.events)) / result.seconds;
    if (one.events === 0) pingPerSecond = perSecond;
    else kept.set(one.path, [...(kept.get(one.path) ?? []), ...result.answers]);
    const ms = [0.5, 0.99].map((share) => percentileMs(result, share).toFixed(1));
    say(row(one.name, perSecond.toFixed(0), (perSecond / pingPerSecond).toFixed(3), ...ms));
  }
  return kept;
}

async function load(instance: BenchInstance, one: Case, lasting: number): Promise<LoadResult> {
  const result = await runLoad({
    url: instance.url,
    connections: one.connections,
    seconds: lasting,
    path: one.path,
    headers: { authorization: `Bearer ${instance.token}`, "content-type": "application/json" },
    body: (n) => (one.events === 0 ? null : bodyOf(n, one.events)),
  });
  const failed = result.answers.find(({ status }) => status !== (one.events === 0 ? 200 : 201));
  if (failed === undefined) return result;
  throw new Error(`${one.name}: ${failed.status} ${failed.body.toString()}`);
}

/** Goes on, unmeasured, until the log is large enough for what comes after. */
async function fill(instance: BenchInstance, answers: Answer[]): Promise<void> {
  while ((await sizeOf(instance)) < VERIFIED_ENTRIES_MIN) {
    answers.push(...(await load(instance, FILL, 1)).answers);
  }
}

/** The tables are behind after the load: they come up, then they are asked. */
async function measureSearches(instance: BenchInstance): Promise<void> {
  const headers = { authorization: `Bearer ${instance.token}` };
  const answer = await fetch(`${instance.url}/v1/logs/${LOGS.plain}/stats`, { headers });
  const { searched_to: searchedTo } = (await answer.json()) as { searched_to: number };
  const took = await untilSearched(instance, LOGS.plain);
  const size = await sizeOf(instance);
  const rate = ((size - searchedTo) / took).toFixed(0);
  say(`\nsearch tables: ${searchedTo} of ${size} entries after the load, the others at ${rate}/s`);
  say(row("", "of ping", "p50 ms", "p95 ms"));
  const [ping, ...asked] = await measureSearch(instance, LOGS.plain);
  for (const { name, p50Ms, p95Ms } of [ping!, ...asked]) {
    const ratio = (p50Ms / ping!.p50Ms).toFixed(1);
    say(row(name, ratio, p50Ms.toFixed(1), p95Ms.toFixed(1)));
  }
}

async function sizeOf(instance: BenchInstance): Promise<number> {
  const headers = { authorization: `Bearer ${instance.token}` };
  const answer = await fetch(`${instance.url}/v1/logs/${LOGS.plain}`, { headers });
  return ((await answer.json()) as { size: number }).size;
}

async function hashLines({ entries, lineBytes }: Receipts, linesFile: string): Promise<number> {
  const took = await timed(async () => {
    const ended = once(spawn("sha256sum", [linesFile], { stdio: "ignore" }), "close");
    const [code] = (await ended) as [number];
    if (code !== 0) throw new Error("sha256sum failed");
  });
  const megabytes = lineBytes / 1e6;
  say(
    `\n${entries} lines, ${megabytes.toFixed(0)} MB; sha256sum: ${(megabytes / took).toFixed(0)} MB/s`,
  );
  return took;
}

async function untilSealed(instance: BenchInstance): Promise<void> {
  const headers = { authorization: `Bearer ${instance.token}` };
  for (const log of Object.values(LOGS)) {
    const answer = await fetch(`${instance.url}/v1/logs/${log}/seal`, { method: "POST", headers });
    if (!answer.ok) throw new Error(`sealing ${log}: ${answer.status} ${await answer.text()}`);
  }
}

interface Verified {
  readonly seconds: number;
  readonly memory_max_bytes: number;
}

/** What an auditor does, with the bucket and a verifier key alone; then with the index beside it. */
async function measureVerify(
  { dataDir: data }: BenchInstance,
  receipts: Receipts,
  hashSeconds: number,
): Promise<void> {
  const vkeys = ["_system", LOGS.plain].flatMap((log) => [
    "--vkey",
    join(data, "vkeys", `${log}.vkey`),
  ]);
  const auditor = parseEnv(await readFile(join(data, "auditor.env"), "utf8"));
  const only = ["--json", "--log", LOGS.plain];
  const vault = JSON.parse(
    await runVerb("verify", ["--s3", ...vkeys, ...only], auditor),
  ) as Verified;
  sayRate("verify, vault alone", receipts, vault.seconds, hashSeconds);
  const both = JSON.parse(await runVerb("verify", ["--data", data, ...only])) as Verified;
  sayRate("verify, vault and index", receipts, both.seconds, hashSeconds);
  const megabytes = Math.max(vault.memory_max_bytes, both.memory_max_bytes) / 1e6;
  say(`verify: ${megabytes.toFixed(0)} MB of memory at most`);
}

/** Everything into an empty index; the start and stop of the parts are not counted. */
async function measureRestore(hashSeconds: number): Promise<void> {
  await rename(join(dataDir, "libsql"), join(dataDir, "libsql.aside"));
  const output = await runVerb("restore", ["--data", dataDir]);
  const [, entries = "0", rate = "1"] =
    /Restored ([\d,]+) .*\(([\d,]+) entries\/s\)/.exec(output) ?? [];
  const count = Number(entries.replaceAll(",", ""));
  const took = count / Number(rate.replaceAll(",", ""));
  say(
    `restore: ${rate} entries/s of ${entries}, ${(took / hashSeconds).toFixed(1)} times sha256sum`,
  );
}

function parseEnv(text: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => line.includes("="));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

function sayRate(name: string, { entries, lineBytes }: Receipts, took: number, sum: number): void {
  const rate = `${(entries / took).toFixed(0)} entries/s, ${(lineBytes / 1e6 / took).toFixed(0)} MB/s`;
  say(`${name}: ${rate}, ${(took / sum).toFixed(1)} times sha256sum`);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return (performance.now() - startMs) / 1000;
}

function bodyOf(n: number, events: number): string {
  if (events === 1) return eventOf(n);
  return `[${Array.from({ length: events }, (_, i) => eventOf(n * events + i)).join(",")}]`;
}

/** An event as applications send them: some 330 bytes, 500 as a line. */
function eventOf(n: number): string {
  return JSON.stringify({
    action: "invoice.paid",
    actor: { id: `u-${n % 1000}`, type: "user", name: "Alice Example" },
    targets: [{ id: `inv-${n}`, type: "invoice" }],
    outcome: "success",
    occurred_at: "2026-10-24T00:00:00Z",
    context: {
      ip: "192.0.2.7",
      user_agent: "curl/8.5.0",
      request_id: "b6c006b43155fd43815c2a41f03615cb",
    },
    details: { amount: n % 1000, currency: "EUR" },
  });
}

function row(name: string, ...cells: readonly string[]): string {
  return name.padEnd(38) + cells.map((cell) => cell.padStart(12)).join("");
}
