/**
 * What a channel is: one place where people are told, and what came back from an attempt. A channel only sends; when, how
 * often and what becomes of it is the outbox's.
 */
import type { Alert } from "../guard-ports.ts";
import type { Severity } from "../log/findings.ts";

export const CHANNEL_FORMATS = ["standard", "slack", "pagerduty", "email", "command"] as const;
export type ChannelFormat = (typeof CHANNEL_FORMATS)[number];

export interface Channel {
  /** Part of keys in the store: a-z, 0-9 and -. Random for those made over the API, `file-<name>` for the configuration's. */
  readonly id: string;
  readonly format: ChannelFormat;
  /** The least that it is told of. */
  readonly severity: Severity;
  /** How many alerts that wait together become one message; 1 where the other side takes them apart. */
  readonly alertsMax: number;
  /** Never throws and never takes longer than a limit of its own. At least one alert, oldest first. */
  send(alerts: readonly Alert[], nowMs: number): Promise<SendAnswer>;
}

/**
 * `delivered`: it was taken. `away`: nobody is there, or has no time: the channel rests. `refused`: this message was not
 * liked, others may be. `gone`: no message will ever be taken there again.
 */
export interface SendAnswer {
  readonly outcome: "delivered" | "away" | "refused" | "gone";
  /** The HTTP status, the SMTP code, or the exit code; null where there was none. */
  readonly status: number | null;
  /** For whoever reads the list of deliveries; at most `DETAIL_CHARS_MAX`, one line. */
  readonly detail: string;
  /** The other side asked for so long a pause. */
  readonly retryAfterMs?: number;
}

/** What a server says of an error fits in a sentence or two. */
export const DETAIL_CHARS_MAX = 300;

/** A test goes everywhere. */
export function isWanted({ severity }: Pick<Channel, "severity">, alert: Alert): boolean {
  return alert.kind === "test" || severity === "warning" || alert.severity === "critical";
}
