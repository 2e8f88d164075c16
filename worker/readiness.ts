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

type Part = { readonly ok: boolean; readonly problems: readonly string[] };

export async function readiness(
  started: StartedLedger | null,
  startProblem: string | null,
  { index, vault }: LedgerParts,
): Promise<Readiness> {
  const parts: Record<string, Part> = {
    index: await checkIndex(index),
    vault: part(
      await vault.nowMs().then(
        () => [],
        (error: unknown) => [message(error)],
      ),
    ),
  };
  if (started === null) {
    parts["ledger"] = part([startProblem ?? "not started yet"]);
    return { state: "not taking", parts };
  }
  const { ledger, lock } = started;
  await ledger.clock.check("start").catch(() => {});
  parts["lock"] = part(lock.problems);
  parts["clock"] = part(ledger.clock.problem === null ? [] : [ledger.clock.problem]);
  parts["ledger"] = part(
    ledger.directory.origin === null ? ["the instance has no first entries yet"] : [],
  );
  parts["logs"] = part(logProblems(ledger));
  return { state: stateOf(parts, ledger), parts };
}

function logProblems(ledger: Ledger): string[] {
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
  return [...troubled, ...unknown, ...errors];
}

function stateOf(parts: Record<string, Part>, ledger: Ledger): Readiness["state"] {
  const systemFrozen = (ledger.state(SYSTEM_LOG)?.frozen ?? null) !== null;
  const taking = ["index", "clock", "ledger"].every((name) => parts[name]?.ok === true);
  if (!taking || systemFrozen) return "not taking";
  const sealing = parts["vault"]?.ok === true && parts["lock"]?.ok === true && parts["logs"]?.ok;
  return sealing === true ? "ready" : "taking, not sealing";
}

function part(problems: readonly string[]): Part {
  return { ok: problems.length === 0, problems };
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
