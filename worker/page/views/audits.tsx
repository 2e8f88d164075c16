/** What the guard did: every audit with what it covered and found, what is open, and a button that asks for one now. */
import type { ShownAudit } from "../../../storage/log/audit-run.ts";
import { Badge } from "../parts/badge.tsx";
import { Alarms, FindingText } from "../parts/findings.tsx";
import { Empty, Failed, Panel, Pending } from "../parts/states.tsx";
import { Row, Table, type Column } from "../parts/table.tsx";
import { Foreign, Time } from "../parts/text.tsx";
import { useAction } from "../state/action.ts";
import { askAudit, listAudits, openFindings } from "../state/guard.ts";
import { useLoad } from "../state/load.ts";
import { currentLog, may, session } from "../state/session.ts";
import { formatBytes, formatCount, formatSpan, zone, zoneName } from "../state/time.ts";

const LOOK_MS = 5_000;
const RUNS = 50;

export function Audits() {
  const audits = useLoad("audits", (signal) => listAudits(RUNS, signal), LOOK_MS);
  const open = useLoad("findings", openFindings, LOOK_MS);
  const asking = useAction();
  const log = currentLog.value;
  const ask = (scope: string | null) =>
    void asking.run(async () => {
      await askAudit(scope);
      audits.reload();
    }, "An audit was asked for");
  const { value } = audits;
  const tokens = session.value?.tokens ?? [];
  const isOfAll = tokens.some(({ roles, logs }) => roles.includes("auditor") && logs.includes("*"));
  return (
    <>
      <div class="title">
        <h1>Audits</h1>
        <div class="row">
          {log !== null && may(log, "auditor") && (
            <button
              type="button"
              class={isOfAll ? "" : "main"}
              disabled={asking.isBusy}
              onClick={() => ask(log)}
            >
              Audit <Foreign text={log} cut={30} /> now
            </button>
          )}
          {isOfAll && (
            <button type="button" class="main" disabled={asking.isBusy} onClick={() => ask(null)}>
              Audit everything now
            </button>
          )}
        </div>
      </div>
      <Failed problem={asking.problem} what="The audit could not be asked for" />
      {open.value !== null &&
        open.value.findings.length === 0 &&
        value !== null &&
        value.length > 0 && <p class="note">No finding is open.</p>}
      {open.value !== null && <Alarms open={open.value.findings} more={open.value.more} />}
      <Panel title="Runs" id="runs" aside={<span class="muted">{zoneName(zone.value)}</span>}>
        <Pending of={audits} rows={6} />
        {value !== null && value.length === 0 && (
          <Empty title="Never audited">
            <p>
              The first one comes by itself, within a day of the first entry; a button above asks
              for it now.
            </p>
          </Empty>
        )}
        {value !== null && value.length > 0 && (
          <div class="scroll">
            <Table kind="cards runs" columns={COLUMNS}>
              {value.map((audit) => (
                <Run audit={audit} key={audit.id} />
              ))}
            </Table>
          </div>
        )}
      </Panel>
      <p class="muted">
        These audits run in the server that is audited. <code>npm run guard</code> does the same
        from another machine, with read-only credentials and the key alone; and Verify does it in
        this browser.
      </p>
    </>
  );
}

const COLUMNS: readonly Column[] = [
  ...["Asked", "What", "Result"],
  ...["Entries", "Seals", "Read", "Locks", "Took"].map((name) => [name, "count"] as const),
];

function Run({ audit }: { readonly audit: ShownAudit }) {
  const { asked_at: at, kind, by, scope, coverage, duration_ms: tookMs, passes, state } = audit;
  const isOver = state === "finished" || state === "failed";
  return (
    <>
      <Row
        columns={COLUMNS}
        cells={[
          <Time at={at} relative />,
          <span>
            {kind}
            {passes > 1 && `, ${formatCount(passes)} passes`}:{" "}
            {scope.log === null ? "all logs" : <Foreign text={scope.log} />}
            {scope.from !== null && ` from ${scope.from}`}
            {kind === "requested" && (
              <span class="muted">
                {" "}
                by <Foreign text={by} cut={60} />
              </span>
            )}
          </span>,
          <Result audit={audit} />,
          ...(coverage === null
            ? ["–", "–", "–", "–"]
            : [
                formatCount(coverage.entries),
                formatCount(coverage.batches),
                formatBytes(coverage.bytes),
                formatCount(coverage.locks),
              ]),
          isOver ? formatSpan(tookMs) : "–",
        ]}
      />
      {(audit.findings.length > 0 || audit.unchecked.length > 0 || audit.why !== null) && (
        <tr class="more">
          <td colSpan={COLUMNS.length}>
            <details>
              <summary>
                {audit.finding_count > 0
                  ? `What was found (${formatCount(audit.finding_count)})`
                  : "Report"}
              </summary>
              {audit.why !== null && <p>It failed: {audit.why}</p>}
              {audit.findings.map((finding, place) => (
                <div class="note bad" key={place}>
                  <p class="mono">
                    <strong>{finding.code}</strong>
                  </p>
                  <FindingText finding={finding} />
                </div>
              ))}
              {audit.unchecked.map((sentence) => (
                <p key={sentence}>Not looked at: {sentence}</p>
              ))}
            </details>
          </td>
        </tr>
      )}
    </>
  );
}

function Result({ audit: { state, finding_count: count } }: { readonly audit: ShownAudit }) {
  if (state === "waiting")
    return (
      <Badge tone="plain" sign="…">
        waiting
      </Badge>
    );
  if (state === "running")
    return (
      <Badge tone="plain" sign="▸">
        running
      </Badge>
    );
  if (state === "failed") return <Badge tone="bad">failed</Badge>;
  if (count === 0)
    return (
      <Badge tone="plain" sign="✓">
        no findings
      </Badge>
    );
  return <Badge tone="bad">{`${formatCount(count)} finding${count === 1 ? "" : "s"}`}</Badge>;
}
