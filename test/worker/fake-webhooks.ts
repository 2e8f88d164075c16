/** Where alerts go, without a Durable Object: the real keeper on a store in memory, and a ledger that folds its entries. */
import { planWebhook, type WebhookChange } from "../../storage/flow/webhook-change.ts";
import { isJsonObject, parseJson } from "../../storage/log/json.ts";
import { Directory } from "../../storage/log/system.ts";
import { AlertKeeper, type KeeperParts } from "../../worker/alerts/keeper.ts";
import { nodePost } from "../../scripts/alerts/post.ts";
import { Refusal } from "../../storage/flow/refusal.ts";
import type { Principal, Result } from "../../worker/ledger-api.ts";
import { MemoryGuardStore } from "../alerts/memory-store.ts";

/** The part of `_system` that tells of webhooks. */
export class FakeWebhookRecords {
  readonly directory = new Directory();

  async webhooks() {
    return { ok: true as const, value: [...this.directory.webhooks.records.values()] };
  }

  async changeWebhook(
    { by }: Principal,
    change: WebhookChange,
  ): Promise<Result<{ readonly sealed: boolean }>> {
    try {
      const plan = planWebhook(this.directory, change, { actor: by, approval: null });
      for (const { text } of plan?.events ?? []) this.#apply(by, text);
      return { ok: true, value: { sealed: true } };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { ok: false, problem: { code: error.code, detail: error.message } };
    }
  }

  #apply(by: string, text: string): void {
    const eventJson = parseJson(text);
    if (!isJsonObject(eventJson)) throw new Error("an event is an object");
    const action = eventJson["action"] as string;
    const time = new Date().toISOString();
    this.directory.apply({ action, by, eventJson, seq: this.directory.size, time });
    const [bad] = this.directory.unreadable;
    if (bad !== undefined) throw new Error(bad.detail);
  }
}

export function fakeKeeper(
  ledger: ReturnType<KeeperParts["ledger"]>,
  changes: Partial<KeeperParts> = {},
): Promise<AlertKeeper> {
  return AlertKeeper.open({
    ...{ store: new MemoryGuardStore(), ledger: () => ledger, post: nodePost(true) },
    ...{ fileChannels: [], privateAllowed: true, instance: "log.example.org", link: null },
    nowMs: Date.now,
    randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
    ...{ onDue: () => {}, report: () => {} },
    ...changes,
  });
}
