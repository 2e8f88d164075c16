/**
 * Memory that requests share: bytes, with a bound for all of them and one for each sender. Who has to wait for it is let in in
 * order, but for those whose sender has his part. What is held by a request that workerd cut off without a word is
 * forgotten after minutes.
 */
import { ProblemError } from "./problem.ts";

export interface RoomSize {
  readonly bytesMax: number;
  readonly senderBytesMax: number;
}

/** As long as a silent sender is waited for. */
export const ROOM_WAIT_MS_MAX = 10_000;
/** 64 that look every 25 ms are 2,600 timers a second: one percent of a core. */
const WAITING_MAX = 64;
const LOOK_MS = 25;
/** Who has not looked for so long was cut off. */
const LOST_MS = 2_000;

/** A body takes two minutes at most, its lock and its room half a minute each; an answer renews what it holds. */
export const CUT_OFF_MS = 5 * 60_000;

export interface Held {
  readonly by: string;
  readonly bytes: number;
  sinceMs: number;
}

export class Room {
  readonly #size: RoomSize;
  readonly #bySender = new Map<string, number>();
  /** Oldest first. */
  readonly #held = new Set<Held>();
  /** Oldest first, with the time of their last look. */
  readonly #waiting = new Map<Held, number>();
  #bytes = 0;

  constructor(size: RoomSize) {
    this.#size = size;
  }

  /** Bytes taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Does `work` while there is room for so many bytes of this sender's. Throws `overloaded` where none came free in time. */
  async hold<T>(
    by: string,
    bytes: number,
    work: () => Promise<T>,
    waitMsMax: number = ROOM_WAIT_MS_MAX,
  ): Promise<T> {
    const held = await this.enter(by, bytes, waitMsMax);
    try {
      return await work();
    } finally {
      this.leave(held);
    }
  }

  /** The first half of `hold`; `leave` is the second. Throws `overloaded`. */
  async enter(by: string, bytes: number, waitMsMax: number = ROOM_WAIT_MS_MAX): Promise<Held> {
    const held: Held = { by, bytes, sinceMs: Date.now() };
    if (!this.#fits(held)) this.#forgetCutOff(held.sinceMs);
    if (this.#fits(held)) this.#begin(held);
    else await this.#wait(held, waitMsMax);
    return held;
  }

  /** Once is enough. */
  leave(held: Held): void {
    if (this.#held.delete(held)) this.#add(held.by, -held.bytes);
  }

  /** It is still in use. */
  renew(held: Held): void {
    held.sinceMs = Date.now();
    if (this.#held.delete(held)) this.#held.add(held);
  }

  #fits(held: Held): boolean {
    return this.#fitsSender(held) && this.#fitsAll(held);
  }

  #fitsSender({ by, bytes }: Held): boolean {
    return (this.#bySender.get(by) ?? 0) + bytes <= this.#size.senderBytesMax;
  }

  #fitsAll({ bytes }: Held): boolean {
    return this.#bytes + bytes <= this.#size.bytesMax;
  }

  #begin(held: Held): void {
    this.#held.add(held);
    this.#add(held.by, held.bytes);
  }

  #add(by: string, bytes: number): void {
    this.#bytes += bytes;
    const own = (this.#bySender.get(by) ?? 0) + bytes;
    if (own === 0) this.#bySender.delete(by);
    else this.#bySender.set(by, own);
  }

  /** Looks again and again by itself: a request of workerd's cannot be woken by another one. */
  async #wait(held: Held, waitMsMax: number): Promise<void> {
    if (this.#waiting.size >= WAITING_MAX) throw full();
    const endMs = held.sinceMs + waitMsMax;
    this.#waiting.set(held, held.sinceMs);
    try {
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        const nowMs = Date.now();
        this.#waiting.set(held, nowMs);
        if (this.#isNext(held, nowMs)) return this.#begin(held);
        if (nowMs >= endMs) throw full();
      }
    } finally {
      this.#waiting.delete(held);
    }
  }

  /** The oldest is; one whose sender has his part is passed over, so that he does not stand in the way of others. */
  #isNext(held: Held, nowMs: number): boolean {
    if (!this.#fits(held)) return false;
    for (const [other, lookedMs] of this.#waiting) {
      if (other === held) return true;
      if (nowMs - lookedMs > LOST_MS) this.#waiting.delete(other);
      else if (this.#fitsSender(other)) return false;
    }
    return true;
  }

  /** workerd ends what it cuts off without a word; what is so old can only be that. */
  #forgetCutOff(nowMs: number): void {
    for (const held of this.#held) {
      if (nowMs - held.sinceMs < CUT_OFF_MS) return;
      this.leave(held);
    }
  }
}

function full(): ProblemError {
  const detail = "too much is under way; ask for less, or less at once";
  return new ProblemError("overloaded", detail);
}
