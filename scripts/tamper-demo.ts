/**
 * `npm run tamper-demo`: five tamperings with a whole instance of Indelible, each really done and each found by the guard in it,
 * in about a minute. The instance has a temporary folder and free ports of its own and is removed afterwards; nothing
 * of yours is touched. Exit code 0: all five were found and their places named; 1: not; 2: it could not be shown.
 */
import { ACTS, type Act } from "./tamper-demo/acts.ts";
import { say, sayAct, sayOutcome, saySummary, sayTitle, sayWaiting } from "./tamper-demo/screen.ts";
import type { Outcome } from "./tamper-demo/screen.ts";
import { setStage, type Stage } from "./tamper-demo/stage.ts";
import { newDataDir, removeDataDir } from "./parts/throw-away.ts";

/** The guard looks twice before it speaks; a busy machine takes its time. */
const FOUND_MS_MAX = 60_000;
const LOOK_MS = 100;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const INTERRUPTED = 130;

const dataDir = await newDataDir("demo");
let stage: Stage | null = null;
let interrupted = false;
for (const signal of SIGNALS) process.on(signal, () => (interrupted = true));

try {
  process.exitCode = await show();
} catch (error) {
  if (!interrupted) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  }
  process.exitCode = interrupted ? INTERRUPTED : 2;
} finally {
  await (stage as Stage | null)?.stop();
  await removeDataDir(dataDir);
}

async function show(): Promise<number> {
  sayTitle("Indelible: five ways to tamper with an audit log, and what is noticed");
  say(`Starting a whole instance in ${dataDir} …`);
  stage = await setStage(
    dataDir,
    ACTS.map(({ log }) => log),
  );
  say(
    `It runs at ${stage.url} (${stage.secondsToReady.toFixed(1)} s). Five logs have ${stage.entries} entries each, ` +
      "sealed under lock.\n",
  );
  const outcomes: Outcome[] = [];
  for (const [at, act] of ACTS.entries()) {
    sayAct(at + 1, act);
    const outcome = await play(act, stage);
    if (interrupted) return INTERRUPTED;
    sayOutcome(outcome);
    outcomes.push(outcome);
  }
  saySummary(outcomes);
  const missed = outcomes.filter(({ found }) => found === null).length;
  say(missed === 0 ? "\nAll five were found, and their places named." : `\n${missed} not found.`);
  say("Where findings come from and what to do about each: OPERATIONS.md, Findings.");
  say(
    "What can be noticed at all, and what cannot: SECURITY.md, Attacks. Your own instance: npm start.",
  );
  return missed === 0 ? 0 : 1;
}

async function play(act: Act, { findings }: Stage): Promise<Outcome> {
  const startMs = performance.now();
  await act.commit(dataDir);
  for (;;) {
    const seconds = (performance.now() - startMs) / 1000;
    const found = (await findings()).find(
      (one) => one.log === act.log && act.codes.includes(one.code) && act.isNamed(one),
    );
    if (found !== undefined) return { act, found, seconds };
    if (interrupted || seconds * 1000 > FOUND_MS_MAX) return { act, found: null, seconds };
    sayWaiting(seconds);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
