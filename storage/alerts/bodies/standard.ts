/**
 * The body of our own, in the form that Standard Webhooks has for payloads (type, timestamp, data), and what a command reads:
 *
 * | member of `data` | |
 * |---|---|
 * | `alert` | the alert's id; the same however often it comes |
 * | `instance`, `source`, `severity`, `since` | whose finding, found by whom (`instance` or `guard`), how bad, since when it is open |
 * | `code`, `log`, `first`, `last`, `object`, `version` | what and where; null where it does not apply |
 * | `expected`, `found`, `what_to_do` | in words |
 * | `audits` | where to look further |
 */
import type { Alert } from "../../guard-ports.ts";
import { auditsLink, plain } from "../words.ts";

export const TYPES = {
  opened: "finding.opened",
  reminder: "finding.reminder",
  cleared: "finding.cleared",
  test: "test",
} as const;

/** Far beyond what findings say; a webhook should stay below 20 KB (Standard Webhooks, "Payload size"). */
const TEXT_CHARS_MAX = 2_000;

export function standardBody(alert: Alert, link: string | null): string {
  const { id, kind, severity, at, since, instance, source, finding } = alert;
  const { code, log, first, last, object, version, expected, found, hint } = finding;
  return JSON.stringify({
    type: TYPES[kind],
    timestamp: at,
    data: {
      alert: id,
      ...{ instance, source, severity, since, code, log, first, last, object, version },
      expected: plain(expected, TEXT_CHARS_MAX),
      found: plain(found, TEXT_CHARS_MAX),
      what_to_do: hint,
      audits: auditsLink(link),
    },
  });
}
