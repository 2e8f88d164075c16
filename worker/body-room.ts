/**
 * Memory for bodies, and turns of those that keep the thread busy. What is being read has a bound, and so has each sender's part of
 * it; room is taken for a whole body before its first byte is read, and who has to wait for it is not read meanwhile,
 * so TCP holds his sender back. What is parsed, planned and answered has a tighter one, so that others find the
 * thread free between. Small bodies need none: 2,048 requests under way (`limits.ts`) have 128 MiB of them at most.
 */
import { announcedBytes, BODY_BYTES_MAX, SMALL_BODY_BYTES_MAX } from "./body.ts";
import { ProblemError } from "./problem.ts";

export interface RoomSize {
  readonly bytesMax: number;
  readonly senderBytesMax: number;
}

/** 16 bodies of 8 MiB, four of one sender: when they come slowly there is as much for three others. */
const ARRIVING: RoomSize = { bytesMax: 16 * BODY_BYTES_MAX, senderBytesMax: 4 * BODY_BYTES_MAX };
/** What is made of a body on its way (text, events, lines) is ten times its size; a group commit holds 8 MiB anyway. */
const WORKING: RoomSize = { bytesMax: 4 * BODY_BYTES_MAX, senderBytesMax: BODY_BYTES_MAX };
/** As long as a silent sender is waited for. */
export const ROOM_WAIT_MS_MAX = 10_000;
/** 64 that look every 25 ms are 2,600 timers a second: one percent of a core. */
const WAITING_MAX = 64;
const LOOK_MS = 25;
/** Who has not looked for so long was cut off. */
const LOST_MS = 2_000;

/** A body takes two minutes at most, its lock and its room half a minute each. */
export const CUT_OFF_MS = 5 * 60_000;

interface Held {
  readonly by: string;
  readonly bytes: number;
  readonly sinceMs: number;
}

export class BodyRooms {
  readonly arriving = new BodyRoom(ARRIVING);
  readonly working = new BodyRoom(WORKING);

  /** Reads a body and works on it, each while there is room for it among this sender's. Throws what they throw, and `overloaded`. */
  hold<T>(
    by: string,
    request: Request,
    read: () => Promise<Uint8Array>,
    work: (body: Uint8Array) => Promise<T>,
  ): Promise<T> {
    // One of unknown length takes the most; one that is announced too large is not read at all.
    const announced = Math.min(announcedBytes(request) ?? BODY_BYTES_MAX, BODY_BYTES_MAX);
    if (announced <= SMALL_BODY_BYTES_MAX) return read().then(work);
    return this.arriving.hold(by, announced, async () => {
      const body = await read();
      return this.working.hold(by, body.length, () => work(body));
    });
  }
}

export class BodyRoom {
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
    if (bytes <= SMALL_BODY_BYTES_MAX) return work();
    const held: Held = { by, bytes, sinceMs: Date.now() };
    if (!this.#fits(held)) this.#forgetCutOff(held.sinceMs);
    if (this.#fits(held)) this.#begin(held);
    else await this.#wait(held, waitMsMax);
    try {
      return await work();
    } finally {
      this.#end(held);
    }
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

  #end(held: Held): void {
    if (this.#held.delete(held)) this.#add(held.by, -held.bytes);
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
      this.#end(held);
    }
  }
}

function full(): ProblemError {
  const detail = "too many large bodies are under way; send smaller ones, or fewer at once";
  return new ProblemError("overloaded", detail);
}
