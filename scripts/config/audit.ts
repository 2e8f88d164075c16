/** How often everything is audited, and at what cost. */

export interface AuditConfig {
  /** Everything at least once in so many hours. */
  readonly hours: number;
  /** Of a core's time, percent. */
  readonly share: number;
  /** Between two looks at everything that follow each other; `null`: one in `hours`. */
  readonly pauseSeconds: number | null;
}

interface Integers {
  integer(
    key: "AUDIT_HOURS" | "AUDIT_SHARE" | "AUDIT_PAUSE_SECONDS",
    min: number,
    max: number,
  ): number | null;
}

const HOURS = 24;
/** A month: who looks less often need not look. */
const HOURS_MAX = 720;
const SHARE = 2;
const SHARE_MAX = 100;
const PAUSE_SECONDS = 60;
const PAUSE_SECONDS_MAX = 86_400;

/** Reads of the local store cost nothing but time; those of a configured one are paid for. */
export function readAudit(settings: Integers, configuredStore: boolean): AuditConfig {
  const pause = settings.integer("AUDIT_PAUSE_SECONDS", 1, PAUSE_SECONDS_MAX);
  return {
    hours: settings.integer("AUDIT_HOURS", 1, HOURS_MAX) ?? HOURS,
    share: settings.integer("AUDIT_SHARE", 1, SHARE_MAX) ?? SHARE,
    pauseSeconds: pause ?? (configuredStore ? null : PAUSE_SECONDS),
  };
}
