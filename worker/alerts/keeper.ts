/**
 * Who is told of findings, and how they are told: the webhooks that administrators made, those of the operator's file, and the
 * outbox that serves them all. It lives where the auditor does, on its store. What `_system` says holds: each change is an
 * entry there first, and this side follows.
 */
import { PAGERDUTY_URL, ROUTING_KEY } from "../../storage/alerts/bodies/pagerduty.ts";
import type { Channel } from "../../storage/alerts/channel.ts";
import { sleepAtMost } from "../../storage/flow/commit.ts";
import { Outbox } from "../../storage/alerts/outbox.ts";
import { formatSigningSecret } from "../../storage/alerts/secret.ts";
import { webhookChannel, type Post, type WebhookFormat } from "../../storage/alerts/webhook.ts";
import { testAlert } from "../../storage/alerts/words.ts";
import type { WebhookChange } from "../../storage/flow/webhook-change.ts";
import type { Alert, AlertSink, GuardStore } from "../../storage/guard-ports.ts";
import type { Severity } from "../../storage/log/findings.ts";
import { formatTimeMs } from "../../storage/log/time.ts";
import type { WebhookChanged } from "../../storage/log/system.ts";
import type { WebhookRecord } from "../../storage/log/webhooks.ts";
import { outgoingProblem } from "../../storage/outgoing.ts";
import type { LedgerApi, Principal, Waiting } from "../ledger-api.ts";
import type {
  ChannelStatus,
  DeliveryStatus,
  MadeWebhook,
  NewWebhook,
  WebhookPatch,
  WebhooksApi,
} from "./api.ts";
import type { FileChannel } from "./file-channels.ts";
import { answer, isRefusal, unknown, valueOf, wrong } from "./refused.ts";
import { deliveryState, fileStatus, webhookStatus } from "./status.ts";
import { Targets, type Target } from "./targets.ts";

const SECRET_BYTES = 32;
const TEST_ID_BYTES = 12;

/** `_system` is asked whether it has changed not more often than that. */
const FOLLOW_MS_MIN = 2_000;
const FOLLOW_WAIT_MS_MAX = 2_000;

export interface KeeperParts {
  readonly store: GuardStore;
  /** For one call. */
  readonly ledger: () => Pick<LedgerApi, "webhooks" | "changeWebhook">;
  readonly post: Post;
  readonly fileChannels: readonly FileChannel[];
  readonly privateAllowed: boolean;
  /** The instance's origin, and its address for people, if somebody said it. */
  readonly instance: string;
  readonly link: string | null;
  readonly nowMs: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Something is due: `run` should be called now. */
  readonly onDue: () => void;
  readonly report: (what: string, facts: Readonly<Record<string, unknown>>) => void;
}

export class AlertKeeper implements AlertSink, WebhooksApi {
  readonly outbox: Outbox;
  readonly #parts: KeeperParts;
  readonly #targets: Targets;
  #records: readonly WebhookRecord[] = [];
  #made: readonly Channel[] = [];
  #followedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#targets = new Targets(parts.store, parts.nowMs);
    this.outbox = new Outbox({ ...parts, channels: () => this.#channels() });
  }

  /** Takes up what was known; a channel of the file that said it was gone gets another chance at each start. */
  static async open(parts: KeeperParts): Promise<AlertKeeper> {
    const keeper = new AlertKeeper(parts);
    await keeper.outbox.takeUpFile(parts.fileChannels.map(({ channel }) => channel.id));
    await keeper.#take(await keeper.#targets.known());
    return keeper;
  }

  async raise(alerts: readonly Alert[]): Promise<void> {
    await this.#followIfDue();
    await this.outbox.raise(alerts);
  }

  /** Sends what is due and says when to come again; null where nothing waits. */
  async run(): Promise<number | null> {
    await this.#followIfDue();
    return this.outbox.run();
  }

  list() {
    return answer(async (): Promise<readonly ChannelStatus[]> => {
      await this.#follow();
      const { book } = this.outbox;
      const file = this.#parts.fileChannels.map((one) => fileStatus(one, book));
      return Promise.all([...this.#records.map((record) => this.#status(record)), ...file]);
    });
  }

  create(by: Principal, { id, url, routingKey, ...fields }: NewWebhook) {
    return answer(async (): Promise<MadeWebhook> => {
      const { format } = fields;
      const target = this.#checked(format, { url: url ?? PAGERDUTY_URL, routingKey });
      if (url === null && format !== "pagerduty") throw wrong("/url", "is required");
      const hash = await this.#targets.keep(id, target);
      const secret = format === "standard" ? await this.#newSecret(id, 0) : null;
      const address = new URL(target.url).origin;
      const change = { ...fields, id, address, target_sha256: hash };
      const made = await this.#change(by, { action: "webhook.created", fields: change }).catch(
        async (error: unknown) => {
          // Where it is not known whether it was written, what it takes is kept.
          if (isRefusal(error)) await this.#targets.forget(id);
          throw error;
        },
      );
      if ("approval" in made) throw new Error("a new webhook needs no approval");
      return { webhook: await this.#statusOf(id), secret, sealed: made.sealed };
    });
  }

  change(by: Principal, id: string, { url, routingKey, ...fields }: WebhookPatch) {
    return answer(async (): Promise<MadeWebhook | Waiting> => {
      const record = await this.#record(id);
      const moved = url !== undefined || routingKey !== undefined;
      const target = moved ? await this.#moved(record, url, routingKey) : null;
      const where =
        target === null
          ? {}
          : {
              address: new URL(target.url).origin,
              target_sha256: await this.#targets.keep(id, target),
            };
      const change = { id, ...definedOf({ ...fields, ...where }) };
      const made = await this.#change(by, { action: "webhook.changed", fields: change });
      if ("approval" in made) return made;
      if (fields.enabled === true || moved) {
        await this.outbox.book.revive(id);
        this.#parts.onDue();
      }
      return { webhook: await this.#statusOf(id), secret: null, sealed: made.sealed };
    });
  }

  remove(by: Principal, id: string) {
    return answer(async () => {
      await this.#record(id);
      return this.#change(by, { action: "webhook.deleted", fields: { id } });
    });
  }

  rotate(by: Principal, id: string, overlapSeconds: number) {
    return answer(async (): Promise<MadeWebhook> => {
      const { format } = await this.#record(id);
      if (format !== "standard") {
        throw wrong("", `a webhook of the format ${format} is not signed: change its address`);
      }
      const endsMs = this.#parts.nowMs() + overlapSeconds * 1_000;
      const fields = { id, ends_at: formatTimeMs(endsMs) };
      const made = await this.#change(by, { action: "webhook.rotated", fields });
      const secret = await this.#newSecret(id, endsMs);
      await this.#take(this.#records);
      const { sealed } = made;
      return { webhook: await this.#statusOf(id), secret, sealed };
    });
  }

  test(id: string) {
    return answer(async () => {
      const channel = await this.#channel(id);
      const { instance, nowMs, randomBytes } = this.#parts;
      const random = [...randomBytes(TEST_ID_BYTES)].map((byte) =>
        byte.toString(16).padStart(2, "0"),
      );
      const alert = testAlert(`test-${random.join("")}`, "instance", instance, nowMs());
      const startMs = nowMs();
      const sent = await this.outbox.sendNow(channel, alert);
      return { ...sent, alert: alert.id, ms: nowMs() - startMs };
    });
  }

  deliveries(id: string, { limit, before }: { limit: number; before: number | null }) {
    return answer(async () => {
      await this.#channelId(id);
      const page = { limit, ...(before === null ? {} : { before }) };
      const found = await this.outbox.book.deliveries(id, page);
      return found.map(({ drawer, delivery }): DeliveryStatus => {
        const state = deliveryState(drawer, delivery.attempts.at(-1)?.outcome);
        return { ...delivery, state };
      });
    });
  }

  resend(id: string, numbers: readonly number[] | null) {
    return answer(async () => {
      await this.#channelId(id);
      return { count: await this.outbox.resend(id, numbers) };
    });
  }

  #channels(): readonly Channel[] {
    return [...this.#made, ...this.#parts.fileChannels.map(({ channel }) => channel)];
  }

  /** Entry first; where it is written, this side follows at once. */
  async #change(
    by: Principal,
    change: WebhookChange,
  ): Promise<{ readonly sealed: boolean } | Waiting> {
    const made = valueOf(await this.#parts.ledger().changeWebhook(by, change));
    await this.#follow();
    return made;
  }

  async #followIfDue(): Promise<void> {
    if (this.#parts.nowMs() - this.#followedMs < FOLLOW_MS_MIN) return;
    // What was known last holds: whoever has to be told of a ledger that does not answer must not wait for it.
    const following = this.#follow().catch((error: unknown) => {
      this.#parts.report("webhooks could not be asked for", { reason: String(error) });
    });
    await sleepAtMost(FOLLOW_WAIT_MS_MAX, following);
  }

  async #follow(): Promise<void> {
    const records = valueOf(await this.#parts.ledger().webhooks());
    for (const id of await this.#targets.follow(records)) await this.outbox.book.remove(id);
    await this.#take(records);
    this.#followedMs = this.#parts.nowMs();
  }

  async #take(records: readonly WebhookRecord[]): Promise<void> {
    const made = await Promise.all(records.map((record) => this.#channelOf(record)));
    this.#records = records;
    this.#made = made.filter((channel) => channel !== null);
  }

  /** Null where nothing is sent there: switched off, or what it takes was lost. */
  async #channelOf(record: WebhookRecord): Promise<Channel | null> {
    const { id, enabled } = record;
    const target = await this.#targets.target(record);
    if (!enabled || target === null) return null;
    const secrets = await this.#secretsOf(record, target);
    if (secrets === null) return null;
    const format = record.format as WebhookFormat;
    const severity = record.severity as Severity;
    const { link, post } = this.#parts;
    const channel = webhookChannel(
      { ...{ id, format, severity, secrets, link }, url: target.url },
      post,
    );
    // Whether a secret of before still signs depends on the time of sending.
    return {
      ...channel,
      send: async (alerts, nowMs) => {
        const now = (await this.#secretsOf(record, target)) ?? secrets;
        const { url } = target;
        const current = { ...{ id, format, severity, link, url }, secrets: now };
        return webhookChannel(current, post).send(alerts, nowMs);
      },
    };
  }

  /** Null where they are needed and not there. */
  async #secretsOf({ id, format }: WebhookRecord, target: Target): Promise<string[] | null> {
    if (format === "slack") return [];
    if (format === "pagerduty") return target.routingKey === null ? null : [target.routingKey];
    const secrets = (await this.#targets.secrets(id)).map(({ secret }) => secret);
    return secrets.length === 0 ? null : secrets;
  }

  async #newSecret(id: string, overlapEndsMs: number): Promise<string> {
    const secret = formatSigningSecret(this.#parts.randomBytes(SECRET_BYTES));
    await this.#targets.putSecret(id, secret, overlapEndsMs);
    return secret;
  }

  async #moved(record: WebhookRecord, url?: string, routingKey?: string): Promise<Target> {
    const before = await this.#targets.target(record);
    const target = {
      url: url ?? before?.url ?? "",
      routingKey: routingKey ?? before?.routingKey ?? null,
    };
    return this.#checked(record.format, target);
  }

  #checked(format: string, target: Target): Target {
    const problem = outgoingProblem(target.url, this.#parts.privateAllowed);
    if (problem !== null) throw wrong("/url", `the address ${problem}`);
    if (format !== "pagerduty" && target.routingKey !== null) {
      throw wrong("/routing_key", "is for the format pagerduty only");
    }
    if (format === "pagerduty" && !ROUTING_KEY.test(target.routingKey ?? "")) {
      throw wrong("/routing_key", "must be an integration's key: 32 letters and digits");
    }
    return target;
  }

  /** One that can be changed. */
  async #record(id: string): Promise<WebhookRecord> {
    await this.#follow();
    const record = this.#records.find((known) => known.id === id);
    if (record !== undefined) return record;
    if (this.#parts.fileChannels.some(({ channel }) => channel.id === id)) {
      throw wrong("", "this one is in the operator's file, and is changed there");
    }
    throw unknown(id);
  }

  async #channelId(id: string): Promise<void> {
    if (!this.#parts.fileChannels.some(({ channel }) => channel.id === id)) await this.#record(id);
  }

  async #channel(id: string): Promise<Channel> {
    await this.#channelId(id);
    const channel = this.#channels().find((known) => known.id === id);
    if (channel !== undefined) return channel;
    throw wrong("", "it is switched off, or what it takes to send there was lost");
  }

  #statusOf(id: string): Promise<ChannelStatus> {
    return this.#status(this.#records.find((record) => record.id === id)!);
  }

  async #status(record: WebhookRecord): Promise<ChannelStatus> {
    const isComplete = this.#made.some((channel) => channel.id === record.id);
    const [, before] = await this.#targets.secrets(record.id);
    const facts = { isComplete, rotatedUntilMs: before?.untilMs ?? null };
    return webhookStatus(record, facts, this.outbox.book);
  }
}

/** Without members that were left out. */
function definedOf(fields: Readonly<Record<string, unknown>>): Omit<WebhookChanged, "id"> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
