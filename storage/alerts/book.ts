/**
 * The outbox's book in the guard's store: which delivery is in which drawer of which channel. Each change is one write, all
 * or nothing, and they come one after another; whoever stops in between finds the book as it was before or after.
 */
import type { Alert, GuardStore } from "../guard-ports.ts";
import type { Json } from "../log/json-value.ts";
import { formatTimeMs } from "../log/time.ts";
import { DETAIL_CHARS_MAX, isWanted, type Channel, type SendAnswer } from "./channel.ts";
import { GIVE_UP_MS, pauseMs } from "./pauses.ts";
import {
  ATTEMPTS_KEPT_MAX,
  DEAD_MAX,
  deliveryKey,
  DONE_MAX,
  drawerPrefix,
  DRAWERS,
  laterKey,
  laterTimeMs,
  QUEUE_KEY,
  RAISED_AT,
  RAISED_MAX,
  raisedAtKey,
  raisedKey,
  STATE_NEW,
  stateKey,
  STATES,
  WAITING_MAX,
  type Attempt,
  type ChannelState,
  type Delivery,
  type Drawer,
  type Queue,
} from "./records.ts";

/** No pause is longer: a time further ahead is of a clock that went back since. */
const REST_MS_MAX = 6 * 3_600_000;

/** Alerts in one write: with 20 channels that is a thousand records. */
const RAISED_AT_ONCE_MAX = 50;

/** Engines make ids of their own; as keys of the store they are short and ASCII. */
const ALERT_ID = /^[\x21-\x7e]{1,200}$/;

/** What is to be sent to a channel next. */
export interface Batch {
  readonly deliveries: readonly Delivery[];
  /** Their keys, in the same order. */
  readonly keys: readonly string[];
}

/** A batch, or when there may be one: null where nothing waits. */
export type Next = { readonly batch: Batch } | { readonly atMs: number | null };

type Changes = Map<string, Json | null>;

export class Book {
  readonly #store: GuardStore;
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: GuardStore) {
    this.#store = store;
  }

  /** Puts each alert that was not raised before into the drawer of each channel that wants it. */
  async raise(
    alerts: readonly Alert[],
    channels: readonly Channel[],
    nowMs: number,
  ): Promise<void> {
    for (let at = 0; at < alerts.length; at += RAISED_AT_ONCE_MAX) {
      const some = alerts.slice(at, at + RAISED_AT_ONCE_MAX);
      await this.#inTurn(() => this.#raise(some, channels, nowMs));
    }
  }

  async #raise(alerts: readonly Alert[], channels: readonly Channel[], nowMs: number) {
    const changes: Changes = new Map();
    const queue = await this.#queue();
    const fresh = await this.#fresh(alerts);
    if (fresh.length === 0) return;
    const numbered = fresh.map((alert, i) => ({ alert, number: queue.next + i }));
    for (const { alert, number } of numbered) {
      changes.set(raisedKey(alert.id), number);
      changes.set(raisedAtKey(number), alert.id);
    }
    const tooMany = queue.raised + fresh.length - RAISED_MAX;
    const forgotten = tooMany > 0 ? await this.#store.list(RAISED_AT, { limit: tooMany }) : [];
    for (const [key, id] of forgotten) changes.set(key, null).set(raisedKey(id as string), null);
    const raised = queue.raised + fresh.length - [...forgotten].length;
    changes.set(QUEUE_KEY, { next: queue.next + fresh.length, raised });
    for (const channel of channels) {
      const wanted = numbered.filter(({ alert }) => isWanted(channel, alert));
      if (wanted.length > 0) await this.#enqueue(channel.id, wanted, nowMs, changes);
    }
    await this.#store.write(changes);
  }

  async #enqueue(
    channel: string,
    wanted: readonly { readonly alert: Alert; readonly number: number }[],
    nowMs: number,
    changes: Changes,
  ): Promise<void> {
    let state = (await this.state(channel)) ?? STATE_NEW;
    for (const { alert, number } of wanted) {
      const delivery = { number, alert, queuedAtMs: nowMs, tries: 0, attempts: [] };
      const dead =
        state.gone ??
        (state.waiting >= WAITING_MAX ? `${WAITING_MAX} others waited already` : null);
      put(changes, dead === null ? "waiting" : "dead", channel, delivery, dead);
      state =
        dead === null
          ? { ...state, waiting: state.waiting + 1 }
          : { ...state, dead: state.dead + 1 };
    }
    await this.#putState(channel, state, changes);
  }

  async #fresh(alerts: readonly Alert[]): Promise<Alert[]> {
    const fresh = new Map<string, Alert>();
    for (const alert of alerts) {
      if (!ALERT_ID.test(alert.id)) throw new Error(`an alert cannot have the id ${alert.id}`);
      if ((await this.#store.get(raisedKey(alert.id))) === null) fresh.set(alert.id, alert);
    }
    return [...fresh.values()];
  }

  /** Null for a channel to which nothing was ever addressed. */
  async state(channel: string): Promise<ChannelState | null> {
    return (await this.#store.get(stateKey(channel))) as ChannelState | null;
  }

  /** Ids of channels that the book knows. */
  async channels(): Promise<string[]> {
    const found = await this.#store.list(STATES, { limit: CHANNELS_LISTED_MAX });
    return [...found.keys()].map((key) => key.slice(STATES.length));
  }

  /** What was refused and is due comes first, alone; then what waits, together as the channel takes it. */
  next({ id, alertsMax }: Pick<Channel, "id" | "alertsMax">, nowMs: number): Promise<Next> {
    return this.#inTurn(async (): Promise<Next> => {
      const state = await this.state(id);
      if (state === null || state.waiting === 0 || state.gone !== null) return { atMs: null };
      if (isAhead(state.restsUntilMs, nowMs)) return { atMs: state.restsUntilMs };
      const [first] = await this.#store.list(drawerPrefix("later", id), { limit: 1 });
      if (first !== undefined && !isAhead(laterTimeMs(first[0]), nowMs)) {
        return { batch: batchOf([first]) };
      }
      const waiting = await this.#store.list(drawerPrefix("waiting", id), { limit: alertsMax });
      if (waiting.size > 0) return { batch: batchOf([...waiting]) };
      return { atMs: first === undefined ? null : laterTimeMs(first[0]) };
    });
  }

  /** Books what came of a batch. A channel that was removed meanwhile stays so. */
  settle(channel: string, batch: Batch, answer: SendAnswer, nowMs: number): Promise<void> {
    return this.#inTurn(async () => {
      const state = await this.state(channel);
      if (state === null) return;
      const changes: Changes = new Map();
      for (const key of batch.keys) changes.set(key, null);
      const attempt = attemptOf(answer, nowMs);
      const tried = batch.deliveries.map((delivery) => triedOnce(delivery, attempt));
      const after = await this.#sortAway(channel, state, tried, answer, nowMs, changes);
      const failed = answer.outcome !== "delivered";
      const last = failed ? { lastError: attempt } : { lastDelivered: attempt };
      await this.#putState(channel, { ...after, ...last }, changes);
      await this.#store.write(changes);
    });
  }

  /** Each delivery into the drawer where it belongs after this answer; the state without what the lists' limits do. */
  async #sortAway(
    channel: string,
    state: ChannelState,
    tried: readonly Delivery[],
    { outcome, detail, retryAfterMs }: SendAnswer,
    nowMs: number,
    changes: Changes,
  ): Promise<ChannelState> {
    if (outcome === "delivered") {
      for (const delivery of tried) put(changes, "done", channel, delivery);
      const { waiting, done } = state;
      const counts = { waiting: waiting - tried.length, done: done + tried.length };
      return { ...state, ...counts, failures: 0, restsUntilMs: 0 };
    }
    if (outcome === "gone") {
      const others = await this.#allWaiting(channel, changes);
      for (const delivery of [...tried, ...others]) put(changes, "dead", channel, delivery, detail);
      const dead = state.dead + tried.length + others.length;
      return { ...state, waiting: 0, dead, gone: detail, failures: 0, restsUntilMs: 0 };
    }
    let { waiting, dead } = state;
    for (const delivery of tried) {
      if (nowMs - delivery.queuedAtMs >= GIVE_UP_MS) {
        put(changes, "dead", channel, delivery, `given up after ${delivery.tries} attempts`);
        waiting--;
        dead++;
      } else if (outcome === "away") put(changes, "waiting", channel, delivery);
      else putLater(changes, channel, delivery, nowMs + pauseMs(delivery.tries, retryAfterMs));
    }
    // Whoever refuses is there.
    const failures = outcome === "away" ? state.failures + 1 : 0;
    const restsUntilMs = failures === 0 ? 0 : nowMs + pauseMs(failures, retryAfterMs);
    return { ...state, waiting, dead, failures, restsUntilMs };
  }

  /** Everything that waits but for what is taken out already. */
  async #allWaiting(channel: string, changes: Changes): Promise<Delivery[]> {
    const found: Delivery[] = [];
    for (const drawer of ["waiting", "later"] as const) {
      for (const [key, value] of await this.#all(drawer, channel)) {
        if (changes.has(key)) continue;
        changes.set(key, null);
        found.push(value as unknown as Delivery);
      }
    }
    return found;
  }

  /** What was sent on somebody's word, outside of the queue: on record whatever came of it. */
  record(channel: string, alert: Alert, answer: SendAnswer, nowMs: number): Promise<void> {
    return this.#inTurn(async () => {
      const changes: Changes = new Map();
      const queue = await this.#queue();
      changes.set(QUEUE_KEY, { ...queue, next: queue.next + 1 });
      const attempt = attemptOf(answer, nowMs);
      const untried = { number: queue.next, alert, queuedAtMs: nowMs, tries: 0, attempts: [] };
      put(changes, "done", channel, triedOnce(untried, attempt));
      const state = (await this.state(channel)) ?? STATE_NEW;
      const delivered = answer.outcome === "delivered";
      const news = delivered
        ? { lastDelivered: attempt, failures: 0, restsUntilMs: 0 }
        : { lastError: attempt };
      await this.#putState(channel, { ...state, ...news, done: state.done + 1 }, changes);
      await this.#store.write(changes);
    });
  }

  /** Puts dead letters back, all or those of these numbers, as far as there is room: how many. They get a day again. */
  resend(channel: string, numbers: readonly number[] | null, nowMs: number): Promise<number> {
    return this.#inTurn(async () => {
      const state = await this.state(channel);
      if (state === null || state.gone !== null) return 0;
      const dead = [...(await this.#all("dead", channel))].filter(
        ([, value]) => numbers?.includes((value as unknown as Delivery).number) ?? true,
      );
      const some = dead.slice(0, WAITING_MAX - state.waiting);
      const changes: Changes = new Map();
      for (const [key, value] of some) {
        const { dead: _, ...delivery } = value as unknown as Delivery;
        changes.set(key, null);
        put(changes, "waiting", channel, { ...delivery, queuedAtMs: nowMs, tries: 0 });
      }
      const counts = { waiting: state.waiting + some.length, dead: state.dead - some.length };
      await this.#putState(channel, { ...state, ...counts, restsUntilMs: 0 }, changes);
      await this.#store.write(changes);
      return some.length;
    });
  }

  /** Somebody says that the place is there again, or has put another in its place. */
  revive(channel: string): Promise<void> {
    return this.#inTurn(async () => {
      const state = await this.state(channel);
      if (state === null) return;
      const changes: Changes = new Map();
      await this.#putState(
        channel,
        { ...state, gone: null, failures: 0, restsUntilMs: 0 },
        changes,
      );
      await this.#store.write(changes);
    });
  }

  /** Forgets a channel with all its deliveries. */
  remove(channel: string): Promise<void> {
    return this.#inTurn(async () => {
      const changes: Changes = new Map([[stateKey(channel), null]]);
      for (const drawer of DRAWERS) {
        for (const key of (await this.#all(drawer, channel)).keys()) changes.set(key, null);
      }
      await this.#store.write(changes);
    });
  }

  /** Newest first; `before`: only smaller numbers. */
  async deliveries(
    channel: string,
    { limit, before = Number.MAX_SAFE_INTEGER }: { limit: number; before?: number },
  ): Promise<{ readonly drawer: Drawer; readonly delivery: Delivery }[]> {
    const found: { drawer: Drawer; delivery: Delivery }[] = [];
    for (const drawer of DRAWERS) {
      const inOrder = drawer !== "later";
      const after = inOrder ? { after: deliveryKey(drawer, channel, before) } : {};
      const options = { limit: inOrder ? limit : WAITING_MAX, reverse: true, ...after };
      const some = await this.#store.list(drawerPrefix(drawer, channel), options);
      for (const value of some.values()) {
        found.push({ drawer, delivery: value as unknown as Delivery });
      }
    }
    const older = found.filter(({ delivery }) => delivery.number < before);
    return older.sort((a, b) => b.delivery.number - a.delivery.number).slice(0, limit);
  }

  #all(drawer: Drawer, channel: string): Promise<Map<string, Json>> {
    return this.#store.list(drawerPrefix(drawer, channel), { limit: DRAWER_MAX });
  }

  async #queue(): Promise<Queue> {
    const kept = (await this.#store.get(QUEUE_KEY)) as Queue | null;
    return kept ?? { next: 0, raised: 0 };
  }

  /** The state, after the oldest of what is over its limit was taken out. */
  async #putState(channel: string, state: ChannelState, changes: Changes): Promise<void> {
    const dead = await this.#trim("dead", channel, state.dead - DEAD_MAX, changes);
    const done = await this.#trim("done", channel, state.done - DONE_MAX, changes);
    const trimmed: ChannelState = {
      ...state,
      ...{ dead: state.dead - dead, done: state.done - done, forgotten: state.forgotten + dead },
    };
    changes.set(stateKey(channel), trimmed as unknown as Json);
  }

  async #trim(drawer: Drawer, channel: string, tooMany: number, changes: Changes): Promise<number> {
    if (tooMany <= 0) return 0;
    const oldest = await this.#store.list(drawerPrefix(drawer, channel), { limit: tooMany });
    for (const key of oldest.keys()) changes.set(key, null);
    return oldest.size;
  }

  /** One change at a time: what it read still holds when it writes. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(change, change);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

/** More than any drawer holds, and than there can be channels. */
const DRAWER_MAX = 2 * (WAITING_MAX + DEAD_MAX);
const CHANNELS_LISTED_MAX = 1_000;

function isAhead(timeMs: number, nowMs: number): boolean {
  return timeMs > nowMs && timeMs - nowMs <= REST_MS_MAX;
}

function batchOf(records: readonly (readonly [string, Json])[]): Batch {
  return {
    deliveries: records.map(([, value]) => value as unknown as Delivery),
    keys: records.map(([key]) => key),
  };
}

function put(
  changes: Changes,
  drawer: Drawer,
  channel: string,
  delivery: Delivery,
  dead: string | null = null,
): void {
  const record = dead === null ? delivery : { ...delivery, dead };
  changes.set(deliveryKey(drawer, channel, delivery.number), record as unknown as Json);
}

function putLater(changes: Changes, channel: string, delivery: Delivery, timeMs: number): void {
  changes.set(laterKey(channel, timeMs, delivery.number), delivery as unknown as Json);
}

/** The first attempts say what was wrong, the newest what is. */
function triedOnce(delivery: Delivery, attempt: Attempt): Delivery {
  const { attempts, tries } = delivery;
  const first = attempts.slice(0, ATTEMPTS_KEPT_MAX / 2);
  const newest = attempts.slice(first.length).slice(1 - ATTEMPTS_KEPT_MAX / 2);
  return { ...delivery, tries: tries + 1, attempts: [...first, ...newest, attempt] };
}

function attemptOf({ outcome, status, detail }: SendAnswer, nowMs: number): Attempt {
  return {
    at: formatTimeMs(nowMs),
    outcome,
    status,
    detail: [...detail].slice(0, DETAIL_CHARS_MAX).join(""),
  };
}
