/**
 * Memory for answers: what was made and not yet taken lies in ours for as long as its reader pleases. So where an answer may be large,
 * room is taken before it is made, for each reader a part of it, and given back when the last of it was taken, when
 * the reader is gone, or when he takes nothing for a minute.
 */
import { isLarge } from "./answer.ts";
import type { Ask } from "./ask.ts";
import { Room, type Held } from "./room.ts";
import type { Route } from "./routes.ts";
import { StreamEnd } from "./stream-end.ts";

/** A page of entries; a stream of lines has two of 1 MiB at a time in all their forms; a tile of the longest lines is 16 MiB. */
const ANSWER_BYTES = 4 * 1024 * 1024;
/** 64 of them at a time, 16 of one reader. */
const SIZE = { bytesMax: 64 * ANSWER_BYTES, senderBytesMax: 16 * ANSWER_BYTES };

/** What is handed out at once: all that remains in memory of an answer whose reader was given up, if he holds the connection. */
const PIECE_BYTES = 128 * 1024;
/** 2 kB a second. Some readers that are gone show in no other way. */
export const UNTAKEN_MS_MAX = 60_000;

/** `METHOD path` of what may be large. */
export const LARGE_ANSWERS: ReadonlySet<string> = new Set([
  "GET /v1/logs/:log/entries",
  "GET /v1/entries",
  "GET /v1/logs/:log/export",
  "GET /v1/logs/:log/seals/:first",
  "GET /tlog/:log/tile/:rest{.+}",
]);

export class AnswerRoom {
  readonly #room = new Room(SIZE);

  get bytes(): number {
    return this.#room.bytes;
  }

  /** Makes the answer of a route. Throws `overloaded` where no room came free in time. */
  async hold({ method, path }: Route, ask: Ask, make: () => Promise<Response>): Promise<Response> {
    if (!LARGE_ANSWERS.has(`${method} ${path}`)) return make();
    const held = await this.#room.enter(ask.principal?.by ?? ask.address ?? "", ANSWER_BYTES);
    try {
      const response = await make();
      if (response.body !== null && isLarge(response)) return this.#untilTaken(held, response, ask);
      this.#room.leave(held);
      return response;
    } catch (error) {
      this.#room.leave(held);
      throw error;
    }
  }

  #untilTaken(held: Held, response: Response, { request, services }: Ask): Response {
    const reader = response.body!.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    let rest: Uint8Array = new Uint8Array(0);
    let isOver = false;
    const giveUp = (): void => {
      isOver = true;
      rest = new Uint8Array(0);
      this.#room.leave(held);
      void reader.cancel().catch(() => undefined);
    };
    const end = new StreamEnd(request.signal, giveUp, UNTAKEN_MS_MAX);
    services.later(end.over);
    const next = async (): Promise<Uint8Array | null> => {
      if (rest.length === 0) {
        const part = await reader.read();
        if (part.done) return null;
        rest = part.value;
      }
      const piece = rest.slice(0, PIECE_BYTES);
      rest = rest.subarray(PIECE_BYTES);
      return piece;
    };
    const taken = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          if (isOver) throw new Error("the reader took nothing for too long");
          this.#room.renew(held);
          end.working();
          try {
            const piece = await next();
            end.pulled();
            if (piece !== null) return controller.enqueue(piece);
          } catch (error) {
            end.early();
            throw error;
          }
          this.#room.leave(held);
          end.whole();
          controller.close();
        },
        cancel: () => end.early(),
      },
      { highWaterMark: 0 },
    );
    return new Response(taken, response);
  }
}
