/**
 * What the outbox keeps in the guard's store, and under which keys:
 *
 * | key | |
 * |---|---|
 * | `alerts/queue` | `Queue`: the next delivery's number, and how many ids of alerts are remembered |
 * | `alerts/raised/<alert id>` | the number it was raised at |
 * | `alerts/raised-at/<number>` | the alert's id, so that the oldest can be forgotten |
 * | `alerts/channel/<channel>` | `ChannelState` |
 * | `alerts/waiting/<channel>/<number>` | `Delivery`, oldest first |
 * | `alerts/later/<channel>/<time>-<number>` | `Delivery` that was refused, by when its turn comes again |
 * | `alerts/dead/<channel>/<number>`, `alerts/done/<channel>/<number>` | `Delivery` that was given up, that arrived |
 */
import type { Alert } from "../guard-ports.ts";
import type { SendAnswer } from "./channel.ts";

/** Alerts that wait for one channel; a delivery is about 2 KB. What comes on top is a dead letter at once. */
export const WAITING_MAX = 500;
/** Dead letters of one channel; the oldest is forgotten, and counted. */
export const DEAD_MAX = 500;
/** Deliveries of one channel that are still shown after they arrived. */
export const DONE_MAX = 100;
/** Ids of alerts that were raised: an engine that is started again raises none of the last ones twice. */
export const RAISED_MAX = 10_000;
/** Of one delivery: the first and the newest are what somebody looks for. */
export const ATTEMPTS_KEPT_MAX = 20;

export interface Queue {
  readonly next: number;
  readonly raised: number;
}

export interface ChannelState {
  /** In `waiting` and `later` together. */
  readonly waiting: number;
  readonly dead: number;
  readonly done: number;
  /** Dead letters that were forgotten, since the channel is there. */
  readonly forgotten: number;
  /** Failures in a row for which the whole channel rests, and until when it does. */
  readonly failures: number;
  readonly restsUntilMs: number;
  /** Why nothing is sent there any more; null while something is. */
  readonly gone: string | null;
  readonly lastDelivered: Attempt | null;
  readonly lastError: Attempt | null;
}

export interface Attempt {
  /** `YYYY-MM-DDTHH:MM:SS.mmmZ`. */
  readonly at: string;
  readonly outcome: SendAnswer["outcome"];
  readonly status: number | null;
  readonly detail: string;
}

/** One alert for one channel. */
export interface Delivery {
  readonly number: number;
  readonly alert: Alert;
  /** From when the time until it is given up is counted. */
  readonly queuedAtMs: number;
  readonly tries: number;
  /** Oldest first. */
  readonly attempts: readonly Attempt[];
  /** Why it is a dead letter. */
  readonly dead?: string;
}

export const STATE_NEW: ChannelState = {
  ...{ waiting: 0, dead: 0, done: 0, forgotten: 0, failures: 0, restsUntilMs: 0 },
  ...{ gone: null, lastDelivered: null, lastError: null },
};

export const QUEUE_KEY = "alerts/queue";
export const STATES = "alerts/channel/";
export const stateKey = (channel: string): string => STATES + channel;
export const raisedKey = (alertId: string): string => `alerts/raised/${alertId}`;
export const RAISED_AT = "alerts/raised-at/";
export const raisedAtKey = (number: number): string => RAISED_AT + digits(number);

export type Drawer = "waiting" | "later" | "dead" | "done";
export const DRAWERS: readonly Drawer[] = ["waiting", "later", "dead", "done"];

export const drawerPrefix = (drawer: Drawer, channel: string): string =>
  `alerts/${drawer}/${channel}/`;
export const deliveryKey = (drawer: Drawer, channel: string, number: number): string =>
  drawerPrefix(drawer, channel) + digits(number);
export const laterKey = (channel: string, timeMs: number, number: number): string =>
  `${drawerPrefix("later", channel)}${digits(timeMs)}-${digits(number)}`;

/** When the turn of a delivery in `later` comes. */
export function laterTimeMs(key: string): number {
  return Number(key.slice(key.lastIndexOf("/") + 1).split("-")[0]);
}

/** Sixteen digits hold every safe integer, and order as text as they do as numbers. */
function digits(value: number): string {
  return String(value).padStart(16, "0");
}
