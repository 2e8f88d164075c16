/**
 * Reads a request's body, counting while it arrives, so that a chunked one is bounded as well. What
 * grows too large is 413, what stalls is 408. An early refusal must read on and discard: a client that
 * is still sending when the answer comes and the connection closes loses the answer.
 */
import { invalidRequest, ProblemError } from "./problem.ts";

/** 8 MiB: 10,000 lines of 800 bytes. */
export const BODY_BYTES_MAX = 8 * 1024 * 1024;
/** An administrator's call is a few hundred bytes; 64 KiB leaves room for a hundred log patterns of 64 characters. */
export const ADMIN_BODY_BYTES_MAX = 64 * 1024;
/** Bodies up to this size are taken in one piece, which costs one call; it must come within one stall. */
export const SMALL_BODY_BYTES_MAX = 64 * 1024;
/** A sender that is silent for so long is cut off. */
export const STALL_MS_MAX = 10_000;
/** 8 MiB within two minutes is 70 KB/s; a slower sender makes smaller requests. */
export const ARRIVAL_MS_MAX = 120_000;
/** What a refused sender may go on sending before the answer: 64 MiB, so that who is above the limit by mistake hears why. */
export const DISCARD_BYTES_MAX = 8 * BODY_BYTES_MAX;
/** So many at a time; when more are refused at once, who still sends may find his connection closed before he reads why. */
const DISCARDS_MAX = 8;
/** And for how long. */
export const DISCARD_MS_MAX = 10_000;

/** Limits of time, in milliseconds. */
export interface Patience {
  readonly stallMsMax: number;
  readonly arrivalMsMax: number;
}

const PATIENCE: Patience = { stallMsMax: STALL_MS_MAX, arrivalMsMax: ARRIVAL_MS_MAX };

/** The whole body. Throws `body_too_large`, `request_timeout`, or `invalid_request` where the sender went away. */
export async function readBody(
  request: Request,
  bytesMax: number = BODY_BYTES_MAX,
  patience: Patience = PATIENCE,
): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array(0);
  const announced = announcedBytes(request);
  if (announced !== null && announced > bytesMax) throw tooLarge(bytesMax);
  if (announced !== null && announced <= SMALL_BODY_BYTES_MAX) {
    return readSmall(request, patience.stallMsMax);
  }
  return readCounting(request.body, bytesMax, patience);
}

/**
 * Throws where a body has two lengths: where a proxy believes the one and we the other, the rest of the body is the next
 * one's request (RFC 9112 §6.1).
 */
export function assertOneLength({ headers }: Request): void {
  if (!headers.has("transfer-encoding") || !headers.has("content-length")) return;
  throw invalidRequest("a request has Content-Length or Transfer-Encoding, not both");
}

/** Reads on and throws away, until the sender is done or has sent too much for too long. Never throws. */
export async function discardBody(request: Request): Promise<void> {
  if (request.body === null || request.body.locked) return;
  // More than anybody will read: the answer goes out at once, and may reach who listens while sending.
  if ((announcedBytes(request) ?? 0) > DISCARD_BYTES_MAX || discards >= DISCARDS_MAX) return;
  discards += 1;
  try {
    const reader = request.body.getReader() as BodyReader;
    const endMs = Date.now() + DISCARD_MS_MAX;
    for (let bytes = 0; bytes < DISCARD_BYTES_MAX && Date.now() < endMs;) {
      const part = await within(reader.read(), DISCARD_MS_MAX);
      if (part === LATE || part.done) break;
      bytes += part.value.length;
    }
  } catch {
    // The sender went away: nobody waits for the answer.
  } finally {
    discards -= 1;
  }
}

let discards = 0;

type BodyReader = ReadableStreamDefaultReader<Uint8Array>;

/** Content-Length, where it can be believed: with a transfer coding beside it, it cannot. */
export function announcedBytes(request: Request): number | null {
  const length = request.headers.get("content-length");
  if (length === null || request.headers.has("transfer-encoding")) return null;
  return /^[0-9]{1,15}$/.test(length) ? Number(length) : null;
}

async function readSmall(request: Request, msMax: number): Promise<Uint8Array> {
  const body = await within(request.arrayBuffer().catch(goneAway), msMax);
  if (body === LATE) throw late();
  return new Uint8Array(body);
}

/** The whole of a stream. Throws as `readBody` does. */
export async function readCounting(
  body: ReadableStream,
  bytesMax: number,
  { stallMsMax, arrivalMsMax }: Patience,
): Promise<Uint8Array> {
  const reader = body.getReader() as BodyReader;
  const parts: Uint8Array[] = [];
  const endMs = Date.now() + arrivalMsMax;
  let bytes = 0;
  for (;;) {
    const msMax = Math.min(stallMsMax, endMs - Date.now());
    const part = msMax > 0 ? await within(reader.read().catch(goneAway), msMax) : LATE;
    if (part === LATE) {
      reader.cancel().catch(() => undefined);
      throw late();
    }
    if (part.done) return join(parts, bytes);
    bytes += part.value.length;
    if (bytes > bytesMax) {
      reader.releaseLock();
      throw tooLarge(bytesMax);
    }
    parts.push(part.value);
  }
}

function join(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const LATE = Symbol("late");

/** What the promise gives, or `LATE` when it has not settled after `msMax`. */
async function within<T>(promise: Promise<T>, msMax: number): Promise<T | typeof LATE> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(() => resolve(LATE), msMax);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

function tooLarge(bytesMax: number): ProblemError {
  return new ProblemError("body_too_large", `a body here has at most ${bytesMax} bytes`);
}

function late(): ProblemError {
  return new ProblemError("request_timeout", "the body did not arrive in time; send it again", {
    headers: { connection: "close" },
  });
}

function goneAway(cause: unknown): never {
  throw new ProblemError("invalid_request", "the body ended before it was complete", { cause });
}

/** For calls whose meaning is all in their address. */
export async function assertNoBody(request: Request): Promise<void> {
  const body = await readBody(request, ADMIN_BODY_BYTES_MAX);
  if (body.length > 0) throw invalidRequest("this call takes no body");
}
