/** What a change to a log comes to: only what differs, and never less than what was promised. */
import type { LogChanged, LogRecord } from "../log/system.ts";
import { Refusal } from "./refusal.ts";

/** The fields of its `log.changed`, or null if nothing differs. Throws `invalid_request` with the place. */
export function differenceOf(known: LogRecord, change: LogChanged): LogChanged | null {
  const { retention_days: days, description, public: isPublic } = change;
  if (days !== undefined && days < known.retentionDays) {
    throw refused("retention_days", `is ${known.retentionDays} days, which can only be lengthened`);
  }
  if (isPublic === true && known.name.startsWith("_")) {
    throw refused("public", "a log of the instance itself is never public");
  }
  const differing = {
    ...(days === undefined || days === known.retentionDays ? {} : { retention_days: days }),
    ...(description === undefined || description === known.description ? {} : { description }),
    ...(isPublic === undefined || isPublic === known.public ? {} : { public: isPublic }),
  };
  return Object.keys(differing).length === 0 ? null : { log: known.name, ...differing };
}

function refused(member: string, detail: string): Refusal {
  const errors = [{ pointer: `/${member}`, detail }];
  return new Refusal("invalid_request", `/${member}: ${detail}`, { errors });
}
