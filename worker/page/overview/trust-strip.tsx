/** Four answers at the top: checked by this browser, under lock, audited, witnessed. Only the first is ever green by our own work. */
import type { ComponentChildren } from "preact";
import type { ShownAudit } from "../../../storage/log/audit-run.ts";
import { Badge, VerifiedBadge } from "../parts/badge.tsx";
import { Link } from "../parts/link.tsx";
import { Time } from "../parts/text.tsx";
import { BADGE_IS } from "../entries/proof-tab.tsx";
import { LockCell, useLock } from "../seals/lock-facts.tsx";
import type { LogItem } from "../state/answers.ts";
import type { Loaded } from "../state/load.ts";
import { hrefOf } from "../state/place.ts";
import { memoryOf, sizeIn } from "../state/remembered.ts";
import { may } from "../state/session.ts";
import { formatCount, formatDay, formatRelative, formatSpan, zone } from "../state/time.ts";
import { proven, run, startRun } from "../state/verifier.ts";

export function TrustStrip({
  log,
  audits,
}: {
  readonly log: LogItem;
  readonly audits: Loaded<readonly ShownAudit[]> | null;
}) {
  return (
    <ul class="strip">
      {may(log.name, "auditor") && <Here log={log} />}
      <Sealed log={log} />
      {audits !== null && <Audited log={log.name} audits={audits} />}
      <li class="tile">
        <h2>Witnesses and timestamps</h2>
        <p>
          <Badge tone="warn">None set up</Badge>
        </p>
        <p class="muted">
          A history signed anew with a stolen key, shown to somebody who comes for the first time,
          would not be noticed here.
        </p>
      </li>
    </ul>
  );
}

function Tile({
  title,
  children,
}: {
  readonly title: string;
  readonly children: ComponentChildren;
}) {
  return (
    <li class="tile">
      <h2>{title}</h2>
      {children}
    </li>
  );
}

function Here({ log }: { readonly log: LogItem }) {
  const verdict = proven.value.get(log.name);
  const memory = memoryOf(log.name);
  const mine = run.value?.log === log.name ? run.value : null;
  const isRunning = mine?.status === "running" || mine?.status === "paused";
  const verify = () => startRun(log.name, { kind: "everything" });
  return (
    <Tile title="Checked by this browser">
      {verdict === undefined ? (
        <p>
          <VerifiedBadge is="unchecked" />
        </p>
      ) : (
        <p>
          <VerifiedBadge is={BADGE_IS[verdict.badge]} />
        </p>
      )}
      {isRunning ? (
        <>
          <progress
            max={Math.max(1, mine.progress.of)}
            value={mine.progress.entries}
            aria-label="Checked"
          />
          <p class="muted">
            {formatCount(mine.progress.entries)} of {formatCount(mine.progress.of)}
          </p>
        </>
      ) : (
        <>
          <p class="muted">
            {verdict === undefined
              ? `${formatCount(log.size)} entries: hashes, chain, tree, signature, sealed batches`
              : verdict.words}
            {verdict === undefined && memory?.at && (
              <>
                . In an earlier visit {formatCount(sizeIn(memory.note!))} held:{" "}
                <Time at={memory.at} relative />
              </>
            )}
          </p>
          <p class="row">
            <button type="button" class="small" onClick={verify}>
              {verdict === undefined ? "Verify here" : "Verify again"}
            </button>
            {verdict !== undefined && (
              <Link href={hrefOf({ name: "verify" }, { log: log.name })}>Details</Link>
            )}
          </p>
        </>
      )}
    </Tile>
  );
}

function Sealed({ log }: { readonly log: LogItem }) {
  const { last_seal: seal, size, sealed_size: sealed } = log;
  const waiting = size - sealed;
  return (
    <Tile title="Sealed under WORM">
      {seal === null ? (
        <p>
          <Badge tone="plain">Nothing is sealed yet</Badge>
        </p>
      ) : may(log.name, "auditor") ? (
        <LastLock log={log} />
      ) : (
        <p>
          <VerifiedBadge is="server" /> until {formatDay(seal.retain_until, zone.value)}
        </p>
      )}
      <p class="muted">
        {formatCount(sealed)} of {formatCount(size)} entries;{" "}
        {waiting === 0 ? "none waits" : `${formatCount(waiting)} not sealed yet`}
        {seal !== null && <>; last seal {formatRelative(seal.sealed_at)}</>}
      </p>
    </Tile>
  );
}

function LastLock({ log }: { readonly log: LogItem }) {
  const seal = log.last_seal!;
  const lock = useLock(log.name, seal.first);
  return (
    <div>
      <LockCell lock={lock} seal={seal} />
    </div>
  );
}

interface AuditedProps {
  readonly log: string;
  readonly audits: Loaded<readonly ShownAudit[]>;
}

/** The last one that speaks of this log; those of others say nothing about it. */
function Audited({ log, audits }: AuditedProps) {
  const { value, problem } = audits;
  const last = value?.find(
    ({ state, scope }) =>
      (state === "finished" || state === "failed") && (scope.log ?? log) === log,
  );
  return (
    <Tile title="Last audit">
      {problem !== null && <p class="muted">{problem.detail}</p>}
      {value !== null && last === undefined && (
        <p>
          <Badge tone="warn">Never audited</Badge>
        </p>
      )}
      {last !== undefined && <AuditResult audit={last} />}
      <p>
        <Link href={hrefOf({ name: "audits" })}>All audits</Link>
      </p>
    </Tile>
  );
}

function AuditResult({ audit }: { readonly audit: ShownAudit }) {
  const {
    state,
    finding_count: count,
    finished_at: at,
    coverage,
    duration_ms: tookMs,
    scope,
    why,
  } = audit;
  return (
    <>
      <p>
        {state === "failed" ? (
          <Badge tone="bad">Failed</Badge>
        ) : count > 0 ? (
          <Badge tone="bad">{`${formatCount(count)} finding${count === 1 ? "" : "s"}`}</Badge>
        ) : (
          <Badge tone="plain" sign="✓">
            No findings
          </Badge>
        )}
      </p>
      <p class="muted">
        {why !== null && <>{why} · </>}
        {at !== null && <Time at={at} relative />}:{" "}
        {scope.log === null ? "all logs" : scope.from === null ? "this log" : "a part of it"},{" "}
        {coverage !== null &&
          `${formatCount(coverage.entries)} entries in ${formatCount(coverage.batches)} seals, `}
        {formatSpan(tookMs)}
      </p>
    </>
  );
}
