/**
 * One HTTP exchange, by `fetch` in Node and in workerd alike (workerd's `node:http` never tells that a
 * connection was lost), and the form of it in which the `minio` package takes a transport. Every exchange has
 * a limit in time and in bytes, and its answer is read to the end or fails.
 */
import type http from "node:http";
import { VaultError } from "../ports.ts";

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/**
 * A store on the same machine answers within milliseconds, one far away within a second; MinIO gives up a
 * lock inside itself after some 10 s. Beyond 15 s nothing good comes any more.
 */
export const ANSWER_MS_MAX = 15_000;
/** Slowest useful line, 512 KiB/s: a batch of 32 MiB then has 64 s more, either way. */
const BYTES_PER_MS_MIN = 524;
/** A batch is at most 32 MiB of lines, gzipped, plus a note. Whatever is larger was not put by us. */
const BODY_BYTES_MAX = 40 * 1024 * 1024;

/** Nothing can have reached the store: no connection was made. workerd does not tell these apart. */
const NEVER_CONNECTED = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** The reason of a request that was given up. */
class TimedOut extends Error {}

/** An answer 200 whose bytes end early: MinIO cuts the connection so when it meets a damaged block. */
export class BrokenOff extends VaultError {
  constructor(message: string, outcome: VaultError["outcome"], options: ErrorOptions) {
    super("vault_unreachable", message, outcome, options);
  }
}

/**
 * Sends one request and reads its whole answer, whatever the status. Throws `VaultError` `vault_unreachable` where there
 * is none, with outcome `nothing` if it was a read or no connection was made; `BrokenOff` where half of it is there.
 */
export async function exchange(request: HttpRequest, answerMsMax: number): Promise<HttpAnswer> {
  const limit = new TimeLimit(answerMsMax);
  let status = 0;
  try {
    limit.start(request.body?.length ?? 0);
    const response = await fetch(request.url, {
      method: request.method,
      // What is packed on the way has no length to hold it against.
      headers: { ...request.headers, "accept-encoding": "identity" },
      body: request.body === undefined ? null : (request.body as Uint8Array<ArrayBuffer>),
      redirect: "manual",
      signal: limit.signal,
    });
    status = response.status;
    limit.start(Number(response.headers.get("content-length") ?? 0));
    return { status, headers: response.headers, body: await readBody(response) };
  } catch (error) {
    throw failure(request, status, limit.signal.aborted ? limit.signal.reason : error);
  } finally {
    limit.clear();
  }
}

/** What `minio` is given for an answer: it looks at the status alone, and must neither drop nor repeat anything. */
interface Carrier {
  readonly statusCode: 200;
  readonly answer: HttpAnswer;
}

/** The package's transport. Its "responses" are to be unpacked by `answerOf`. */
export function fetchTransport(answerMsMax: number): Pick<typeof http, "request"> {
  const request = (options: http.RequestOptions, onResponse: (carrier: Carrier) => void) => {
    let onError: (error: unknown) => void = () => {};
    return {
      on(_event: "error", listener: (error: unknown) => void): void {
        onError = listener;
      },
      end(body: Uint8Array): void {
        exchange(fromOptions(options, body), answerMsMax).then(
          (answer) => onResponse({ statusCode: 200, answer }),
          onError,
        );
      },
    };
  };
  return { request: request as unknown as typeof http.request };
}

/** The inverse of what `fetchTransport` does to an answer. */
export function answerOf(response: http.IncomingMessage): HttpAnswer {
  return (response as unknown as Carrier).answer;
}

function fromOptions(options: http.RequestOptions, body: Uint8Array): HttpRequest {
  const method = options.method ?? "GET";
  // The host is fetch's to send, from the same URL that was signed; so is the length.
  const { host, "content-length": _, ...headers } = options.headers as Record<string, string>;
  const url = `${options.protocol ?? ""}//${host ?? ""}${options.path ?? "/"}`;
  return { method, url, headers, body: method === "GET" ? undefined : body };
}

/** The whole body; fails where it is longer than any batch, or not as long as was announced. */
async function readBody(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new Error(`more than ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  const announced = response.headers.get("content-length");
  const packed = response.headers.has("content-encoding");
  if (announced !== null && !packed && Number(announced) !== bytes) {
    throw new Error(`${bytes} bytes where ${announced} were announced`);
  }
  return Buffer.concat(chunks);
}

/** `status` is 0 until there was one. */
function failure(request: HttpRequest, status: number, error: unknown): VaultError {
  const { method, url } = request;
  const what = `${method} ${new URL(url).pathname}`;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const outcome = method === "GET" || neverConnected(cause) ? "nothing" : "unknown";
  if (status === 200 && !(cause instanceof TimedOut)) {
    return new BrokenOff(`vault: the answer to ${what} breaks off: ${reason}`, outcome, { cause });
  }
  const message = `vault: no answer to ${what}: ${reason}`;
  return new VaultError("vault_unreachable", message, outcome, { cause });
}

function neverConnected(cause: unknown): boolean {
  return NEVER_CONNECTED.has(String((cause as { code?: unknown } | null)?.code));
}

/** Whether a read that failed like this may succeed at once: not after silence, nor at a closed port. */
export function isWorthAgain(error: unknown): boolean {
  if (!(error instanceof VaultError)) return false;
  return !(error.cause instanceof TimedOut) && !neverConnected(error.cause);
}

/** Aborts `signal` when a step takes longer than its bytes allow. */
class TimeLimit {
  readonly #controller = new AbortController();
  readonly #answerMsMax: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(answerMsMax: number) {
    this.#answerMsMax = answerMsMax;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  start(bytes: number): void {
    this.clear();
    const limitMs = this.#answerMsMax + Math.ceil(bytes / BYTES_PER_MS_MIN);
    const reason = new TimedOut(`nothing within ${limitMs} ms`);
    this.#timer = setTimeout(() => this.#controller.abort(reason), limitMs);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}
