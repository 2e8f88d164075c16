/** The bodies of calls about webhooks, and webhooks and deliveries as answers show them. */
import * as v from "valibot";
import { WEBHOOK_FORMATS } from "../storage/alerts/webhook.ts";
import type { ChannelStatus, DeliveryStatus } from "./alerts/api.ts";
import { Description, OverlapSeconds } from "./shape.ts";

/** `storage/outgoing.ts` takes no longer one. */
const URL_CHARS_MAX = 2_000;
const URL = `an https address of at most ${URL_CHARS_MAX} characters`;
const KEY = "a routing key: 32 letters and digits";
const FORMAT = `one of: ${WEBHOOK_FORMATS.join(", ")}`;
const SEVERITY = "warning (all alerts) or critical";
const NUMBERS_MAX = 500;
const NUMBERS = `a list of 1 to ${NUMBERS_MAX} numbers of deliveries`;

const Url = v.pipe(v.string(URL), v.maxLength(URL_CHARS_MAX, URL));
const RoutingKey = v.pipe(v.string(KEY), v.maxLength(100, KEY));
const SeverityShape = v.picklist(["warning", "critical"], SEVERITY);

export const NewWebhookShape = v.strictObject({
  url: v.optional(Url),
  format: v.optional(v.picklist(WEBHOOK_FORMATS, FORMAT), "standard"),
  severity: v.optional(SeverityShape, "warning"),
  description: v.optional(Description, ""),
  routing_key: v.optional(RoutingKey),
});

export const WebhookPatchShape = v.strictObject({
  url: v.optional(Url),
  severity: v.optional(SeverityShape),
  description: v.optional(Description),
  enabled: v.optional(v.boolean("true or false")),
  routing_key: v.optional(RoutingKey),
});

export const WebhookRotationShape = v.strictObject({
  overlap_seconds: OverlapSeconds,
});

export const RedeliveryShape = v.strictObject({
  deliveries: v.optional(
    v.pipe(
      v.array(v.pipe(v.number(NUMBERS), v.integer(NUMBERS), v.minValue(0, NUMBERS)), NUMBERS),
      v.minLength(1, NUMBERS),
      v.maxLength(NUMBERS_MAX, NUMBERS),
    ),
  ),
});

export function webhookItem(webhook: ChannelStatus) {
  return {
    id: webhook.id,
    source: webhook.source,
    format: webhook.format,
    severity: webhook.severity,
    description: webhook.description,
    address: webhook.address,
    state: webhook.state,
    created_at: webhook.createdAt,
    created_by: webhook.createdBy,
    rotated_until: webhook.rotatedUntil,
    waiting: webhook.waiting,
    dead: webhook.dead,
    forgotten: webhook.forgotten,
    last_delivered: webhook.lastDelivered,
    last_error: webhook.lastError,
    failures: webhook.failures,
    next_at: webhook.nextAt,
  };
}

export function deliveryItem({ number, state, alert, tries, attempts, dead }: DeliveryStatus) {
  const { id, kind, severity, at, since, source, finding } = alert;
  const { code, log, first, last } = finding;
  return {
    ...{ number, state, alert: id, kind, severity, at, since, source, code, log, first, last },
    ...{ tries, attempts, dead: dead ?? null },
  };
}
