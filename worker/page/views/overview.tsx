/** The page one opens in the morning: what is wrong, what is proven, what came in, and the newest entries. */
import { useState } from "preact/hooks";
import { BinTable, Histogram } from "../overview/histogram.tsx";
import { presetMs, Range, rangeOf, setRange } from "../overview/range.tsx";
import { getStats } from "../overview/stats.ts";
import { TrustStrip } from "../overview/trust-strip.tsx";
import { Badge, VerifiedBadge } from "../parts/badge.tsx";
import { useRowBadges } from "../entries/use-row-badges.ts";
import { Copy } from "../parts/copy.tsx";
import { Alarms } from "../parts/findings.tsx";
import { Link } from "../parts/link.tsx";
import { Empty, Panel, Pending } from "../parts/states.tsx";
import { Row, Table } from "../parts/table.tsx";
import { Foreign, Time } from "../parts/text.tsx";
import type { EntriesPage, LogItem, SealsPage } from "../state/answers.ts";
import { curlOf, logPath } from "../state/api.ts";
import { listAudits, openFindings } from "../state/guard.ts";
import { useJson, useLoad } from "../state/load.ts";
import { hrefOf, query } from "../state/place.ts";
import { currentLog, may, roles } from "../state/session.ts";
import { serverNowMs, zone, zoneName } from "../state/time.ts";

const LOOK_MS = 10_000;
const GUARD_LOOK_MS = 20_000;
const NEWEST = 10;

export function Overview() {
  const log = currentLog.value;
  if (log === null) {
    return (
      <>
        <h1>Overview</h1>
        <Empty title="Your token reads no log">
          <p>
            An administrator can make one that does: under Access, or with{" "}
            <code>npm run token</code>.
          </p>
        </Empty>
      </>
    );
  }
  return <OfLog log={log} key={log} />;
}

function OfLog({ log }: { readonly log: string }) {
  const path = logPath(log);
  const facts = useJson<LogItem>(path, LOOK_MS);
  const sees = roles.value.has("auditor");
  const audits = useLoad(sees ? "audits" : null, (signal) => listAudits(20, signal), GUARD_LOOK_MS);
  const open = useLoad(sees ? "findings" : null, openFindings, GUARD_LOOK_MS);
  const { value } = facts;
  return (
    <>
      <h1>Overview</h1>
      {open.value !== null && <Alarms open={open.value.findings} more={open.value.more} />}
      {value?.trouble && (
        <div class="note bad">
          <p>
            <strong class="mono">{value.trouble.code}</strong>
          </p>
          <p>{value.trouble.detail}</p>
        </div>
      )}
      <Pending of={facts} rows={4} />
      {value !== null && (
        <div aria-busy={facts.problem !== null}>
          <TrustStrip log={value} audits={sees ? audits : null} />
          {value.size === 0 ? (
            <FirstEntry log={log} />
          ) : (
            <>
              <OverTime log={log} size={value.size} />
              <Newest log={log} size={value.size} />
            </>
          )}
        </div>
      )}
    </>
  );
}

function FirstEntry({ log }: { readonly log: string }) {
  const curl = curlOf(log, `{"action":"invoice.paid","actor":{"id":"alice"}}`);
  return (
    <Empty title="No entries yet">
      {may(log, "writer") && (
        <p>
          <Link href={hrefOf({ name: "try" })}>Try it</Link> takes you from a first entry to a
          caught cheat in two minutes. Or:
        </p>
      )}
      <pre class="command">{curl}</pre>
      <Copy text={curl} what="Copy the command" />
    </Empty>
  );
}

function OverTime({ log, size }: { readonly log: string; readonly size: number }) {
  const [asTable, setAsTable] = useState(false);
  const range = rangeOf();
  const last = presetMs(query.value.get("last"));
  const key = `${log} ${size} ${range.since} ${range.until} ${last}`;
  const stats = useLoad(key, (signal) => {
    const since = last === null ? range.since : new Date(serverNowMs() - last).toISOString();
    const conditions = new URLSearchParams();
    if (since !== null) conditions.set("since", since);
    if (range.until !== null) conditions.set("until", range.until);
    return getStats(log, conditions, signal);
  });
  const path = `${logPath(log)}/seals?limit=200`;
  const seals = useJson<SealsPage>(may(log, "auditor") ? path : null, null, size);
  const { value } = stats;
  return (
    <Panel
      title="Entries over time"
      id="over-time"
      aside={
        <span class="row">
          <span class="muted">{zoneName(zone.value)}</span>
          <button
            type="button"
            class="small"
            aria-pressed={asTable}
            onClick={() => setAsTable(!asTable)}
          >
            Show as table
          </button>
        </span>
      }
    >
      <Range />
      {value === null && (
        <Pending of={stats} rows={4} what="Counting" failed="The counts could not be loaded" />
      )}
      {value !== null && (
        <div aria-busy={stats.isLoading}>
          {value.bins.length === 0 ? (
            <Empty title="No entries in this range" />
          ) : asTable ? (
            <BinTable bins={value.bins} />
          ) : (
            <Histogram bins={value.bins} seals={seals.value?.seals ?? []} choose={setRange} />
          )}
          {value.top.length > 0 && <Top log={log} top={value.top} />}
        </div>
      )}
    </Panel>
  );
}

function Top({
  log,
  top,
}: {
  readonly log: string;
  readonly top: readonly {
    readonly field: string;
    readonly values: readonly { readonly value: string; readonly count: number }[];
  }[];
}) {
  const { since, until } = rangeOf();
  return (
    <div class="top-values">
      {top.map(({ field, values }) => (
        <div key={field}>
          <h3>{field}</h3>
          <ul>
            {values.slice(0, 5).map(({ value, count }) => (
              <li key={value}>
                <Link
                  href={hrefOf(
                    { name: "entries", log, seq: null },
                    { [field]: value, since, until },
                  )}
                >
                  <Foreign text={value} cut={40} />
                </Link>{" "}
                <span class="num muted">{count}</span>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </div>
  );
}

function Newest({ log, size }: { readonly log: string; readonly size: number }) {
  const path = `${logPath(log)}/entries?limit=${NEWEST}`;
  const columns = ["Entry", `Time (${zoneName(zone.value)})`, "Actor", "Action", "Target", "State"];
  const loaded = useJson<EntriesPage>(path, null, size);
  const { value } = loaded;
  const badges = useRowBadges(log, value?.entries ?? []);
  return (
    <Panel
      title="Newest entries"
      id="newest"
      aside={<Link href={hrefOf({ name: "entries", log, seq: null })}>All entries</Link>}
    >
      <Pending of={loaded} rows={NEWEST} />
      {value !== null && (
        <Table columns={columns}>
          {value.entries.map((item) => {
            const {
              seq,
              sealed,
              entry: { time, event },
            } = item;
            const badge = badges.get(item);
            return (
              <Row
                key={seq}
                columns={columns}
                cells={[
                  <Link class="num" href={hrefOf({ name: "entries", log, seq })}>
                    {seq}
                  </Link>,
                  <Time at={time} />,
                  <Foreign text={event.actor.name ?? event.actor.id} cut={60} />,
                  <Foreign text={event.action} cut={60} />,
                  event.targets?.[0] && (
                    <Foreign text={event.targets[0].name ?? event.targets[0].id} cut={60} />
                  ),
                  <span>
                    {badge && <VerifiedBadge is={badge} />}{" "}
                    {sealed ? (
                      <Badge tone="plain" sign="▣">
                        sealed
                      </Badge>
                    ) : (
                      <Badge tone="warn" sign="…">
                        not sealed
                      </Badge>
                    )}
                  </span>,
                ]}
              />
            );
          })}
        </Table>
      )}
    </Panel>
  );
}
