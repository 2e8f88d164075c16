/**
 * One entry, beside the table: its fields, what changed, its exact bytes, and its proof, computed here. It has an address of its
 * own; ← → or j k lead to its neighbours, Esc back to the table.
 */
import { useEffect, useRef } from "preact/hooks";
import { Copy } from "../parts/copy.tsx";
import { Link } from "../parts/link.tsx";
import { Failed, Waiting } from "../parts/states.tsx";
import { VerifiedBadge } from "../parts/badge.tsx";
import { useKeys } from "../state/keys.ts";
import { go, hrefOf, query, setQuery } from "../state/place.ts";
import { BytesTab } from "./bytes-tab.tsx";
import { pairsIn } from "./diff.ts";
import { ChangesTab, FieldsTab } from "./fields-tab.tsx";
import { BADGE_IS, ProofTab } from "./proof-tab.tsx";
import { useProof } from "./use-proof.ts";

const TABS = {
  fields: "Fields",
  changes: "Changes",
  bytes: "Exact bytes",
  proof: "Proof",
} as const;
type Tab = keyof typeof TABS;

interface DrawerProps {
  readonly log: string;
  readonly seq: number;
  /** One beyond the last entry, as far as it is known. */
  readonly size: number | null;
}

export function Drawer({ log, seq, size }: DrawerProps) {
  const place = useRef<HTMLElement>(null);
  const proof = useProof(log, seq);
  const wanted = query.value.get("show") ?? "fields";
  const tab: Tab = Object.hasOwn(TABS, wanted) ? (wanted as Tab) : "fields";
  const to = (next: number | null) => hrefOf({ name: "entries", log, seq: next }, {}, true);
  const close = () => {
    go(hrefOf({ name: "entries", log, seq: null }, { show: null }, true));
    const row = document.querySelector<HTMLElement>(`tr[data-seq="${seq}"] a`);
    (row ?? document.querySelector("main"))?.focus();
  };
  // The table shows the newest first, so down, and next, is older.
  const older = () => void (seq > 0 && go(to(seq - 1), true));
  const newer = () => void ((size === null || seq + 1 < size) && go(to(seq + 1), true));
  useEffect(() => place.current?.focus(), [log]);
  useKeys(
    [
      { keys: "ArrowLeft", does: "In an entry: the newer one", run: newer },
      { keys: "ArrowRight", does: "In an entry: the older one", run: older },
      { keys: "k", does: "In an entry: the newer one", run: newer },
      { keys: "j", does: "In an entry: the older one", run: older },
      { keys: "Escape", does: "In an entry: close it", run: close },
      {
        keys: "c",
        does: "In an entry: copy its link",
        run: () => linkButton(place.current)?.click(),
      },
    ],
    [log, seq, size],
  );
  const { value } = proof;
  const pairs = value === null ? [] : pairsIn(value.entry.event.details);
  const tabs = (Object.keys(TABS) as Tab[]).filter(
    (name) => name !== "changes" || pairs.length > 0,
  );
  return (
    <aside class="drawer" ref={place} tabIndex={-1} aria-label={`Entry ${seq} of ${log}`}>
      <header>
        <h2>
          Entry <span class="num">{seq}</span>{" "}
          {value !== null && <VerifiedBadge is={BADGE_IS[value.verdict.badge]} />}
        </h2>
        <span class="row">
          <button
            type="button"
            class="plain"
            aria-label="Newer entry"
            onClick={newer}
            disabled={size !== null && seq + 1 >= size}
          >
            ‹
          </button>
          <button
            type="button"
            class="plain"
            aria-label="Older entry"
            onClick={older}
            disabled={seq === 0}
          >
            ›
          </button>
          <span data-link>
            <Copy text={() => location.origin + to(seq)} what="Copy link" />
          </span>
          <button type="button" class="plain" aria-label="Close the entry" onClick={close}>
            ✕
          </button>
        </span>
      </header>
      <nav class="tabs" aria-label="Of this entry">
        {tabs.map((name) => (
          <button
            type="button"
            key={name}
            aria-pressed={tab === name}
            onClick={() => setQuery({ show: name === "fields" ? null : name }, true)}
          >
            {TABS[name]}
          </button>
        ))}
      </nav>
      {value === null && proof.problem === null && <Waiting rows={8} />}
      {value === null && proof.problem !== null && (
        <Failed
          problem={proof.problem}
          what={`Entry ${seq} could not be shown`}
          retry={proof.reload}
        />
      )}
      {value !== null && tab === "fields" && (
        <FieldsTab log={log} entry={value.entry} leaf={value.verdict.leaf} />
      )}
      {value !== null && tab === "changes" && <ChangesTab pairs={pairs} />}
      {value !== null && tab === "bytes" && <BytesTab log={log} seq={seq} line={value.line} />}
      {value !== null && tab === "proof" && <ProofTab log={log} proof={value} />}
      <p class="muted hint">
        <Link href={hrefOf({ name: "verify" }, { log, from: String(seq), to: String(seq) })}>
          Check its whole seal
        </Link>
      </p>
    </aside>
  );
}

function linkButton(place: HTMLElement | null): HTMLButtonElement | null {
  return place?.querySelector("[data-link] button") ?? null;
}
