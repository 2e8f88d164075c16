/** An alert in words, for all who are told: one line that says it, and the facts. What comes from entries stays text. */
import { newFinding } from "../log/findings.ts";
import type { Alert } from "../guard-ports.ts";
import { formatTimeMs } from "../log/time.ts";
import { escapeControls } from "../printable.ts";

/** Of what was expected and of what was found; a finding says more than enough in that. */
const VALUE_CHARS_MAX = 500;

/** One line; nothing in it can act on whoever shows it. At most so many characters, an ellipsis where it was longer. */
export function plain(text: string, charsMax = VALUE_CHARS_MAX): string {
  const chars = [...escapeControls(text).replaceAll("\t", " ")];
  return chars.length <= charsMax ? chars.join("") : `${chars.slice(0, charsMax - 1).join("")}…`;
}

/** "extra_version in acme.orders, entries 7 to 9" */
export function titleOf({ finding }: Alert): string {
  const { code, log, first, last } = finding;
  const where = log === null ? "" : ` in ${log}`;
  return plain(`${code}${where}${first === null ? "" : `, ${entriesOf(first, last)}`}`, 200);
}

function entriesOf(first: number, last: number | null): string {
  return last === null || last === first ? `entry ${first}` : `entries ${first} to ${last}`;
}

const KIND_WORDS = {
  opened: "Found",
  reminder: "Still found",
  cleared: "No longer found",
  test: "Test alert, nothing is wrong",
} as const;

/** "Found: extra_version in acme.orders, entries 7 to 9" */
export function headlineOf(alert: Alert): string {
  const words = KIND_WORDS[alert.kind];
  return alert.kind === "test" ? words : `${words}: ${titleOf(alert)}`;
}

/** What there is to say, as names and values; what does not apply is left out. */
export function factsOf(alert: Alert): readonly (readonly [string, string])[] {
  const { finding, severity, at, since, instance, source } = alert;
  const { log, first, last, object, version, expected, found, hint } = finding;
  const facts: [string, string | null][] = [
    ["Severity", severity],
    ["Instance", instance],
    ["Log", log],
    ["Entries", first === null ? null : entriesOf(first, last)],
    ["Object", object],
    ["Version", version],
    ["Expected", expected],
    ["Found", found],
    ["What to do", hint],
    ["Since", since],
    ["Told at", at],
    ["Found by", source === "guard" ? "the guard beside the instance" : "the instance itself"],
  ];
  return facts
    .filter((fact): fact is [string, string] => fact[1] !== null && fact[1] !== "")
    .map(([name, value]) => [name, plain(value)]);
}

/** "5 opened, 1 cleared" */
export function countsOf(alerts: readonly Alert[]): string {
  const counts = new Map<string, number>();
  for (const { kind } of alerts) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => `${count} ${kind}`).join(", ");
}

/** What the test button sends. `id` is new for each. */
export function testAlert(id: string, source: Alert["source"], instance: string, nowMs: number) {
  const at = formatTimeMs(nowMs);
  const finding = {
    ...newFinding(
      "unsealed_too_old",
      {},
      "that this text reaches you",
      "it does, if you read this",
    ),
    hint: "Nothing: somebody pressed the test button.",
  };
  const alert: Alert = {
    ...{ id, kind: "test", severity: "warning", at, since: at, instance, source, finding },
  };
  return alert;
}

/** Where somebody can look further: an address, or its path where nobody said what the address is. */
export function auditsLink(link: string | null): string {
  return link === null ? "/audits" : `${link.replace(/\/$/, "")}/audits`;
}
