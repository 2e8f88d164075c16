/** What of a log is sealed: one row a seal, and how the store locks each of them, asked now. */
import { useEffect, useState } from "preact/hooks";
import { Link } from "../parts/link.tsx";
import { Empty, Failed, Waiting } from "../parts/states.tsx";
import { Row, Table } from "../parts/table.tsx";
import { Copy } from "../parts/copy.tsx";
import { Badge, VerifiedBadge } from "../parts/badge.tsx";
import { Foreign, Time } from "../parts/text.tsx";
import { useLock, LockCell } from "../seals/lock-facts.tsx";
import { judgeLock, type LockState } from "../seals/lock-state.ts";
import { Pictures } from "../seals/pictures.tsx";
import type { LogItem, SealItem, SealsPage } from "../state/answers.ts";
import { logPath } from "../state/api.ts";
import { useJson } from "../state/load.ts";
import { hrefOf, query } from "../state/place.ts";
import { formatBytes, formatCount } from "../state/time.ts";
import { proven } from "../state/verifier.ts";

/** Each row asks the store twice: a page of them is answered in a second or two. */
const PAGE_ROWS = 25;

const COLUMNS = [
  "Entries",
  "Sealed",
  ["Size", "count"],
  "Lock, read from the store by version id",
  "Checked",
  ["Do", "do"],
] as const;

export function Seals({ log }: { readonly log: string }) {
  const base = logPath(log);
  const cursor = query.value.get("cursor");
  const path = `${base}/seals?limit=${PAGE_ROWS}${cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`}`;
  const page = useJson<SealsPage>(path);
  const facts = useJson<LogItem>(base);
  const [states, setStates] = useState<ReadonlyMap<number, LockState>>(new Map());
  const seals = page.value?.seals ?? [];
  return (
    <>
      <h1>
        Seals of <Foreign text={log} />
      </h1>
      {page.problem !== null && seals.length === 0 && (
        <Failed problem={page.problem} what="The seals could not be loaded" retry={page.reload} />
      )}
      {page.value === null && page.problem === null && <Waiting rows={8} what="Loading seals" />}
      {page.value !== null && seals.length === 0 && (
        <Empty title="Nothing is sealed yet">
          <p>A seal is made some seconds after the first entry, or at once on request.</p>
        </Empty>
      )}
      {seals.length > 0 && (
        <>
          <Tail facts={facts.value} />
          <Pictures seals={seals} states={states} />
          <div class="scroll">
            <Table kind="cards seals" columns={COLUMNS}>
              {seals.map((seal) => (
                <SealRow
                  key={seal.first}
                  log={log}
                  seal={seal}
                  onState={(state) => setStates((old) => new Map([...old, [seal.first, state]]))}
                />
              ))}
            </Table>
          </div>
          <nav class="row pager" aria-label="More seals">
            {cursor !== null && <Link href={hrefOf({ name: "seals", log })}>⇤ Newest</Link>}
            {page.value?.next_cursor && (
              <Link href={hrefOf({ name: "seals", log }, { cursor: page.value.next_cursor }, true)}>
                Older ›
              </Link>
            )}
          </nav>
        </>
      )}
    </>
  );
}

interface SealRowProps {
  readonly log: string;
  readonly seal: SealItem;
  readonly onState: (state: LockState) => void;
}

function SealRow({ log, seal, onState }: SealRowProps) {
  const lock = useLock(log, seal.first);
  const last = seal.first + seal.count - 1;
  const { value } = lock;
  useEffect(() => {
    if (value !== null) onState(judgeLock(value, seal.retain_until));
  }, [value]);
  return (
    <Row
      columns={COLUMNS}
      cells={[
        <span>
          <Link href={hrefOf({ name: "entries", log, seq: last })} class="num">
            {formatCount(seal.first)}
            {last > seal.first && `–${formatCount(last)}`}
          </Link>{" "}
          <span class="muted">{formatCount(seal.count)}</span>
        </span>,
        <Time at={seal.sealed_at} />,
        formatBytes(seal.bytes),
        <span>
          <LockCell lock={lock} seal={seal} />
        </span>,
        <SealBadge log={log} seal={seal} />,
        <span class="row">
          <a class="button small" href={`${logPath(log)}/seals/${seal.first}`} download>
            Download
          </a>
          <Link href={hrefOf({ name: "verify" }, { log, seal: String(seal.first) })}>Check</Link>
          <Copy
            text={seal.version_id}
            what="Copy version"
            label={`Copy version id of seal ${seal.first}`}
          />
        </span>,
      ]}
    />
  );
}

/** Only a whole check of this visit speaks for a seal, and only for seals that it reached. */
function SealBadge({ log, seal }: { readonly log: string; readonly seal: SealItem }) {
  const verdict = proven.value.get(log);
  if (verdict === undefined || seal.first + seal.count > verdict.size)
    return <VerifiedBadge is="unchecked" />;
  if (verdict.badge === "Verified here") return <VerifiedBadge is="here" />;
  const isHere = verdict.faults.some(
    ({ first, last }) =>
      first !== null && first < seal.first + seal.count && (last ?? first) >= seal.first,
  );
  return isHere ? <VerifiedBadge is="wrong" /> : <VerifiedBadge is="unchecked" />;
}

function Tail({ facts }: { readonly facts: LogItem | null }) {
  const waiting = facts === null ? 0 : facts.size - facts.sealed_size;
  if (waiting === 0) return null;
  return (
    <p>
      <Badge tone="warn">not sealed</Badge> {formatCount(waiting)} entries wait for the next seal.
    </p>
  );
}
