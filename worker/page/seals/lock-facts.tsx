/** How the store locks a seal, asked now and by version id: never the index's word, and never an older answer as if it were fresh. */
import { Badge } from "../parts/badge.tsx";
import { Foreign, Time } from "../parts/text.tsx";
import type { SealItem } from "../state/answers.ts";
import { logPath } from "../state/api.ts";
import { useJson, type Loaded } from "../state/load.ts";
import { formatDay, formatRelative, zone } from "../state/time.ts";
import { judgeLock, type SealLock } from "./lock-state.ts";

export function useLock(log: string, first: number | null): Loaded<SealLock> {
  const path = `${logPath(log)}/seals/${first}/lock`;
  return useJson(first === null ? null : path);
}

/** For the drawer. */
export function SealLockFacts({ log, seal }: { readonly log: string; readonly seal: SealItem }) {
  const lock = useLock(log, seal.first);
  return (
    <p class="lock">
      <LockCell lock={lock} seal={seal} />
    </p>
  );
}

/** One lock: mode, until when, which version, how many of them, when that was read. */
export function LockCell({
  lock,
  seal,
}: {
  readonly lock: Loaded<SealLock>;
  readonly seal: SealItem;
}) {
  const { value, problem, reload } = lock;
  if (problem !== null) {
    return (
      <>
        <Badge tone={isVaultFault(problem.code) ? "bad" : "warn"}>
          {problem.code.replaceAll("_", " ")}
        </Badge>{" "}
        <span class="muted">{problem.detail}</span>{" "}
        <button type="button" class="small" onClick={reload}>
          Ask again
        </button>
      </>
    );
  }
  if (value === null) return <span class="muted">asking the store…</span>;
  const { tone, faults } = judgeLock(value, seal.retain_until);
  return (
    <>
      <Badge tone={tone}>{value.mode === "none" ? "no lock" : value.mode}</Badge>{" "}
      {value.retain_until !== null && (
        <>
          until {formatDay(value.retain_until, zone.value)}{" "}
          <span class={tone === "warn" ? "warn" : "muted"}>
            ({formatRelative(value.retain_until)})
          </span>{" "}
        </>
      )}
      {faults.length > 0 && <strong class="error">{faults.join("; ")}. </strong>}
      <span class="muted">
        version{" "}
        <code title={value.version_id}>
          <Foreign text={value.version_id.slice(0, 8)} />
        </code>{" "}
        · {value.versions} version
        {value.versions === 1 ? "" : "s"}
        {value.markers > 0 &&
          ` · ${value.markers} delete marker${value.markers === 1 ? "" : "s"}`}{" "}
        · read from the store <Time at={value.read_at} />
      </span>
    </>
  );
}

/** The store answered, and it is bad news; anything else may pass. */
function isVaultFault(code: string): boolean {
  return code.startsWith("batch_");
}
