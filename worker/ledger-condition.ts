/**
 * What the ledger knows to be wrong by itself, as findings for the guard: frozen logs, a lock that is not enforced, entries that
 * wait too long for their seal, a clock behind its own entries, and an index that went back under a running instance.
 */
import { CLOCK_BACKWARDS_MS_MAX, formatTime } from "../storage/flow/append.ts";
import { lookAtHeads } from "../storage/flow/head-watch.ts";
import type { Ledger } from "../storage/flow/ledger.ts";
import type { LogState } from "../storage/flow/state.ts";
import { newFinding, type Finding } from "../storage/log/findings.ts";
import type { LedgerParts } from "./ledger-parts.ts";
import type { LockWatch } from "./lock-watch.ts";

interface Started {
  readonly parts: LedgerParts;
  readonly ledger: Ledger;
  readonly lock: LockWatch;
}

/** Of seal intervals (PROTOCOL §3). */
const INTERVALS_MAX = 5;
/** Five short intervals are over before a store that was killed is back: that is no reason to wake anybody. */
const UNSEALED_MS_MIN = 60_000;

/** Freezes what went back. Throws IndexError. */
export async function ledgerCondition(
  { parts, ledger, lock }: Started,
  sealSeconds: number,
): Promise<Finding[]> {
  // Whoever comes after a quiet minute does not have to wait until it is known which tokens hold.
  await ledger.current().catch(() => {});
  // As the alarm does, which workerd can lose: what is due is not to wait for somebody to notice.
  void ledger.sealer.runDue();
  const states = [...ledger.directory.logs.keys()].flatMap((log) => ledger.state(log) ?? []);
  const { back, names } = await lookAtHeads(parts.index, states);
  for (const { state, finding } of back) ledger.freeze(state, finding);
  // Asked for behind the heads: whoever made a log since is known by now.
  const strangers = names.filter((log) => !ledger.directory.logs.has(log));
  const nowMs = parts.clock.nowMs();
  return [
    ...lock.findings,
    ...ledger.unknownLogs.map((log) =>
      newFinding("log_unknown", { log }, "a log that _system names", "another one"),
    ),
    ...strangers.map((log) => {
      const place = { log, object: "the index" };
      return newFinding("log_unknown", place, "a log that _system names", "a head of another one");
    }),
    ...states.flatMap(({ falseId }) => falseId ?? []),
    ...states.flatMap(({ frozen, unsealable }) => frozen ?? unsealable ?? []),
    ...states.flatMap((state) => tooOld(state, nowMs, sealSeconds) ?? []),
    ...states.flatMap((state) => aheadOfClock(state, nowMs) ?? []).slice(0, 1),
  ];
}

function tooOld(state: LogState, nowMs: number, sealSeconds: number): Finding | null {
  const { name: log, frozen, unsealable, unsealedSinceMs: sinceMs, head, sealed } = state;
  // Those have said why.
  if (frozen !== null || unsealable !== null || sinceMs === null) return null;
  if (nowMs - sinceMs <= Math.max(UNSEALED_MS_MIN, INTERVALS_MAX * 1000 * sealSeconds)) return null;
  const place = { log, first: sealed.size, last: Math.max(sealed.size, head.size - 1) };
  const found = `unsealed since ${formatTime(sinceMs)}`;
  return newFinding("unsealed_too_old", place, `a seal every ${sealSeconds} s`, found);
}

/** No log takes an entry until the clock has caught up with its last one. */
function aheadOfClock({ name, head }: LogState, nowMs: number): Finding | null {
  if (head.size === 0 || Date.parse(head.time) - nowMs <= CLOCK_BACKWARDS_MS_MAX) return null;
  const found = `one behind the last entry of ${name}, which is of ${head.time}`;
  return newFinding("clock_backwards", {}, "a clock that only goes forward", found);
}
