/**
 * The page's side of the verifier's thread: what is being checked, how far it has come, and what it came to. A check of a log
 * has a thread of its own, so that Stop stops it at once; entries and files share another.
 */
import { signal } from "@preact/signals";
import type { EntryQuestion, EntryVerdict } from "../verify/entry-check.ts";
import type { DroppedFile, FileVerdict } from "../verify/file-check.ts";
import type { Scope } from "../verify/log-check.ts";
import type { SearchQuestion, SearchVerdict } from "../verify/search-check.ts";
import type { Question, Reply } from "../verify/protocol.ts";
import type { Leaves, RowQuestion } from "../verify/rows.ts";
import type { Checks, Progress, Verdict } from "../verify/verdict.ts";
import { announce } from "./announce.ts";
import { memoryOf, remember } from "./remembered.ts";

export interface Run {
  /** The first of this visit is 1. */
  readonly number: number;
  readonly log: string;
  readonly scope: Scope;
  /** The entry in whose copy one character was changed. */
  readonly flip: number | null;
  readonly status: "running" | "paused" | "done" | "stopped" | "failed";
  readonly checks: Checks | null;
  readonly progress: Progress;
  /** Entries a second, measured twice a second, oldest first. */
  readonly rates: readonly number[];
  readonly verdict: Verdict | null;
  /** Why nothing is known. */
  readonly problem: string | null;
  readonly tookMs: number;
}

/** The check of a log that runs or ran last. */
export const run = signal<Run | null>(null);
/** What whole checks of logs came to in this visit, by log. */
export const proven = signal<ReadonlyMap<string, Verdict>>(new Map());
/** The leaves that they computed. */
export const provenLeaves = signal<ReadonlyMap<string, readonly Leaves[]>>(new Map());

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): unknown };
}

const types = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
/** The one address that may become a program. */
const policy = types?.createPolicy("indelible-worker", {
  createScriptURL: (url) => {
    if (url !== VERIFY_WORKER) throw new TypeError("not the verifier");
    return url;
  },
});

function newThread(): Worker {
  const url = policy?.createScriptURL(VERIFY_WORKER) ?? VERIFY_WORKER;
  return new Worker(url as string, { type: "module" });
}

let thread: Worker | null = null;
let startedMs = 0;
let runs = 0;
const RATES_MAX = 60;
const RATE_MS = 500;

/** Begins to check a log, or a part of it; a check that runs is ended. `flip`: changes one character of this entry first. */
export function startRun(log: string, scope: Scope, flip: number | null = null): void {
  thread?.terminate();
  const own = newThread();
  thread = own;
  startedMs = performance.now();
  const progress = { entries: 0, of: 0, bytes: 0, seals: 0, seal: null };
  const rest = { number: ++runs, checks: null, rates: [], verdict: null, problem: null, tookMs: 0 };
  run.value = { log, scope, flip, status: "running", progress, ...rest };
  let measured = { atMs: startedMs, entries: 0 };
  own.addEventListener("message", ({ data }: MessageEvent<Reply>) => {
    if (thread !== own || run.value === null) return;
    const nowMs = performance.now();
    if (data.kind === "checks") change({ checks: data.checks });
    else if (data.kind === "progress") {
      const { progress: now } = data;
      const spanMs = nowMs - measured.atMs;
      if (spanMs >= RATE_MS) {
        const rate = ((now.entries - measured.entries) * 1_000) / spanMs;
        measured = { atMs: nowMs, entries: now.entries };
        change({ rates: [...run.value.rates, rate].slice(-RATES_MAX) });
      }
      change({ progress: now });
      say(now);
    } else if (data.kind === "log") end(own, data);
    else if (data.kind === "failed") fail(own, data.detail);
  });
  own.addEventListener("error", () => fail(own, "the verifier's thread could not be started"));
  const memory = memoryOf(log);
  const { note = null, at = null, vkeys = [] } = memory ?? {};
  const remembered = note === null || at === null ? null : { note, at };
  ask(own, { kind: "log", id: 0, base: location.origin, log, scope, vkeys, remembered, flip });
}

function change(to: Partial<Run>): void {
  if (run.value !== null)
    run.value = { ...run.value, tookMs: performance.now() - startedMs, ...to };
}

let saidTenth = 0;
/** Every tenth, for who listens. */
function say({ entries, of }: Progress): void {
  const tenth = of === 0 ? 0 : Math.floor((10 * entries) / of);
  if (tenth !== saidTenth && tenth > 0 && tenth < 10) announce(`${tenth * 10} % checked`);
  saidTenth = tenth;
}

function end(own: Worker, { verdict, leaves }: Extract<Reply, { kind: "log" }>): void {
  own.terminate();
  thread = null;
  const { checks, progress } = verdict;
  change({ status: "done", verdict, checks, progress });
  announce(`${verdict.badge}. ${verdict.words}`);
  const { log, flip, scope } = run.value!;
  if (flip !== null || scope.kind !== "everything") return;
  provenLeaves.value = new Map([...provenLeaves.value, [log, leaves]]);
  proven.value = new Map([...proven.value, [log, verdict]]);
  if (verdict.whole && verdict.checkpoint !== null) {
    remember(log, verdict.vkeys, verdict.checkpoint);
  }
}

function fail(own: Worker, problem: string): void {
  own.terminate();
  thread = null;
  change({ status: "failed", problem });
  announce(`Not checked: ${problem}`);
}

export function pauseRun(on: boolean): void {
  if (thread === null) return;
  ask(thread, { kind: "pause", on });
  change({ status: on ? "paused" : "running" });
}

export function stopRun(): void {
  if (thread === null) return;
  thread.terminate();
  thread = null;
  change({ status: "stopped" });
  announce("Stopped");
}

function ask(to: Worker, question: Question): void {
  to.postMessage(question);
}

let helper: Worker | null = null;
let asked = 0;

/** Throws an Error that says why nothing is known. */
function askHelper(make: (id: number) => Question): Promise<Reply> {
  const own = (helper ??= newThread());
  const id = ++asked;
  return new Promise((resolve, reject) => {
    const heard = ({ data }: MessageEvent<Reply>): void => {
      if (data.id !== id) return;
      own.removeEventListener("message", heard);
      if (data.kind === "failed") reject(new Error(data.detail));
      else resolve(data);
    };
    own.addEventListener("message", heard);
    ask(own, make(id));
  });
}

export async function verifyEntry(question: EntryQuestion): Promise<EntryVerdict> {
  const reply = await askHelper((id) => ({ kind: "entry", id, question }));
  return (reply as Extract<Reply, { kind: "entry" }>).verdict;
}

export async function verifyFiles(
  files: readonly DroppedFile[],
  vkeys: readonly string[],
  flip: boolean,
): Promise<readonly FileVerdict[]> {
  const reply = await askHelper((id) => ({ kind: "files", id, files, vkeys, flip }));
  return (reply as Extract<Reply, { kind: "files" }>).verdicts;
}

export async function verifyRows(rows: readonly RowQuestion[]): Promise<readonly boolean[]> {
  const reply = await askHelper((id) => ({ kind: "rows", id, rows }));
  return (reply as Extract<Reply, { kind: "rows" }>).same;
}

export async function verifySearch(question: SearchQuestion): Promise<SearchVerdict> {
  const base = location.origin;
  const reply = await askHelper((id) => ({ kind: "search", id, base, question }));
  return (reply as Extract<Reply, { kind: "search" }>).verdict;
}
