/** What administrators change about where alerts go, as entries of `_system`. Addresses and secrets themselves are the auditor's to keep. */
import {
  webhookChanged,
  webhookCreated,
  webhookDeleted,
  webhookRotated,
  type Directory,
  type WebhookChanged,
  type WebhookCreated,
  type WebhookRecord,
  type WebhookRotated,
} from "../log/system.ts";
import type { NewEvent } from "./append.ts";
import { Refusal } from "./refusal.ts";

/** Each alert goes to all of them. Whom twenty do not reach, a twenty-first will not. */
const WEBHOOKS_MAX = 20;

export type WebhookChange =
  | { readonly action: "webhook.created"; readonly fields: WebhookCreated }
  | { readonly action: "webhook.changed"; readonly fields: WebhookChanged }
  | { readonly action: "webhook.rotated"; readonly fields: WebhookRotated }
  | { readonly action: "webhook.deleted"; readonly fields: { readonly id: string } };

export interface WebhookPlan {
  readonly change: WebhookChange;
  readonly events: readonly NewEvent[];
}

/** Null where there is nothing to change. `actor` stands in the entry; `approval` is the one that allows it. */
export function planWebhook(
  { webhooks: { records } }: Pick<Directory, "webhooks">,
  change: WebhookChange,
  { actor, approval }: { readonly actor: string; readonly approval: string | null },
): WebhookPlan | null {
  const allowed = approval === null ? {} : { approval };
  if (change.action === "webhook.created") {
    const { fields } = change;
    if (records.has(fields.id)) throw refuse(`there is a webhook ${fields.id} already`);
    if (records.size >= WEBHOOKS_MAX) throw refuse(`there are ${WEBHOOKS_MAX} already`);
    return { change, events: [webhookCreated({ ...fields, ...allowed }, actor)] };
  }
  const known = records.get(change.fields.id);
  if (known === undefined) {
    throw new Refusal("webhook_unknown", `there is no webhook ${change.fields.id}`);
  }
  switch (change.action) {
    case "webhook.changed": {
      const fields = differenceOf(known, change.fields);
      if (fields === null) return null;
      const event = webhookChanged({ ...fields, ...allowed }, actor);
      return { change: { action: "webhook.changed", fields }, events: [event] };
    }
    case "webhook.rotated":
      return { change, events: [webhookRotated({ ...change.fields, ...allowed }, actor)] };
    case "webhook.deleted":
      return { change, events: [webhookDeleted({ id: known.id, ...allowed }, actor)] };
    default:
      return change satisfies never;
  }
}

function differenceOf(known: WebhookRecord, wanted: WebhookChanged): WebhookChanged | null {
  const before: Omit<WebhookChanged, "id"> = {
    severity: known.severity,
    description: known.description,
    address: known.address,
    target_sha256: known.targetSha256,
    enabled: known.enabled,
  };
  const names = ["severity", "description", "address", "target_sha256", "enabled"] as const;
  const differing = names.filter(
    (name) => wanted[name] !== undefined && wanted[name] !== before[name],
  );
  if (differing.length === 0) return null;
  return { id: known.id, ...Object.fromEntries(differing.map((name) => [name, wanted[name]])) };
}

function refuse(detail: string): Refusal {
  return new Refusal("invalid_request", detail);
}
