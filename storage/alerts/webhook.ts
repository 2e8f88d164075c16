/**
 * Webhooks: one POST for each message. Ours are signed as Standard Webhooks has it (standardwebhooks.com, specification 1.0.0:
 * `webhook-id`, `webhook-timestamp`, `webhook-signature` v1); Slack's and PagerDuty's have the bodies that those take.
 */
import { Webhook } from "standardwebhooks";
import type { Alert } from "../guard-ports.ts";
import type { Severity } from "../log/findings.ts";
import { pagerdutyBody } from "./bodies/pagerduty.ts";
import { slackBody } from "./bodies/slack.ts";
import { standardBody } from "./bodies/standard.ts";
import type { Channel, SendAnswer } from "./channel.ts";
import { retryAfterMsOf } from "./pauses.ts";
import { plain } from "./words.ts";

export const WEBHOOK_FORMATS = ["standard", "slack", "pagerduty"] as const;
export type WebhookFormat = (typeof WEBHOOK_FORMATS)[number];

/** The answer's head, and its body, have so long each. The specification advises 15 to 30 s; a slow channel only slows itself. */
const CALL_MS_MAX = 10_000;
/** Of an answer, of which the beginning is shown. */
const ANSWER_BYTES_MAX = 16 * 1024;
const ANSWER_CHARS_MAX = 200;
/** More headlines than that are no longer read. */
const SLACK_ALERTS_MAX = 200;

/** The way out to addresses that somebody configured: https to public addresses, no redirect, limits of time and size. Throws where there is no whole answer. */
export type Post = (
  url: string,
  request: {
    readonly method: "POST";
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly bytesMax: number;
    readonly msMax: number;
  },
) => Promise<{
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: Uint8Array;
}>;

export interface WebhookTarget {
  readonly id: string;
  readonly format: WebhookFormat;
  readonly severity: Severity;
  readonly url: string;
  /** `standard`: secrets to sign with, the newest first; `pagerduty`: the routing key; `slack`: none, the address is it. */
  readonly secrets: readonly string[];
  /** The instance's public address, if somebody said it. */
  readonly link: string | null;
}

export function webhookChannel(target: WebhookTarget, post: Post): Channel {
  const { id, format, severity, url } = target;
  return {
    ...{ id, format, severity },
    alertsMax: format === "slack" ? SLACK_ALERTS_MAX : 1,
    async send(alerts, nowMs) {
      const body = bodyOf(target, alerts);
      const headers = {
        "content-type": "application/json",
        "user-agent": "Indelible",
        ...(format === "standard" ? signatureOf(target, alerts[0]!.id, body, nowMs) : {}),
      };
      const limits = { bytesMax: ANSWER_BYTES_MAX, msMax: CALL_MS_MAX };
      try {
        const answer = await post(url, { method: "POST", headers, body, ...limits });
        return answerOf(answer, nowMs);
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error);
        return { outcome: "away", status: null, detail: plain(detail) };
      }
    },
  };
}

function bodyOf({ format, secrets, link }: WebhookTarget, alerts: readonly Alert[]): string {
  const [alert] = alerts;
  if (format === "slack") return slackBody(alerts, link);
  if (format === "pagerduty") return pagerdutyBody(alert!, secrets[0]!, link);
  return standardBody(alert!, link);
}

/** During a rotation there is a signature by each of the two secrets. */
function signatureOf({ secrets }: WebhookTarget, id: string, body: string, nowMs: number) {
  const at = new Date(nowMs);
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(nowMs / 1_000)),
    "webhook-signature": secrets.map((secret) => new Webhook(secret).sign(id, at, body)).join(" "),
  };
}

/** Answers that say "not now", whatever was sent. A redirect is not followed: the address has to be put right. */
const AWAY_STATUSES = [408, 425, 429];

function answerOf({ status, headers, body }: Awaited<ReturnType<Post>>, nowMs: number): SendAnswer {
  const text = plain(new TextDecoder().decode(body), ANSWER_CHARS_MAX);
  if (status >= 200 && status < 300) return { outcome: "delivered", status, detail: text };
  if (status === 410) {
    return { outcome: "gone", status, detail: "the endpoint answered 410 Gone" };
  }
  const isRedirect = status >= 300 && status < 400;
  const detail = isRedirect ? "it redirects, which is not followed" : text;
  const isAway = status >= 500 || isRedirect || AWAY_STATUSES.includes(status);
  const retryAfterMs = retryAfterMsOf(headers.get("retry-after"), nowMs);
  return {
    ...{ outcome: isAway ? "away" : "refused", status, detail },
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  };
}
