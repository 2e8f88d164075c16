/**
 * Tells people: every alert goes to every channel that wants it, at least once. What waits is in the guard's store before
 * `raise` returns, so a restart loses nothing; a delivery whose answer was lost is made again, with the same id. Channels do not
 * wait for one another. Within a channel the oldest goes first, but for what was refused alone and comes again later.
 */
import type { Alert, AlertSink, GuardStore } from "../guard-ports.ts";
import { Book, type Batch } from "./book.ts";
import type { Channel, SendAnswer } from "./channel.ts";

/** `run` comes back after this long, whatever a slow channel does: it goes on by itself. */
const RUN_MS_MAX = 5_000;
const AGAIN_MS = 1_000;

/** Ids of channels of the operator's file begin so. */
const FILE_PREFIX = "file-";

export interface OutboxParts {
  readonly store: GuardStore;
  /** Those of this moment. */
  readonly channels: () => readonly Channel[];
  readonly nowMs: () => number;
  /** Something is due that was not: whoever calls `run` by the clock should do so now. */
  readonly onDue?: () => void;
  readonly report?: (what: string, facts: Readonly<Record<string, unknown>>) => void;
}

export class Outbox implements AlertSink {
  readonly book: Book;
  readonly #parts: OutboxParts;
  /** Channels that something is being sent to, with when to come again. */
  readonly #busy = new Map<string, Promise<number | null>>();

  constructor(parts: OutboxParts) {
    this.#parts = parts;
    this.book = new Book(parts.store);
  }

  /**
   * At each start, for the channels of the operator's file: one that said it was gone gets another chance, and what was
   * taken out of the file is forgotten.
   */
  async takeUpFile(ids: readonly string[]): Promise<void> {
    for (const id of await this.book.channels()) {
      if (!id.startsWith(FILE_PREFIX)) continue;
      await (ids.includes(id) ? this.book.revive(id) : this.book.remove(id));
    }
  }

  async raise(alerts: readonly Alert[]): Promise<void> {
    const { channels, nowMs, onDue } = this.#parts;
    await this.book.raise(alerts, channels(), nowMs());
    onDue?.();
  }

  /** Sends what is due and says when to come again, milliseconds since 1970; null where nothing waits. Several at once are harmless. */
  async run(): Promise<number | null> {
    const { channels, nowMs } = this.#parts;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), RUN_MS_MAX);
    });
    const times = channels().map(async (channel) => {
      const serving = this.#serveOnce(channel);
      const inTime = await Promise.race([serving.then(() => true), patience]);
      return inTime === null ? nowMs() + AGAIN_MS : serving;
    });
    const next = (await Promise.all(times)).filter((time) => time !== null);
    clearTimeout(timer);
    return next.length === 0 ? null : Math.min(...next);
  }

  #serveOnce(channel: Channel): Promise<number | null> {
    let serving = this.#busy.get(channel.id);
    if (serving === undefined) {
      serving = this.#serve(channel).finally(() => this.#busy.delete(channel.id));
      this.#busy.set(channel.id, serving);
    }
    return serving;
  }

  /** Until nothing is due any more. The store failing is reported, and tried again. */
  async #serve(channel: Channel): Promise<number | null> {
    const { nowMs, report } = this.#parts;
    try {
      for (;;) {
        const next = await this.book.next(channel, nowMs());
        if (!("batch" in next)) return next.atMs;
        await this.#send(channel, next.batch);
      }
    } catch (error) {
      report?.("alerts could not be booked", { channel: channel.id, reason: String(error) });
      return nowMs() + AGAIN_MS;
    }
  }

  async #send(channel: Channel, batch: Batch): Promise<void> {
    const { nowMs, report } = this.#parts;
    const alerts = batch.deliveries.map(({ alert }) => alert);
    const answer = await sendSafely(channel, alerts, nowMs());
    if (answer.outcome !== "delivered") {
      const { outcome, status, detail } = answer;
      report?.("an alert was not delivered", { channel: channel.id, outcome, status, detail });
    }
    await this.book.settle(channel.id, batch, answer, nowMs());
  }

  /** Sends this one now, past the queue, and says what came back. It is not sent again. */
  async sendNow(channel: Channel, alert: Alert): Promise<SendAnswer> {
    const answer = await sendSafely(channel, [alert], this.#parts.nowMs());
    await this.book.record(channel.id, alert, answer, this.#parts.nowMs());
    if (answer.outcome === "delivered") this.#parts.onDue?.();
    return answer;
  }

  /** Sends dead letters again: how many. */
  async resend(channel: string, numbers: readonly number[] | null): Promise<number> {
    const count = await this.book.resend(channel, numbers, this.#parts.nowMs());
    this.#parts.onDue?.();
    return count;
  }
}

/** A channel that throws is a bug in it, and no reason to stop. */
async function sendSafely(
  channel: Channel,
  alerts: readonly Alert[],
  nowMs: number,
): Promise<SendAnswer> {
  try {
    return await channel.send(alerts, nowMs);
  } catch (error) {
    return { outcome: "away", status: null, detail: String(error) };
  }
}
