/**
 * The body of a Slack incoming webhook (docs.slack.dev: "Sending messages using incoming webhooks", "Blocks", "Formatting
 * message text"). All text is plain text, with the three characters escaped that Slack asks for: nothing that stands in an entry
 * can become a link, a mention or bold.
 */
import type { Alert } from "../../guard-ports.ts";
import { auditsLink, countsOf, factsOf, headlineOf } from "../words.ts";

/** Slack's own limits: of a header, of a section's text, and of its fields. A message has 50 blocks at most. */
const HEADER_CHARS_MAX = 150;
const TEXT_CHARS_MAX = 3_000;
/** Of the text for notifications; Slack cuts at 40,000 and advises less than 4,000. */
const FALLBACK_CHARS_MAX = 3_000;

/** One message tells of so many in full, with two blocks each; of the others it says how many there are. */
const SHOWN_MAX = 10;

export function slackBody(alerts: readonly Alert[], link: string | null): string {
  const shown = alerts.slice(0, SHOWN_MAX);
  const { instance } = alerts[0]!;
  const [only] = alerts.length === 1 ? alerts : [];
  const title = only === undefined ? `${instance}: ${countsOf(alerts)}` : headlineOf(only);
  const more = alerts.length - shown.length;
  const last = `${more > 0 ? `And ${more} more. ` : ""}All findings: ${auditsLink(link)}`;
  const lines = shown.map(headlineOf).join("\n");
  return JSON.stringify({
    text: cut(only === undefined ? `${title}\n${lines}` : title, FALLBACK_CHARS_MAX),
    mrkdwn: false,
    blocks: [
      { type: "header", text: text(title, HEADER_CHARS_MAX) },
      ...shown.flatMap((alert) => [
        { type: "section", text: text(sectionOf(alert, only === undefined), TEXT_CHARS_MAX) },
        { type: "divider" },
      ]),
      { type: "context", elements: [text(last, TEXT_CHARS_MAX)] },
    ],
  });
}

function sectionOf(alert: Alert, withHeadline: boolean): string {
  const facts = factsOf(alert).map(([name, value]) => `${name}: ${value}`);
  return [...(withHeadline ? [headlineOf(alert)] : []), ...facts].join("\n");
}

function text(value: string, charsMax: number) {
  return { type: "plain_text", text: cut(value, charsMax), emoji: false };
}

/** Cut before it is escaped, so that no `&amp;` is torn, and short enough to be within the limit after. */
function cut(value: string, charsMax: number): string {
  let chars = [...value].slice(0, charsMax);
  while (escapeMarkup(chars.join("")).length > charsMax) chars = chars.slice(0, -CUT_CHARS);
  return escapeMarkup(chars.join(""));
}

/** How much is taken off at a time. */
const CUT_CHARS = 10;

function escapeMarkup(value: string): string {
  return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
