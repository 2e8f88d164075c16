/**
 * `npm run bench [-- --seconds N]`: measures one throw-away instance from the outside, everything on this machine sharing its
 * cores with the load. What counts is each figure's ratio to the plain ping of the same run: machines drift, ratios stay.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { checkReceipts, type Receipts } from "./bench/receipts.ts";
import {
  newDataDir,
  removeDataDir,
  runVerb,
  startBenchInstance,
  type BenchInstance,
} from "./bench/instance.ts";
import { percentileMs, runLoad, type Answer } from "./bench/load.ts";

const APPEND = "/v1/logs/demo/entries";

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
  { name: "ack=sealed, 32 connections", connections: 32, events: 1, path: `${APPEND}?ack=sealed` },
];

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const { values } = parseArgs({ options: { seconds: { type: "string", default: "5" } } });
const seconds = Number(values.seconds);
if (!(seconds > 0 && seconds <= 60)) throw new Error("--seconds is a number of seconds up to 60");

const dataDir = await newDataDir();
try {
  const instance = await startBenchInstance(dataDir);
  const linesFile = join(dataDir, "lines.jsonl");
  let receipts: Receipts;
  try {
    say(`ready after ${instance.secondsToReady.toFixed(1)} s; ${seconds} s each\n`);
    const answers = await measureAll(instance);
    receipts = await checkReceipts(instance, answers, linesFile);
    say(`\nevery receipt holds: ${receipts.entries} entries, ${receipts.checkpoints} checkpoints`);
  } finally {
    await instance.stop();
  }
  await measureReaders(receipts, linesFile);
} finally {
  await removeDataDir(dataDir);
}

async function measureAll(instance: BenchInstance): Promise<Answer[]> {
  const kept: Answer[] = [];
  let pingPerSecond = 0;
  say(row("", "per second", "of ping", "p50 ms", "p99 ms"));
  for (const one of CASES) {
    const result = await runLoad({
      url: instance.url,
      connections: one.connections,
      seconds,
      path: one.path,
      headers: { authorization: `Bearer ${instance.token}`, "content-type": "application/json" },
      body: (n) => (one.events === 0 ? null : bodyOf(n, one.events)),
    });
    const failed = result.answers.find(({ status }) => status !== (one.events === 0 ? 200 : 201));
    if (failed !== undefined)
      throw new Error(`${one.name}: ${failed.status} ${failed.body.toString()}`);
    const perSecond = (result.answers.length * Math.max(1, one.events)) / result.seconds;
    if (one.events === 0) pingPerSecond = perSecond;
    else kept.push(...result.answers);
    const ms = [0.5, 0.99].map((share) => percentileMs(result, share).toFixed(1));
    say(row(one.name, perSecond.toFixed(0), (perSecond / pingPerSecond).toFixed(3), ...ms));
  }
  return kept;
}

/** Verify and restore, beside `sha256sum` over the same lines. */
async function measureReaders(receipts: Receipts, linesFile: string): Promise<void> {
  const { lineBytes } = receipts;
  const sum = await timed(async () => {
    const [code] = (await once(spawn("sha256sum", [linesFile], { stdio: "ignore" }), "close")) as [
      number,
    ];
    if (code !== 0) throw new Error("sha256sum failed");
  });
  say(
    `\n${(lineBytes / 1e6).toFixed(0)} MB of lines; sha256sum: ${(lineBytes / 1e6 / sum).toFixed(0)} MB/s`,
  );
  const verify = await timed(async () => {
    await runVerb("verify", ["--data", dataDir, "--json"]);
  });
  sayRate("verify", receipts, verify, sum);
  await rename(join(dataDir, "libsql"), join(dataDir, "libsql.aside"));
  const restore = await timed(async () => {
    await runVerb("restore", ["--data", dataDir]);
  });
  sayRate("restore", receipts, restore, sum);
}

function sayRate(name: string, { entries, lineBytes }: Receipts, took: number, sum: number): void {
  const rate = `${(entries / took).toFixed(0)} entries/s, ${(lineBytes / 1e6 / took).toFixed(0)} MB/s`;
  say(
    `${name}: ${rate}, ${(took / sum).toFixed(1)} times sha256sum, start of the command included`,
  );
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
