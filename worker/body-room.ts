/**
 * Memory for bodies, and turns of those that keep the thread busy. What is being read has a bound, and so has each sender's part of
 * it; room is taken for a whole body before its first byte is read, and who has to wait for it is not read meanwhile,
 * so TCP holds his sender back. What is parsed, planned and answered has a tighter one, so that others find the
 * thread free between. Small bodies need none: 2,048 requests under way (`limits.ts`) have 128 MiB of them at most.
 */
import { announcedBytes, BODY_BYTES_MAX, SMALL_BODY_BYTES_MAX } from "./body.ts";
import { Room, type RoomSize } from "./room.ts";

/** 16 bodies of 8 MiB, four of one sender: when they come slowly there is as much for three others. */
const ARRIVING: RoomSize = { bytesMax: 16 * BODY_BYTES_MAX, senderBytesMax: 4 * BODY_BYTES_MAX };
/** What is made of a body on its way (text, events, lines) is ten times its size; a group commit holds 8 MiB anyway. */
const WORKING: RoomSize = { bytesMax: 4 * BODY_BYTES_MAX, senderBytesMax: BODY_BYTES_MAX };

export class BodyRooms {
  readonly arriving = new Room(ARRIVING);
  readonly working = new Room(WORKING);

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
      if (body.length <= SMALL_BODY_BYTES_MAX) return work(body);
      return this.working.hold(by, body.length, () => work(body));
    });
  }
}
