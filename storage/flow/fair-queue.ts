/**
 * What waits for its commit, in fair shares (PROTOCOL §2.2): a group is filled in turns, a job of each log that waits
 * and, within a log, of each sender. Who sends without end fills his own part and is told to come back, while
 * others pass. A sender's jobs to one log keep their order, so that the first sending of an id comes first; the jobs
 * of a group stand in the order in which they came.
 */

import { Turns } from "./turns.ts";

/** Text of events in one group: with 300 bytes a line around them they stay under what sqld takes in a request. */
export const GROUP_BYTES_MAX = 8 * 1024 * 1024;

/** The same while several logs wait: a group of 2 MiB is over in a quarter of a second, and then the next has its turn. */
export const SHARED_GROUP_BYTES_MAX = 2 * 1024 * 1024;

/** Of all logs: about eight full groups, some seconds of work. */
export const QUEUE_BYTES_MAX = 64 * 1024 * 1024;

/** Of one log: half of it, so that one alone cannot fill it. */
export const LOG_QUEUE_BYTES_MAX = 32 * 1024 * 1024;

/** A sender with no more than this at one log is heard however much others have waiting: 1,000 small events. */
export const SENDER_BYTES_SURE = 1024 * 1024;

/** What the queue needs to know of what waits. */
export interface Queued {
  /** Who waits where; `by` is the sender. */
  readonly job: { readonly log: string; readonly by: string };
  /** What it counts for. */
  readonly bytes: number;
}

/** Jobs of one sender to one log, oldest first. */
interface Sender<T> {
  readonly waiting: Waiting<T>[];
  bytes: number;
}

interface Waiting<T> {
  readonly item: T;
  readonly arrival: number;
}

/** What waits for one log. */
interface Lane<T> {
  /** By `by`. */
  readonly senders: Turns<Sender<T>>;
  bytes: number;
}

export class FairQueue<T extends Queued> {
  /** By log. */
  readonly #lanes = new Turns<Lane<T>>();
  #arrivals = 0;
  #count = 0;
  #bytes = 0;

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** True where it was taken; false where too much waits already, of this log or of all. */
  push(item: T): boolean {
    const { job, bytes } = item;
    const lane = this.#lanes.get(job.log) ?? { senders: new Turns<Sender<T>>(), bytes: 0 };
    const sender = lane.senders.get(job.by) ?? { waiting: [], bytes: 0 };
    const isSure = sender.waiting.length === 0 || sender.bytes + bytes <= SENDER_BYTES_SURE;
    const fits =
      lane.bytes + bytes <= LOG_QUEUE_BYTES_MAX && this.#bytes + bytes <= QUEUE_BYTES_MAX;
    if (!isSure && !fits) return false;
    if (lane.senders.size === 0) this.#lanes.add(job.log, lane);
    if (sender.waiting.length === 0) lane.senders.add(job.by, sender);
    sender.waiting.push({ item, arrival: this.#arrivals });
    sender.bytes += bytes;
    this.#arrivals += 1;
    this.#add(lane, 1, bytes);
    return true;
  }

  /** The next group: at least one job where any waits. */
  takeGroup(): T[] {
    const bytesMax = this.#lanes.size > 1 ? SHARED_GROUP_BYTES_MAX : GROUP_BYTES_MAX;
    if (this.#bytes <= bytesMax) return this.takeAll();
    const taken: Waiting<T>[] = [];
    let room = bytesMax;
    this.#lanes.beginRound();
    for (const [, lane] of this.#lanes.entries()) lane.senders.beginRound();
    const fits = ({ item }: Waiting<T>): boolean => taken.length === 0 || item.bytes <= room;
    for (let next = this.#takeNext(fits); next !== null; next = this.#takeNext(fits)) {
      taken.push(next);
      room -= next.item.bytes;
    }
    return inOrder(taken);
  }

  /** Everything, in order of arrival. */
  takeAll(): T[] {
    const taken = [...this.#lanes.entries()].flatMap(([, { senders }]) =>
      [...senders.entries()].flatMap(([, { waiting }]) => waiting),
    );
    this.#lanes.clear();
    this.#count = 0;
    this.#bytes = 0;
    return inOrder(taken);
  }

  /** The oldest job of whose turn it is among those whose job fits; null where no job fits. */
  #takeNext(fits: (waiting: Waiting<T>) => boolean): Waiting<T> | null {
    for (const [log, lane] of this.#lanes.entries()) {
      for (const [by, sender] of lane.senders.entries()) {
        const [first] = sender.waiting;
        if (first === undefined || !fits(first)) continue;
        sender.waiting.shift();
        sender.bytes -= first.item.bytes;
        this.#add(lane, -1, -first.item.bytes);
        lane.senders.served(by, sender, sender.waiting.length === 0);
        this.#lanes.served(log, lane, lane.senders.size === 0);
        return first;
      }
    }
    return null;
  }

  #add(lane: Lane<T>, count: number, bytes: number): void {
    lane.bytes += bytes;
    this.#count += count;
    this.#bytes += bytes;
  }
}

function inOrder<T>(waiting: Waiting<T>[]): T[] {
  return waiting.sort((one, other) => one.arrival - other.arrival).map(({ item }) => item);
}
