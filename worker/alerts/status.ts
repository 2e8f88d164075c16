/** A place where people are told, as lists show it. */
import type { Book } from "../../storage/alerts/book.ts";
import { STATE_NEW, type ChannelState, type Drawer } from "../../storage/alerts/records.ts";
import { formatTimeMs } from "../../storage/log/time.ts";
import type { WebhookRecord } from "../../storage/log/webhooks.ts";
import type { ChannelStatus, DeliveryState } from "./api.ts";
import type { FileChannel } from "./file-channels.ts";

/** `isComplete`: something is sent there; `rotatedUntilMs`: until when a second secret signs. */
export async function webhookStatus(
  record: WebhookRecord,
  facts: { readonly isComplete: boolean; readonly rotatedUntilMs: number | null },
  book: Book,
): Promise<ChannelStatus> {
  const { id, format, severity, description, address, enabled, createdAt, createdBy } = record;
  const { isComplete, rotatedUntilMs } = facts;
  const state = (await book.state(id)) ?? STATE_NEW;
  return {
    ...{ id, source: "api", format, severity, description, address, createdAt, createdBy },
    state: !enabled ? "disabled" : isComplete ? goneOr(state) : "incomplete",
    rotatedUntil: rotatedUntilMs === null ? null : formatTimeMs(rotatedUntilMs),
    ...countsOf(state),
  };
}

export async function fileStatus(
  { channel, address }: FileChannel,
  book: Book,
): Promise<ChannelStatus> {
  const { id, format, severity } = channel;
  const state = (await book.state(id)) ?? STATE_NEW;
  const notSaid = { createdAt: null, createdBy: null, rotatedUntil: null };
  return {
    ...{ id, source: "file", format, severity, description: "", address, ...notSaid },
    ...{ state: goneOr(state), ...countsOf(state) },
  };
}

function goneOr({ gone }: ChannelState): "active" | "gone" {
  return gone === null ? "active" : "gone";
}

function countsOf(state: ChannelState) {
  const { waiting, dead, forgotten, lastDelivered, lastError, failures, restsUntilMs } = state;
  const nextAt = waiting > 0 && restsUntilMs > 0 ? formatTimeMs(restsUntilMs) : null;
  return { waiting, dead, forgotten, lastDelivered, lastError, failures, nextAt };
}

export function deliveryState(drawer: Drawer, outcome: string | undefined): DeliveryState {
  if (drawer === "dead") return "dead";
  if (drawer !== "done") return "waiting";
  return outcome === "delivered" ? "delivered" : "failed";
}
