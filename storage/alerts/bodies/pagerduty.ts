/**
 * An event for PagerDuty (developer.pagerduty.com: Events API v2, "Send an alert event"). Each finding is one incident: it is
 * triggered, reminders go to the same one, and the all-clear resolves it.
 */
import { encodeUtf8, toHex } from "../../log/bytes.ts";
import { sha256 } from "../../log/hash.ts";
import type { Alert } from "../../guard-ports.ts";
import { auditsLink, factsOf, headlineOf, plain } from "../words.ts";

/** Of `summary`; the key of 64 characters is below its limit of 255, the whole far below 512 KB. */
const SUMMARY_CHARS_MAX = 1_024;

/** Where events go, unless the account is elsewhere (events.eu.pagerduty.com). */
export const PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue";
/** Of an integration of type Events API v2. */
export const ROUTING_KEY = /^[0-9a-zA-Z]{32}$/;

export function pagerdutyBody(alert: Alert, routingKey: string, link: string | null): string {
  const { at, finding, instance } = alert;
  const key = { routing_key: routingKey, dedup_key: dedupKey(alert) };
  if (alert.kind === "cleared") return JSON.stringify({ ...key, event_action: "resolve" });
  const audits = auditsLink(link);
  return JSON.stringify({
    ...key,
    event_action: "trigger",
    client: "Indelible",
    ...(link === null ? {} : { client_url: link, links: [{ href: audits, text: "All findings" }] }),
    payload: {
      summary: plain(`${headlineOf(alert)} (${instance})`, SUMMARY_CHARS_MAX),
      source: instance,
      severity: alert.kind === "test" ? "info" : alert.severity,
      timestamp: at,
      component: finding.log ?? instance,
      class: finding.code,
      custom_details: Object.fromEntries(factsOf(alert)),
    },
  });
}

/** The same for all alerts about one finding. */
function dedupKey({ kind, id, instance, source, finding }: Alert): string {
  const { code, log, first, object, version } = finding;
  const of =
    kind === "test" ? [instance, id] : [instance, source, code, log, first, object, version];
  return toHex(sha256(encodeUtf8(JSON.stringify(of))));
}
