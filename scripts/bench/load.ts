/**
 * A load generator that costs little beside what it measures: HTTP/1.1 over plain sockets, one request at
 * a time each, answers cut out by Content-Length. Every body is kept, so that each receipt can be checked afterwards.
 */
import { connect, type Socket } from "node:net";

export interface LoadOptions {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** The body of the n-th request of all; null sends a GET. */
  body(n: number): string | null;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

export interface LoadResult {
  readonly answers: readonly Answer[];
  readonly seconds: number;
  /** Milliseconds of each request, sorted. */
  readonly latenciesMs: Float64Array;
}

/** Runs for the given time, then lets requests under way finish. Throws where a connection breaks. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { hostname, port } = new URL(options.url);
  const answers: Answer[] = [];
  const latencies: number[] = [];
  let sent = 0;
  const startMs = performance.now();
  const endMs = startMs + options.seconds * 1000;
  const caller = async () => {
    const socket = await open(hostname, Number(port));
    const exchange = exchangeOn(socket);
    while (performance.now() < endMs) {
      const request = requestText(options, sent);
      sent += 1;
      const sentMs = performance.now();
      answers.push(await exchange(request));
      latencies.push(performance.now() - sentMs);
    }
    socket.destroy();
  };
  await Promise.all(Array.from({ length: options.connections }, caller));
  const seconds = (performance.now() - startMs) / 1000;
  return { answers, seconds, latenciesMs: Float64Array.from(latencies).sort() };
}

/** The latency that this share of requests (0 to 1) did not exceed. */
export function percentileMs({ latenciesMs }: LoadResult, share: number): number {
  return latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))] ?? 0;
}

function requestText(options: LoadOptions, n: number): string {
  const body = options.body(n);
  const { host } = new URL(options.url);
  const headers = Object.entries(options.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  if (body === null)
    return `GET ${options.path} HTTP/1.1\r\nHost: ${host}\r\n${headers.join("")}\r\n`;
  const length = `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  return `POST ${options.path} HTTP/1.1\r\nHost: ${host}\r\n${headers.join("")}${length}\r\n${body}`;
}

function open(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    socket.once("connect", () => resolve(socket));
    socket.once("error", reject);
  });
}

const HEAD_END = Buffer.from("\r\n\r\n");

function exchangeOn(socket: Socket): (request: string) => Promise<Answer> {
  let waiting: { resolve(answer: Answer): void; reject(error: Error): void } | null = null;
  let received = Buffer.alloc(0);
  socket.on("data", (data) => {
    received = received.length === 0 ? data : Buffer.concat([received, data]);
    const headEnd = received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = received.toString("latin1", 0, headEnd);
    const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? "0");
    const end = headEnd + HEAD_END.length + length;
    if (received.length < end) return;
    const body = received.subarray(headEnd + HEAD_END.length, end);
    received = received.subarray(end);
    waiting?.resolve({ status: Number(head.slice(9, 12)), body });
  });
  const fail = (error: Error) => waiting?.reject(error);
  socket.on("error", fail);
  socket.on("close", () => fail(new Error("the server closed the connection")));
  return (request) =>
    new Promise((resolve, reject) => {
      waiting = { resolve, reject };
      socket.write(request);
    });
}
