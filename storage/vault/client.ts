/**
 * One signed S3 request at a time, through the `minio` package. The package signs, builds URLs and sends;
 * this file takes its answers raw (status, headers, bytes), limits every request in time, and keeps the
 * package from sending a PUT a second time by itself: whether to repeat is the caller's decision.
 */
import http from "node:http";
import https from "node:https";
import { Client } from "minio";
import { VaultError } from "../ports.ts";
import { parseErrorCode } from "./xml.ts";

export interface VaultConfig {
  /** `http://host:port` or `https://host`; no path. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /**
   * `AES256` asks the store to encrypt each object and fails where it cannot; `auto` (unless given) puts
   * without where a store says that it has no such thing (501).
   */
  readonly sse?: "AES256" | "auto";
  /** Longest silence of the store on a small request; `ANSWER_MS_MAX` unless given. */
  readonly answerMsMax?: number;
}

export interface S3Request {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Signed instead of the body's own SHA-256 (hex): only the self-test lies about it. */
  readonly payloadHash?: string;
}

export interface S3Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Uint8Array;
  /** S3's code where the body is an S3 error, else the empty string. */
  readonly errorCode: string;
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
/** All statuses: none is an error to the package; they are judged here. */
const ANY_STATUS = Array.from({ length: 500 }, (_, index) => 100 + index);

/** Failures before any byte of the request can have reached the store. */
const NEVER_CONNECTED = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

export class S3Client {
  readonly config: VaultConfig;
  readonly #client: Client;

  constructor(config: VaultConfig) {
    const endpoint = new URL(config.endpoint);
    const secure = endpoint.protocol === "https:";
    this.config = config;
    this.#client = new Client({
      endPoint: endpoint.hostname,
      port: endpoint.port === "" ? (secure ? 443 : 80) : Number(endpoint.port),
      useSSL: secure,
      accessKey: config.accessKey,
      secretKey: config.secretKey,
      // Given, so that the package never asks for the bucket's location: the worker's key may not.
      region: config.region,
      transport: timedTransport(secure ? https : http, config.answerMsMax ?? ANSWER_MS_MAX),
      retryOptions: { disableRetry: true },
    });
    // The package signs UNSIGNED-PAYLOAD over TLS otherwise, which the hardened policies refuse.
    (this.#client as unknown as { enableSHA256: boolean }).enableSHA256 = true;
  }

  /**
   * Sends one request and reads its whole answer, whatever the status. Throws `vault_unreachable` where there is
   * no answer, with outcome `nothing` only if no connection was made; `batch_unreadable` where the bytes of an
   * object end early (MinIO cuts the connection when it meets a damaged block).
   */
  async send(request: S3Request): Promise<S3Answer> {
    const response = await this.#send(request).catch((error: unknown) => {
      throw unreachable(request, error);
    });
    const status = response.statusCode ?? 0;
    const body = await readBody(response).catch((error: unknown) => {
      throw cutOff(request, status, error);
    });
    // MinIO answers a listing that it cannot finish with 206 and an error body.
    const errorCode = status >= 300 || status === 206 ? parseErrorCode(decode(body)) : "";
    return { status, headers: response.headers, body, errorCode };
  }

  /**
   * Sends a request exactly as given, with no signature made for it: for the self-test, which forges them.
   * Throws as `send` does.
   */
  async sendUnsigned(request: S3Request): Promise<S3Answer> {
    const { endpoint, bucket, answerMsMax = ANSWER_MS_MAX } = this.config;
    const url = new URL(`/${bucket}/${request.key ?? ""}`, endpoint);
    url.search = formatQuery(request.query ?? {});
    try {
      const response = await fetch(url, {
        method: request.method,
        headers: request.headers ?? {},
        body: request.body === undefined ? null : new Uint8Array(request.body),
        signal: AbortSignal.timeout(answerMsMax),
      });
      const body = new Uint8Array(await response.arrayBuffer());
      const headers = Object.fromEntries(response.headers);
      return { status: response.status, headers, body, errorCode: parseErrorCode(decode(body)) };
    } catch (error) {
      throw unreachable(request, error);
    }
  }

  async #send(request: S3Request): Promise<http.IncomingMessage> {
    const options = {
      method: request.method,
      bucketName: this.config.bucket,
      ...(request.key === undefined ? {} : { objectName: request.key }),
      query: formatQuery(request.query ?? {}),
      headers: { ...request.headers },
    };
    // The package takes Buffers only; this is a view, not a copy.
    const body = asBuffer(request.body ?? new Uint8Array());
    try {
      if (request.payloadHash === undefined) {
        return await this.#client.makeRequestAsync(options, body, ANY_STATUS);
      }
      const headers = { ...options.headers, "content-length": String(body.length) };
      return await this.#client.makeRequestStreamAsync(
        { ...options, headers },
        body,
        request.payloadHash,
        ANY_STATUS,
        this.config.region,
      );
    } catch (error) {
      if (error instanceof BusyAnswer) return error.response;
      throw error;
    }
  }
}

/** Carries a 408, 429 or 5xx past the package, which would drop the answer and put again. */
class BusyAnswer extends Error {
  readonly response: http.IncomingMessage;
  constructor(response: http.IncomingMessage) {
    super(`status ${response.statusCode ?? 0}`);
    this.response = response;
  }
}

export class TimedOut extends Error {
  readonly code = "ETIMEDOUT";
}

/** `http` or `https` with a limit on the time to the answer, and another on the time to its end. */
function timedTransport(
  inner: Pick<typeof http, "request">,
  answerMsMax: number,
): Pick<typeof http, "request"> {
  const request = (options: http.RequestOptions, onResponse: (r: http.IncomingMessage) => void) => {
    const headers = options.headers as Record<string, string>;
    const limit = startLimit(answerMsMax, Number(headers["content-length"] ?? 0));
    const outgoing = inner.request(options, (response) => {
      limit.clear();
      const reading = startLimit(answerMsMax, Number(response.headers["content-length"] ?? 0));
      reading.onEnd((error) => response.destroy(error));
      response.once("close", reading.clear);
      response.once("end", reading.clear);
      if (isBusy(response.statusCode ?? 0)) outgoing.emit("error", new BusyAnswer(response));
      else onResponse(response);
    });
    limit.onEnd((error) => outgoing.destroy(error));
    outgoing.once("close", limit.clear);
    outgoing.once("error", limit.clear);
    return outgoing;
  };
  return { request: request as typeof http.request };
}

function startLimit(answerMsMax: number, bytes: number) {
  const limitMs = answerMsMax + Math.ceil(bytes / BYTES_PER_MS_MIN);
  let end: (error: Error) => void = () => {};
  const timer = setTimeout(() => end(new TimedOut(`no answer within ${limitMs} ms`)), limitMs);
  return {
    onEnd(callback: (error: Error) => void): void {
      end = callback;
    },
    clear: (): void => clearTimeout(timer),
  };
}

export function isBusy(status: number): boolean {
  return status === 408 || status === 429 || status === 499 || status >= 500;
}

/** The whole body; fails where it is longer than any batch, or shorter or longer than was announced. */
async function readBody(response: http.IncomingMessage): Promise<Uint8Array> {
  const announced = response.headers["content-length"];
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new Error(`an answer of more than ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  // A body that was unpacked on the way has another length than the one announced.
  const packed = response.headers["content-encoding"] !== undefined;
  if (announced !== undefined && !packed && Number(announced) !== bytes) {
    throw new Error(`an answer of ${bytes} bytes where ${announced} were announced`);
  }
  return Buffer.concat(chunks);
}

function unreachable(request: S3Request, error: unknown): VaultError {
  const code = (error as { code?: unknown } | null)?.code;
  const outcome = NEVER_CONNECTED.has(String(code)) ? "nothing" : "unknown";
  const message = `the vault does not answer ${nameRequest(request)}: ${reasonOf(error)}`;
  return new VaultError("vault_unreachable", message, outcome, { cause: error });
}

function cutOff(request: S3Request, status: number, error: unknown): VaultError {
  const ofObject = request.method === "GET" && request.key !== undefined && status === 200;
  const code = ofObject ? "batch_unreadable" : "vault_unreachable";
  const outcome = request.method === "GET" ? "nothing" : "unknown";
  const message = `the vault's answer to ${nameRequest(request)} breaks off: ${reasonOf(error)}`;
  return new VaultError(code, message, outcome, { cause: error });
}

/** "GET demo/0000000000000000.jsonl.gz?retention", for messages. */
export function nameRequest(request: S3Request): string {
  const sub = Object.keys(request.query ?? {}).filter((name) => request.query?.[name] === "");
  return `${request.method} ${request.key ?? ""}${sub.length > 0 ? `?${sub.join("&")}` : ""}`;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function formatQuery(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => `${escapeUri(name)}=${escapeUri(value)}`)
    .join("&");
}

/** RFC 3986 escaping, as SigV4 wants it. */
function escapeUri(text: string): string {
  const hex = (c: string) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replace(/[!'()*]/g, hex);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
