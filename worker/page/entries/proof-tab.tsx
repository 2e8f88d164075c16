/** How an entry hangs on the signed root: step by step as it was computed here, as a picture and as a list, and how its seal is locked now. */
import { Badge, type Verified } from "../parts/badge.tsx";
import { Copy } from "../parts/copy.tsx";
import { download } from "../parts/download.ts";
import { Failed, Waiting } from "../parts/states.tsx";
import { SealLockFacts } from "../seals/lock-facts.tsx";
import type { SealsPage } from "../state/answers.ts";
import { logPath } from "../state/api.ts";
import { useJson } from "../state/load.ts";
import { may } from "../state/session.ts";
import { formatCount } from "../state/time.ts";
import type { EntryVerdict, Step } from "../verify/entry-check.ts";
import type { Badge as BadgeWords } from "../verify/verdict.ts";
import type { EntryProof } from "./use-proof.ts";

export const BADGE_IS: Readonly<Record<BadgeWords, Verified>> = {
  "Verified here": "here",
  "Server says": "server",
  "Not checked": "unchecked",
  "Does not match": "wrong",
};

const STEP_WORDS: Readonly<Record<Step["name"], string>> = {
  line: "Line",
  leaf: "Leaf",
  receipt: "Receipt",
  path: "Path",
  signature: "Signature",
};

export const STATE_TONES = { holds: "good", fails: "bad", open: "warn", skipped: "plain" } as const;
export const STATE_WORDS = {
  holds: "holds",
  fails: "does not hold",
  open: "not provable",
  skipped: "not looked at",
} as const;

export function ProofTab({ log, proof }: { readonly log: string; readonly proof: EntryProof }) {
  const { verdict, receipt, isFirstUse } = proof;
  return (
    <>
      <ol class="steps">
        {verdict.steps.map(({ name, state, words }) => (
          <li key={name}>
            <Badge tone={STATE_TONES[state]}>{STEP_WORDS[name]}</Badge> {STATE_WORDS[state]}:{" "}
            {words}
          </li>
        ))}
      </ol>
      {isFirstUse && (
        <p class="note warn">
          The key came from this server just now: trust on first use. Pin one that came another way
          on Verify.
        </p>
      )}
      <PathPicture verdict={verdict} />
      <details>
        <summary>The same as a list</summary>
        <ol class="path">
          <li>
            leaf <code>{verdict.leaf}</code>
          </li>
          {verdict.path.map(({ sibling, side, node }) => (
            <li key={node}>
              with <code>{sibling}</code> on the {side} gives <code>{node}</code>
            </li>
          ))}
          <li>
            signed root of {formatCount(verdict.size)} entries <code>{verdict.root}</code>
          </li>
        </ol>
      </details>
      <p class="row">
        <button
          type="button"
          class="small"
          onClick={() => download(`${log}-${verdict.seq}.tlog-proof`, receipt)}
        >
          Receipt (.tlog-proof)
        </button>
        <Copy text={receipt} what="Copy the receipt" />
      </p>
      <p class="muted hint">
        One evidence file that checks itself is not there yet; until then the receipt and the exact
        line are the evidence: Verify checks both as files.
      </p>
      {verdict.by === "log" && may(log, "auditor") && <SealLock log={log} seq={verdict.seq} />}
    </>
  );
}

function SealLock({ log, seq }: { readonly log: string; readonly seq: number }) {
  const base = `${logPath(log)}/seals`;
  const path = `${base}?order=desc&from=${seq}&limit=1`;
  const seals = useJson<SealsPage>(path);
  const seal = seals.value?.seals[0];
  if (seals.problem !== null)
    return <Failed problem={seals.problem} what="Its seal could not be looked up" />;
  if (seal === undefined) return <Waiting rows={2} />;
  return (
    <>
      <h3>
        Its seal: entries {formatCount(seal.first)} to {formatCount(seal.first + seal.count - 1)}
      </h3>
      <SealLockFacts log={log} seal={seal} />
    </>
  );
}

const STEP_HEIGHT = 26;
const WIDTH = 300;
const MIDDLE = 150;
const OFF = 92;

/** The leaf below, the signed root above, each sibling on its side. */
function PathPicture({ verdict }: { readonly verdict: EntryVerdict }) {
  const { path, steps, by } = verdict;
  // What is only promised is never green.
  const tone = by === "log" ? "good" : "warn";
  const isPath = steps.some(({ name, state }) => name === "path" && state === "holds");
  const height = (path.length + 1) * STEP_HEIGHT + 34;
  const y = (step: number): number => height - 18 - step * STEP_HEIGHT;
  const words = `The leaf of entry ${verdict.seq}, ${path.length} siblings, and the ${isPath ? "" : "other "}root above them`;
  return (
    <svg
      class={`picture ${isPath ? tone : "bad"}`}
      viewBox={`0 0 ${WIDTH} ${height}`}
      role="img"
      aria-label={words}
    >
      {path.map(({ sibling, side }, i) => {
        const x = side === "left" ? MIDDLE - OFF : MIDDLE + OFF;
        return (
          <g key={sibling}>
            <path class="edge" d={`M${x} ${y(i)} L${MIDDLE} ${y(i + 1)}`} />
            <path class="way" d={`M${MIDDLE} ${y(i)} L${MIDDLE} ${y(i + 1)}`} />
            <rect class="sibling" x={x - 5} y={y(i) - 5} width="10" height="10" rx="2" />
            <text
              class="mono"
              x={side === "left" ? x - 9 : x + 9}
              y={y(i) + 4}
              text-anchor={side === "left" ? "end" : "start"}
            >
              {sibling.slice(0, 6)}
            </text>
          </g>
        );
      })}
      {[verdict.leaf, ...path.map(({ node }) => node)].map((node, i) => (
        <circle key={node} class="node" cx={MIDDLE} cy={y(i)} r="5" />
      ))}
      <text x={MIDDLE + 12} y={y(0) + 15}>
        leaf {verdict.seq}
      </text>
      <text x={MIDDLE} y={y(path.length) - 12} text-anchor="middle">
        {isPath ? (by === "log" ? "✓ signed root" : "promised root") : "✕ not the signed root"} of{" "}
        {formatCount(verdict.size)}
      </text>
    </svg>
  );
}
