/** Whether the server left a hit out: asked for, and then computed here from the sealed batches. */
import { useState } from "preact/hooks";
import { VerifiedBadge } from "../parts/badge.tsx";
import { Foreign } from "../parts/text.tsx";
import { announce } from "../state/announce.ts";
import { memoryOf } from "../state/remembered.ts";
import { verifySearch } from "../state/verifier.ts";
import type { SearchVerdict } from "../verify/search-check.ts";
import { BADGE_IS } from "./proof-tab.tsx";
import { filterQuery, hasFilter } from "./search-box.tsx";

interface Answer {
  readonly conditions: string;
  /** Null while it is computed. */
  readonly verdict: SearchVerdict | null;
}

const UNKNOWN = { badge: "Not checked", findings: [] } as const;

export function Completeness({ log }: { readonly log: string }) {
  const [answer, setAnswer] = useState<Answer | null>(null);
  if (!hasFilter()) return null;
  const conditions = filterQuery().toString();
  const own = answer?.conditions === `${log} ${conditions}` ? answer : null;
  const check = async () => {
    const key = `${log} ${conditions}`;
    setAnswer({ conditions: key, verdict: null });
    const vkeys = memoryOf(log)?.vkeys ?? [];
    const verdict = await verifySearch({ log, conditions, vkeys }).catch((error: Error) => ({
      ...{ ...UNKNOWN, words: error.message },
    }));
    setAnswer({ conditions: key, verdict });
    announce(`${verdict.badge}: ${verdict.words}`);
  };
  return (
    <p class="row">
      <button
        type="button"
        disabled={own !== null && own.verdict === null}
        onClick={() => void check()}
      >
        Was nothing left out?
      </button>
      {own !== null && own.verdict === null && (
        <span class="muted">reading the sealed batches…</span>
      )}
      {own !== null && own.verdict !== null && (
        <span class="complete">
          <VerifiedBadge is={BADGE_IS[own.verdict.badge]} /> <Foreign text={own.verdict.words} />
        </span>
      )}
    </p>
  );
}
