/** What is wrong and still holds, before anything else: where, what was expected, what was found, and what to do. */
import { Badge } from "./badge.tsx";
import { Link } from "./link.tsx";
import { Foreign, Time } from "./text.tsx";
import { hrefOf } from "../state/place.ts";
import type { ShownFinding } from "../../../storage/log/audit-run.ts";
import type { Finding } from "../../../storage/log/findings.ts";

export function Alarms({
  open,
  more,
}: {
  readonly open: readonly ShownFinding[];
  readonly more: number;
}) {
  if (open.length === 0) return null;
  return (
    <section class="alarms" aria-label="Open findings">
      {open.map((finding) => (
        <div
          class={`note ${finding.severity === "critical" ? "bad" : "warn"}`}
          key={`${finding.code} ${finding.log} ${finding.first} ${finding.object}`}
        >
          <p>
            <Badge tone={finding.severity === "critical" ? "bad" : "warn"}>
              {finding.severity}
            </Badge>{" "}
            <strong class="mono">{finding.code}</strong> since <Time at={finding.since} relative />
          </p>
          <FindingText finding={finding} />
        </div>
      ))}
      {more > 0 && <p>and {more} more: see Audits.</p>}
    </section>
  );
}

export function FindingText({ finding }: { readonly finding: Finding }) {
  const { log, first, last, object, version, expected, found, hint } = finding;
  return (
    <>
      <p>
        {log !== null && (
          <>
            In <Foreign text={log} />
            {first !== null && ", "}
          </>
        )}
        {log !== null && first !== null && (
          <Link href={hrefOf({ name: "entries", log, seq: first })}>
            {last === null || last === first ? `entry ${first}` : `entries ${first}–${last}`}
          </Link>
        )}
        {object !== null && (
          <>
            {" "}
            · object{" "}
            <code>
              <Foreign text={object} cut={120} />
            </code>
          </>
        )}
        {version !== null && (
          <>
            {" "}
            · version{" "}
            <code>
              <Foreign text={version} cut={40} />
            </code>
          </>
        )}
      </p>
      <dl class="pairs">
        <dt>expected</dt>
        <dd>
          <code>
            <Foreign text={expected} cut={300} />
          </code>
        </dd>
        <dt>found</dt>
        <dd>
          <code>
            <Foreign text={found} cut={300} />
          </code>
        </dd>
      </dl>
      <p>{hint}</p>
    </>
  );
}
