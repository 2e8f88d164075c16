/** An e-mail in plain text: one, however many alerts it tells of. */
import type { Alert } from "../../guard-ports.ts";
import { auditsLink, countsOf, factsOf, headlineOf, plain } from "../words.ts";

/** Many programs show less; RFC 5322 §2.1.1 lets a line have 998. */
const SUBJECT_CHARS_MAX = 200;
/** In full; of the others the headline, and beyond that how many. */
const SHOWN_MAX = 20;
const HEADLINES_MAX = 200;

export interface Mail {
  readonly subject: string;
  readonly text: string;
}

export function mailOf(alerts: readonly Alert[], link: string | null): Mail {
  const { instance, severity } =
    alerts.find((alert) => alert.severity === "critical") ?? alerts[0]!;
  const [only] = alerts.length === 1 ? alerts : [];
  const title = only === undefined ? countsOf(alerts) : headlineOf(only);
  const shown = alerts.slice(0, SHOWN_MAX).map(textOf);
  const others = alerts.slice(SHOWN_MAX);
  const headlines = others.slice(0, HEADLINES_MAX).map(headlineOf).join("\n");
  const more = others.length - HEADLINES_MAX;
  const parts = [
    ...(only === undefined ? [`${instance}: ${title}`] : []),
    ...shown,
    ...(headlines === "" ? [] : [`Also:\n${headlines}${more > 0 ? `\nAnd ${more} more.` : ""}`]),
    `All findings: ${auditsLink(link)}`,
  ];
  return {
    subject: plain(`[Indelible ${severity}] ${instance}: ${title}`, SUBJECT_CHARS_MAX),
    text: `${parts.join("\n\n")}\n`,
  };
}

function textOf(alert: Alert): string {
  const facts = factsOf(alert).map(([name, value]) => `${`${name}:`.padEnd(12)} ${value}`);
  return [headlineOf(alert), ...facts].join("\n");
}
