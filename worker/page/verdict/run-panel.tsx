/** How far a check has come and what it came to: progress, one line for each check, and the first wrong entry with both of its sides. */
import { Badge, VerifiedBadge } from "../parts/badge.tsx";
import { Copy } from "../parts/copy.tsx";
import { Link } from "../parts/link.tsx";
import { Foreign } from "../parts/text.tsx";
import { BADGE_IS, STATE_TONES } from "../entries/proof-tab.tsx";
import { hrefOf } from "../state/place.ts";
import { formatBytes, formatCount } from "../state/time.ts";
import type { Run } from "../state/verifier.ts";
import type { Check, CheckName, Fault } from "../verify/verdict.ts";

const CHECK_WORDS: Readonly<Record<CheckName, string>> = {
  key: "Verifier key",
  chain: "Hash chain",
  signature: "Signature",
  root: "Root against checkpoint",
  sealed: "Sealed batch against index",
  remembered: "Remembered checkpoint",
  tail: "Unsealed tail",
  witness: "Witnesses",
};

const TONES = { ...STATE_TONES, waiting: "plain", running: "plain" } as const;
const SIGNS = {
  holds: "✓",
  fails: "✕",
  open: "!",
  skipped: "–",
  waiting: "·",
  running: "…",
} as const;
const WORDS: Readonly<Record<Check["state"], string>> = {
  holds: "holds",
  fails: "does not match",
  open: "open",
  skipped: "not checked",
  waiting: "waits",
  running: "is computed",
};

export function RunPanel({ run }: { readonly run: Run }) {
  const { verdict, checks, problem, status } = run;
  return (
    <section class="panel" aria-label="The check" data-run={run.number} data-status={status}>
      {run.flip !== null && (
        <p class="note warn">
          One character of entry {formatCount(run.flip)} was changed, in a copy in this browser’s
          memory. Nothing was sent, and nothing is remembered of it.
        </p>
      )}
      {verdict !== null && (
        <p class="verdict">
          <VerifiedBadge is={BADGE_IS[verdict.badge]} /> <strong>{verdict.words}</strong>
        </p>
      )}
      {status === "stopped" && (
        <p class="verdict">
          <VerifiedBadge is="unchecked" /> Stopped after {formatCount(run.progress.entries)}{" "}
          entries: nothing is said of the rest.
        </p>
      )}
      {problem !== null && (
        <p class="note warn" role="alert">
          <VerifiedBadge is="unchecked" /> {problem}
        </p>
      )}
      <ProgressLine run={run} />
      {checks !== null && (
        <ul class="checks">
          {(Object.keys(CHECK_WORDS) as CheckName[]).map((name) => (
            <li key={name} data-check={name} data-state={checks[name].state}>
              <Badge tone={TONES[checks[name].state]} sign={SIGNS[checks[name].state]}>
                {CHECK_WORDS[name]}
              </Badge>{" "}
              <span>
                {WORDS[checks[name].state]}
                {checks[name].words !== "" && (
                  <>
                    : <Foreign text={checks[name].words} />
                  </>
                )}
              </span>
            </li>
          ))}
        </ul>
      )}
      {verdict !== null && verdict.faults.length > 0 && <Faults run={run} />}
    </section>
  );
}

function ProgressLine({ run }: { readonly run: Run }) {
  const { entries, of, bytes, seals, seal } = run.progress;
  const rate = run.tookMs > 0 ? (entries * 1_000) / run.tookMs : 0;
  return (
    <div class="progress">
      <progress max={Math.max(of, 1)} value={entries} aria-label="Entries checked" />
      <span class="num">
        {formatCount(entries)} of {of === 0 ? "…" : formatCount(of)} · {formatBytes(bytes)} ·{" "}
        {formatCount(Math.round(rate))}/s
        {seal !== null &&
          ` · ${formatCount(seals)} ${seals === 1 ? "seal" : "seals"}, at ${formatCount(seal)}`}{" "}
        · {(run.tookMs / 1_000).toFixed(1)} s
      </span>
      <Sparkline rates={run.rates} />
    </div>
  );
}

function Sparkline({ rates }: { readonly rates: readonly number[] }) {
  if (rates.length < 2) return null;
  const most = Math.max(...rates, 1);
  const points = rates
    .map((rate, i) => `${i * 3},${(24 - (22 * rate) / most).toFixed(1)}`)
    .join(" ");
  return (
    <svg class="spark" viewBox="0 0 180 26" role="img" aria-label="Entries a second, while it ran">
      <polyline points={points} />
    </svg>
  );
}

function Faults({ run }: { readonly run: Run }) {
  const verdict = run.verdict!;
  // What names an entry comes first: the root alone says only that something is wrong.
  const faults = [...verdict.faults].sort(
    (a, b) => Number(b.vault !== null) - Number(a.vault !== null),
  );
  const [first, ...more] = faults;
  if (first === undefined) return null;
  return (
    <>
      <FaultCard log={verdict.log} fault={first} />
      {more.length > 0 && (
        <details>
          <summary>{more.length + verdict.faultsMore} more</summary>
          {more.map((fault, i) => (
            <FaultCard key={i} log={verdict.log} fault={fault} />
          ))}
        </details>
      )}
      <p>
        <Copy text={() => JSON.stringify(verdict, null, 2)} what="Copy the report" />
      </p>
    </>
  );
}

function FaultCard({ log, fault }: { readonly log: string; readonly fault: Fault }) {
  const { code, check, first, last, expected, found, hint, vault, index } = fault;
  const where =
    first === null
      ? ""
      : last === null || last === first
        ? `entry ${first}`
        : `entries ${first} to ${last}`;
  return (
    <article class="fault">
      <h2>
        <code>{code}</code>{" "}
        {first !== null && first === last ? (
          <Link href={hrefOf({ name: "entries", log, seq: first })}>{where}</Link>
        ) : (
          where
        )}
        <span class="muted"> caught by: {CHECK_WORDS[check]}</span>
      </h2>
      {vault !== null || index !== null ? (
        <Sides vault={vault} index={index} />
      ) : (
        <p>
          Expected: <Foreign text={expected} />. Found: <Foreign text={found} />
        </p>
      )}
      <p class="muted">{hint}</p>
    </article>
  );
}

/** The two lines, with what differs between their common beginning and end marked; what stands for a line that is not shown, is none. */
function Sides({ vault, index }: { readonly vault: string | null; readonly index: string | null }) {
  const [a, b] = [vault ?? "", index ?? ""];
  const most = Math.min(a.length, b.length);
  let begin = 0;
  while (begin < most && a[begin] === b[begin]) begin++;
  let end = 0;
  while (end < most - begin && a.at(-1 - end) === b.at(-1 - end)) end++;
  const areLines = a.startsWith("{") && b.startsWith("{");
  const side = (title: string, text: string | null) => (
    <div>
      <h3>{title}</h3>
      <pre tabIndex={0} role="region" aria-label={title}>
        {!areLines ? (
          <Foreign text={text ?? "–"} />
        ) : (
          <>
            <Foreign text={text!.slice(0, begin)} />
            <mark>
              <Foreign text={text!.slice(begin, text!.length - end)} />
            </mark>
            <Foreign text={text!.slice(text!.length - end)} />
          </>
        )}
      </pre>
    </div>
  );
  return (
    <div class="sides">
      {side("Vault, under lock", vault)}
      {side("Index", index)}
    </div>
  );
}
