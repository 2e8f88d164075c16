/** What the HTTP side asks of whoever keeps the addresses where alerts go; plain values, since calls cross into a Durable Object. */
import type { Attempt, Delivery } from "../../storage/alerts/records.ts";
import type { SendAnswer } from "../../storage/alerts/channel.ts";
import type { WebhookFormat } from "../../storage/alerts/webhook.ts";
import type { Severity } from "../../storage/log/findings.ts";
import type { Principal, Result, Waiting } from "../ledger-api.ts";

export interface NewWebhook {
  readonly id: string;
  readonly format: WebhookFormat;
  readonly severity: Severity;
  readonly description: string;
  /** Null: PagerDuty's own. */
  readonly url: string | null;
  /** For PagerDuty, and only for it. */
  readonly routingKey: string | null;
}

/** What is left out stays as it is. */
export interface WebhookPatch {
  readonly url?: string | undefined;
  readonly routingKey?: string | undefined;
  readonly severity?: Severity | undefined;
  readonly description?: string | undefined;
  readonly enabled?: boolean | undefined;
}

/** A place where people are told, as lists show it: never a secret, nor a path in which one may be. */
export interface ChannelStatus {
  readonly id: string;
  /** Made over the API, or by the operator's file. */
  readonly source: "api" | "file";
  readonly format: string;
  readonly severity: string;
  readonly description: string;
  /** Scheme and host, mail addresses, or a program. */
  readonly address: string;
  /** `gone`: the endpoint answered 410. `incomplete`: what it takes to send there was lost; make it anew. */
  readonly state: "active" | "disabled" | "gone" | "incomplete";
  /** Null for one of the file. */
  readonly createdAt: string | null;
  readonly createdBy: string | null;
  /** Until when the secret before the newest signs, too. */
  readonly rotatedUntil: string | null;
  readonly waiting: number;
  readonly dead: number;
  /** Dead letters that were dropped for want of room. */
  readonly forgotten: number;
  readonly lastDelivered: Attempt | null;
  readonly lastError: Attempt | null;
  /** Failures in a row, and when it is tried again. */
  readonly failures: number;
  readonly nextAt: string | null;
}

export interface MadeWebhook {
  readonly webhook: ChannelStatus;
  /** Shown this once; null where the other side has none. */
  readonly secret: string | null;
  readonly sealed: boolean;
}

export type DeliveryState = "waiting" | "delivered" | "failed" | "dead";

export interface DeliveryStatus extends Delivery {
  readonly state: DeliveryState;
}

export interface WebhooksApi {
  /** Those of the API, then those of the file. */
  list(): Promise<Result<readonly ChannelStatus[]>>;
  create(by: Principal, webhook: NewWebhook): Promise<Result<MadeWebhook>>;
  change(by: Principal, id: string, patch: WebhookPatch): Promise<Result<MadeWebhook | Waiting>>;
  remove(by: Principal, id: string): Promise<Result<{ readonly sealed: boolean } | Waiting>>;
  rotate(by: Principal, id: string, overlapSeconds: number): Promise<Result<MadeWebhook>>;
  /** Sends a test now, and says what came back; `alert` is its id. */
  test(id: string): Promise<Result<SendAnswer & { readonly alert: string; readonly ms: number }>>;
  /** Newest first; `before`: only smaller numbers. */
  deliveries(
    id: string,
    page: { readonly limit: number; readonly before: number | null },
  ): Promise<Result<readonly DeliveryStatus[]>>;
  /** Sends dead letters again, all or those of these numbers: how many. */
  resend(
    id: string,
    numbers: readonly number[] | null,
  ): Promise<Result<{ readonly count: number }>>;
}

/** The guard, which keeps it: each of those calls by its name. */
export interface WebhooksHost {
  webhooks(name: keyof WebhooksApi, args: readonly unknown[]): Promise<unknown>;
}
