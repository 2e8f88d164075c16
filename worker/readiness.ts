/**
 * The three states of API §4: `ready`; `taking, not sealing` where entries are taken and their seal has to wait;
 * `not taking`. Each part says what is wrong in words for an operator.
 */
import type { Administration } from "../storage/flow/administration.ts";
import type { Ledger } from "../storage/flow/ledger.ts";
import { checkIndex } from "../storage/index/health.ts";
import { SYSTEM_LOG } from "../storage/log/entry.ts";
import type { Readiness } from "./ledger-api.ts";
import type { LedgerParts } from "./ledger-parts.ts";
import type { LockWatch } from "./lock-watch.ts";

export interface StartedLedger {
  readonly ledger: Ledger;
  readonly administration: Administration;
  readonly lock: LockWatch;
}

/** After so many seal intervals without a seal somebody should look (PROTOCOL §3). */
const INTERVALS_MAX = 5;

/** Whoever asks whether all is well does not wait as long as a seal does. */
const VAULT_MS_MAX = 3_000;

type Part = Readiness["parts"][string];

export async function readiness(
  started: StartedLedger | null,
  startProblem: string | null,
  { index, vault }: LedgerParts,
  sealSeconds: number,
  audit: Promise<Part>,
): Promise<Readiness> {
  const clock = started?.ledger.clock;
  const [indexHealth, vaultProblems, auditPart] = await Promise.all([
    checkIndex(index),
    problemsOf(clock === undefined ? vault.nowMs() : clock.check("start")),
    audit,
  ]);
  const parts: Record<string, Part> = {
    index: indexHealth,
    vault: part(vaultProblems),
    audit: auditPart,
  };
  if (started === null) {
    parts["ledger"] = part([startProblem ?? "not started yet"]);
    return { state: "not taking", parts };
  }
  const { ledger, lock } = started;
  const { last } = lock;
  const testedAt = last && { tested_at: new Date(last.atMs).toISOString() };
  parts["lock"] = { ...part(lock.problems), ...testedAt };
  parts["clock"] = part(ledger.clock.problem === null ? [] : [ledger.clock.problem]);
  parts["ledger"] = part(
    ledger.directory.origin === null ? ["the instance has no first entries yet"] : [],
  );
  parts["logs"] = part(logProblems(ledger, sealSeconds));
  return { state: stateOf(parts, ledger), parts };
}

function logProblems(ledger: Ledger, sealSeconds: number): string[] {
  const unknown = ledger.unknownLogs.map(
    (log) => `${log}: log_unknown: in the vault, not in _system`,
  );
  const errors = [...ledger.sealer.errors()].map(
    ([log, reason]) => `${log}: not sealed: ${reason}`,
  );
  const troubled = [...ledger.directory.logs.keys()].flatMap((log) => {
    const state = ledger.state(log);
    const finding = state?.frozen ?? state?.unsealable ?? null;
    return finding === null ? [] : [`${log}: ${finding.code}: ${finding.hint}`];
  });
  const unreadable = ledger.directory.unreadable.map(
    ({ seq, detail }) => `${SYSTEM_LOG}: entry ${seq} is passed over: ${detail}`,
  );
  return [...troubled, ...unknown, ...errors, ...unreadable, ...tooOld(ledger, sealSeconds)];
}

/** Unsealed for more than five intervals: the vault is away, or something keeps the sealer from it. */
function tooOld(ledger: Ledger, sealSeconds: number): string[] {
  const ageMsMax = INTERVALS_MAX * sealSeconds * 1000;
  return [...ledger.directory.logs.keys()].flatMap((log) => {
    const sinceMs = ledger.state(log)?.unsealedSinceMs ?? null;
    if (sinceMs === null || Date.now() - sinceMs <= ageMsMax) return [];
    const seconds = Math.round((Date.now() - sinceMs) / 1000);
    return [`${log}: unsealed_too_old: entries have waited ${seconds} s for their seal`];
  });
}

function stateOf(parts: Record<string, Part>, ledger: Ledger): Readiness["state"] {
  const systemFrozen = (ledger.state(SYSTEM_LOG)?.frozen ?? null) !== null;
  const taking = ["index", "clock", "ledger"].every((name) => parts[name]?.ok === true);
  if (!taking || systemFrozen) return "not taking";
  const sealing = parts["vault"]?.ok === true && parts["lock"]?.ok === true && parts["logs"]?.ok;
  return sealing === true ? "ready" : "taking, not sealing";
}

/** Why the vault did not answer, or that it takes too long to. */
async function problemsOf(look: Promise<unknown>): Promise<string[]> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<string[]>((resolve) => {
    const problem = `the vault does not answer within ${VAULT_MS_MAX / 1000} s`;
    timer = setTimeout(() => resolve([problem]), VAULT_MS_MAX);
  });
  const looked = look.then(
    () => [],
    (error: unknown) => [message(error)],
  );
  return Promise.race([looked, late]).finally(() => clearTimeout(timer));
}

function part(problems: readonly string[]): Part {
  return { ok: problems.length === 0, problems };
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
