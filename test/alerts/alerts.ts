/** Alerts and channels for tests. */
import type { Channel, SendAnswer } from "../../storage/alerts/channel.ts";
import type { Alert } from "../../storage/guard-ports.ts";
import { newFinding } from "../../storage/log/findings.ts";

export function makeAlert(id: string, changes: Partial<Alert> = {}): Alert {
  return {
    ...{ id, kind: "opened", severity: "critical", instance: "log.example.org" },
    ...{ at: "2026-11-23T10:00:00.000Z", since: "2026-11-23T09:59:00.000Z", source: "instance" },
    finding: newFinding(
      "entry_altered",
      { log: "acme.orders", first: 7, last: 9, object: "acme.orders/0.jsonl.gz", version: "v1" },
      "leaf aa",
      "leaf bb",
    ),
    ...changes,
  };
}

export const DELIVERED: SendAnswer = { outcome: "delivered", status: 200, detail: "" };
export const AWAY: SendAnswer = { outcome: "away", status: 503, detail: "busy" };
export const REFUSED: SendAnswer = { outcome: "refused", status: 400, detail: "no" };
export const GONE: SendAnswer = { outcome: "gone", status: 410, detail: "gone" };

/** A channel that answers what it is told to, and remembers what it got. */
export class FakeChannel implements Channel {
  readonly id: string;
  readonly format = "standard";
  readonly severity: Channel["severity"];
  readonly alertsMax: number;
  /** Ids of alerts, one list a message. */
  readonly got: string[][] = [];
  answer: (ids: readonly string[]) => SendAnswer | Promise<SendAnswer> = () => DELIVERED;

  constructor(id: string, { severity = "warning", alertsMax = 1 }: Partial<Channel> = {}) {
    this.id = id;
    this.severity = severity;
    this.alertsMax = alertsMax;
  }

  async send(alerts: readonly Alert[]): Promise<SendAnswer> {
    const ids = alerts.map(({ id }) => id);
    this.got.push(ids);
    return this.answer(ids);
  }
}
