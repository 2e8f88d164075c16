/**
 * One signed S3 request at a time, through the `minio` package: it builds the URL and signs, `transport.ts`
 * sends. Answers come raw (status, headers, bytes), because what a status means depends on the question.
 */
import { Client } from "minio";
import { ANSWER_MS_MAX, answerOf, exchange, fetchTransport } from "./transport.ts";
import type { HttpAnswer } from "./transport.ts";
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
  /** Longest wait for an answer, plus what its bytes need; `ANSWER_MS_MAX` unless given. */
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

export interface S3Answer extends HttpAnswer {
  /** S3's code where the body is an S3 error, else the empty string. */
  readonly errorCode: string;
}

export class S3Client {
  readonly config: VaultConfig;
  readonly #client: Client;
  readonly #answerMsMax: number;

  constructor(config: VaultConfig) {
    const endpoint = new URL(config.endpoint);
    const secure = endpoint.protocol === "https:";
    this.config = config;
    this.#answerMsMax = config.answerMsMax ?? ANSWER_MS_MAX;
    this.#client = new Client({
      // The package puts brackets around an IPv6 address itself.
      endPoint: endpoint.hostname.replace(/^\[|\]$/g, ""),
      port: endpoint.port === "" ? (secure ? 443 : 80) : Number(endpoint.port),
      useSSL: secure,
      accessKey: config.accessKey,
      secretKey: config.secretKey,
      // Given, so that the package never asks for the bucket's location: the worker's key may not.
      region: config.region,
      transport: fetchTransport(this.#answerMsMax),
    });
    // Over TLS the package would sign UNSIGNED-PAYLOAD, which the hardened policies refuse.
    (this.#client as unknown as { enableSHA256: boolean }).enableSHA256 = true;
  }

  /** Sends one request, once, and reads its answer, whatever the status. Throws as `exchange` does. */
  async send(request: S3Request): Promise<S3Answer> {
    const { bucket, region } = this.config;
    const options = {
      method: request.method,
      bucketName: bucket,
      ...(request.key === undefined ? {} : { objectName: request.key }),
      query: formatQuery(request.query ?? {}),
      headers: { ...request.headers },
    };
    const body = asBuffer(request.body ?? new Uint8Array());
    const response =
      request.payloadHash === undefined
        ? await this.#client.makeRequestAsync(options, body)
        : await this.#client.makeRequestStreamAsync(
            options,
            body,
            request.payloadHash,
            [200],
            region,
          );
    return withErrorCode(answerOf(response));
  }

  /** Sends a request with no signature made for it, as given: for the self-test, which forges them. */
  async sendUnsigned(request: S3Request): Promise<S3Answer> {
    const url = new URL(`/${this.config.bucket}/${request.key ?? ""}`, this.config.endpoint);
    url.search = formatQuery(request.query ?? {});
    const { method, headers = {}, body } = request;
    return withErrorCode(
      await exchange({ method, url: url.href, headers, body }, this.#answerMsMax),
    );
  }
}

/** "GET demo/0000000000000000.jsonl.gz?retention", for messages. */
export function nameRequest(request: S3Request): string {
  const sub = Object.keys(request.query ?? {}).filter((name) => request.query?.[name] === "");
  return `${request.method} ${request.key ?? ""}${sub.length > 0 ? `?${sub.join("&")}` : ""}`;
}

/** Statuses of which the store may think otherwise in a moment. */
export function isBusy(status: number): boolean {
  return status === 408 || status === 429 || status === 499 || status >= 500;
}

function withErrorCode(answer: HttpAnswer): S3Answer {
  const { status, body } = answer;
  // MinIO answers a listing that it cannot finish with 206 and an error body.
  const failed = status >= 300 || status === 206;
  return { ...answer, errorCode: failed ? parseErrorCode(new TextDecoder().decode(body)) : "" };
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

/** The package takes Buffers only. A view, not a copy. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
