/** What of a log is sealed: one row a seal, and how the store locks each of them, asked now. */
import { useEffect, useState } from "preact/hooks";
import { Link } from "../parts/link.tsx";
import { Empty, Failed, Waiting } from "../parts/states.tsx";
import { Copy } from "../parts/copy.tsx";
import { Badge, VerifiedBadge } from "../parts/badge.tsx";
import { Foreign, Time } from "../parts/text.tsx";
import { useLock, LockCell } from "../seals/lock-facts.tsx";
import { judgeLock, type LockState } from "../seals/lock-state.ts";
import { Pictures } from "../seals/pictures.tsx";
import type { LogItem, SealItem, SealsPage } from "../state/answers.ts";
import { getJson } from "../state/api.ts";
import { useLoad } from "../state/load.ts";
import { hrefOf, query } from "../state/place.ts";
import { formatBytes, formatCount } from "../state/time.ts";
import { proven } from "../state/verifier.ts";

/** Each row asks the store twice: a page of them is answered in a second or two. */
const PAGE_ROWS = 25;

export function Seals({ log }: { readonly log: string }) {
  const base = `/v1/logs/${encodeURIComponent(log)}`;
  const cursor = query.value.get("cursor");
  const path = `${base}/seals?limit=${PAGE_ROWS}${cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`}`;
  const page = useLoad<SealsPage>(path, (signal) => getJson(path, signal));
  const facts = useLoad<LogItem>(base, (signal) => getJson(base, signal));
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
            <table class="cards seals">
              <thead>
                <tr>
                  <th scope="col">Entries</th>
                  <th scope="col">Sealed</th>
                  <th scope="col" class="count">
                    Size
                  </th>
                  <th scope="col">Lock, read from the store by version id</th>
                  <th scope="col">Checked</th>
                  <th scope="col">Do</th>
                </tr>
              </thead>
              <tbody>
                {seals.map((seal) => (
                  <SealRow
                    key={seal.first}
                    log={log}
                    seal={seal}
                    onState={(state) => setStates((old) => new Map([...old, [seal.first, state]]))}
                  />
                ))}
              </tbody>
            </table>
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
    <tr>
      <th scope="row" data-name="Entries">
        <span>
          <Link href={hrefOf({ name: "entries", log, seq: last })} class="num">
            {formatCount(seal.first)}
            {last > seal.first && `–${formatCount(last)}`}
          </Link>{" "}
          <span class="muted">{formatCount(seal.count)}</span>
        </span>
      </th>
      <td data-name="Sealed">
        <Time at={seal.sealed_at} />
      </td>
      <td data-name="Size" class="count">
        {formatBytes(seal.bytes)}
      </td>
      <td data-name="Lock">
        <span>
          <LockCell lock={lock} seal={seal} />
        </span>
      </td>
      <td data-name="Checked">
        <SealBadge log={log} seal={seal} />
      </td>
      <td>
        <span class="row">
          <a
            class="button small"
            href={`/v1/logs/${encodeURIComponent(log)}/seals/${seal.first}`}
            download
          >
            Download
          </a>
          <Link href={hrefOf({ name: "verify" }, { log, seal: String(seal.first) })}>Check</Link>
          <Copy
            text={seal.version_id}
            what="Copy version"
            label={`Copy version id of seal ${seal.first}`}
          />
        </span>
      </td>
    </tr>
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
