/** The guard at work: an auditor on files, called when it wants to be, until it is stopped or has looked at everything once. */
import { setTimeout as sleep } from "node:timers/promises";
import { Auditor } from "../../storage/flow/audit/auditor.ts";
import { nodeGzip } from "../../storage/gzip.ts";
import { webCryptoVerify } from "../../storage/keys.ts";
import type { AuditRun } from "../../storage/log/audit-run.ts";
import { fastSha256 } from "../verify/sha256.ts";
import type { Asked } from "./asked.ts";
import { InstanceWatch } from "./instance-watch.ts";
import { openSources } from "./sources.ts";
import { GuardState } from "./state.ts";
import { Telling } from "./telling.ts";

export interface GuardOptions {
  /** For the operator, and for who reads what was found. */
  readonly say: (line: string) => void;
  readonly print: (line: string) => void;
  readonly stop: AbortSignal;
}

/** Of one core's time; the vault has others to answer. */
const SHARE = 0.25;
const REMIND_MS = 86_400_000;
const UNREACHABLE_MS = 60_000;
/** New seals are looked for so often: one listing a log. */
const SEALS_MS = 20_000;
/** With --once: so long nobody may answer. */
const PATIENCE_MS = 30_000;

/** The exit code. */
export async function runGuard(asked: Asked, options: GuardOptions): Promise<number> {
  const state = GuardState.open(asked.stateDir);
  try {
    return await watch(asked, state, options);
  } finally {
    state.close();
  }
}

async function watch(asked: Asked, state: GuardState, options: GuardOptions): Promise<number> {
  const { say, print } = options;
  const { once, everyMs, origin, keys } = asked;
  const { store } = state;
  const verify = webCryptoVerify();
  const privateAllowed = asked.config.privateAddressesAllowed;
  const telling = new Telling({ store, print, say }, asked.alerts, privateAllowed);
  if (asked.testAlert) return (await telling.test(origin)) ? 0 : 1;
  const { what, vault, index } = await openSources(asked, process.env);
  const nowMs = () => Date.now();
  const shown =
    asked.instance === null
      ? null
      : new InstanceWatch({
          ...asked.instance,
          ...{ origin, keys, verify, nowMs, unreachableMs: UNREACHABLE_MS },
        });
  const auditor = await Auditor.open(
    {
      ...{ vault, index, store, verify, gzip: nodeGzip, sha256: fastSha256, alerts: telling },
      clock: { nowMs },
      ...(shown === null ? {} : { checkpoints: (log) => shown.checkpoints(log) }),
      breathe: () => new Promise((resolve) => setImmediate(resolve)),
      report: (level, message, fields = {}) => {
        if (level !== "info") say(`${level}: ${message} ${JSON.stringify(fields)}`);
      },
      conditions: async () => (await shown?.conditions()) ?? [],
      record: async (run) => {
        for (const line of linesOf(run)) say(line);
      },
    },
    {
      ...{ origin, keys, source: "guard", everyMs, minPauseMs: null },
      ...{ share: once ? 1 : SHARE, remindMs: REMIND_MS, unreachableMs: UNREACHABLE_MS },
    },
  );
  say(`The guard of ${origin} looks at ${what}; its state is in ${asked.stateDir}.`);
  if (once) return lookOnce(auditor, telling, options);
  await telling.start();
  await goOn(auditor, options);
  await auditor.close();
  telling.stop();
  await Promise.race([telling.deliverOnce(), sleep(DELIVERY_MS_MAX)]);
  say("The guard has stopped.");
  return 0;
}

/** A delivery under way may end; what does not is made again at the next start. */
const DELIVERY_MS_MAX = 5_000;

async function goOn(auditor: Auditor, { stop, say }: GuardOptions): Promise<void> {
  let sealsMs = Date.now() + SEALS_MS;
  let { passes } = auditor.stats();
  while (!stop.aborted) {
    if (Date.now() >= sealsMs) {
      auditor.lookForSeals();
      sealsMs = Date.now() + SEALS_MS;
    }
    const wakeMs = await auditor.run();
    const { lastPass, passes: now } = auditor.stats();
    if (now > passes && lastPass !== null) {
      const seconds = ((lastPass.finishedMs - lastPass.startedMs) / 1_000).toFixed(1);
      say(`pass ${now}: ${covered(lastPass.coverage)} in ${seconds} s; ${openSaid(auditor)}`);
    }
    passes = now;
    const pauseMs = Math.max(0, Math.min(wakeMs, sealsMs) - Date.now());
    await sleep(pauseMs, undefined, { signal: stop }).catch(() => {});
  }
}

async function lookOnce(
  auditor: Auditor,
  telling: Telling,
  { stop, say }: GuardOptions,
): Promise<number> {
  const { id } = await auditor.request({ log: null }, "operator:guard");
  for (;;) {
    const wakeMs = await auditor.run();
    const run = await auditor.audit(id);
    const { failingSinceMs } = auditor.stats();
    const lost = failingSinceMs !== null && Date.now() - failingSinceMs > PATIENCE_MS;
    if (run?.state === "finished") break;
    if (stop.aborted || lost || run === null || run.state === "failed") {
      const why = run?.why ?? (lost ? "vault or index do not answer" : "it was stopped");
      say(`Not everything was looked at: ${why}.`);
      await auditor.close();
      return 2;
    }
    await sleep(Math.max(0, wakeMs - Date.now()), undefined, { signal: stop }).catch(() => {});
  }
  await telling.deliverOnce();
  await auditor.close();
  say(openSaid(auditor));
  return auditor.openFindings().length === 0 ? 0 : 1;
}

function openSaid(auditor: Auditor): string {
  const open = auditor.openFindings().length + auditor.stats().openMore;
  return open === 0 ? "nothing is open" : `findings open: ${open}`;
}

function covered({ logs, entries, batches, unsealed }: AuditRun["coverage"]): string {
  const waiting = unsealed === 0 ? "" : `, ${unsealed} not sealed yet`;
  return `${logs} logs, ${entries} entries in ${batches} batches${waiting}`;
}

/** A pass of the schedule has its line anyway; here is what it has to say beside. */
function linesOf(run: AuditRun): string[] {
  const what = `${run.kind} audit`;
  const notes = run.unchecked.map((text) => `${what}: ${text}`);
  if (run.kind === "scheduled") return notes;
  const said = `${what} ${run.state}: ${covered(run.coverage)}, findings ${run.finding_count}`;
  return [said, ...notes];
}
